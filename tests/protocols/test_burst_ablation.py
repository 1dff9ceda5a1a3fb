"""`burst_ablation`: with all cell types networks learn as with signed weights; without, they do not."""

from functools import cache

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.engine.settings import RunSettings
from dendrosim.experiments.run import run_and_measure

SMALL = {"presentations": 4, "pretraining": 3, "width": 3, "batch": 8, "samples": 16, "seeds": 1}


@cache
def measured(backend="numpy", **given):
    protocol = ds.load_protocol("burst_ablation", **given)
    return run_and_measure(protocol, RunSettings(backend, seed=given.get("seed", 0)))


def test_initial_losses_are_those_of_a_loop_and_equal_where_forward_weights_are():
    result, measurement = measured(**SMALL)
    metrics, data = measurement.metrics, result.protocol.data
    rate = data["fresh0"].T
    for i in (1, 2):
        w = np.asarray(result.circuit.matrix(f"point_0_w{i}").initial.value.value)
        rate = 1 / (1 + np.exp(-w @ rate))
    wanted = np.asarray(result.protocol.references["expected0"])
    expected = 0.5 * np.mean(np.sum((rate.T - wanted) ** 2, axis=1))
    for kind in ("point", "intact", "no_sst", "no_vip"):
        assert metrics["initial_loss"][kind] == pytest.approx([expected], rel=1e-9)
    assert metrics["initial_loss"]["no_pv"][0] != pytest.approx(expected, rel=0.1)
    assert metrics["negative_weights"]["intact"] == 0
    assert metrics["negative_weights"]["point"] > 0.1


def test_the_figure_is_drawn():
    measured(**SMALL)[1].figures["losses"]().canvas.draw()


@pytest.mark.slow
def test_all_cell_types_are_needed():
    """On seeds that were not used to choose learning rates."""
    metrics = measured("auto", seed=100, seeds=5)[1].metrics
    learned = metrics["learned"]
    assert learned["point"] == learned["intact"] == 1
    assert learned["no_pv"] == 0
    assert max(learned["no_sst"], learned["no_vip"]) <= 0.4
    assert metrics["loss"]["intact"] == pytest.approx(metrics["loss"]["point"], rel=0.5)
    assert metrics["apical"]["no_sst"] > 10 * metrics["apical"]["intact"]
