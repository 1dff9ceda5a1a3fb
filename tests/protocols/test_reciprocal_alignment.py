"""`reciprocal_alignment`: recirculation finds pseudo-inverses at the rate of its closed form; flows do not."""

from functools import cache

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.errors import ParameterError


@cache
def measured(**given):
    protocol = ds.load_protocol("reciprocal_alignment", **given)
    return ds.run(protocol, backend="numpy", progress=False).metrics


def test_what_finds_the_pseudo_inverse_and_what_finds_another_inverse():
    metrics = measured(trials=650, rate=0.2)
    found = {name: values["found"] for name, values in metrics.items()}
    assert found == {
        "both": True,
        "feedback": True,
        "flow": True,
        "symmetric": False,
        "concurrent": False,
    }
    for name in ("symmetric", "concurrent"):
        assert metrics[name]["inverse_error"] < 1e-9
        assert metrics[name]["distance"][1] > 0.05


def test_rates_are_those_of_the_closed_forms():
    """A step of 0.2 per singular direction: the distance is multiplied by 1 - 0.2 (1 - l) s^2, or 1 - 0.2."""
    metrics = measured(trials=650, rate=0.2)
    assert metrics["feedback"]["rate"] == pytest.approx(0.25 * 0.7**2, rel=0.02)
    assert metrics["feedback"]["expected_rate"] == pytest.approx(0.25 * 0.7**2)
    assert metrics["flow"]["rate"] == pytest.approx(1, rel=0.02)
    assert np.isnan(metrics["symmetric"]["rate"])


def test_with_decay_recirculation_stays_away_from_the_pseudo_inverse():
    """V* = (1 - l) U^T ((1 - l) U U^T + decay)^-1: the direction of s is short by decay/((1 - l) s^2 + decay)."""
    metrics = measured(trials=300, rate=0.2, decay=0.05)
    s = 1.4 * 2.0 ** -(np.arange(4) / 3)
    missing = 0.05 / (0.25 * s**2 + 0.05)
    expected = np.linalg.norm(missing / s) / np.linalg.norm(1 / s)
    assert metrics["feedback"]["distance"][1] == pytest.approx(expected, rel=1e-3)
    assert metrics["feedback"]["found"] is False


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"small": 6}, "small is 6 and large is 6; small must be below large"),
        ({"alpha": 1.1}, r"alpha is 1.1; it must be below 2/gain\^2 = 1.02"),
    ],
)
def test_what_cannot_be_is_refused(given, said):
    with pytest.raises(ParameterError, match=said):
        ds.load_protocol("reciprocal_alignment", **given)
