"""`burst_ccn` and `burst_rate` against loops that compute the algorithms, back-propagation and closed forms.

A time step is the time constant, so that every filter is a delay of one step and circuits settle exactly.
"""

from itertools import pairwise

import numpy as np
import pytest

import dendrosim as ds

TAU = 10e-3
SIZES = (20, 30, 30, 5)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def drawn(sizes=SIZES, samples=4, spread=0.5, seed=0):
    """Weights, inputs, and targets around the outputs, for logistic units."""
    rng = np.random.default_rng(seed)
    ws = [rng.normal(0, 1 / np.sqrt(m), (n, m)) for m, n in pairwise(sizes)]
    x = rng.normal(size=(sizes[0], samples))
    return ws, x, forward(ws, x)[-1] + rng.uniform(-spread, spread, (sizes[-1], samples))


def forward(ws, x):
    rates = [x]
    for w in ws:
        rates.append(sigmoid(w @ rates[-1]))
    return rates


def gradient(ws, x, y):
    """Descent of the squared loss, averaged over samples."""
    e = forward(ws, x)
    delta = (y - e[-1]) * e[-1] * (1 - e[-1])
    found = [delta @ e[-2].T]
    for i in range(len(ws) - 1, 0, -1):
        delta = ws[i].T @ delta * e[i] * (1 - e[i])
        found.insert(0, delta @ e[i - 1].T)
    return [g / x.shape[1] for g in found]


def run(model, phases, weights, x, y, sizes=SIZES, **given):
    """Return the result of phases, given as tuples of name, number of steps and open gates."""
    circuit = ds.load_circuit(model, sizes=sizes, tau=f"{TAU} s", **given)
    start = {f"w{i}": w for i, w in enumerate(weights, 1)}
    circuit = circuit.replace(
        matrices=[m.replace(initial=start.get(m.name, m.initial)) for m in circuit.matrices]
    )
    closed = dict.fromkeys(circuit.gates, 0.0)
    protocol = ds.Protocol(
        circuit,
        (ds.Block("all", tuple(ds.Phase(n, f"{k * TAU!r} s", gates=closed | g) for n, k, g in phases)),),
        dt=f"{TAU} s", batch=x.shape[1],
        signals={"layer0.h": ds.Samples("x"), f"layer{len(sizes) - 1}.target": ds.Samples("y")},
        data={"x": x.T, "y": y.T},
    )  # fmt: skip
    return ds.run(protocol, backend="numpy", seed=1, progress=False)


SINGLE = (("settle", 8, {"teach": 1.0}), ("learn", 1, {"teach": 1.0, "learn": 1.0}))
TWO = (
    ("first", 9, {"hold": 1.0}),
    ("second", 8, {"teach": 1.0}),
    ("learn", 1, {"teach": 1.0, "learn": 1.0}),
)


def changes(result, ws):
    """Changes of weights by a step of learning, over learning rate and time step."""
    return [
        (result.final[f"w{i}"].values - w) / (5.0 * TAU) for i, w in enumerate(ws, 1)
    ]  # eta is 5 Hz


def degrees(a, b):
    return np.degrees(
        np.arccos(np.clip(np.sum(a * b) / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))
    )


@pytest.mark.parametrize(("p_b", "spread"), [(0.5, 0.5), (0.3, 1e-3)])
def test_with_transported_weights_the_single_phase_is_back_propagation_times_the_burst_probability(
    p_b, spread
):
    ws, x, y = drawn(spread=spread)
    result = run(
        "burst_ccn",
        SINGLE,
        ws,
        x,
        y,
        feedback="tied",
        inhibition="exact",
        p_b=p_b,
    )
    for step, true in zip(changes(result, ws), gradient(ws, x, y), strict=True):
        assert degrees(step, true) < 0.05
        assert np.linalg.norm(step) / np.linalg.norm(true) == pytest.approx(p_b, rel=2e-3)


def test_a_step_of_the_single_phase_is_that_of_a_loop():
    ws, x, y = drawn(seed=2)
    result = run("burst_ccn", SINGLE, ws, x, y, feedback="fixed", inhibition="exact")
    feedback = [result.final[f"y{i}"].values for i in (1, 2)]
    e = forward(ws, x)
    excess = 0.5 * (1 + (y - e[-1]) * (1 - e[-1])) * e[-1] - 0.5 * e[-1]
    expected = [excess @ e[-2].T / x.shape[1]]
    for i in (2, 1):
        excess = (sigmoid(4 * (1 - e[i]) * (feedback[i - 1] @ excess)) - 0.5) * e[i]
        expected.insert(0, excess @ e[i - 1].T / x.shape[1])
    for step, wanted in zip(changes(result, ws), expected, strict=True):
        assert step == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("transfer", ["sigmoid", "smooth_leaky"])
def test_without_error_dendrites_are_silent_and_bursts_have_their_probability(transfer):
    """Exactly, for any weights and inputs, with a teacher too if the output is right."""
    circuit = ds.load_circuit(
        "burst_ccn", sizes=(4, 5, 3, 2), inhibition="exact", transfer=transfer, p_b=0.3
    )
    inputs = {"layer0.h": np.array([0.5, -1.0, 2.0, 0.3])}
    free = ds.fixed_point(ds.vector_field(circuit, inputs={**inputs, "layer3.target": 0.0}))
    reached = free.state["layer3.h"]
    taught = {**inputs, "layer3.target": np.asarray(reached).ravel()}
    right = ds.fixed_point(ds.vector_field(circuit, inputs=taught, gates={"teach": 1.0}))
    for point in (free, right):
        for i in (1, 2):
            assert point.state[f"layer{i}.apical"] == pytest.approx(0, abs=1e-12)
    wrong = ds.fixed_point(
        ds.vector_field(circuit, inputs={**inputs, "layer3.target": 0.7}, gates={"teach": 1.0})
    )
    assert np.max(np.abs(wrong.state["layer2.apical"])) > 1e-3


def test_inhibition_learns_to_cancel_excitation_at_the_rate_of_the_closed_form():
    """dQ/dt = eta_q (P_b Y - Q) <e e^T> in the layer below the output, whose bursts are exactly P_b e."""
    sizes, ws = (6, 5, 3), [4 * w for w in drawn((6, 5, 3), seed=3)[0]]
    x = np.random.default_rng(3).normal(size=(6, 8))
    settle, steps, rate = 8, 1500, 10.0
    phases = (("settle", settle, {}), ("sleep", steps, {"sleep": 1.0}))
    result = run("burst_ccn", phases, ws, x, np.zeros((3, 8)), sizes, eta_q=f"{rate} Hz")
    before = run("burst_ccn", phases[:1], ws, x, np.zeros((3, 8)), sizes, eta_q=f"{rate} Hz")
    y, q = (before.final[k].values for k in ("y1", "q1"))
    e = forward(ws, x)[-1]
    power, directions = np.linalg.eigh(e @ e.T / 8)
    left = np.exp(-rate * steps * TAU * power)
    exact = 0.5 * y + (q - 0.5 * y) @ directions @ np.diag(left) @ directions.T
    distance = np.linalg.norm(q - 0.5 * y)
    assert np.linalg.norm(result.final["q1"].values - exact) < 0.02 * distance
    assert np.linalg.norm(result.final["q1"].values - 0.5 * y) < 0.2 * distance


def test_the_apical_rule_of_y_conserves_a_sum_and_knows_nothing_of_forward_weights():
    """Q/eta_q + Y/eta_y is constant, so Y ends at this sum over P_b/eta_q + 1/eta_y, whatever W is."""
    sizes, ws = (6, 5, 3), [4 * w for w in drawn((6, 5, 3), seed=3)[0]]
    x, y = np.random.default_rng(3).normal(size=(6, 8)), np.zeros((3, 8))
    rates = {"eta_q": "12 Hz", "eta_y": "6 Hz", "feedback": "apical"}
    phases = (("settle", 8, {}), ("sleep", 1500, {"sleep": 1.0}))
    end = run("burst_ccn", phases, ws, x, y, sizes, **rates).final
    start = run("burst_ccn", phases[:1], ws, x, y, sizes, **rates).final
    sums = [f["q1"].values / 12 + f["y1"].values / 6 for f in (start, end)]
    assert sums[1] == pytest.approx(sums[0], abs=1e-12)
    limit = sums[0] / (0.5 / 12 + 1 / 6)
    distances = [np.linalg.norm(f["y1"].values - limit) for f in (start, end)]
    assert distances[1] < 0.2 * distances[0]
    assert abs(degrees(end["y1"].values, ws[1].T) - degrees(limit, ws[1].T)) < 10


@pytest.mark.parametrize("feedback", ["fixed", "tied"])
def test_a_step_of_two_evaluations_is_that_of_a_loop(feedback):
    ws, x, y = drawn(seed=4)
    result = run("burst_rate", TWO, ws, x, y, feedback=feedback)
    back = [ws[i].T if feedback == "tied" else result.final[f"y{i}"].values for i in (1, 2)]
    r = [result.final[f"r{i}"].values for i in (1, 2)]
    e = forward(ws, x)

    # In the first evaluation bursts inhibit their own layer after one more step: iterate until they are steady.
    def bursts(top, held):
        found = [None, None, None, top]
        for i in (2, 1):
            b = held[i]
            for _ in range(200 if held[i] is None else 1):
                b = np.zeros_like(e[i]) if b is None else b
                u = (1 - e[i]) * (back[i - 1] @ found[i + 1]) - r[i - 1] @ b
                new = sigmoid(u) * e[i]
                b = new if held[i] is None else b
            found[i] = new
        return found

    before = bursts(0.2 * e[3], [None] * 4)
    after = bursts(0.2 * (1 + (y - e[3]) * (1 - e[3])) * e[3], before)
    for i, (step, true) in enumerate(zip(changes(result, ws), gradient(ws, x, y), strict=True), 1):
        wanted = (after[i] - before[i]) @ e[i - 1].T / x.shape[1]
        assert step == pytest.approx(wanted, rel=1e-3, abs=1e-7)
        if feedback == "tied":
            # P_b, and p (1 - p) < 1/4 for each layer above
            ratio = np.linalg.norm(step) / np.linalg.norm(true)
            assert 0.5 < ratio / (0.2 * 4.0 ** (i - 3)) < 1 + 1e-3
            assert degrees(step, true) < 12


@pytest.mark.parametrize(("model", "phases"), [("burst_ccn", SINGLE), ("burst_rate", TWO)])
def test_learned_feedback_approaches_transposed_weights_at_the_rate_of_the_decay(model, phases):
    """W^T and Y get the same updates, so their difference shrinks by eta decay dt in a step."""
    ws, x, y = drawn((6, 5, 4, 3), seed=6)
    given = {"sizes": (6, 5, 4, 3), "feedback": "kolen_pollack", "decay": 0.3}
    start, end = (run(model, part, ws, x, y, **given).final for part in (phases[:-1], phases))
    for i in (1, 2):
        apart = [f[f"w{i + 1}"].values.T - f[f"y{i}"].values for f in (start, end)]
        assert apart[1] == pytest.approx((1 - 5 * 0.3 * TAU) * apart[0], rel=1e-9, abs=1e-12)
        assert np.max(np.abs(end[f"y{i}"].values - start[f"y{i}"].values)) > 1e-4


def test_recurrent_inhibition_learns_to_centre_burst_probabilities():
    ws, x, y = drawn((6, 5, 3), seed=5)
    phases = (("first", 9, {"hold": 1.0}), ("sleep", 1500, {"hold": 1.0, "sleep": 1.0}))
    found = [
        run("burst_rate", phases[:n], ws, x, y, (6, 5, 3), y_gain=3.0, eta_r="16 Hz")
        .final["layer1.apical"]
        .values
        for n in (1, 2)
    ]
    assert np.sqrt(np.mean(found[1] ** 2)) < 0.2 * np.sqrt(np.mean(found[0] ** 2))


@pytest.mark.parametrize("model", ["burst_ccn", "burst_rate"])
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"baseline": 1.0}, r"baseline is 1\.0, but transfer is sigmoid"),
        ({"decay": 0.1}, r"decay is 0\.1, but feedback is fixed"),
        ({"p_b": 1.0}, r"p_b is 1\.0"),
        ({"sizes": (3,)}, "there must be an input and an output layer"),
    ],
)
def test_what_cannot_be_is_refused(model, given, said):
    with pytest.raises(ds.errors.ParameterError, match=said):
        ds.load_circuit(model, **given)


@pytest.mark.parametrize("given", [{}, {"feedback": "kolen_pollack"}, {"inhibition": "exact"}])
def test_a_single_layer_needs_no_parameters_of_dendrites(given):
    circuit = ds.load_circuit("burst_ccn", sizes=(3, 2), **given)
    assert "beta" not in circuit.parameters
    assert "beta" not in ds.load_circuit("burst_cell_types", sizes=(3, 2)).parameters
