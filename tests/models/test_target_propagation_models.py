"""Target propagation circuits settle where their closed forms say."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_problems import PATIENT
from scipy.special import gammainc

import dendrosim as ds
from dendrosim.circuit.initial_values.well_conditioned import WellConditioned

TAU = 10e-3


def weights(sizes, seed=0):
    rng = np.random.default_rng(seed)
    return [WellConditioned(1.4, 2.0).sample((b, a), rng) for a, b in pairwise(sizes)]


def forward(ws, x):
    """The activity of every layer of a linear network, input first."""
    found = [x]
    for w in ws:
        found.append(w @ found[-1])
    return found


def settle(
    model, sizes, phases, x, y, ws, *, dt=0.5, recordings=(), backend="numpy", more=None, **kw
):
    """Run phases (name, time constants, gates) from rest with the given weights."""
    last = len(sizes) - 1
    circuit = ds.load_circuit(model, sizes=sizes, **kw)
    protocol = ds.Protocol(
        circuit,
        (
            ds.Block(
                "settle",
                tuple(ds.Phase(n, f"{t * TAU} s", gates=gates) for n, t, gates in phases),
            ),
        ),
        dt=f"{dt * TAU} s",
        signals={"layer0.h": ds.quantity(x), f"layer{last}.target": ds.quantity(y)},
        recordings=recordings,
    )
    start = {n: a for n, a in _zeros(circuit).items()}
    start |= {f"w{i + 1}": w for i, w in enumerate(ws)} | dict(more or {})
    return ds.run(protocol, backend=backend, initial=start)


def _zeros(circuit):
    states = {f"{p.name}.{s}": np.zeros(p.size) for p in circuit.populations for s in p.states}
    return states | {
        m.name: np.zeros(circuit.shape(m)) for m in circuit.matrices if m.inverse_of is None
    }


def chain(ws, i, error):
    """W_(i+1)^-1 ... W_L^-1 error."""
    for w in reversed(ws[i:]):
        error = np.linalg.solve(w, error)
    return error


CASES = [((5, 4, 4, 4), 0.2), ((3, 3, 3), 0.4), ((2, 5, 5, 5, 5), 0.3), ((4, 4), 0.1)]


@pytest.mark.parametrize("backend", PATIENT)
def test_the_worked_example_settles_at_its_printed_digits(backend):
    ws = [np.array([[w]]) for w in (2.0, 0.5, 1.5)]
    result = settle(
        "dynamical_tp", (1, 1, 1, 1), [("p", 80, {})], [1.0], [2.0], ws, target="clamped", backend=backend,
    )  # fmt: skip
    found = [float(result.final[f"layer{i}.h"].values[0]) for i in (1, 2, 3)]
    assert np.round(found, 7).tolist() == [2.0078431, 1.0196078, 1.6235294]


@pytest.mark.parametrize(("sizes", "mu"), CASES)
def test_a_clamped_linear_circuit_settles_between_feed_forward_and_target(sizes, mu):
    """h_i = ff_i + G_i W_(i+1)^-1 ... W_L^-1 (T - ff_L), G_i = (q^i - 1)/(q^(L+1) - 1), q = (1 - mu)/mu."""
    ws, rng, last = weights(sizes), np.random.default_rng(1), len(sizes) - 1
    x, y = rng.normal(size=sizes[0]), rng.normal(size=sizes[-1])
    result = settle("dynamical_tp", sizes, [("p", 400, {})], x, y, ws, mu=mu, target="clamped")
    ff, q = forward(ws, x), (1 - mu) / mu
    for i in range(1, last + 1):
        g = (q**i - 1) / (q ** (last + 1) - 1)
        expected = ff[i] + g * chain(ws, i, y - ff[-1])
        assert result.final[f"layer{i}.h"].values == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("sizes", "mu"), CASES)
def test_a_nudged_linear_circuit_has_local_errors_that_fall_as_powers_of_r(sizes, mu):
    """h_i - f_i = -r^(L+1-i) W_(i+1)^-1 ... W_L^-1 eta_hat e_L with e_L = h_L - y as it settles."""
    ws, rng, last = weights(sizes, 2), np.random.default_rng(3), len(sizes) - 1
    x, y, eta_hat = rng.normal(size=sizes[0]), rng.normal(size=sizes[-1]), 0.5
    result = settle(
        "dynamical_tp", sizes, [("p", 400, {})], x, y, ws, mu=mu, target="nudged", eta_hat=eta_hat,
        recordings=(ds.Recording("layer*.f", every="phase"),),
    )  # fmt: skip
    r = mu / (1 - mu)
    error = eta_hat * (result.final[f"layer{last}.h"].values - y)
    for i in range(1, last + 1):
        local = result.final[f"layer{i}.h"].values - result[f"layer{i}.f"].values[-1]
        expected = -(r ** (last + 1 - i)) * chain(ws, i, error)
        assert local == pytest.approx(expected, abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from([(3, 3), (4, 3, 3), (2, 4, 4, 4)]),
    st.floats(0.05, 0.5),
    st.sampled_from(["linear", "smooth_leaky", "leaky_relu"]),
    st.integers(0, 100),
)
def test_a_free_circuit_with_exact_inverses_settles_at_the_feed_forward_activity(
    sizes, mu, transfer, seed
):
    ws, rng = weights(sizes, seed), np.random.default_rng(seed)
    x = rng.normal(size=sizes[0])
    s = {
        "linear": lambda v: v,
        "smooth_leaky": lambda v: 0.75 * v + 0.25 * (np.sqrt(v * v + 1) - 1),
        "leaky_relu": lambda v: np.where(v > 0, v, 0.1 * v),
    }[transfer]
    # Started there: a bistable circuit may settle elsewhere from rest.
    layers = [x]
    for w in ws:
        layers.append(s(w @ layers[-1]))
    start = {f"layer{i}.h": h for i, h in enumerate(layers) if i}
    result = settle(
        "dynamical_tp", sizes, [("p", 20, {})], x, np.zeros(sizes[-1]), ws, mu=mu, transfer=transfer,
        target="free", more=start,
    )  # fmt: skip
    for i in range(1, len(sizes)):
        assert result.final[f"layer{i}.h"].values == pytest.approx(layers[i], abs=1e-9)


@pytest.mark.parametrize("backend", PATIENT)
def test_exact_inverses_stay_exact_while_weights_learn(backend):
    sizes = (4, 4, 4, 4)
    ws, rng = weights(sizes, 5), np.random.default_rng(6)
    x, y = rng.normal(size=4), rng.normal(size=4)
    result = settle(
        "dynamical_tp", sizes, [("learn", 400, {"learn": 1.0})], x, y, ws, target="nudged",
        eta="0.5 Hz", compensate=False,
        backend=backend, recordings=(ds.Recording(("w*", "q*"), every="100 ms"),),
    )  # fmt: skip
    moved = np.abs(result["w2"].values[-1] - result["w2"].values[0]).max()
    assert moved > 1e-3
    for i in (1, 2):
        for q, w in zip(result[f"q{i}"].values, result[f"w{i + 1}"].values, strict=True):
            assert np.abs(q @ w - np.eye(4)).max() < 1e-10
        q, w = result.final[f"q{i}"].values, result.final[f"w{i + 1}"].values
        assert np.abs(q @ w - np.eye(4)).max() < 1e-10


@pytest.mark.parametrize(("sizes", "mu"), CASES[:3])
def test_two_phases_differ_by_the_scaled_signal(sizes, mu):
    """h_i^free - h_i^nudged = eta_hat r^(L+1-i) (1 - r^i)/(1 - r) W^-1 ... e_L, linear, exact inverses."""
    ws, rng, last = weights(sizes, 7), np.random.default_rng(8), len(sizes) - 1
    x, y, eta_hat = rng.normal(size=sizes[0]), rng.normal(size=sizes[-1]), 0.5
    phases = [("free", 400, {"hold": 1.0}), ("nudged", 400, {"hold": 0.0, "teach": 1.0})]
    result = settle(
        "two_phase_dtp", sizes, phases, x, y, ws, mu=mu, eta_hat=eta_hat, inverse="exact"
    )
    r = mu / (1 - mu)
    error = eta_hat * (result.final[f"layer{last}.h"].values - y)
    for i in range(1, last + 1):
        final = {n: result.final[f"layer{i}.{n}"].values for n in ("h", "held")}
        factor = r ** (last + 1 - i) * (1 - r**i) / (1 - r)
        assert final["held"] - final["h"] == pytest.approx(factor * chain(ws, i, error), abs=1e-9)


@pytest.mark.parametrize("sizes", [(5, 4, 4, 3), (6, 5, 4, 4), (4, 3, 3)])
def test_the_multiplexed_signal_is_carried_down_by_the_apical_weights_alone(sizes):
    """hh_i^free - hh_i^nudged = eta_hat Q_i ... Q_(L-1) e_L, linear, any Q, any nudge."""
    ws, rng, last = weights(sizes, 9), np.random.default_rng(10), len(sizes) - 1
    x, y, eta_hat = rng.normal(size=sizes[0]), rng.normal(size=sizes[-1]), 0.7
    qs = {f"q{i}": rng.normal(size=(sizes[i], sizes[i + 1])) for i in range(1, last)}
    phases = [("free", 100, {"hold": 1.0}), ("nudged", 100, {"hold": 0.0, "teach": 1.0})]
    result = settle(
        "multiplexed_dtp", sizes, phases, x, y, ws, eta_hat=eta_hat, inverse="fixed", more=qs,
        recordings=(ds.Recording("layer*.goal", every="phase"),),
    )  # fmt: skip
    signal = eta_hat * (forward(ws, x)[-1] - y)
    for i in range(last, 0, -1):
        signal = signal if i == last else qs[f"q{i}"] @ signal
        free, nudged = result[f"layer{i}.goal"].values
        assert free - nudged == pytest.approx(signal, abs=1e-9)
        assert result.final[f"layer{i}.held"].values == pytest.approx(free, abs=1e-9)


def test_basal_voltages_rise_as_a_cascade_to_first_order_in_the_time_step():
    """From rest a_i(t) = ff_i P(i, t/tau), P the regularised lower incomplete gamma function."""
    sizes = (3, 3, 3, 3)
    ws, x = weights(sizes, 11), np.array([1.0, -0.5, 0.3])
    ff, errors = forward(ws, x), []
    for dt in (0.02, 0.01):
        result = settle(
            "multiplexed_dtp", sizes, [("p", 4, {})], x, np.zeros(3), ws, dt=dt, inverse="exact"
        )
        exact = [ff[i] * gammainc(i, 4.0) for i in (1, 2, 3)]
        found = [result.final[f"layer{i}.basal"].values for i in (1, 2, 3)]
        errors.append(np.abs(np.array(found) - exact).max())
    assert errors[0] / errors[1] == pytest.approx(2.0, rel=0.05)
    assert errors[1] < 0.02


@pytest.mark.parametrize("model", ["dynamical_tp", "two_phase_dtp", "multiplexed_dtp"])
@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        (
            {"sizes": (4, 3, 2), "inverse": "exact"},
            ds.errors.ShapeError,
            "layers 1 to 2 must have one size",
        ),
        ({"transfer": "tanhh"}, ds.errors.UnknownMemberError, "did you mean 'tanh'"),
        (
            {"inverse": "learned", "inverse_error": 0.1},
            ds.errors.ParameterError,
            "only with inverse=fixed",
        ),
        ({"sizes": (4,)}, ds.errors.ParameterError, "input and an output layer"),
    ],
)
def test_what_cannot_be_is_refused(model, given, kind, said):
    with pytest.raises(kind, match=said):
        ds.load_circuit(model, **given)


@pytest.mark.parametrize("model", ["dynamical_tp", "two_phase_dtp", "multiplexed_dtp"])
@pytest.mark.parametrize("inverse", ["exact", "learned", "fixed", "transpose"])
@pytest.mark.parametrize("transfer", ["relu", "tanh", "sigmoid", "softplus", "saturating"])
def test_what_has_no_inverse_is_refused_with_the_reason(model, inverse, transfer):
    reason = f"transfer is {transfer}, which has no inverse .* choose one of leaky_relu, linear, smooth_leaky"
    with pytest.raises(ds.errors.ParameterError, match=reason):
        ds.load_circuit(model, sizes=(3, 3, 3), inverse=inverse, transfer=transfer)


@pytest.mark.parametrize("mu", [0.0, 1.0, -0.2, 1.5])
def test_mu_lies_between_0_and_1(mu):
    with pytest.raises(ds.errors.ParameterError, match="mu is"):
        ds.load_circuit("dynamical_tp", mu=mu)


@pytest.mark.parametrize("model", ["dynamical_tp", "two_phase_dtp", "multiplexed_dtp"])
@pytest.mark.parametrize("eta_hat", [0.0, -1.0])
def test_a_nudge_has_a_size(model, eta_hat):
    with pytest.raises(ds.errors.ParameterError, match="eta_hat is"):
        ds.load_circuit(model, eta_hat=eta_hat)


@pytest.mark.parametrize("model", ["dynamical_tp", "two_phase_dtp", "multiplexed_dtp"])
def test_decay_of_apical_weights_can_be_left_out_but_not_be_growth(model):
    circuit = ds.load_circuit(model, inverse="learned", decay_q=0)
    assert float(circuit.parameters["decay_q"].value) == 0
    with pytest.raises(
        ds.errors.ParameterError, match=r"decay_q is -0\.1; it must not be negative"
    ):
        ds.load_circuit(model, inverse="learned", decay_q=-0.1)


@pytest.mark.parametrize("model", ["backprop", "bmvr"])
def test_a_negative_gain_is_refused_by_its_name(model):
    with pytest.raises(ds.errors.ParameterError, match=r"^gain is -1\.0; it must not be negative$"):
        ds.load_circuit(model, gain=-1.0)


@pytest.mark.parametrize("model", ["dynamical_tp", "two_phase_dtp", "multiplexed_dtp"])
def test_signals_are_normalised_without_dense_products(model):
    """|t|^2 of a layer is summed by one unit: of what learning needs, only W and Q have n^2 entries."""
    circuit = ds.load_circuit(model, inverse="learned", sizes=(6, 6, 6, 6))
    dense = [m.name for m in circuit.matrices if np.prod(circuit.shape(m)) == 36]
    assert sorted(dense) == ["q1", "q2", "w1", "w2", "w3"]
    assert {circuit.shape(circuit.matrix(f"ones{i}")) for i in (1, 2)} == {(1, 6)}


def test_a_singular_matrix_has_no_inverse():
    ws = [np.eye(2), np.array([[1.0, 2.0], [2.0, 4.0]])]
    with pytest.raises(ds.errors.ParameterError, match="'w2' has no inverse"):
        settle("dynamical_tp", (2, 2, 2), [("p", 1, {})], [1.0, 1.0], [0.0, 0.0], ws)
