"""Matrices that are the inverse of another, and initial values made for them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_problems import PATIENT

import dendrosim as ds
from dendrosim.engine.plan.state_arrays import initial_state
from dendrosim.errors import (
    NonFiniteError,
    ParameterError,
    ShapeError,
    SpecError,
    UnitError,
    UnknownMemberError,
)

DOWN = "dh/dt = (-h + down)/tau : 1\ndown : 1"
UP = "dh/dt = (-h + up)/tau : 1\nup : 1"


def circuit(sizes=(3, 3), w=None, q=None, more=()):
    """A layer fed upwards by w and downwards by q."""
    w = {"initial": ds.WellConditioned(1.5, 3.0)} if w is None else w
    q = {"inverse_of": "w"} if q is None else q
    return ds.Circuit(
        populations=(
            ds.Population("low", sizes[0], DOWN, initial={"h": 1.0}),
            ds.Population("high", sizes[1], UP, initial={"h": 0.5}),
        ),
        matrices=(
            ds.Matrix("w", post="high", pre="low", **w),
            ds.Matrix("q", post="low", pre="high", **q),
            *more,
        ),
        projections=(
            ds.Projection("low.h", "w", "high.up"),
            ds.Projection("high.h", "q", "low.down"),
        ),
        parameters={"tau": "10 ms"} | ({"eta": "3 Hz"} if "plasticity" in w else {}),
    )


def protocol(made, duration="200 ms"):
    return ds.Protocol(
        made, (ds.Block("run", (ds.Phase("run", duration),)),), dt="1 ms",
        recordings=(ds.Recording(("w", "q"), every="10 ms"),),
    )  # fmt: skip


LEARNING = {
    "initial": ds.WellConditioned(1.5, 3.0),
    "plasticity": "dw/dt = eta*(h_post*h_pre - 0.5*w) : 1",
}


@pytest.mark.parametrize("backend", PATIENT)
def test_it_is_the_inverse_at_all_times(backend):
    result = ds.run(protocol(circuit(w=LEARNING)), backend=backend, seed=4)
    w, q = result["w"].values, result["q"].values
    assert np.abs(w[-1] - w[0]).max() > 0.1
    assert np.abs(q @ w - np.eye(3)).max() < 1e-12
    assert np.abs(result.final["q"].values @ result.final["w"].values - np.eye(3)).max() < 1e-12


def test_a_run_that_continues_another_begins_with_the_inverse_of_what_it_was_given():
    first = ds.run(protocol(circuit(w=LEARNING)), backend="numpy", seed=4)
    second = ds.run(protocol(circuit(w=LEARNING)), backend="numpy", seed=4, initial=first)
    assert np.array_equal(second["w"].values[0], first.final["w"].values)
    assert np.abs(second["q"].values[0] @ second["w"].values[0] - np.eye(3)).max() < 1e-12


@pytest.mark.parametrize("backend", ["numpy", "cpp"])
def test_a_matrix_that_becomes_singular_ends_the_run_and_says_so(backend):
    # Every weight decays to zero within one step.
    dying = {"initial": np.eye(3), "plasticity": "dw/dt = -w/(1*ms) + 0*eta : 1"}
    with pytest.raises(
        NonFiniteError, match="inverse of 'w', which can no longer be inverted"
    ) as raised:
        ds.run(protocol(circuit(w=dying)), backend=backend)
    assert raised.value.variable == "q"


def test_it_goes_through_json_and_join():
    made = circuit(w=LEARNING)
    assert ds.Circuit.from_json(made.to_json()) == made
    joined = ds.Circuit.join(a=made, b=circuit(q={"initial": ds.PseudoInverse("w", 2.0)}))
    assert joined.matrix("a_q").inverse_of == "a_w"
    assert joined.matrix("b_q").initial.matrix == "b_w"


@pytest.mark.parametrize(
    ("make", "kind", "said"),
    [
        (lambda: circuit((3, 2)), ShapeError, "both populations must have the same size"),
        (lambda: circuit(q={"inverse_of": "v"}), UnknownMemberError, "'v'"),
        (lambda: circuit(q={"inverse_of": "q"}), SpecError, "an inverse itself"),
        (
            lambda: circuit(q={"inverse_of": "w", "plasticity": "dw/dt = 0*Hz : 1"}),
            SpecError,
            "plasticity of its own",
        ),
        (lambda: circuit(w={"initial": np.ones((3, 3))}), ParameterError, "has no inverse"),
        (lambda: circuit(q={"inverse_of": "w", "unit": "mV"}), UnitError, "must have no unit"),
        (lambda: circuit(q={"initial": ds.PseudoInverse("q")}), SpecError, "depends on itself"),
        (
            lambda: circuit(
                q={"initial": ds.PseudoInverse("v")},
                more=(ds.Matrix("v", "low", "high", inverse_of="w"),),
            ),
            SpecError,
            "'v' has no weights of its own; use 'w' in its place",
        ),
        (
            lambda: circuit(
                (3, 2), q={"initial": ds.PseudoInverse("v")}, more=(ds.Matrix("v", "low", "high"),)
            ),
            ShapeError,
            "PseudoInverse of 'v' is 2 x 3",
        ),
        (lambda: ds.WellConditioned(1.0, 0.5), ParameterError, "at least 1"),
        (lambda: ds.WellConditioned(-1.0), ParameterError, "gain is -1; it must be above 0"),
    ],
)
def test_what_cannot_be_is_refused(make, kind, said):
    with pytest.raises(kind, match=said):
        make()


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 6), st.integers(1, 6), st.floats(0.1, 10), st.floats(1, 100), st.integers(0, 99)
)
def test_well_conditioned_matrices_have_the_singular_values_they_should(
    rows, columns, gain, condition, seed
):
    w = ds.WellConditioned(gain, condition).sample((rows, columns), np.random.default_rng(seed))
    count = min(rows, columns)
    expected = gain * condition ** (-np.arange(count) / max(1, count - 1)) if count > 1 else [gain]
    assert np.linalg.svd(w, compute_uv=False) == pytest.approx(np.array(expected), rel=1e-9)


def test_a_pseudo_inverse_is_that_of_the_weights_of_the_same_run():
    made = circuit((3, 2), q={"initial": ds.PseudoInverse("w", 1.3)})
    for seed in (0, 5):
        result = ds.run(protocol(made, "1 ms"), backend="numpy", seed=seed)
        w, q = result["w"].values[0], result["q"].values[0]
        assert q == pytest.approx(1.3 * np.linalg.pinv(w), abs=1e-12)


def test_a_copy_begins_where_the_other_matrix_does_also_in_a_joined_circuit():
    joined = ds.Circuit.join(
        a=circuit((3, 2), q={}), b=circuit((3, 2), q={"initial": ds.PseudoInverse("w")})
    )
    shared = joined.replace(
        matrices=[
            m.replace(initial=ds.Copy("a_w")) if m.name == "b_w" else m for m in joined.matrices
        ]
    )
    block = ds.Block("run", (ds.Phase("on", "1 ms"),))
    states = initial_state(ds.Protocol(shared, (block,), "1 ms"), seed=3)
    assert np.array_equal(states["a_w"], states["b_w"])
    assert states["b_q"] == pytest.approx(np.linalg.pinv(states["a_w"]), abs=1e-12)
