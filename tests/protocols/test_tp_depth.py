"""`tp_depth`: the signal falls by r per layer with one phase or two, and not at all where it is multiplexed."""

from functools import cache

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.engine.settings import RunSettings
from dendrosim.errors import DendrosimWarning, ParameterError
from dendrosim.experiments.run import run_and_measure

KINDS = ("single", "clamped", "two_phase", "multiplexed")


@cache
def measured(backend="numpy", **parameters):
    return run_and_measure(ds.load_protocol("tp_depth", **parameters), RunSettings(backend))


def factors(kind, r, depth):
    """Every layer adds its local error r^(L+1-i) to what two phases change in the layer below."""
    local = [r ** (depth + 1 - i) for i in range(1, depth + 1)]
    if kind == "two_phase":
        return [sum(local[: i + 1]) for i in range(depth)]
    if kind == "clamped":  # G_i - G_(i-1), G_i = (q^i - 1)/(q^(L+1) - 1), q = 1/r
        g = [sum(r**-k for k in range(i)) for i in range(depth + 2)]
        return [(g[i] - g[i - 1]) / g[-1] for i in range(1, depth + 1)]
    return local if kind == "single" else [1.0] * depth


def test_down_to_the_first_of_eight_layers_signals_are_those_of_the_closed_forms():
    metrics = measured(depths=(2, 8))[1].metrics
    for kind in KINDS:
        assert metrics["signal"][kind] == pytest.approx(factors(kind, 0.25, 8), rel=1e-8)
        expected = [factors(kind, 0.25, depth)[0] for depth in (2, 8)]
        assert metrics["layer1_signal"][kind] == pytest.approx(expected, rel=1e-8)
        assert metrics["deviation"][kind] < 1e-8
    assert metrics["layer1_signal"]["single"][1] == pytest.approx(0.25**8, rel=1e-8)
    assert metrics["layer1_signal"]["clamped"][1] == pytest.approx(3 / (4**9 - 1), rel=1e-8)
    assert metrics["layer1_signal"]["multiplexed"][1] == pytest.approx(1.0, rel=1e-8)
    assert metrics["fall"] == pytest.approx(0.25, rel=1e-8)
    assert metrics["unsettled"] < 1e-8


@pytest.mark.parametrize(("mu", "eta_hat", "depth"), [(0.1, 1.0, 3), (0.5, 0.3, 2), (0.6, 2.0, 4)])
def test_any_mixture_of_dendrites_and_any_nudge_gives_the_closed_forms(mu, eta_hat, depth):
    metrics = measured(depths=(depth,), mu=mu, eta_hat=eta_hat, width=2, samples=3)[1].metrics
    r = mu / (1 - mu)
    for kind in KINDS:
        assert metrics["signal"][kind] == pytest.approx(factors(kind, r, depth), rel=1e-7)
    assert metrics["fall"] == pytest.approx(r, rel=1e-7)


def test_the_nudge_relieves_the_error_that_it_follows():
    metrics = measured(depths=(2, 8))[1].metrics
    sums = [sum(0.25**k for k in range(1, depth + 1)) for depth in (2, 8)]
    assert metrics["error_left"] == pytest.approx([1 / (1 + 0.5 * s) for s in sums], rel=1e-9)


def test_compiled_and_interpreted_circuits_agree():
    given = {"depths": (1, 3), "width": 2}
    compiled, interpreted = (measured(backend=b, **given)[1].metrics for b in ("cpp", "numpy"))
    for kind in KINDS:
        assert compiled["signal"][kind] == pytest.approx(interpreted["signal"][kind], rel=1e-9)


def test_signals_of_nonlinear_circuits_are_those_of_linear_ones_up_to_the_nudge():
    away = [
        measured(depths=(3,), transfer="smooth_leaky", eta_hat=eta_hat)[1].metrics["deviation"]
        for eta_hat in (0.02, 0.01)
    ]
    for kind in ("single", "two_phase", "multiplexed"):
        assert away[0][kind] / away[1][kind] == pytest.approx(2.0, rel=0.05)
        assert 1e-5 < away[1][kind] < 0.05
    assert away[0]["clamped"] == pytest.approx(away[1]["clamped"], rel=1e-6)  # no nudge in it


def test_one_layer_has_no_fall_and_a_short_time_to_settle_is_told():
    metrics = measured(depths=(1,), width=1)[1].metrics
    assert np.isnan(metrics["fall"])
    assert metrics["signal"]["single"] == pytest.approx([0.25], rel=1e-9)
    with pytest.warns(DendrosimWarning, match="shorter than the time constant"):
        ds.load_protocol("tp_depth", depths=(8,), settle="20 ms")


def test_references_stand_beside_and_figures_can_be_drawn():
    result, measurement = measured(depths=(2, 8))
    assert measurement.references["signal"].value["single"] == pytest.approx(
        factors("single", 0.25, 8)
    )
    assert set(measurement.agrees.values()) == {True}
    assert list(measurement.figures) == ["signal", "layer1"]
    for draw in ds.measure(result).figures.values():
        draw().canvas.draw()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mu": 1.0}, "mu is 1.0; it must lie between 0 and 1"),
        ({"mu": -0.2}, "mu is -0.2"),
        ({"depths": ()}, "give at least one depth, and none twice"),
        ({"depths": (2, 2)}, "give at least one depth, and none twice"),
        ({"depths": (0,)}, "depths is"),
        ({"width": 0}, "width is 0"),
        ({"eta_hat": 0.0}, "eta_hat is 0"),
        ({"samples": 0}, "samples is 0"),
        ({"dt": "0 ms"}, "dt is 0"),
        ({"data_seed": -1}, "data_seed is -1"),
        ({"settle": "7 ms"}, "whole number of time steps"),
    ],
)
def test_what_makes_no_sense_is_refused(given, said):
    with pytest.raises(ParameterError, match=said):
        ds.load_protocol("tp_depth", **given)
