"""`stp_decoding`: printed ratios, responses at any interval, and a clear word about what cannot be."""

import numpy as np
import pytest
from printed_responses import TRAINS, TWENTY_HERTZ

import dendrosim as ds
from dendrosim.errors import ParameterError, UnknownMemberError


def run(backend="numpy", **parameters):
    """Spikes on whole milliseconds need no finer step: efficacies do not depend on it."""
    return ds.run(ds.load_protocol("stp_decoding", **{"dt": "1 ms", **parameters}), backend=backend)


@pytest.mark.parametrize("synapse", ["facilitating", "depressing"])
def test_decoders_respond_as_printed(synapse):
    metrics = run(synapse=synapse).metrics
    for name, interval, ratios, half in TRAINS:
        if name == synapse:
            row = metrics["responses"][
                [round(1e3 * t) for t in metrics["interval"]].index(interval)
            ]
            assert row[: len(ratios)] == pytest.approx(np.array(ratios), abs=half)
    if synapse == "depressing":
        assert np.all((metrics["responses"][2] > 0.995) & (metrics["responses"][2] < 1.025))
    single = {"facilitating": 0.02, "depressing": 0.9}[synapse]
    assert metrics["single_response"] == pytest.approx(single, rel=1e-12)


@pytest.mark.parametrize(("synapse", "second", "eighth"), TWENTY_HERTZ)
def test_classes_respond_as_printed(synapse, second, eighth):
    metrics = run(synapse=synapse, interval=("50 ms",), spikes=8).metrics
    assert metrics["responses"].shape == (1, 8)
    assert metrics["responses"][0, [1, 7]] == pytest.approx([second, eighth], abs=0.005)
    assert metrics["paired_pulse_ratio"][0] == metrics["responses"][0, 1]


@pytest.mark.parametrize(
    ("synapse", "interval", "dt", "spikes"),
    [
        ("e_depressing", ("0.6 ms", "1 ms", "14 ms"), "0.2 ms", 4),
        (
            "facilitating",
            ("2 ms", "1 ms", "2 ms"),
            "1 ms",
            6,
        ),  # a spike in every step; the same interval twice
        ("i_facilitating", ("4.2 ms", "7.7 ms"), "0.7 ms", 3),
        ("depressing", ("30 ms", "45 ms"), "0.5 ms", 1),
    ],
)
def test_any_interval_gives_the_closed_recursion(synapse, interval, dt, spikes):
    metrics = run(synapse=synapse, interval=interval, dt=dt, spikes=spikes).metrics
    for value, row in zip(metrics["interval"], metrics["absolute"], strict=True):
        exact = ds.ShortTerm.named(synapse).released(value * np.arange(spikes))
        assert row == pytest.approx(exact, rel=1e-10)
    assert metrics["largest_relative_error"] < 1e-10


def test_compiled_responses_are_the_closed_recursion():
    result = ds.run(ds.load_protocol("stp_decoding"), backend="cpp")
    exact = [
        ds.ShortTerm.named("facilitating").released(t * np.arange(5)) for t in (0.005, 0.01, 0.1)
    ]
    assert result.metrics["absolute"] == pytest.approx(np.array(exact), rel=1e-10)


def test_bursts_are_told_from_single_spikes():
    result = run()
    gain = {n: result.metrics[f"burst_gain_{n}"] for n in ("facilitating", "depressing")}
    assert result.metrics["burst_gain"] == pytest.approx(result.metrics["responses"].mean(axis=1))
    assert np.all(gain["facilitating"][:2] > 5)
    assert np.all(gain["depressing"][:2] < 0.6)
    # All weights are such that a single spike moves every potential alike.
    first = result.spikes["axon"].time.min()
    rise = [result[f"{n}.current"].sel(time=first + 1e-3, method="nearest").values[-1]
            for n in ("tested", "burst_decoder", "event_decoder")]  # fmt: skip
    assert rise == pytest.approx([20e-12] * 3, rel=1e-12)


def test_the_axon_of_the_comparison_fires_single_spikes_and_bursts_in_turn():
    result = run(spikes=3, interval=("4 ms", "20 ms"))
    spikes = result.spikes["axon"]
    counts = np.bincount(spikes.unit)
    assert counts.tolist() == [3, 3, 12]
    gaps = np.diff(np.sort(spikes.time[spikes.unit == 2]))
    assert np.sum(gaps < 5e-3) == 6
    assert np.min(gaps[gaps > 5e-3]) >= 0.25


def test_numbers_of_the_synapse_can_be_changed():
    metrics = run(utilisation=0.5, increment=0.2, tau_depression="5 ms").metrics
    changed = ds.ShortTerm("extended", 0.5, "5 ms", "100 ms", 0.2)
    assert metrics["absolute"][0] == pytest.approx(changed.released(5e-3 * np.arange(5)), rel=1e-10)
    assert metrics["burst_gain_facilitating"][0] == pytest.approx(run().metrics["burst_gain"][0])


@pytest.mark.parametrize("parameters", [{"synapse": "I pseudo-linear"}, {"spikes": 1}])
def test_every_figure_can_be_drawn(parameters):
    measured = ds.measure(run(**parameters))
    assert list(measured.figures) == ["responses", "traces", "decoders", "event_size"]
    for draw in measured.figures.values():
        draw().canvas.draw()


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"spikes": 0}, ParameterError, "spikes is 0; it must be at least 1"),
        ({"synapse": "facilitatin"}, UnknownMemberError, "did you mean 'facilitating'"),
        ({"interval": ("5.3 ms",)}, ParameterError, r"interval is 5\.3 ms; .* time steps of 1 ms"),
        ({"interval": ("0.1 ms",)}, ParameterError, r"interval is 0\.1 ms; .* time steps of 1 ms"),
        (
            {"interval": ("10 ms", "-5 ms")},
            ParameterError,
            "interval is .*-5 ms.*each must be positive",
        ),
        ({"interval": ()}, ParameterError, "interval is empty"),
        ({"dt": "0 ms"}, ParameterError, "dt is 0 ms"),
        ({"utilisation": 1.5}, ParameterError, "utilisation is 1.5"),
        ({"synapse": "e_depressing", "increment": 0.1}, ParameterError, "increment has no effect"),
    ],
)
def test_what_cannot_be_is_refused(parameters, error, message):
    with pytest.raises(error, match=message):
        ds.load_protocol("stp_decoding", **{"dt": "1 ms", **parameters})
