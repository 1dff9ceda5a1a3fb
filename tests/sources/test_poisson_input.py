"""Random input from many trains: binomial counts that are exact, the same everywhere, and added in their place."""

import numpy as np
import pytest
from interrupted_runs import interrupt
from scipy import stats

import dendrosim as ds
from dendrosim.circuit.summary import circuit_plain
from dendrosim.cli.circuit_text import circuit_text
from dendrosim.engine.backends import backend_named
from dendrosim.engine.network.random_numbers import binomial, step_key
from dendrosim.engine.standalone.program import describe_structure
from dendrosim.errors import (
    DifferentiationError,
    NonFiniteError,
    ParameterError,
    ShapeError,
    SpecError,
    UnitError,
    UnknownMemberError,
)

HZ = ds.quantity("1 Hz").dimension
DT, TRAINS, BATCH = 1e-4, 200, 2
# Expected counts of 0.2 and 9 (inversion), 20 and 100 (rejection), and 180, 199.8 and 200 (counting failures).
PROBABILITIES = np.array([0.001, 0.045, 0.1, 0.5, 0.9, 0.999, 1.0])
EACH = 300  # so that two threads share the work, which they do from 4096 elements on
UNITS = EACH * len(PROBABILITIES)
RATES = ds.Quantity(np.repeat(PROBABILITIES / DT, EACH), HZ)


def circuit(rate=RATES, weight="1 V", trains=TRAINS, target="cell.total", **changes):
    """The state `total` adds up what it receives; `g` decays."""
    equations = "dtotal/dt = 0*total/second : volt\ndg/dt = -g/(5*ms) : 1"
    sources = (
        ds.PoissonInput("counts", target, trains=trains, rate=rate, weight=weight),
        ds.PoissonInput("noise", "cell.g", 1000, "5 Hz", np.linspace(0.5, 2, UNITS)),
    )
    fields = {"populations": (ds.Population("cell", UNITS, equations),), "sources": sources}
    return ds.Circuit(**{**fields, **changes})


def protocol(spec=None, duration="5 ms", pulse="1 kHz", **changes):
    phases = (
        ds.Phase("rest", duration),
        ds.Phase("pulse", "15 ms", signals={"noise.rate": ds.Pulse(pulse, "5 ms", "5 ms")}),
    )
    recordings = (ds.Recording(("cell.total", "cell.g"), "0.1 ms"),)
    fields = {"dt": "0.1 ms", "recordings": recordings, "batch": BATCH}
    blocks = (ds.Block("only", phases),)
    return ds.Protocol(spec or circuit(), blocks, **{**fields, **changes})


@pytest.fixture(scope="module")
def results():
    found = [ds.run(protocol(), backend="numpy")]
    return found + [ds.run(protocol(), backend="cpp", threads=n) for n in (1, 2)]


def counts(result):
    """Numbers of spikes that were added in each step, shape (steps, units, samples)."""
    return np.diff(result["cell.total"].values, axis=0)


def goodness_of_fit(observed, exact):
    """The p-value of a chi-square test; values that are expected fewer than 10 times count as one."""
    observed = np.ravel(observed)
    low, high = (int(exact.ppf(q)) for q in (1e-5, 1 - 1e-5))
    chances = np.array([exact.cdf(low - 1), *exact.pmf(np.arange(low, high + 1)), exact.sf(high)])
    found = np.bincount(
        np.clip(observed.astype(int) - low + 1, 0, high - low + 2), minlength=len(chances)
    )
    many = chances * observed.size >= 10
    pairs = np.array([found, chances * observed.size])
    pairs = np.column_stack([pairs[:, many], pairs[:, ~many].sum(axis=1)])
    return stats.chisquare(*pairs[:, pairs[1] > 0]).pvalue


# -- the numbers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "p"),
    [
        (1, 0.3), (5, 0.5), (19, 0.5), (21, 0.48), (25, 0.4), (40, 0.26), (100, 0.0999), (100, 0.1001),
        (1000, 0.3), (30, 0.9), (1000, 0.97), (10**6, 1e-6), (10**6, 2e-5), (10**9, 1e-9), (10**9, 3e-8),
    ],
)  # fmt: skip
def test_binomial_numbers_have_the_exact_distribution(n, p):
    found = binomial(step_key(3 * n + 1, round(1e4 * p)), np.arange(400_000), n, p)
    assert np.array_equal(found, np.floor(found))
    assert goodness_of_fit(found, stats.binom(n, p)) > 1e-3


def test_an_impossible_probability_counts_as_the_nearest_possible_one():
    p = np.array([-1.0, -np.inf, np.nan, 0.0, 1.0, 1.0000005, np.inf])
    assert binomial(1, np.arange(7), 12, p).tolist() == [0, 0, 0, 0, 12, 12, 12]


def test_each_step_adds_a_binomial_count(results):
    found = counts(results[1])
    assert np.array_equal(found, np.rint(found))
    for k, p in enumerate(PROBABILITIES[:-1]):
        part = found[:, EACH * k : EACH * (k + 1)]
        assert goodness_of_fit(part, stats.binom(TRAINS, p)) > 1e-3
    assert np.all(found[:, -EACH:] == TRAINS)


def test_back_ends_and_numbers_of_threads_draw_the_same_counts(results):
    expected = results[0]["cell.total"]
    for result in results[1:]:
        assert np.array_equal(result["cell.total"], expected)
        np.testing.assert_allclose(result["cell.g"], results[0]["cell.g"], rtol=1e-12)
    assert np.array_equal(results[1]["cell.g"], results[2]["cell.g"])


def test_units_samples_and_steps_draw_numbers_of_their_own(results):
    found = counts(results[1])[:, 3 * EACH : 4 * EACH]
    pairs = (
        (found[:, :, 0], found[:, :, 1]), (found[1:], found[:-1]), (found[:, 1:], found[:, :-1]),
    )  # fmt: skip
    for one, other in pairs:
        r = np.corrcoef(np.ravel(one), np.ravel(other))[0, 1]
        assert abs(r) < 4 / np.sqrt(np.size(one))


def test_mean_and_variance_of_a_filtered_input_are_those_of_the_exact_sum():
    """The state is a geometric sum of independent binomial numbers."""
    n, p, keep, units = 1000, 5 * DT, 1 - DT / 5e-3, 4000
    cell = ds.Population("cell", units, "dg/dt = -g/(5*ms) : 1")
    spec = ds.Circuit((cell,), sources=(ds.PoissonInput("noise", "cell.g", n, "5 Hz", 2.0),))
    blocks = (ds.Block("only", (ds.Phase("on", "60 ms"),)),)
    g = ds.run(ds.Protocol(spec, blocks, "0.1 ms"), backend="numpy").final["cell.g"].values
    decayed = keep**600
    mean = 2 * n * p * (1 - decayed) / (1 - keep)
    variance = 4 * n * p * (1 - p) * (1 - decayed**2) / (1 - keep**2)
    assert abs(g.mean() - mean) < 4 * np.sqrt(variance / units)
    assert abs(g.var() / variance - 1) < 4 * np.sqrt(2 / units)


def test_a_signal_drives_the_rates(results):
    g = results[1]["cell.g"].values.mean(axis=(1, 2))
    steps = np.arange(200)
    rates = np.where((steps >= 100) & (steps < 150), 1000.0, 5.0 * (steps < 50))
    expected = [0.0]
    for rate in rates[:-1]:
        expected.append(expected[-1] * (1 - DT / 5e-3) + 1.25 * 1000 * rate * DT)
    assert np.max(abs(g - expected)) < 0.02 * max(expected)


@pytest.mark.parametrize("backend", ["numpy", "cpp"])
def test_input_comes_after_presynaptic_and_before_postsynaptic_effects(backend):
    """Every unit spikes in every step: n is doubled by on_pre, then one is added, then on_post triples it."""
    cell = ds.Population("cell", 3, "dn/dt = 0*n/second : 1", threshold="n >= 0")
    held = ds.Population(
        "held", 3, "dn/dt = 0*n/second : 1 (unless refractory)", threshold="n > 1.5",
        refractory="3*ms", reset="n = 0.75",
    )  # fmt: skip
    spec = ds.Circuit(
        (cell, held),
        sources=(
            ds.Poisson("clock", 3, "1 kHz"),
            ds.PoissonInput("one", "cell.n", trains=1, rate="1 kHz", weight=1.0),
            ds.PoissonInput("two", "held.n", trains=1, rate="1 kHz", weight=1.0),
        ),
        pathways=(
            ds.Pathway(
                "double", "clock", "cell", "n_post = 2*n_post", connect=ds.OneToOne(),
                on_post="n_post = 3*n_post",
            ),
        ),
    )  # fmt: skip
    recordings = (ds.Recording(("cell.n", "held.n"), "1 ms"),)
    blocks = (ds.Block("only", (ds.Phase("on", "9 ms"),)),)
    result = ds.run(ds.Protocol(spec, blocks, "1 ms", recordings), backend=backend)
    n = [0.0]
    for _ in range(8):
        n.append(3 * (2 * n[-1] + 1))
    assert np.array_equal(result["cell.n"][:, 0], n)
    # A unit above 1.5 spikes; in that step and in its refractory period of three steps it receives nothing.
    assert result["held.n"].values[:, 0].tolist() == [0, 1, 2, 0.75, 0.75, 0.75, 1.75, 0.75, 0.75]


def test_an_interrupted_run_ends_with_the_same_numbers(results, tmp_path):
    out = interrupt(protocol(), tmp_path / "out", step=90, threads=1)
    resumed = ds.run(resume=out)
    for name in ("cell.total", "cell.g"):
        assert np.array_equal(resumed[name], results[1][name])


# -- specifications --------------------------------------------------------------------------------------


def test_rates_trains_and_weights_are_data():
    other = circuit(
        rate="3 Hz", weight=ds.Quantity(np.ones(UNITS), (2, 1, -3, -1, 0, 0, 0)), trains=7
    )
    structures = [describe_structure(protocol(c), "double") for c in (circuit(), other)]
    assert structures[0] == structures[1]
    noise = circuit().sources[1]
    two = ds.Population("cell", UNITS, "dg/dt = -g/second : 1\ndh/dt = -h/second : 1")
    specs = [ds.Circuit((two,), sources=(noise.replace(target=t),)) for t in ("cell.g", "cell.h")]
    assert specs[0].structure() != specs[1].structure()


def test_a_circuit_with_inputs_is_the_same_when_read_back_and_can_be_joined():
    assert ds.Circuit.from_json(circuit().to_json()) == circuit()
    joined = ds.Circuit.join(left=circuit(), right=circuit())
    assert [s.target for s in joined.sources[::2]] == ["left_cell.total", "right_cell.total"]
    text = circuit_text(circuit_plain(circuit(rate="5 Hz")))
    assert (
        "source counts (PoissonInput, target cell.total, trains 200, rate 5 Hz, weight 1 V)" in text
    )


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        (
            {"target": "cell.v"},
            UnknownMemberError,
            "target: unknown state of population 'cell' 'v'",
        ),
        (
            {"target": "cel.g"},
            UnknownMemberError,
            "target: unknown population 'cel'; did you mean 'cell'",
        ),
        ({"target": "noise.rate"}, UnknownMemberError, "target: unknown population 'noise'"),
        ({"target": "cell"}, SpecError, "target is 'cell'; it must be written population.variable"),
        ({"weight": "1 mS"}, UnitError, "weight is in S; it must be in V"),
        (
            {"weight": ds.quantity(["1 mV"] * 3)},
            ShapeError,
            "weight has shape .* give one number or 2100",
        ),
        (
            {"rate": ds.quantity(["1 Hz"] * 3)},
            ShapeError,
            "rate has shape .* give one number or 2100",
        ),
        ({"rate": "-1 Hz"}, ParameterError, "rate is -1 Hz; a rate must not be negative"),
        ({"trains": 0}, ParameterError, "trains is 0; it must be an integer of at least 1"),
        ({"trains": 2.5}, ParameterError, "trains is 2.5; it must be an integer"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_name_of_the_source(changes, error, words):
    with pytest.raises(error, match=f"^PoissonInput 'counts': {words}"):
        circuit(**changes)


def test_an_input_sends_no_spikes_through_pathways():
    feed = ds.Pathway("feed", "noise", "cell", "g_post += 1")
    with pytest.raises(
        SpecError, match=r"Pathway 'feed': pre is the PoissonInput 'noise', which adds"
    ):
        circuit(pathways=(feed,))


def test_rates_out_of_range_are_refused_or_end_the_run_by_name():
    with pytest.raises(ParameterError, match=r"unit 0 of PoissonInput 'counts' is 10001 Hz"):
        protocol(circuit(rate="10.001 kHz"))
    with pytest.raises(
        NonFiniteError, match=r"rate of PoissonInput 'noise' was negative at t = 0\.01 s"
    ):
        ds.run(protocol(pulse="-5 Hz"), backend="cpp")


def test_cuda_refuses_inputs():
    assert backend_named("cuda").refused(protocol()) == "sources such as PoissonInput 'counts'"


def test_the_vector_field_leaves_inputs_out_below_threshold():
    with pytest.raises(DifferentiationError, match="PoissonInput 'counts' causes spikes"):
        ds.vector_field(circuit())
    field = ds.vector_field(circuit(), subthreshold=True)
    state = np.ones(2 * UNITS)
    np.testing.assert_allclose(field.f(state), np.repeat([0.0, -200.0], UNITS))


MODEL = '''
"""Leaky cells that sources excite.

Sources
-------
None; an example.
"""

import dendrosim as ds


class Parameters(ds.Parameters):
    cells: int = ds.parameter(3, "number of cells", least=1)
    rate: ds.Quantity = ds.parameter("20 Hz", "rate of the background", least=0)
    weight: float = ds.parameter(0.4, "weight of all inputs", least=0)


def circuit(p: Parameters) -> ds.Circuit:
    """Return the circuit."""
    cell = ds.Population("cell", p.cells, "dg/dt = -g/(5*ms) : 1")
    pathways = [
        ds.Pathway(f"from_{name}", name, "cell", "g_post += weight", weight=p.weight)
        for name in ("background", "given")
    ]
    sources = (
        ds.Poisson("background", 20, p.rate),
        ds.SpikeTimes("given", 7),
        ds.PoissonInput("noise", "cell.g", 100, p.rate, p.weight),
    )
    return ds.Circuit((cell,), pathways=pathways, sources=sources)
'''


@pytest.mark.slow
def test_a_model_with_all_sources_passes_the_thorough_check(tmp_path):
    """Back ends agree, a step equals the vector field, and every parameter has an effect."""
    path = tmp_path / "sourced_cells.py"
    path.write_text(MODEL)
    assert ds.check_model(str(path)) == []
