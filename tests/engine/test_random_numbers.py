"""Random signals have the statistics they promise, and depend on seed, input, unit and step only.

Error bars are standard errors of the estimate at hand, four of them unless said otherwise: seeds are
fixed, so a test either always passes or never.
"""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_problems import PATIENT
from scipy import stats

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.population import Population
from dendrosim.engine.network import random_numbers as noise
from dendrosim.engine.plan.signal_slots import elements
from dendrosim.errors import ParameterError, ShapeError, SpecError, UnitError
from dendrosim.experiments.run import run
from dendrosim.protocol.phases import Block, Phase, Recording
from dendrosim.protocol.protocol import Protocol
from dendrosim.signals.biexponential import BiExponential
from dendrosim.signals.held_noise import HeldNoise
from dendrosim.signals.ornstein_uhlenbeck import OrnsteinUhlenbeck
from dendrosim.signals.pulse_train import PulseTrain
from dendrosim.signals.shot_noise import ShotNoise

# -- the generator -----------------------------------------------------------------------------------------

PUBLISHED = (  # SplitMix64 from the seed 1234567
    6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431,
    16408922859458223821,
)  # fmt: skip


def test_the_generator_is_splitmix64():
    assert tuple(int(b) for b in noise.bits(1234567, np.arange(5))) == PUBLISHED


def splitmix(key, n):
    """Number n of the stream `key`, in Python's own integers."""
    mask = 2**64 - 1
    z = (key + noise.GAMMA * (n + 1)) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


@given(
    step=st.integers(0, 10**9), unit=st.integers(0, 10**6), sample=st.integers(0, 1000),
    key=st.integers(0, 2**64 - 1),
)  # fmt: skip
def test_every_number_can_be_computed_by_itself(step, unit, sample, key):
    """Unit u of sample b has number u + 2^32 b of the stream whose key is number `step` of the process's."""
    place = noise.step_key(key, step)
    assert -(2**63) <= place < 2**63
    element = unit + sample * 2**32
    found = int(noise.bits(np.int64(place), np.int64(element)))
    assert found == splitmix(splitmix(key, step), element)


def test_elements_are_numbered_by_unit_and_sample():
    assert elements(3, 2).tolist() == [0, 2**32, 1, 2**32 + 1, 2, 2**32 + 2]


def test_neither_more_units_nor_more_samples_change_the_noise_of_the_first():
    small, _ = recorded(size=3, steps=50, backend="numpy")
    large, _ = recorded(size=5, steps=50, backend="numpy")
    # A process starts from a draw of its own for all units; what is added to it later is each unit's own.
    keep = np.exp(-0.1 / 2.0)
    added = [z[1:] - 2.0 - keep * (z[:-1] - 2.0) for z in (small, large)]
    assert np.allclose(added[0], added[1][:, :3], atol=1e-12)
    batch, _ = recorded(size=3, steps=50, backend="numpy", batch=2)
    first = batch[..., 0] if batch.ndim == 3 else batch.reshape(50, 3, 2)[..., 0]
    innovation = first[1:] - 2.0 - keep * (first[:-1] - 2.0)
    assert np.allclose(added[0], innovation, atol=1e-12)


COUNT = 400_000


@pytest.mark.parametrize("key", [0, 987654321, 2**63 + 5])
def test_uniform_and_normal_numbers_follow_their_distributions(key):
    place = noise.step_key(key, 0)
    uniform, normal = noise.uniform(place, np.arange(COUNT)), noise.normal(place, np.arange(COUNT))
    assert uniform.min() > 0
    assert uniform.max() < 1
    assert stats.kstest(uniform, "uniform").pvalue > 1e-3
    assert stats.kstest(normal, "norm").pvalue > 1e-3
    # Mean, variance, skewness and kurtosis: standard errors sqrt((1, 2, 6, 24)/n).
    moments = (normal.mean(), normal.var() - 1, stats.skew(normal), stats.kurtosis(normal))
    for moment, variance in zip(moments, (1, 2, 6, 24), strict=True):
        assert abs(moment) < 4 * np.sqrt(variance / COUNT)
    assert np.abs(normal).max() > 4.0
    for lag in (1, 2, 17, noise.PARTNER, 1000):
        assert abs(np.mean(normal[lag:] * normal[:-lag])) < 4 / np.sqrt(COUNT)
        assert abs(np.mean(normal[lag:] ** 2 * normal[:-lag] ** 2) - 1) < 4 * np.sqrt(8 / COUNT)


@pytest.mark.parametrize("mean", [0.0, 1e-4, 0.03, 0.7, 4.0, 30.0, 100.0])
def test_poisson_counts_pass_a_chi_square_test(mean):
    counts = noise.poisson(noise.step_key(55, 3), np.arange(COUNT), mean).astype(int)
    if mean == 0:
        assert not counts.any()
        return
    values = np.arange(counts.max() + 2)
    expected = COUNT * stats.poisson.pmf(values, mean)
    expected[-1] = COUNT * stats.poisson.sf(values[-2], mean)
    seen = np.bincount(counts, minlength=len(values)).astype(float)
    common = expected > 10
    seen = np.append(seen[common], seen[~common].sum())
    expected = np.append(expected[common], expected[~common].sum())
    used = expected > 1
    chi = np.sum((seen - expected)[used] ** 2 / expected[used])
    assert stats.chi2.sf(chi, max(used.sum() - 1, 1)) > 1e-3


def test_poisson_means_may_differ_between_units():
    means = np.repeat([0.1, 2.0, 10.0], COUNT // 3)
    counts = noise.poisson(noise.step_key(9, 1), np.arange(len(means)), means)
    for mean in (0.1, 2.0, 10.0):
        mine = counts[means == mean]
        assert abs(mine.mean() - mean) < 4 * np.sqrt(mean / len(mine))
    alone = noise.poisson(noise.step_key(9, 1), np.arange(COUNT // 3), 0.1)
    assert np.array_equal(alone, counts[: COUNT // 3])


# -- through a run -----------------------------------------------------------------------------------------

SIZE, STEPS = 200, 3000
PROBE = "dv/dt = (x + y - v)/(10*ms) : 1\nx : 1\ny : 1"


def circuit(size=SIZE):
    return Circuit((Population("cell", size, PROBE, inputs={"x": 0.0, "y": 0.0}),))


def protocol(x, y=0.0, steps=STEPS, dt=0.1, size=SIZE, batch=1, **changes):
    settings = {
        "circuit": circuit(size), "blocks": (Block("run", (Phase("on", f"{steps * dt!r} ms"),)),),
        "dt": f"{dt!r} ms", "recordings": (Recording(("cell.x", "cell.y"), f"{dt!r} ms"),),
        "signals": {"cell.x": x, "cell.y": y}, "batch": batch,
    }  # fmt: skip
    return Protocol(**{**settings, **changes})


OU = OrnsteinUhlenbeck(2.0, 0.5, "2 ms")
SHOT = ShotNoise("2 kHz", 0.3, "3 ms")


@cache
def recorded(x=OU, y=SHOT, backend="cpp", seed=1, **options):
    """Both inputs, steps x units (x samples)."""
    result = run(protocol(x, y, **options), backend, seed)
    values = {n: result.traces[f"cell.{n}"].values for n in "xy"}
    return values["x"].squeeze(2) if values["x"].shape[2] == 1 else values["x"], (
        values["y"].squeeze(2) if values["y"].shape[2] == 1 else values["y"]
    )


def correlation(x, lag):
    """Autocorrelation at a lag, over all units, with what is known of mean and variance left to the data."""
    z = (x - x.mean()) / x.std()
    return np.mean(z[lag:] * z[:-lag]) if lag else 1.0


@pytest.mark.parametrize("dt", [0.1, 2.0, 20.0])
def test_ornstein_uhlenbeck_noise_is_stationary_at_any_time_step(dt):
    """Also where a step is ten time constants long. n independent numbers = total time/(2 tau) per unit."""
    x, _ = recorded(dt=dt)
    keep = np.exp(-dt / 2.0)
    # Variance of the mean of an AR(1) process: sigma^2/n (1 + a)/(1 - a); of its variance with a^2.
    factor = [(1 + a) / (1 - a) / x.size for a in (keep, keep**2)]
    assert abs(x.mean() - 2.0) < 4 * 0.5 * np.sqrt(factor[0])
    assert abs(x.var() / 0.25 - 1) < 4 * np.sqrt(2 * factor[1])
    for lag in (1, 5, 20, 60):
        assert abs(correlation(x, lag) - keep**lag) < 4 * np.sqrt(2 * factor[0])
    # From the first step on: 200 units.
    for step in (0, 1, STEPS - 1):
        assert abs(x[step].mean() - 2.0) < 4 * 0.5 / np.sqrt(SIZE)
        assert abs(x[step].var() / 0.25 - 1) < 4 * np.sqrt(2 / SIZE)
    assert stats.kstest((x[::200].ravel() - 2.0) / 0.5, "norm").pvalue > 1e-3


@pytest.mark.parametrize("backend", PATIENT)
def test_held_noise_is_drawn_once_a_phase_and_held(backend):
    noise = HeldNoise(1.0, 0.5)
    phases = (Phase("on", "0.5 ms"), Phase("off", "0.3 ms", signals={"cell.x": 3.0}))
    found = recorded(noise, 0.0, backend, blocks=(Block("run", phases, trials=40),), batch=2)[0]
    cycles = found.reshape(40, 8, SIZE, 2)
    held = cycles[:, 0]
    assert np.array_equal(cycles[:, :5], np.repeat(held[:, None], 5, axis=1))
    assert np.all(cycles[:, 5:] == 3.0)
    n = held.size
    assert len(np.unique(held)) == n
    assert abs(held.mean() - 1.0) < 4 * 0.5 / np.sqrt(n)
    assert abs(held.var() / 0.25 - 1) < 4 * np.sqrt(2 / n)
    z = (held - 1.0) / 0.5
    for other in (z[1:] * z[:-1], z[:, 1:] * z[:, :-1], z[..., 0] * z[..., 1]):
        assert abs(other.mean()) < 4 / np.sqrt(other.size)
    again = recorded(noise, 0.0, "numpy", blocks=(Block("run", phases, trials=40),), batch=2)[0]
    assert np.allclose(found, again, rtol=1e-12)


def test_ornstein_uhlenbeck_noise_is_the_exact_recursion_of_independent_normal_numbers():
    """The innovations, computed back from the course, are white, normal and without memory of the state."""
    x, _ = recorded()
    z = (x - 2.0) / 0.5
    keep = np.exp(-0.1 / 2.0)
    w = (z[1:] - keep * z[:-1]) / np.sqrt(1 - keep**2)
    n = w.size
    assert abs(w.mean()) < 4 / np.sqrt(n)
    assert abs(w.var() - 1) < 4 * np.sqrt(2 / n)
    assert stats.kstest(w[::5].ravel(), "norm").pvalue > 1e-3
    assert abs(np.mean(w * z[:-1])) < 4 / np.sqrt(n)
    assert abs(np.mean(w[1:] * w[:-1])) < 4 / np.sqrt(n)
    assert abs(np.mean(w[:, 1:] * w[:, :-1])) < 4 / np.sqrt(n)
    # Every pair of units: 200 x 200 correlations, largest of 19900 normal numbers below 6 sd.
    between = (w.T @ w / len(w))[np.triu_indices(SIZE, 1)] * np.sqrt(len(w))
    assert np.abs(between).max() < 6
    assert abs(between.std() - 1) < 4 / np.sqrt(2 * len(between))


@pytest.mark.parametrize("dt", [0.1, 2.0])
def test_shot_noise_is_the_exact_discrete_filter_of_poisson_counts(dt):
    """z <- keep z + sqrt(keep) n: the counts computed back are whole, Poisson and independent."""
    _, y = recorded(dt=dt)
    keep, expected = np.exp(-dt / 3.0), 2.0 * dt
    z = y / 0.3
    counts = (z[1:] - keep * z[:-1]) / np.sqrt(keep)
    assert np.abs(counts - np.round(counts)).max() < 1e-9
    counts = np.round(counts).astype(int)
    n = counts.size
    assert abs(counts.mean() - expected) < 4 * np.sqrt(expected / n)
    assert abs(counts.var() / counts.mean() - 1) < 4 * np.sqrt(2 / n)
    frequencies = np.bincount(counts.ravel(), minlength=30)
    theory = stats.poisson.pmf(np.arange(len(frequencies)), expected) * n
    used = theory > 20
    chi = np.sum((frequencies - theory)[used] ** 2 / theory[used])
    assert stats.chi2.sf(chi, used.sum() - 1) > 1e-3
    centred = counts - expected
    assert abs(np.mean(centred[1:] * centred[:-1])) < 4 * expected / np.sqrt(n)
    assert abs(np.mean(centred[:, 1:] * centred[:, :-1])) < 4 * expected / np.sqrt(n)
    # Stationary moments of the filter: mean sqrt(keep)/(1 - keep) n and variance keep/(1 - keep^2) n.
    mean, variance = np.sqrt(keep) / (1 - keep) * expected, keep / (1 - keep**2) * expected
    later = z[300:]
    assert abs(later.mean() / mean - 1) < 4 * np.sqrt(variance * (1 + keep) / (1 - keep) / n) / mean
    assert abs(later.var() / variance - 1) < 8 * np.sqrt(2 * (1 + keep**2) / (1 - keep**2) / n)


def test_shot_noise_has_the_moments_of_campbell_s_theorem():
    """Mean jump rate decay and variance jump^2 rate decay/2, up to (dt/decay)^2/6 = 0.02 % of either."""
    _, y = recorded()
    assert y.mean() == pytest.approx(0.3 * 2.0 * 3.0, rel=0.01)
    assert y.var() == pytest.approx(0.3**2 * 2.0 * 3.0 / 2, rel=0.04)
    # It starts there: 200 units.
    assert abs(y[0].mean() - 1.8) < 4 * np.sqrt(0.27 / SIZE) + 0.03
    assert abs(y[0].var() / 0.27 - 1) < 4 * np.sqrt(3 / SIZE)
    assert abs(correlation(y, 30) - np.exp(-1)) < 0.03


# -- what the numbers depend on ----------------------------------------------------------------------------

SMALL = {"size": 6, "steps": 100, "batch": 2}


@pytest.mark.parametrize("backend", PATIENT)
def test_numbers_are_the_same_on_every_back_end(backend):
    for mine, theirs in zip(recorded(backend=backend, **SMALL), recorded(**SMALL), strict=True):
        assert np.allclose(mine, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("size", [1, 129, 300])
@pytest.mark.parametrize(("precision", "error"), [("double", 1e-12), ("single", 1e-4)])
def test_numbers_drawn_in_pairs_are_those_of_each_unit(size, precision, error):
    """A compiled program draws those of a block at once; the last pairs of a population are incomplete."""
    made = protocol(OU, OU, size=size, steps=50)
    block, single = (run(made, backend, 1, precision) for backend in ("cpp", "numpy"))
    for name in ("cell.x", "cell.y"):
        traces = block.traces[name].values, single.traces[name].values
        assert np.allclose(*traces, rtol=error, atol=error)
    some = noise.normal(noise.step_key(4, 2), np.arange(size))
    alone = [noise.normal(noise.step_key(4, 2), i) for i in range(size)]
    assert np.array_equal(some, alone)


@pytest.mark.parametrize("name", ["noise", "my_noise", "a_z", "slot"])
def test_an_input_may_have_any_name(name):
    cells = Population("cell", 300, f"dv/dt = (-v + {name})/(10*ms) : 1\n{name} : 1", inputs=[name])
    noise = {f"cell.{name}": OrnsteinUhlenbeck(0.5, 1.0, "5 ms")}
    block = Block("run", (Phase("on", "10 ms"),))
    protocol = Protocol(Circuit((cells,)), (block,), dt="0.1 ms", signals=noise)
    found, expected = (run(protocol, b, seed=2).state["cell.v"] for b in ("cpp", "numpy"))
    assert np.max(np.abs(found - expected)) < 1e-12


def test_threads_change_no_number():
    made = protocol(OU, SHOT, size=5000, steps=20)
    one, two = (run(made, "cpp", 1, threads=n) for n in (1, 2))
    for name in ("cell.x", "cell.y"):
        assert np.array_equal(one.traces[name].values, two.traces[name].values)
    assert np.array_equal(one.final["cell.v"].values, two.final["cell.v"].values)


def test_units_of_different_noise_are_not_taken_for_the_same():
    """Numbers that all units share are read once; here they are shared in one phase and not in the next."""
    means = np.arange(300.0)
    same, own = OrnsteinUhlenbeck(7.0, 0.0, "2 ms"), OrnsteinUhlenbeck(means, 0.0, "2 ms")
    phases = [
        Phase(n, "1 ms", signals={"cell.x": s}) for n, s in (("a", same), ("b", own), ("c", same))
    ]
    x = run(protocol(0.0, blocks=(Block("run", tuple(phases)),), size=300), "cpp", 1)
    x = x.traces["cell.x"].values.squeeze()
    assert np.all(x[:10] == 7.0)
    assert np.all(x[10:20] == means)
    assert np.all(x[20:] == 7.0)


def test_units_samples_steps_inputs_and_seeds_have_numbers_of_their_own():
    x, y = recorded(y=OU, backend="numpy", **SMALL)
    other, _ = recorded(y=OU, backend="numpy", seed=2, **SMALL)
    everything = np.concatenate([x.ravel(), y.ravel(), other.ravel()])
    assert len(np.unique(everything)) == everything.size
    again, _ = recorded.__wrapped__(y=OU, backend="numpy", **SMALL)
    assert np.array_equal(again, x)


def test_inputs_are_independent_of_each_other():
    x, y = recorded(y=OU, backend="numpy", steps=500)
    z = [(v - 2.0) / 0.5 for v in (x, y)]
    keep = np.exp(-0.1 / 2.0)
    # Correlation of two AR(1) processes: variance (1 + a^2)/(1 - a^2)/n.
    error = np.sqrt((1 + keep**2) / (1 - keep**2) / x.size)
    assert abs(np.mean(z[0] * z[1])) < 4 * error
    assert abs(np.mean(z[0][:-1] * z[1][1:])) < 4 * error


@pytest.mark.parametrize(
    "more", [SHOT, BiExponential(1.0, "1 ms", "1 ms", "3 ms")],
    ids=lambda s: type(s).__name__,
)  # fmt: skip
def test_another_signal_on_the_same_input_changes_no_number_of_the_noise(more):
    """What is added is what the other signal would be alone; the sum shows both."""
    alone, _ = recorded(OU, 0.0, "numpy", **SMALL)
    both, _ = recorded((OU, more), 0.0, "numpy", **SMALL)
    other, _ = recorded(more, 0.0, "numpy", **SMALL)
    assert np.allclose(both - other, alone, atol=1e-12)


def test_noise_on_another_input_or_in_another_population_changes_no_number():
    alone, _ = recorded(OU, 0.0, "numpy", **SMALL)
    assert np.array_equal(recorded(OU, SHOT, "numpy", **SMALL)[0], alone)
    made = protocol(OU, SHOT, **SMALL)
    cell = made.circuit.populations[0]
    for populations in ((Population("aside", 5, PROBE, inputs={"x": 0, "y": 0}), cell), (cell,)):
        signals = dict(made.signals)
        if len(populations) == 2:
            signals |= {"aside.x": OU, "aside.y": OU}
        wide = made.replace(circuit=Circuit(populations), signals=signals)
        assert np.array_equal(run(wide, "numpy", 1).traces["cell.x"].values, alone)


def test_two_noises_of_a_kind_on_one_input_are_two_streams():
    first, _ = recorded((OU, OrnsteinUhlenbeck(0.0, 0.5, "2 ms")), 0.0, "numpy", steps=500)
    n = first.size * np.tanh(0.05)  # of independent numbers, at the least
    assert abs(first.var() / 0.5 - 1) < 8 * np.sqrt(2 / n)  # independent: variances add up


def test_every_unit_may_have_noise_of_its_own_kind():
    mean, sigma, tau = np.array([0.0, 5.0, -3.0]), np.array([0.0, 1.0, 2.0]), [1e-3, 1e-3, 4e-3]
    x, y = recorded(
        OrnsteinUhlenbeck(mean, sigma, [f"{t!r} s" for t in tau]),
        ShotNoise(["0 Hz", "100 Hz", "5 kHz"], [1.0, 2.0, 0.1], ["3 ms", "3 ms", "1 ms"]),
        "numpy", size=3, steps=4000,
    )  # fmt: skip
    assert np.all(x[:, 0] == 0)
    assert np.all(y[:, 0] == 0)
    for unit in (1, 2):
        keep = np.exp(-1e-4 / tau[unit])
        factor = (1 + keep) / (1 - keep) / len(x)
        assert abs(x[:, unit].mean() - mean[unit]) < 4 * sigma[unit] * np.sqrt(factor)
        assert abs(x[:, unit].std() / sigma[unit] - 1) < 4 * np.sqrt(factor / 2)
        assert abs(correlation(x[:, unit], round(tau[unit] / 1e-4)) - np.exp(-1)) < 4 * np.sqrt(
            factor
        )
    for unit, (jump, events) in enumerate([(1.0, 0.0), (2.0, 0.3), (0.1, 5.0)]):
        keep = np.exp(-1e-4 / [3e-3, 3e-3, 1e-3][unit])
        if events:
            error = jump * np.sqrt(events / 2 * (1 + keep) / (1 - keep) / len(y))
            assert abs(y[:, unit].mean() - jump * events) < 4 * error + 0.06 * jump * events


def test_a_phase_without_noise_interrupts_it_and_the_numbers_of_a_step_stay_the_same():
    """The number of a step depends on the step, not on what was drawn before."""
    phases = (Phase("on", "2.5 ms"), Phase("off", "2.5 ms", signals={"cell.x": 1.0}))
    made = protocol(OU, **SMALL, blocks=(Block("run", phases, trials=2),))
    x = run(made, "numpy", 1).traces["cell.x"].values
    whole = protocol(OU, **SMALL)
    expected = run(whole, "numpy", 1).traces["cell.x"].values
    assert np.array_equal(x[:25], expected[:25])
    assert np.all(x[25:50] == 1.0)
    keep = np.exp(-0.05)

    def fresh(values):
        z = (values - 2.0) / 0.5
        return z[1:] - keep * z[:-1]

    assert np.allclose(fresh(x[50:75]), fresh(expected[50:75]), atol=1e-12)


@settings(max_examples=15)
@given(
    sigma=st.floats(0, 10), tau=st.floats(0.01, 1e3), dt=st.floats(0.01, 100), mean=st.floats(-10, 10)
)  # fmt: skip
def test_the_numbers_of_the_recursion_keep_the_variance(sigma, tau, dt, mean):
    numbers = OrnsteinUhlenbeck(mean, sigma, f"{tau!r} ms").numbers(dt * 1e-3)
    assert numbers["keep"] ** 2 + numbers["spread"] ** 2 == pytest.approx(1.0, abs=1e-12)
    assert 0 <= numbers["keep"] <= 1


# -- pulse trains ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dt", [0.1, 0.05, 0.3])
@pytest.mark.parametrize(
    ("onset", "interval", "duration", "count"), [(12, 30, 7, 4), (0, 5, 5, 3), (3, 2, 1, 40)]
)
def test_a_pulse_train_is_on_for_whole_steps(dt, onset, interval, duration, count):
    """All times in steps."""
    ms = [f"{n * dt!r} ms" for n in (onset, interval, duration)]
    x, _ = recorded(
        PulseTrain(1.5, ms[0], ms[1], ms[2], count), 0.0, "numpy", size=1, steps=200, dt=dt
    )
    since = np.arange(200) - onset
    on = (since >= 0) & (since < count * interval) & (since % interval < duration)
    assert np.array_equal(x[:, 0], 1.5 * on)


# -- what is refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (lambda: HeldNoise(0, -1), ParameterError, "HeldNoise.sigma"),
        (lambda: OrnsteinUhlenbeck(0, 1, "0 ms"), ParameterError, "OrnsteinUhlenbeck.tau"),
        (lambda: OrnsteinUhlenbeck(0, 1, "-1 ms"), ParameterError, "OrnsteinUhlenbeck.tau"),
        (lambda: OrnsteinUhlenbeck(0, float("nan"), "1 ms"), ParameterError, "OrnsteinUhlenbeck.sigma"),
        (lambda: ShotNoise("-1 Hz", 1, "1 ms"), ParameterError, "ShotNoise.rate"),
        (lambda: ShotNoise("1 Hz", 1, "0 ms"), ParameterError, "ShotNoise.decay"),
        (lambda: PulseTrain(1, "0 ms", "1 ms", "2 ms", 3), ParameterError, "duration <= interval"),
        (lambda: PulseTrain(1, "0 ms", "1 ms", "0 ms", 3), ParameterError, "duration"),
        (lambda: protocol(OrnsteinUhlenbeck(0, 1, 2.0)), UnitError, "OrnsteinUhlenbeck.tau"),
        (lambda: protocol(OrnsteinUhlenbeck(0, "1 mV", "1 ms")), UnitError, "cell.x: OrnsteinUhlenbeck.sigma"),
        (lambda: protocol(OrnsteinUhlenbeck(0, [1, 2], "1 ms")), ShapeError, "200 numbers"),
        (lambda: protocol(ShotNoise("1 ms", 1, "1 ms")), UnitError, "ShotNoise.rate"),
        (lambda: protocol(ShotNoise("5 MHz", 1, "1 ms")), ParameterError, "cell.x: ShotNoise: 500 events"),
    ],
)  # fmt: skip
def test_noise_that_cannot_be_is_refused_by_name(make, kind, words):
    with pytest.raises(SpecError) as raised:
        make()
    assert isinstance(raised.value, kind), repr(raised.value)
    assert words in str(raised.value)
