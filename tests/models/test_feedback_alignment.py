"""`feedback_alignment`: each rule equals its algorithm, written as a loop over samples."""

import numpy as np
import pytest
from feedback_loops import (
    TAU,
    TRANSFER,
    before_and_after,
    bidirectional,
    forward,
    increments,
    loss_of,
    run,
    samples,
    weights_before,
)

import dendrosim as ds
from dendrosim.learning.feedback_cycle import feedback_cycle

SIZES, LAYERS, RATE = (5, 4, 6, 3), 3, 5.0
STEP = RATE * TAU


def change(result, name, dense=False):
    start, end = before_and_after(result, name, dense)
    return end - start


def feedback(result, layers, name="r", first=2, dense=False):
    return [
        before_and_after(result, f"{name}{i}", dense)[0] for i in range(first, first + layers - 1)
    ]


@pytest.mark.parametrize(
    ("loss", "transfer"),
    [
        ("squared", "relu"),
        ("squared", "sigmoid"),
        ("softmax", "tanh"),
        ("hinge", "saturated_linear"),
    ],
)
def test_back_propagation_is_the_gradient(loss, transfer):
    """Central differences of the mean loss; none of these samples is at a corner."""
    x, y = samples(SIZES, loss)
    result = run(x, y, rule="bp", loss=loss, transfer=transfer, sizes=SIZES)
    ws = weights_before(result, LAYERS)

    def mean_loss(changed):
        return np.mean(
            [
                loss_of(loss, forward(changed, a, transfer)[1][-1], b)
                for a, b in zip(x, y, strict=True)
            ]
        )

    for i, w in enumerate(ws):
        slope = np.zeros_like(w)
        for place in np.ndindex(*w.shape):
            nudge = np.zeros_like(w)
            nudge[place] = 1e-5
            ends = [
                mean_loss([v + sign * nudge if k == i else v for k, v in enumerate(ws)])
                for sign in (1, -1)
            ]
            slope[place] = (ends[0] - ends[1]) / 2e-5
        assert change(result, f"w{i + 1}") == pytest.approx(-STEP * slope, abs=1e-9)


RULES = ("frfb", "urfb", "kolen_pollack", "dfa", "bdfa", "weight_mirror")


@pytest.mark.parametrize(("rule", "part"), [*((r, 1.0) for r in RULES), ("urfb", 0.5)])
def test_forward_weights_learn_as_in_the_loop(rule, part):
    """With steps of tau, phases settle exactly; with shorter steps, up to the 1e-12 that the cycle is told."""
    x, y = samples(SIZES, "squared")
    result = run(x, y, rule=rule, sizes=SIZES, part=part, transfer="tanh")
    ws = weights_before(result, LAYERS)
    direct = rule == "dfa"
    back = feedback(result, LAYERS, "b" if direct else "r", 1 if direct else 2)
    expected = increments(ws, back, x, y, "tanh", "squared", direct=direct)
    for i, (w, increment) in enumerate(zip(ws, expected, strict=True), 1):
        decay = 0.1 * w if rule == "kolen_pollack" else 0.0
        exact = 1e-14 if part == 1 else 1e-10
        assert change(result, f"w{i}") == pytest.approx(STEP * (increment - decay), abs=exact)
        assert abs(increment).max() > 1e-3


@pytest.mark.parametrize("form", [{}, {"form": "compartments", "coupling": 0.0}])
def test_outputs_may_pass_the_transfer_function(form):
    """Their error is then multiplied by the slope; with symmetric weights updates are those of the gradient."""
    x, y = samples(SIZES, "squared")
    given = {"output": "transfer", "transfer": "sigmoid", "sizes": SIZES, "symmetric": True}
    result = run(x, y, rule="urfb", **given, **form)
    ws, back = weights_before(result, LAYERS), feedback(result, LAYERS)
    expected = increments(ws, back, x, y, "sigmoid", "squared", linear=False)
    for i, increment in enumerate(expected, 1):
        assert change(result, f"w{i}") == pytest.approx(STEP * increment, abs=1e-14)
    other = increments(ws, back, x, y, "sigmoid", "squared")
    assert abs(other[0] - expected[0]).max() > 0.1 * abs(expected[0]).max()


@pytest.mark.parametrize(("eps", "loss"), [(0.0, "hinge"), (0.5, "softmax")])
def test_updated_feedback_weights_get_the_increment_of_the_forward_weights(eps, loss):
    x, y = samples(SIZES, loss)
    result = run(x, y, rule="urfb", eps=eps, loss=loss, sizes=SIZES, trials=4)
    for i in range(2, LAYERS + 1):
        forward_change, back_change = change(result, f"w{i}"), change(result, f"r{i}")
        assert back_change == pytest.approx(eps * forward_change.T, abs=1e-14)
        assert abs(forward_change).max() > 1e-3


@pytest.mark.parametrize(
    ("backend", "batch", "tau"),
    [
        ("numpy", 1, TAU),
        ("numpy", 7, TAU),
        pytest.param("cpp", 8, 2.0**-7, marks=pytest.mark.slow),
    ],
)
def test_symmetric_feedback_weights_stay_symmetric_to_the_last_bit(backend, batch, tau):
    """On cpp, which multiplies one factor by dt/batch before the other, only if this is a power of two."""
    sizes = (5, 4, 9, 3)
    x, y = samples(sizes, "hinge", 2 * batch)
    given = {"loss": "hinge", "sizes": sizes, "batch": batch, "trials": 12, "tau": tau}
    result = run(x, y, rule="urfb", symmetric=True, backend=backend, **given)
    for i in range(2, 4):
        ends = [before_and_after(result, f"{name}{i}")[1] for name in ("w", "r")]
        assert np.max(np.abs(ends[1] - ends[0].T)) == 0
        assert abs(change(result, f"w{i}")).max() > 1e-3
    if backend == "numpy":  # the same weights as back-propagation's, up to the rounding of products
        other = run(x, y, rule="bp", **given)
        for i in range(1, 4):
            ends = [r.final[f"w{i}"].values for r in (result, other)]
            assert ends[0] == pytest.approx(ends[1], abs=1e-13)


def test_in_the_printed_order_of_updates_the_errors_are_not_those_of_the_gradient():
    """R_(i+1) learns before delta_i is computed from it: a deviation in proportion to the learning rate."""
    x, y = samples(SIZES, "squared")
    deviations = []
    for eta in (5.0, 2.5):
        circuit = ds.load_circuit("feedback_alignment", sizes=SIZES, tau=f"{TAU} s")
        gates = {g: 0.0 for g in circuit.gates}
        steps = [("forward", 8, {"forward": 1.0})]
        for i in range(LAYERS, 0, -1):
            listen = {f"listen{i}": 1.0} if i < LAYERS else {}
            steps += [(f"listen{i}", 3, listen), (f"feedback{i}", 3, {f"feedback{i}": 1.0})]
            steps += [(f"learn{i}", 1, {f"learn{i}": 1.0})]
        cycle = tuple(ds.Phase(n, f"{k * TAU} s", gates=gates | opened) for n, k, opened in steps)
        result = run(
            x, y, cycle=cycle, rule="urfb", symmetric=True, sizes=SIZES, eta=f"{eta} Hz", transfer="tanh",
        )  # fmt: skip
        ws = weights_before(result, LAYERS)
        expected = increments(ws, [w.T for w in ws[1:]], x, y, "tanh", "squared")
        found = [change(result, f"w{i}") / (eta * TAU) for i in range(1, LAYERS + 1)]
        assert found[-1] == pytest.approx(expected[-1], abs=1e-12)
        deviations.append(np.linalg.norm(found[0] - expected[0]) / np.linalg.norm(expected[0]))
    assert deviations[0] > 1e-3
    assert deviations[0] / deviations[1] == pytest.approx(2, rel=0.1)


def test_kolen_and_pollacks_weights_become_transposes():
    """R - W^T is multiplied by 1 - eta decay tau in each trial, whatever the errors are."""
    x, y = samples(SIZES, "softmax")
    trials, decay = 30, 2.0
    result = run(
        x, y, rule="kolen_pollack", decay=decay, loss="softmax", sizes=SIZES, trials=trials
    )
    for i in range(2, LAYERS + 1):
        (w0, w1), (r0, r1) = (before_and_after(result, f"{n}{i}") for n in "wr")
        expected = (1 - STEP * decay) ** trials * (r0 - w0.T)
        assert r1 - w1.T == pytest.approx(expected, abs=1e-13)


def test_direct_feedback_and_fixed_feedback_do_not_change():
    x, y = samples(SIZES, "squared")
    for rule, names in (("frfb", ("r2", "r3")), ("dfa", ("b1", "b2"))):
        result = run(x, y, rule=rule, sizes=SIZES, trials=3)
        for name in names:
            if name in result:
                assert not change(result, name).any()


def test_bidirectional_feedback_weights_learn_as_in_the_loop():
    x, y = samples(SIZES, "squared")
    result = run(x, y, rule="bdfa", sizes=SIZES, transfer="tanh", eta_r="3 Hz")
    # Feedback weights learn after forward weights, which carry their errors up.
    ws = [result.final[f"w{i}"].values for i in range(1, LAYERS + 1)]
    back = [before_and_after(result, f"r{i}")[0] for i in range(1, LAYERS + 1)]
    for i, increment in enumerate(bidirectional(ws, back, x, y, "tanh"), 1):
        assert change(result, f"r{i}") == pytest.approx(3 * TAU * increment, abs=1e-14)
        assert abs(increment).max() > 1e-3


@pytest.mark.slow
def test_bidirectional_feedback_weights_learn_to_reconstruct_the_input_from_the_target():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3))
    y = x @ rng.normal(size=(3, 3)) * 0.5
    result = run(
        x,
        y,
        rule="bdfa",
        sizes=(3, 8, 3),
        transfer="tanh",
        eta_r="20 Hz",
        trials=1500,
        backend="cpp",
    )

    def residual(which):
        r1, r2 = (before_and_after(result, f"r{i}")[which] for i in (1, 2))
        return np.mean((x - np.tanh(y @ r2.T) @ r1.T) ** 2) / np.mean(x**2)

    assert residual(0) > 0.5
    assert residual(1) < 0.1


def test_a_perturbed_layer_teaches_feedback_weights_as_in_the_loop():
    """dR_i = eta_r (mean of noise_(i-1) x_i^T/sigma^2 - decay R_i), with the noise that was drawn."""
    x, y = samples(SIZES, "squared")
    circuit = ds.load_circuit(
        "feedback_alignment", rule="weight_mirror", sizes=SIZES, tau=f"{TAU} s"
    )
    cycle = feedback_cycle({"": circuit}, dt=TAU, tau=TAU)
    protocol = ds.Protocol(
        circuit, (ds.Block("train", cycle),), dt=f"{TAU} s",
        signals={"layer0.h": ds.Samples("x"), "layer3.target": ds.Samples("y")},
        data={"x": x, "y": y}, batch=len(x),
        recordings=(
            ds.Recording(("r2", "r3", "layer1.noise", "layer2.noise"), every="phase", phases="train/mirror"),
        ),
    )  # fmt: skip
    result = ds.run(protocol, backend="numpy", seed=4)
    s, _ = TRANSFER["saturated_linear"]
    noise = [result[f"layer{i}.noise"].values[0] for i in (1, 2)]
    w2, w3 = (result.final[f"w{i}"].values for i in (2, 3))
    second = s(w2 @ noise[0]) + noise[1]
    for i, (post, pre) in enumerate(((noise[0], second), (noise[1], w3 @ second)), 2):
        before = result[f"r{i}"].values[0]
        expected = STEP * (post @ pre.T / len(x) / 0.5**2 - before)
        assert result.final[f"r{i}"].values - before == pytest.approx(expected, abs=1e-13)


@pytest.mark.slow
def test_the_mirror_finds_the_transpose_times_the_mean_slope():
    """Stein's lemma: <noise s(w noise)> = sigma^2 w <s'>; silent input, so that the voltage is w noise."""
    sizes, sigma = (2, 4, 5, 3), 1.0
    x, y = np.zeros((400, 2)), np.zeros((400, 3))
    result = run(
        x, y, rule="weight_mirror", sizes=sizes, sigma=sigma, transfer="saturated_linear", eta_r="2 Hz", gain=1.5,
        trials=600, backend="cpp",
    )  # fmt: skip
    w2, w3 = (result.final[f"w{i}"].values for i in (2, 3))
    # of a normal voltage of the standard deviation sigma |w|, the fraction that is between -1 and 1
    from scipy.special import erf

    slopes = erf(1 / (sigma * np.linalg.norm(w2, axis=1) * np.sqrt(2)))
    assert slopes.min() < 0.8
    for r, expected in (("r2", (slopes[:, None] * w2).T), ("r3", w3.T)):
        error = result.final[r].values - expected
        # spread of the running mean: sqrt(rate/2/samples) times that of noise x activity
        assert np.abs(error).max() < 4 * np.sqrt(2 * TAU / 2 / 400) * 1.5


@pytest.mark.parametrize("rule", ["dfa", "kolen_pollack"])
def test_without_coupling_both_signals_at_once_learn_the_same(rule):
    x, y = samples(SIZES, "softmax")
    given = {"rule": rule, "loss": "softmax", "sizes": SIZES, "trials": 3}
    phases = run(x, y, **given)
    both = run(x, y, form="compartments", coupling=0.0, **given)
    for name in phases.final:
        if name[0] in "wr":
            assert both.final[name].values == pytest.approx(phases.final[name].values, abs=1e-13)


def combined_update(ws, back, x, y, coupling):
    """Increments of one sample where rates and errors settle together, by iteration (tanh, squared)."""
    rates, errors = [x, *(np.zeros(len(w)) for w in ws)], [np.zeros(len(w)) for w in ws]
    for _ in range(400):
        for i, w in enumerate(ws):
            a = w @ rates[i]
            if i == len(ws) - 1:
                errors[i] = y - a
                rates[i + 1] = a + coupling * errors[i]
            else:
                errors[i] = (1 - np.tanh(a) ** 2) * (back[i] @ errors[i + 1])
                rates[i + 1] = np.tanh(a) + coupling * errors[i]
    return [np.outer(e, h) for e, h in zip(errors, rates[:-1], strict=True)]


def test_with_coupling_rates_and_errors_settle_together():
    coupling = 0.2
    x, y = samples(SIZES, "squared")
    result = run(
        x, y, form="compartments", coupling=coupling, rule="frfb", transfer="tanh", sizes=SIZES, rounds=20,
    )  # fmt: skip
    ws, back = weights_before(result, LAYERS), feedback(result, LAYERS)
    each = [combined_update(ws, back, a, b, coupling) for a, b in zip(x, y, strict=True)]
    for i in range(LAYERS):
        expected = STEP * np.mean([e[i] for e in each], axis=0)
        assert change(result, f"w{i + 1}") == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("rule", ["bp", "dfa", "kolen_pollack"])
def test_pruned_circuits_learn_as_in_the_loop_where_there_are_connections(rule):
    sizes, pruned = (6, 5, 8, 3), 0.5
    x, y = samples(sizes, "squared")
    result = run(x, y, rule=rule, pruned=pruned, sizes=sizes, transfer="tanh")
    ws = weights_before(result, 3, dense=True)
    if rule == "bp":
        back = [w.T for w in ws[1:]]
    elif rule == "dfa":
        stored = [result.final[f"b{i}"] for i in (1, 2)]
        back = []
        for i, values in enumerate(stored, 1):
            back.append(np.zeros((sizes[i], 3)))
            back[-1][values.post.values, values.pre.values] = values.values
    else:
        back = feedback(result, 3, dense=True)
    expected = increments(ws, back, x, y, "tanh", "squared", direct=rule == "dfa")
    for i, (w, increment) in enumerate(zip(ws, expected, strict=True), 1):
        mask = w != 0
        # half of the inputs of each unit, one half rounded up
        assert (mask.sum(axis=1) == (w.shape[1] + 1) // 2).all()
        decay = 0.1 * w if rule == "kolen_pollack" else 0.0
        found = change(result, f"w{i}", dense=True)
        assert found == pytest.approx(STEP * (increment * mask - decay), abs=1e-14)
    if rule in ("urfb", "kolen_pollack"):
        masks = [(w != 0, r != 0) for w, r in zip(ws[1:], back, strict=True)]
        assert any((w != r.T).any() for w, r in masks)  # pruned separately
        for i, (_, mask) in enumerate(masks, 2):
            decay = 0.1 * back[i - 2] if rule == "kolen_pollack" else 0.0
            learned = STEP * (expected[i - 1].T * mask - decay)
            assert change(result, f"r{i}", dense=True) == pytest.approx(learned, abs=1e-14)


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ({"sizes": (4,)}, ds.errors.ParameterError, "input and an output layer"),
        ({"rule": "fa"}, ds.errors.ParameterError, "'rule': 'fa' is not one of bp, frfb, urfb, dfa"),
        ({"rule": "frfb", "eps": 0.5}, ds.errors.ParameterError, "eps is 0.5, but rule is frfb; .* rule=urfb"),
        ({"rule": "urfb", "decay": 0.5}, ds.errors.ParameterError, "decay is 0.5, .* rule=kolen_pollack or"),
        ({"sigma": 0.5}, ds.errors.ParameterError, "sigma is 0.5, but rule is urfb; .* rule=weight_mirror"),
        ({"eta_r": "1 Hz"}, ds.errors.ParameterError, "eta_r is 1 Hz, .* rule=weight_mirror or bdfa"),
        ({"balance": 0.5}, ds.errors.ParameterError, "balance is 0.5, but loss is squared; .* loss=hinge"),
        ({"output": "transfer", "loss": "hinge"}, ds.errors.ParameterError, "output is transfer, but loss is"),
        ({"coupling": 0.5}, ds.errors.ParameterError, "coupling is 0.5, .* form=compartments"),
        ({"rule": "dfa", "symmetric": True}, ds.errors.ParameterError, "symmetric is True, but rule is dfa"),
        ({"symmetric": True, "pruned": 0.5}, ds.errors.ParameterError, "pruned separately in both directions"),
        ({"rule": "bdfa", "form": "compartments"}, ds.errors.ParameterError, "four signals"),
        ({"loss": "softmax", "sizes": (4, 3, 1)}, ds.errors.ParameterError, "loss is softmax, but the last layer"),
        ({"pruned": 0.95, "sizes": (20, 9, 4)}, ds.errors.ParameterError, "layer 2 has 9 inputs through w2"),
        ({"pruned": 0.9, "sizes": (20, 9, 4)}, ds.errors.ParameterError, "layer 1 has 4 inputs through r2"),
        ({"pruned": 1.0}, ds.errors.ParameterError, "pruned is 1.0; it must be at least 0 and below 1"),
        ({"eps": -1.0}, ds.errors.ParameterError, "eps is -1.0; it must not be negative"),
        ({"transfer": "tanhh"}, ds.errors.UnknownMemberError, "did you mean 'tanh'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(given, kind, said):
    with pytest.raises(kind, match=said):
        ds.load_circuit("feedback_alignment", **given)
