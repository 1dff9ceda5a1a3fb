"""Poisson sources spike as often as their rates say, independently, and with the same numbers everywhere."""

import dataclasses

import numpy as np
import pytest
from interrupted_runs import interrupt
from scipy import stats

import dendrosim as ds
from dendrosim.circuit.summary import circuit_line, circuit_plain
from dendrosim.cli.circuit_text import circuit_text
from dendrosim.engine.standalone.program import describe_structure
from dendrosim.errors import (
    DifferentiationError,
    NonFiniteError,
    ParameterError,
    ShapeError,
    SpecError,
    UnitError,
)

UNITS, CELLS, BATCH, DT = 3000, 20, 2, 1e-4
RATES = ds.Quantity(np.repeat([0.0, 50.0, 2000.0], UNITS // 3), ds.quantity("1 Hz").dimension)


def circuit(rate=RATES, **changes):
    cell = ds.Population("cell", CELLS, "dg/dt = -g/(5*ms) : 1")
    fields = {
        "sources": (ds.Poisson("noise", UNITS, rate),),
        "pathways": (
            ds.Pathway(
                "feed", pre="noise", post="cell", on_pre="g_post += weight*rand()",
                connect=ds.InDegree(40), weight=ds.Uniform(0.5, 1.5), delay="1 ms",
            ),
        ),
    }  # fmt: skip
    return ds.Circuit((cell,), **{**fields, **changes})


def protocol(duration="100 ms", pulse="1 kHz", spec=None, **changes):
    """Rates of the source in one phase, another for all units during 10 ms of the next."""
    phases = (
        ds.Phase("rest", duration),
        ds.Phase("pulse", "30 ms", signals={"noise.rate": ds.Pulse(pulse, "10 ms", "10 ms")}),
    )
    fields = {
        "dt": "0.1 ms",
        "recordings": (ds.Recording("noise.spike", "spike"), ds.Recording("cell.g", "1 ms")),
        "batch": BATCH,
    }
    blocks = (ds.Block("only", phases),)
    return ds.Protocol(spec or circuit(), blocks, **{**fields, **changes})


@pytest.fixture(scope="module")
def whole():
    return ds.run(protocol("500 ms"), backend="cpp", threads=1)


def counts(result, start, stop):
    """Numbers of spikes between two steps, shape (units, samples)."""
    spikes = result.spikes["noise"]
    steps = np.rint(spikes.time / DT).astype(int)
    chosen = (steps >= start) & (steps < stop)
    found = np.zeros((UNITS, BATCH), int)
    np.add.at(found, (spikes.unit[chosen], spikes.sample[chosen]), 1)
    return found


def test_counts_have_the_binomial_distribution(whole):
    """In n steps, a unit spikes as often as n coins with the probability rate*dt come up."""
    n = 5000
    found = counts(whole, 0, n)
    assert not found[: UNITS // 3].any()
    for part, rate in ((found[UNITS // 3 : 2 * UNITS // 3], 50.0), (found[2 * UNITS // 3 :], 2e3)):
        exact = stats.binom(n, rate * DT)
        size = part.size
        assert abs(part.mean() - exact.mean()) < 4 * np.sqrt(exact.var() / size)
        assert abs(part.var() / exact.var() - 1) < 4 * np.sqrt(2 / size)
        edges = exact.ppf(np.linspace(0, 1, 11)[1:-1])
        observed = np.bincount(np.searchsorted(edges, part.ravel()), minlength=10)
        expected = size * np.diff([0, *exact.cdf(edges), 1])
        assert stats.chisquare(observed, expected).pvalue > 1e-3


def test_units_samples_and_steps_are_independent(whole):
    fast = counts(whole, 0, 2500)[2 * UNITS // 3 :], counts(whole, 2500, 5000)[2 * UNITS // 3 :]
    for one, other in (fast, fast[0].T, (fast[0][1:], fast[0][:-1])):
        r = np.corrcoef(np.ravel(one), np.ravel(other))[0, 1]
        assert abs(r) < 4 / np.sqrt(np.size(one))


def test_a_signal_drives_the_rates(whole):
    assert not counts(whole, 5000, 5100).any()
    assert not counts(whole, 5200, 5300).any()
    found = counts(whole, 5100, 5200).sum()
    exact = stats.binom(100 * UNITS * BATCH, 0.1)
    assert abs(found - exact.mean()) < 4 * exact.std()


def test_back_ends_and_numbers_of_threads_give_the_same_spikes_and_effects():
    results = [ds.run(protocol(), backend="numpy")]
    results += [ds.run(protocol(), backend="cpp", threads=n) for n in (1, 2)]
    for other in results[1:]:
        for one, two in zip(results[0].spikes["noise"], other.spikes["noise"], strict=True):
            assert np.array_equal(one, two)
        # numpy multiplies by dt/tau in another order
        np.testing.assert_allclose(other["cell.g"], results[0]["cell.g"], rtol=1e-12)
    assert np.array_equal(results[1]["cell.g"], results[2]["cell.g"])


def test_an_interrupted_run_ends_with_the_same_spikes(tmp_path):
    given = protocol()
    out = interrupt(given, tmp_path / "out", step=300, threads=1)
    resumed, whole = ds.run(resume=out), ds.run(given, backend="cpp", threads=1)
    for one, two in zip(whole.spikes["noise"], resumed.spikes["noise"], strict=True):
        assert np.array_equal(one, two)
    assert np.array_equal(whole["cell.g"], resumed["cell.g"])


def test_another_seed_or_rate_needs_no_new_program():
    other = protocol(spec=circuit(rate="3 Hz"), pulse="20 Hz")
    assert describe_structure(other, "double") == describe_structure(protocol(), "double")
    more = protocol(spec=circuit(sources=(ds.Poisson("noise", UNITS + 1, "3 Hz"),)))
    assert describe_structure(more, "double") != describe_structure(protocol(), "double")


def test_another_object_changes_no_spikes():
    """Random numbers belong to their source."""
    small = ds.Circuit(
        (ds.Population("cell", 1, "dv/dt = -v/second : 1"),),
        sources=(ds.Poisson("first", 5, "100 Hz"), ds.Poisson("noise", 5, "1 kHz")),
    )
    alone = small.replace(sources=small.sources[1:])

    def spikes(spec):
        recordings = (ds.Recording("noise.spike", "spike"),)
        blocks = (ds.Block("only", (ds.Phase("only", "20 ms"),)),)
        return ds.run(ds.Protocol(spec, blocks, "0.1 ms", recordings), backend="numpy").spikes[
            "noise"
        ]

    assert np.array_equal(spikes(small).time, spikes(alone).time)


# -- rates out of range --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "error", "words"),
    [
        ("-1 Hz", ParameterError, "is -1 Hz; a rate must not be negative"),
        ([1.0, 2.0], UnitError, "must be in Hz"),
        (ds.quantity(["1 Hz", "2 Hz"]), ShapeError, "give one number or 3000 numbers"),
    ],
)
def test_a_wrong_rate_is_refused_with_the_name_of_the_source(rate, error, words):
    with pytest.raises(error, match=f"^Poisson 'noise': rate.*{words}"):
        ds.Poisson("noise", UNITS, rate)


@pytest.mark.parametrize(
    "signal",
    [
        "10.1 kHz",
        ds.Table([0, 11], "10 ms", unit="kHz"),
        [ds.Constant("9 kHz"), ds.Samples("rows")],
        [ds.Constant("1 kHz"), ds.Table([0, -1.5], "10 ms", unit="kHz")],
    ],
)
def test_a_rate_out_of_range_is_refused_before_the_run(signal):
    rows = np.full((4, UNITS), 2000.0)
    with pytest.raises(
        ParameterError, match=r"unit 0 of Poisson 'noise'.*between 0 and 1/dt = 10000 Hz"
    ):
        protocol(signals={"noise.rate": signal}, data={"rows": rows})


def test_a_rate_of_one_spike_per_step_is_allowed():
    assert protocol(spec=circuit(rate="10 kHz")).total_steps


@pytest.mark.parametrize("backend", ["numpy", "cpp"])
@pytest.mark.parametrize(("pulse", "how"), [("-3 Hz", "negative"), ("11 kHz", "larger than 1/dt")])
def test_a_formula_that_leaves_the_range_ends_the_run_and_is_named(backend, pulse, how):
    with pytest.raises(NonFiniteError, match="rate of Poisson 'noise'") as caught:
        ds.run(protocol("10 ms", pulse), backend=backend)
    assert f"was {how} at t = 0.02 s (step 201): unit 0 (sample 0) of noise.rate" in str(
        caught.value
    )
    assert (caught.value.variable, caught.value.unit) == ("noise.rate", (0, 0))


# -- specifications ------------------------------------------------------------------------------------


def test_a_circuit_with_sources_is_the_same_when_read_back():
    found = ds.Circuit.from_json(circuit().to_json())
    assert found == circuit()
    assert found.source("noise").size == UNITS
    assert found.inputs == ("noise.rate",)


def test_joined_circuits_have_their_sources_under_a_prefix():
    joined = ds.Circuit.join(left=circuit(), right=circuit())
    assert [s.name for s in joined.sources] == ["left_noise", "right_noise"]
    assert [p.pre for p in joined.pathways] == ["left_noise", "right_noise"]


def test_a_source_is_listed_with_the_circuit():
    assert circuit_line(circuit()).endswith("1 source")
    text = circuit_text(circuit_plain(circuit(rate="5 Hz")))
    assert f"source noise (Poisson, size {UNITS}, rate 5 Hz)" in text


def feed(**changes):
    return {"pathways": (circuit().pathways[0].replace(**changes),)}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (feed(post="noise"), "Pathway 'feed': post is the Poisson 'noise', which has no states"),
        (feed(pre="nose"), "unknown population 'nose'; did you mean 'noise'?"),
        (feed(on_pre="rate_pre += 1*Hz"), "unknown variable .* 'rate_pre'"),
        ({"sources": (ds.Poisson("cell", 2),)}, "'cell' names 2 objects"),
        ({"sources": (ds.Population("noise", 2, "x : 1"),)}, "it must be one of Poisson"),
        (
            {"matrices": (ds.Matrix("w", "cell", "noise", 0.0),)},
            "Matrix 'w': it connects the Poisson 'noise'",
        ),
    ],
)
def test_what_does_not_fit_a_source_is_refused(changes, words):
    with pytest.raises(SpecError, match=words):
        circuit(**changes)


def test_a_source_without_rate_must_be_driven():
    with pytest.raises(ParameterError, match=r"Phase only/rest: nothing drives noise.rate"):
        protocol(spec=circuit(rate=None))


# -- the vector field ----------------------------------------------------------------------------------


def test_the_vector_field_leaves_sources_out_below_threshold():
    with pytest.raises(DifferentiationError, match="Poisson 'noise' causes spikes"):
        ds.vector_field(circuit())
    field = ds.vector_field(protocol(), phase="only/pulse", subthreshold=True)
    assert list(field.shapes) == ["cell.g"]
    np.testing.assert_allclose(field.f(np.ones(CELLS)), -200.0)


def test_fields_are_plain_data():
    assert [f.name for f in dataclasses.fields(ds.Poisson)] == ["name", "size", "rate"]
