"""`segregated_dendrites` against closed forms, a loop with the same spikes, and its two forms compared."""

from functools import cache

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.circuit.start_values import draw_start_value
from dendrosim.learning.plateau_phases import PlateauTiming, plateau_phases

DT, TAU, RISE, LEAK, BASAL, TEACHING, REVERSAL = 1e-3, 10e-3, 0.3, 1.0, 6.0, 10.0, 8.0
RATE_MAX, ETA = 200.0, 17.0
TIMING = PlateauTiming(settle=30, free=23, nudge=30, taught=21)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def slope(x):
    return sigmoid(x) * (1 - sigmoid(x))


def shown(sizes, x, target, recordings=(), timing=TIMING, seed=1, **given):
    """Return the result of one trial; x and target are (units, samples)."""
    phases = plateau_phases(timing, dt=DT, tau=TAU)
    protocol = ds.Protocol(
        ds.load_circuit("segregated_dendrites", sizes=sizes, **given),
        (ds.Block("trial", phases),),
        dt=f"{DT} s", batch=x.shape[1],
        signals={"layer0.h": ds.Samples("x"), f"layer{len(sizes) - 1}.target": ds.Samples("y")},
        data={"x": x.T, "y": target.T}, recordings=recordings,
    )  # fmt: skip
    return ds.run(protocol, backend="numpy", seed=seed, progress=False)


def spike_counts(result, layer, units):
    """Return 1 where a unit spikes, shape (steps, units, samples)."""
    found = np.zeros((result.protocol.total_steps, units, result.protocol.batch))
    spikes = result.spikes[f"layer{layer}"]
    np.add.at(found, (np.rint(spikes.time / DT).astype(int), spikes.unit, spikes.sample), 1.0)
    return found


def loop(ws, ys, x, target, spikes=None, apical=0.0):
    """Compute one trial unit by unit; `spikes` has an array of each layer, None stands for rates."""
    last, samples = len(ws), x.shape[1]
    sizes = [x.shape[0], *(w.shape[0] for w in ws)]
    soma, slow, fast = ([np.zeros((n, samples)) for n in sizes] for _ in range(3))
    sums = {}
    step = 0
    for name, steps in zip(
        ("settle", "free", "nudge", "taught"), vars(TIMING).values(), strict=True
    ):
        for _ in range(steps):
            h = [x, *(sigmoid(c) for c in soma[1:])]
            psp = [(a - RISE * b) / (1 - RISE) for a, b in zip(slow, fast, strict=True)]
            basal = [None, *(w @ p for w, p in zip(ws, psp, strict=False))]
            top = [None, *(y @ psp[last] for y in ys)]
            if name in ("free", "taught"):
                seen = {"psp": psp, "soma": soma, "apical": top, "h": h}
                for kind, values in seen.items():
                    for i, value in enumerate(values):
                        if value is not None:
                            key = kind, name, i
                            sums[key] = sums.get(key, 0.0) + value / steps
            for i in range(last + 1):
                sent = h[i] if spikes is None else 0.0
                slow[i] = slow[i] + DT / TAU * (sent - slow[i])
                fast[i] = fast[i] + DT / (RISE * TAU) * (sent - fast[i])
                if spikes is not None:
                    slow[i] = slow[i] + spikes[i][step] / (RATE_MAX * TAU)
                    fast[i] = fast[i] + spikes[i][step] / (RATE_MAX * RISE * TAU)
                if i == 0:
                    continue
                drive = -LEAK * soma[i] + BASAL * (basal[i] - soma[i])
                if i < last:
                    drive = drive + apical * (top[i] - soma[i])
                elif name in ("nudge", "taught"):
                    drive = drive + TEACHING * target * (REVERSAL - soma[i])
                    drive = drive + TEACHING * (1 - target) * (-REVERSAL - soma[i])
                soma[i] = soma[i] + DT / TAU * drive
            step += 1
    changes, plateaus = [], {}
    for i in range(1, last + 1):
        part = BASAL / (LEAK + BASAL + (apical if i < last else 0.0))
        mean = sums["soma", "free", i]
        if i < last:
            plateaus[i] = [sigmoid(sums["apical", phase, i]) for phase in ("free", "taught")]
            error = plateaus[i][1] - plateaus[i][0]
        else:
            error = sums["h", "taught", i] - sigmoid(mean)
        post = part * slope(mean) * error
        pre = sums["psp", "free", i - 1]
        change = np.zeros_like(ws[i - 1])
        for k in range(samples):
            change += ETA * TAU * np.outer(post[:, k], pre[:, k]) / samples
        changes.append(change)
    return changes, plateaus


SIZES = (6, 5, 4, 3)


def drawn(samples=3, sizes=SIZES, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(size=(sizes[0], samples)), rng.uniform(size=(sizes[-1], samples))


@pytest.mark.parametrize("apical", [0.0, 0.5])
@pytest.mark.parametrize("form", ["spiking", "rate"])
def test_a_trial_is_that_of_a_loop_with_the_same_spikes(form, apical):
    x, target = drawn()
    kept = [ds.Recording(("w*", "y*"), every="phase", phases="trial/settle")]
    kept += [ds.Recording("layer*.spike", every="spike")] * (form == "spiking")
    kept.append(
        ds.Recording("layer*.apical", every=f"{DT} s", phases=("trial/free", "trial/taught"))
    )
    result = shown(SIZES, x, target, kept, form=form, g_apical=apical, gain=3.0, y_gain=4.0)
    ws = [result[f"w{i}"].values[0] for i in (1, 2, 3)]
    ys = [result[f"y{i}"].values[0] for i in (1, 2)]
    spikes = (
        [spike_counts(result, i, n) for i, n in enumerate(SIZES)] if form == "spiking" else None
    )
    if spikes is not None:
        assert all(s.sum() > 20 for s in spikes)
        assert all(s.max() == 1 for s in spikes)
    changes, plateaus = loop(ws, ys, x, target, spikes, apical)
    for i, (w, expected) in enumerate(zip(ws, changes, strict=True), 1):
        assert np.max(np.abs(expected)) > 1e-4
        assert result.final[f"w{i}"].values - w == pytest.approx(expected, rel=1e-10, abs=1e-13)
    for i, found in plateaus.items():
        voltage = result[f"layer{i}.apical"].values
        parts = voltage[: TIMING.free], voltage[TIMING.free :]
        for name, expected, part in zip(("free", "taught"), found, parts, strict=True):
            plateau = sigmoid(result.final[f"layer{i}.apical_{name}"].values)
            assert plateau == pytest.approx(expected, rel=1e-10)
            assert plateau == pytest.approx(sigmoid(part.mean(axis=0)), rel=1e-10)


@pytest.mark.parametrize("teaching", ["conductance", "rate"])
def test_steady_states_are_those_of_the_closed_form(teaching):
    x, target = drawn(1)
    circuit = ds.load_circuit("segregated_dendrites", sizes=SIZES, teaching=teaching, g_apical=0.5)
    gates = {"teach": 1.0, "average": 1.0, "average_taught": 1.0, "clear": 1.0}
    field = ds.vector_field(
        circuit, inputs={"layer0.h": x, "layer3.target": target}, gates=gates, seed=3
    )
    at = {name: np.asarray(v).reshape(-1, 1) for name, v in ds.fixed_point(field).state.items()}
    weights = {
        m.name: draw_start_value(circuit, m.name, circuit.shape(m), 3) for m in circuit.matrices
    }
    h = [x, *(sigmoid(at[f"layer{i}.soma"]) for i in (1, 2, 3))]
    for i in range(4):
        assert at[f"layer{i}.slow"] == pytest.approx(h[i], abs=1e-9)
        assert at[f"layer{i}.fast"] == pytest.approx(h[i], abs=1e-9)
    for i in (1, 2):
        basal, apical = weights[f"w{i}"] @ h[i - 1], weights[f"y{i}"] @ h[3]
        soma = (BASAL * basal + 0.5 * apical) / (LEAK + BASAL + 0.5)
        assert at[f"layer{i}.soma"] == pytest.approx(soma, abs=1e-9)
        assert at[f"layer{i}.apical_taught"] == pytest.approx(apical, abs=1e-9)
    basal = weights["w3"] @ h[2]
    if teaching == "conductance":
        soma = (BASAL * basal + TEACHING * REVERSAL * (2 * target - 1)) / (LEAK + BASAL + TEACHING)
    else:
        soma = (BASAL * basal + TEACHING * (target - h[3])) / (LEAK + BASAL)
    assert at["layer3.soma"] == pytest.approx(soma, abs=1e-9)
    assert at["layer3.h_taught"] == pytest.approx(h[3], abs=1e-9)


def kernel(steps):
    """Response of psp to a spike, in the steps after it."""
    n = np.arange(steps)[:, None]
    a, b = 1 - DT / TAU, 1 - DT / (RISE * TAU)
    return ((a**n - b**n) / (RATE_MAX * TAU * (1 - RISE))).ravel()


def test_potentials_of_poisson_spikes_have_the_mean_and_variance_of_campbell():
    """Exactly for steps of dt, and nearly for a short step that of the continuous formula."""
    x = np.repeat([[0.1], [0.5], [1.0]], 20, axis=0) * np.ones((60, 400))
    kept = (ds.Recording("layer0.psp", every="100 ms"),)
    timing = PlateauTiming(settle=200, free=100, nudge=1, taught=1)
    result = shown((60, 1), x, np.zeros((1, 400)), kept, timing, form="spiking")
    psp = result["layer0.psp"].values[1:].reshape(-1, 3, 8000)
    k = kernel(400)
    for group, rate in enumerate((0.1, 0.5, 1.0)):
        values = psp[:, group].ravel()
        chance = RATE_MAX * rate * DT
        mean, variance = chance * k.sum(), chance * (1 - chance) * (k**2).sum()
        assert mean == pytest.approx(rate, rel=1e-12)
        count = len(values)
        assert count == 24000
        assert abs(values.mean() - mean) < 4 * np.sqrt(variance / count)
        fourth = np.mean((values - mean) ** 4)
        assert abs(values.var() - variance) < 4 * np.sqrt((fourth - variance**2) / count)
        assert variance / (1 - chance) == pytest.approx(
            rate / (2 * TAU * (1 + RISE) * RATE_MAX),
            rel=0.25,  # dt is a third of the shorter constant
        )


def test_the_variance_in_steps_tends_to_that_of_campbell():
    for dt in (1e-4, 1e-5):
        n = np.arange(round(20 * TAU / dt))
        k = ((1 - dt / TAU) ** n - (1 - dt / (RISE * TAU)) ** n) / (TAU * (1 - RISE))
        assert dt * (k**2).sum() == pytest.approx(1 / (2 * TAU * (1 + RISE)), rel=3 * dt / TAU)


AGREEING, COPIES = (30, 20, 6), 1500


@cache
def both_forms():
    """One input, shown as rates once, and 1500 times with spikes of their own."""
    x, target = drawn(1, AGREEING, seed=2)
    kept = ds.Recording("layer*.h", every=f"{DT} s", phases=("trial/free", "trial/taught"))
    weights = ds.Recording(("w*", "y*"), every="phase", phases="trial/settle")
    given = {"gain": 1.0, "y_gain": 0.3, "seed": 5}
    rate = shown(AGREEING, x, target, (kept, weights), form="rate", **given)
    many = (np.repeat(a, COPIES, axis=1) for a in (x, target))
    spiking = shown(
        AGREEING, *many, (weights, ds.Recording("layer*.spike", "spike")), form="spiking", **given
    )
    return rate, spiking


def z(values, expected):
    """Return mean minus expectation of samples (units, samples) over the standard error."""
    error = values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
    return (values.mean(axis=1) - expected) / error


def test_spikes_and_rates_agree_in_rates():
    """Spikes in a window, in each layer, within four standard errors of what the rates add up to."""
    rate, spiking = both_forms()
    for i, units in list(enumerate(AGREEING))[1:]:
        expected, counts = rate[f"layer{i}.h"].values, spike_counts(spiking, i, units)
        windows = {(30, 53): expected[:23], (83, 104): expected[23:]}
        for (start, stop), course in windows.items():
            found = counts[start:stop].sum(axis=0)
            assert np.max(np.abs(z(found, RATE_MAX * DT * course.sum(axis=0)))) < 4


def variance_of_means(rates, steps):
    """Variance of means of psp over a window, by Campbell, for Poisson spikes with given rates (units, 1)."""
    means = np.convolve(kernel(300), np.full(steps, 1 / steps))
    chance = RATE_MAX * rates * DT
    return chance * (1 - chance) * np.sum(means**2)


def test_spikes_and_rates_agree_in_plateaus_and_in_the_mean_drift_of_weights():
    """Within four standard errors.

    Weights are so small that plateaus are nearly linear in apical voltages. To the drift of rates, terms of second
    order are added: the mean voltage of a soma fluctuates, together with the mean potentials that it receives.
    """
    rate, spiking = both_forms()
    names = ("layer1.apical_free", "layer1.apical_taught", "layer2.h_taught")
    (free, taught, output), reached = ([r.final[n].values for n in names] for r in (spiking, rate))
    for voltage, expected in zip((free, taught), reached, strict=False):
        assert 0.1 < voltage.std(axis=1).max() < 0.3
        assert np.max(np.abs(z(sigmoid(voltage), sigmoid(expected.ravel())))) < 4
    part = BASAL / (LEAK + BASAL)
    targets = {1: sigmoid(taught) - sigmoid(free), 2: output}
    expected_targets = {1: sigmoid(reached[1]) - sigmoid(reached[0]), 2: reached[2]}
    for i in (1, 2):
        start = spiking[f"w{i}"].values[0]
        assert np.array_equal(start, rate[f"w{i}"].values[0])

        def post(soma, target, output=i == 2):
            return ETA * TAU * part * slope(soma) * (target - (sigmoid(soma) if output else 0))

        ends = [(r.final[f"layer{i}.soma_free"].values, r.final[f"layer{i - 1}.psp_free"].values)
                for r in (spiking, rate)]  # fmt: skip
        each = post(ends[0][0], targets[i])[:, None] * ends[0][1][None]
        drift = spiking.final[f"w{i}"].values - start
        assert drift == pytest.approx(each.mean(axis=2), rel=1e-9, abs=1e-15)
        expected = rate.final[f"w{i}"].values - start
        soma, psp = (a.reshape(-1, 1) for a in ends[1])
        target, step = expected_targets[i].reshape(-1, 1), 1e-3
        up, at, down = (post(soma + s, target) for s in (step, 0, -step))
        assert at * psp.T == pytest.approx(expected, rel=1e-9)
        fluctuation = variance_of_means(psp, TIMING.free)
        second = (up - down) / (2 * step) * part * start * fluctuation.T
        second = (
            second
            + (up - 2 * at + down) / (2 * step**2) * (part**2 * start**2 @ fluctuation) * psp.T
        )
        rows = each.reshape(-1, COPIES)
        assert np.max(np.abs(z(rows, (expected + second).ravel()))) < 4


def test_sparse_feedback_has_the_stated_fraction_of_larger_weights():
    circuit = ds.load_circuit("segregated_dendrites", sizes=(5, 4, 3, 10), feedback_probability=0.2)
    for name in ("y1", "y2"):
        assert circuit.matrix(name).connect == ds.Probability(0.2)
        assert circuit.matrix(name).initial.sd.value == pytest.approx(5 / 10**0.5)


def test_every_layer_descends_towards_its_own_target_in_the_comparison_of_rules():
    own = {"width": 4, "presentations": 3, "pretraining": 0, "batch": 4, "samples": 12, "depth": 3}
    protocol = ds.load_protocol("credit_assignment", rules=("segregated_dendrites",), **own)
    metrics = ds.measure(ds.run(protocol, "numpy", progress=False)).metrics
    assert metrics["angle_target"]["segregated_dendrites"][:2] == pytest.approx([0, 0], abs=0.1)
    assert metrics["angle_gradient"]["segregated_dendrites"][2] < 15
    assert metrics["feedback_transpose"]["segregated_dendrites"].shape == (2,)


@pytest.mark.slow
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_the_rule_learns_the_common_task(depth):
    given = {"rules": ("segregated_dendrites",), "seeds": 5, "seed": 100, "depth": depth}
    metrics = ds.measure(
        ds.run(ds.load_protocol("credit_assignment", **given), progress=False)
    ).metrics
    found, start = (metrics[n]["segregated_dendrites"] for n in ("loss", "initial_loss"))
    assert metrics["diverged"]["segregated_dendrites"] == 0
    assert np.all(found < start)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rate_max": "100 Hz"}, "rate_max is 100 Hz, but form is rate"),
        ({"e_teaching": 4.0, "teaching": "rate"}, r"e_teaching is 4\.0, but teaching is rate"),
        ({"form": "spiking", "transfer": "tanh"}, "between 0 and rate_max.*must be sigmoid"),
        ({"sizes": (3,)}, "there must be an input and an output layer"),
        ({"feedback_probability": 0.0}, "feedback_probability"),
        ({"rise": 1.0}, "rise"),
    ],
)
def test_what_cannot_be_is_refused(given, said):
    with pytest.raises(ds.errors.ParameterError, match=said):
        ds.load_circuit("segregated_dendrites", **given)
