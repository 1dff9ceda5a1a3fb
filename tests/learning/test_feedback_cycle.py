"""Cycles of phases of `feedback_alignment`: which gates are open in which phase, and for how long."""

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.errors import ParameterError
from dendrosim.learning.feedback_cycle import feedback_cycle, feedback_recall, settling_steps

DOWN = ["feedback3", "learn3", "feedback2", "learn2", "feedback1", "learn1"]
UP = ["rise0", "learn_back1", "rise1", "learn_back2", "rise2", "learn_back3"]


def cycle(dt=0.01, **parameters):
    circuit = ds.load_circuit("feedback_alignment", **{"sizes": (4, 3, 3, 2), **parameters})
    return {p.name: p for p in feedback_cycle({"": circuit}, dt=dt, tau=0.01)}


def opened(phase):
    """Gates that are open in a phase."""
    return {g for g, (signal,) in phase.gates.items() if signal != ds.Constant(0.0)}


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"rule": "urfb"}, ["forward", *DOWN]),
        ({"rule": "weight_mirror"}, ["forward", *DOWN, "mirror"]),
        ({"rule": "bdfa"}, ["forward", *DOWN, "reconstruct", *UP]),
        ({"form": "compartments"}, ["forward", "learn1"]),
        ({"rule": "weight_mirror", "form": "compartments"}, ["forward", "learn1", "mirror"]),
        ({"rule": "weight_mirror", "sizes": (3, 2)}, ["forward", "feedback1", "learn1"]),
    ],
)
def test_a_cycle_has_the_phases_that_its_circuit_needs(given, names):
    assert list(cycle(**given)) == names


def test_errors_replace_activities_from_the_top():
    phases = cycle()
    assert opened(phases["forward"]) == {"forward"}
    assert opened(phases["feedback3"]) == {"feedback3", "listen2"}
    assert opened(phases["feedback1"]) == {"feedback1"}
    assert all(opened(phases[f"learn{i}"]) == {f"learn{i}"} for i in (1, 2, 3))
    direct = cycle(rule="dfa")
    assert opened(direct["feedback3"]) == {"feedback3", "listen1", "listen2"}
    assert opened(direct["feedback2"]) == {"feedback2"}


def test_while_nothing_is_taught_activity_goes_up():
    for given, expected in (({}, {"forward"}), ({"form": "compartments"}, set())):
        circuit = ds.load_circuit("feedback_alignment", **given)
        assert opened(feedback_recall({"": circuit}, dt=0.01, tau=0.01)) == expected


@pytest.mark.parametrize("part", [1.0, 0.5, 0.2, 0.03])
@pytest.mark.parametrize("stages", [1, 2, 6])
def test_a_cascade_settles_in_just_the_number_of_steps(part, stages):
    """The cascade itself, step by step, from rest with the input 1."""
    steps = settling_steps(stages, part, left=1e-3)
    filters, left = np.zeros(stages), []
    for _ in range(steps):
        filters += part * (np.array([1.0, *filters[:-1]]) - filters)
        left.append(1 - filters[-1])
    assert left[-1] <= 1e-3 * (1 + 1e-6)
    assert steps == stages or left[-2] > 1e-3


def test_steps_longer_than_a_time_constant_are_refused():
    with pytest.raises(ParameterError, match=r"the time step is 2 time constants"):
        cycle(dt=0.02)
