"""Real digits learned by target propagation, beside back-propagation with as many presentations."""

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.errors import ParameterError
from dendrosim.library.measuring import measure


def run(model, **parameters):
    return ds.run(ds.load_protocol("tp_digits", model=model, **parameters), seed=0)


@pytest.mark.slow
def test_multiplexed_learning_comes_within_three_points_of_back_propagation():
    """Means of test accuracy over five splits; back-propagation reaches 95 %."""
    found = {
        model: np.mean([run(model, split=s).metrics["test_accuracy"] for s in range(5)])
        for model in ("multiplexed", "backprop")
    }
    assert found["backprop"] >= 0.95
    assert found["multiplexed"] >= found["backprop"] - 0.03


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "parameters", "least"),
    [
        ("single", {}, 0.95),
        ("single", {"rule": "difference"}, 0.85),
        ("two_phase", {}, 0.90),
        ("multiplexed", {"inverse": "learned"}, 0.90),
        ("multiplexed", {"feedback": "direct"}, 0.93),
    ],
)
def test_the_other_ways_learn_as_well(model, parameters, least):
    found = run(model, **parameters).metrics
    assert found["test_accuracy"] >= least
    assert found["test_accuracy_dynamic"] >= least
    assert found["diverged"] is False


def test_a_short_training_is_better_than_chance_and_measured_by_hand():
    result = run("multiplexed", hidden=(16, 12), presentations=60, settle="150 ms")
    found = result.metrics
    labels = np.asarray(result.protocol.references["test_labels"])
    h = result.protocol.data["x_test"].T
    for i in (1, 2, 3):
        u = result.final[f"w{i}"].values @ h
        h = 0.75 * u + 0.25 * (np.sqrt(u**2 + 1) - 1)
    assert found["test_accuracy"] == np.mean(np.argmax(h, axis=0) == labels)
    assert found["test_accuracy"] > 0.3
    assert found["final_loss"] < 0.7 * found["initial_loss"]
    assert found["inverse"] == "drl"
    assert {"learning", "digits", "angles_multiplexed"} <= set(measure(result).figures)
    for draw in measure(result).figures.values():
        assert draw().axes


def test_the_single_phase_of_the_thesis_says_that_its_inverse_is_fixed():
    result = run("single", rule="difference", hidden=(16, 12), presentations=20)
    assert result.metrics["inverse"] == "fixed at W(0)^+"
    assert not [m for m in result.circuit.matrices if m.name.startswith("q") and m.plasticity]


def test_a_single_phase_has_transposed_weights_and_descends_one_energy():
    """As in `tp_student_teacher`; here no program runs."""
    protocol = ds.load_protocol("tp_digits", model="single", hidden=(16, 12), presentations=20)
    circuit = protocol.circuit
    assert not [m for m in circuit.matrices if m.name.startswith("q")]
    carried = {(p.source, p.target): (p.matrix, p.transpose) for p in circuit.projections}
    for i in (1, 2):
        assert carried[f"layer{i + 1}.preimage", f"layer{i}.correction"] == (f"w{i + 1}", True)
    # The nudge of 0.5 and the fall r = mu/(1 - mu) of the signal are undone by the rates.
    rates = [float(circuit.matrix(f"w{i}").parameters["eta"].value) for i in (3, 2, 1)]
    assert rates == pytest.approx([16 / 0.5 / (0.05 / 0.95) ** k for k in (1, 2, 3)])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"model": "multiplexed", "rule": "difference"}, "it is for single"),
        ({"split": -1}, "split"),
        ({"presentations": 0}, "presentations"),
        ({"eta": "1 Hz"}, "choose the model with model"),
        ({"dream": -1.0}, "dream"),
        ({"model": "single", "inverse": "learned"}, "they are for multiplexed"),
        ({"model": "two_phase", "feedback": "direct"}, "they are for multiplexed"),
        ({"model": "multiplexed", "inverse": "learned", "feedback": "direct"}, "only inverse=drl"),
    ],
)
def test_bad_input_is_refused_by_name(given, said):
    with pytest.raises(ParameterError, match=said):
        ds.load_protocol("tp_digits", **given)
