"""Bounds of weights: a step is one of the vector field, followed by projection on the bounds."""

import numpy as np
import pytest
import sparse_layer as layer
from reference_problems import PATIENT

import dendrosim as ds
from dendrosim.circuit.summary import circuit_plain
from dendrosim.cli.circuit_text import circuit_text
from dendrosim.errors import DifferentiationError, ParameterError, SpecError, UnitError

SMALL = ds.LocalPatches(height=4, width=4, channels=1, filters=2, kernel=3)
START = ds.Uniform(0.0, 0.3)
NOISE = ds.OrnsteinUhlenbeck(mean=0.0, sigma=20.0, tau="2 ms")
KINDS = {"dense": None, "sparse": SMALL}


def protocol(connect, rule=layer.HEBB, steps=1, **fields):
    if connect is None:
        fields.setdefault("initial", START)
        circuit = layer.circuit(rule, connect=SMALL, **fields)
        dense = circuit.matrices[0].replace(connect=None)
        circuit = circuit.replace(matrices=(dense,))
        return layer.protocol(rule, 2, steps, connect=SMALL).replace(circuit=circuit)
    return layer.protocol(rule, 2, steps, connect=connect, **{"initial": START, **fields})


@pytest.mark.parametrize("backend", PATIENT)
@pytest.mark.parametrize("kind", KINDS)
def test_a_step_is_projected_on_the_bounds(kind, backend):
    bounded = protocol(KINDS[kind], bounds=(0.0, 0.3))
    field = ds.vector_field(bounded, unfrozen="w")
    free = field.unpack(field.start + layer.DT * field.f(field.start))["w"]
    assert np.any(free < 0)
    assert np.any(free > 0.3)
    assert np.any((free > 0) & (free < 0.3))
    result = ds.run(bounded, backend=backend)
    assert abs(result.state["w"] - np.clip(free, 0.0, 0.3)).max() < 1e-15


@pytest.mark.parametrize(
    ("backend", "precision"), [("numpy", "double"), ("cpp", "double"), ("cpp", "single")]
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_million_random_updates_never_leave_the_bounds(kind, backend, precision):
    # 200 weights or more; large rates drive them to both bounds all the time
    low, high = -0.1, 0.25
    start = ds.Uniform(low, high)
    driven = protocol(KINDS[kind], steps=5100, bounds=(low, high), initial=start).replace(
        signals={"image.drive": NOISE}, recordings=(ds.Recording("w", every="1 ms"),)
    )
    weights = ds.run(driven, backend=backend, precision=precision)["w"].values
    assert np.count_nonzero(np.diff(weights, axis=0)) > 10**5
    assert weights.size >= 10**6
    assert weights.min() == weights.dtype.type(low)
    assert weights.max() == weights.dtype.type(high)


@pytest.mark.parametrize("sign", ["excitatory", "inhibitory"])
def test_signs_hold_on_every_kind_of_rule(sign):
    first = START if sign == "excitatory" else ds.Uniform(-0.3, 0.0)
    for rule in (layer.HEBB, layer.MIXED):
        driven = protocol(SMALL, rule, steps=50, sign=sign, initial=first)
        result = ds.run(driven.replace(signals={"image.drive": NOISE}), backend="numpy")
        weights = result.state["w"]
        assert np.any(weights == 0)
        assert np.all(weights >= 0) if sign == "excitatory" else np.all(weights <= 0)


def test_a_non_finite_weight_is_still_noticed():
    start = {
        "w": np.zeros(SMALL.count),
        "image.x": np.zeros((16, 2)),
        "cell.h": np.zeros((32, 2)),
    }
    start["image.x"][:] = 1e200
    start["cell.h"][:, 0], start["cell.h"][:, 1] = 1e200, -1e200  # the rate is inf - inf
    with pytest.raises(ds.errors.NonFiniteError):
        ds.run(protocol(SMALL, bounds=(-1.0, 1.0)), initial=start, backend="numpy")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"bounds": (1.0, 0.0)}, "low = 1 exceeds high = 0"),
        ({"bounds": 1.0}, "must be a pair"),
        ({"bounds": (0.0, "1 mV")}, "bounds"),
        ({"bounds": (1.0, 2.0), "sign": "inhibitory"}, "no weight can be inhibitory and within bounds"),
        ({"sign": "positive"}, "sign"),
        ({"initial": 0.5, "bounds": (0.0, 0.4)}, "a weight is 0.5, but weights must be within .0, 0.4. .bounds."),
        ({"initial": -0.5, "sign": "excitatory"}, "must be excitatory .sign."),
        ({"initial": ds.Uniform(-0.1, 1.0), "sign": "excitatory"}, "Uniform has numbers from -0.1"),
    ],
)  # fmt: skip
def test_bounds_that_cannot_hold_are_refused(fields, message):
    with pytest.raises(SpecError, match=message):
        ds.Matrix(
            "w", "cell", "image", **{"initial": 0.1 if "initial" not in fields else 0, **fields}
        )


def test_an_inverse_has_no_bounds():
    with pytest.raises(SpecError, match="leave `bounds` and `sign` out"):
        ds.Matrix("q", "cell", "image", inverse_of="w", sign="excitatory")


def test_bounds_have_the_unit_of_the_weight():
    rule = "dw/dt = -w/second : siemens"
    ds.Matrix("w", "cell", "image", "1 nS", rule, bounds=(None, "2 nS"))
    with pytest.raises(UnitError, match="bounds"):
        ds.Matrix("w", "cell", "image", "1 nS", rule, bounds=(None, "2 mV"))


@pytest.mark.parametrize("kind", KINDS)
def test_drawn_and_given_weights_must_be_inside(kind):
    outside = protocol(KINDS[kind], bounds=(-0.2, 0.2), initial=ds.Normal(0.3))
    with pytest.raises(ParameterError, match="Matrix 'w': initial value: a weight is"):
        ds.run(outside, backend="numpy")
    inside = protocol(KINDS[kind], bounds=(0.0, 0.3))
    state = dict(ds.run(inside, backend="numpy").state)
    with pytest.raises(ParameterError, match=r"initial state of w: a weight is 0\.9"):
        ds.run(inside, initial={**state, "w": np.full_like(state["w"], 0.9)}, backend="numpy")


def test_fixed_points_outside_are_refused():
    circuit = ds.Circuit(
        (ds.Population("a", 1, "dx/dt = (1 - x)/ms : 1"),),
        (ds.Matrix("w", "a", "a", 0.5, "dw/dt = (2*x_post - w)/second : 1", bounds=(0.0, 1.0)),),
    )
    with pytest.raises(
        DifferentiationError, match=r"w\[0, 0\] is 2 .* outside of its limits 0 to 1"
    ):
        ds.fixed_point(ds.vector_field(circuit, unfrozen="w"))


def test_specifications_with_bounds_can_be_stored_and_shown():
    circuit = layer.circuit(
        layer.HEBB, connect=SMALL, initial=START, bounds=(None, 0.3), sign="excitatory"
    )
    assert ds.Circuit.from_json(circuit.to_json()) == circuit
    assert circuit.matrices[0].limits == (0.0, 0.3)
    text = circuit_text(circuit_plain(circuit))
    assert "weights at least 0 and at most 0.3; each step follows the equation, then" in text
