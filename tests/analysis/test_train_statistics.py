"""Statistics of spike trains by Elephant, against closed forms and NumPy."""

import sys

import numpy as np
import pytest
from comparisons import gap

import dendrosim as ds
from dendrosim.errors import ExtraMissingError, ParameterError, ShapeError

statistics = ds.analysis.spike_statistics


def trains():
    """A clock at 50 Hz, two Poisson trains of 40 Hz with 20 Hz in common, and a silent train, for 60 s."""
    rng = np.random.default_rng(0)
    common = rng.uniform(0, 60, rng.poisson(20 * 60))
    poisson = [np.concatenate([common, rng.uniform(0, 60, rng.poisson(20 * 60))]) for _ in range(2)]
    found = [np.arange(0.01, 60, 0.02), *poisson, np.array([])]
    return np.concatenate(found), np.repeat(range(4), [len(f) for f in found])


def test_without_elephant_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "elephant", None)
    monkeypatch.setitem(sys.modules, "neo", None)
    with pytest.raises(ExtraMissingError, match=r"pip install 'dendrosim\[spikes\]'"):
        statistics([0.1], [0], 1, stop="1 s")


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: statistics([0.1, 0.2], [0], 1, stop="1 s"), ShapeError, "one unit per spike"),
        (lambda: statistics([0.1], [1], 1, stop="1 s"), ParameterError, "units must be from 0"),
        (lambda: statistics([0.1], [0], 1, stop="5 ms"), ParameterError, "fewer than two bins"),
    ],
)
def test_bad_trains_are_refused(call, error, said):
    with pytest.raises(error, match=said):
        call()


def test_regular_poisson_and_silent_trains():
    pytest.importorskip("elephant")
    times, units = trains()
    found = statistics(times, units, 4, stop="60 s", bin_width="5 ms")
    assert gap(found.rate[[0, 3]], [50, 0]) < 1e-12
    assert np.abs(found.rate[1:3] - 40).max() < 4 * np.sqrt(40 / 60)
    assert abs(found.cv[0]) < 1e-9
    assert abs(found.local_variation[0]) < 1e-9
    assert np.abs(found.cv[1:3] - 1).max() < 0.1
    assert np.abs(found.local_variation[1:3] - 1).max() < 0.15
    assert np.isnan(found.cv[3])
    counts = [np.sum(units == k) for k in range(4)]
    assert found.fano_factor == pytest.approx(np.var(counts) / np.mean(counts))
    binned = [np.histogram(times[units == k], np.arange(0, 60.0001, 5e-3))[0] for k in (1, 2)]
    assert found.correlation[1, 2] == pytest.approx(np.corrcoef(binned)[0, 1], abs=1e-3)
    assert found.correlation[1, 2] == pytest.approx(0.5, abs=0.05)
    two = statistics(times[units > 0], units[units > 0] - 1, 2, stop="60 s", bin_width="5 ms")
    assert two.frequency[-1] == pytest.approx(100)
    assert np.mean(two.power[2:-1]) == pytest.approx(2 * 40, rel=0.1)
