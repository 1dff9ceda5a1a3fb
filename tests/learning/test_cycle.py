"""Cycles of phases: which gates are open in which phase."""

import pytest

import dendrosim as ds
from dendrosim.errors import ParameterError
from dendrosim.learning.cycle import learning_cycle, recall_phase, sleep_cycle

DT, TAU, STEPS = 5e-3, 10e-3, 12


def cycle(model, *, plasticity="events", observed=False, **parameters):
    circuit = ds.load_circuit(model, **parameters)
    return learning_cycle(
        {"": circuit}, dt=DT, tau=TAU, steps=STEPS, plasticity=plasticity, observed=observed
    )


def names(phases):
    return [p.name for p in phases]


def integral(phase, gate):
    """Return the integral of a gate over a phase in seconds."""
    (course,) = phase.gates[gate]
    if isinstance(course, ds.Constant):
        return float(course.value.value) * float(phase.duration.value)
    assert float(course.onset.value) == pytest.approx(float(phase.duration.value) - DT)
    return float(course.amplitude.value) * float(course.duration.value)


@pytest.mark.parametrize(
    ("model", "parameters", "expected"),
    [
        ("dynamical_tp", {}, ["nudged", "learn"]),
        ("dynamical_tp", {"inverse": "learned"}, ["nudged", "learn", "sleep"]),
        ("two_phase_dtp", {"inverse": "fixed"}, ["free", "nudged", "learn"]),
        ("two_phase_dtp", {}, ["free", "nudged", "learn", "sleep"]),
        ("multiplexed_dtp", {}, ["free", "nudged", "learn"]),
        (
            "multiplexed_dtp",
            {"inverse": "drl"},
            ["free", "nudged", "learn", "sleep", "noise1", "noise2"],
        ),
        ("backprop", {}, ["nudged", "learn"]),
    ],
)
def test_a_cycle_has_the_phases_that_its_circuit_needs(model, parameters, expected):
    assert names(cycle(model, **parameters)) == expected
    observed = cycle(model, observed=True, **parameters)
    assert names(observed) == [
        *expected[: (k := expected.index("learn") + 1)],
        "rest",
        *expected[k:],
    ]


@pytest.mark.parametrize("plasticity", ["events", "continuous"])
@pytest.mark.parametrize("model", ["dynamical_tp", "two_phase_dtp", "multiplexed_dtp"])
def test_weights_learn_for_a_time_constant_a_trial_under_the_nudge_and_never_else(
    model, plasticity
):
    phases = cycle(model, inverse="learned", plasticity=plasticity)
    learning = {"learn"} if plasticity == "events" else {"nudged"}
    asleep = learning if model == "multiplexed_dtp" else {"sleep"}
    for phase in phases:
        assert integral(phase, "learn") == pytest.approx(TAU if phase.name in learning else 0.0)
        assert integral(phase, "sleep") == pytest.approx(TAU if phase.name in asleep else 0.0)
        nudged = phase.name in ("nudged", "learn")
        assert integral(phase, "teach") == float(nudged) * float(phase.duration.value)
        if "hold" in phase.gates:
            holding = phase.name in ("free", "sleep")
            assert integral(phase, "hold") == float(holding) * float(phase.duration.value)


def test_noise_perturbs_one_layer_at_a_time_and_its_weights_learn_as_the_phase_ends():
    phases = {p.name: p for p in cycle("multiplexed_dtp", inverse="drl", sigma=0.3)}
    for name, phase in phases.items():
        driven = [f"layer{i}.noise" for i in (1, 2) if name == f"noise{i}"]
        assert list(phase.signals) == driven
        for i in (1, 2):
            assert integral(phase, f"sleep{i}") == pytest.approx(
                TAU if name == f"noise{i}" else 0.0
            )
    (noise,) = phases["noise1"].signals["layer1.noise"]
    assert isinstance(noise, ds.HeldNoise)
    assert float(noise.sigma.value) == 0.3


def test_members_of_a_joined_circuit_share_the_phases():
    members = {"a": ds.load_circuit("dynamical_tp"), "b": ds.load_circuit("two_phase_dtp")}
    phases = learning_cycle(members, dt=DT, tau=TAU, steps=STEPS)
    assert names(phases) == ["free", "nudged", "learn", "sleep"]
    free = phases[0]
    # A circuit of a single phase is nudged all along; one with two is free first.
    assert integral(free, "a_teach") > 0
    assert integral(free, "b_teach") == 0


@pytest.mark.parametrize("plasticity", ["events", "continuous"])
@pytest.mark.parametrize("model", ["dynamical_tp", "two_phase_dtp", "multiplexed_dtp"])
def test_asleep_apical_weights_learn_by_themselves_and_without_target(model, plasticity):
    (phase,) = sleep_cycle(
        {"": ds.load_circuit(model, inverse="learned")},
        dt=DT, tau=TAU, steps=STEPS, plasticity=plasticity,
    )  # fmt: skip
    assert phase.name == "sleep"
    assert integral(phase, "sleep") == pytest.approx(TAU)
    assert integral(phase, "learn") == integral(phase, "teach") == 0
    assert "hold" not in phase.gates or integral(phase, "hold") == pytest.approx(STEPS * DT)


def test_asleep_layers_that_learn_from_noise_are_perturbed_one_after_the_other():
    members = {
        "a": ds.load_circuit("multiplexed_dtp", inverse="drl"),
        "b": ds.load_circuit("backprop"),
    }
    phases = sleep_cycle(members, dt=DT, tau=TAU, steps=STEPS)
    assert names(phases) == ["sleep", "noise1", "noise2"]
    assert integral(phases[0], "a_hold") > 0
    assert [integral(p, "a_sleep1") for p in phases] == pytest.approx([0, TAU, 0])
    assert [integral(p, "a_sleep2") for p in phases] == pytest.approx([0, 0, TAU])
    assert all(integral(p, gate) == 0 for p in phases for gate in ("a_learn", "b_learn", "a_teach"))


def test_nothing_learns_in_recall():
    phase = recall_phase({"": ds.load_circuit("two_phase_dtp")}, dt=DT, steps=STEPS)
    assert all(integral(phase, g) == 0 for g in ("teach", "learn", "sleep"))


def test_differences_cannot_be_learned_from_all_along():
    with pytest.raises(ParameterError, match="choose plasticity=events"):
        cycle("multiplexed_dtp", inverse="drl", plasticity="continuous")
