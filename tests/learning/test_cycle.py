"""Cycles of phases: what is open when, and how long circuits settle."""

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.errors import DendrosimWarning, ParameterError
from dendrosim.learning import cycle as cycles

DT, TAU, STEPS = 5e-3, 10e-3, 12


def cycle(model, *, plasticity="events", observed=False, **parameters):
    circuit = ds.load_circuit(model, **parameters)
    return cycles.learning_cycle(
        {"": circuit}, dt=DT, tau=TAU, steps=STEPS, plasticity=plasticity, observed=observed
    )


def names(phases):
    return [p.name for p in phases]


def integral(phase, gate):
    """For how many seconds a gate is open during a phase, weighted by how far."""
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
    phases = cycles.learning_cycle(members, dt=DT, tau=TAU, steps=STEPS)
    assert names(phases) == ["free", "nudged", "learn", "sleep"]
    free = phases[0]
    # A circuit of a single phase is nudged all along; one with two is free first.
    assert integral(free, "a_teach") > 0
    assert integral(free, "b_teach") == 0


@pytest.mark.parametrize("plasticity", ["events", "continuous"])
@pytest.mark.parametrize("model", ["dynamical_tp", "two_phase_dtp", "multiplexed_dtp"])
def test_asleep_apical_weights_learn_by_themselves_and_without_target(model, plasticity):
    (phase,) = cycles.sleep_cycle(
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
    phases = cycles.sleep_cycle(members, dt=DT, tau=TAU, steps=STEPS)
    assert names(phases) == ["sleep", "noise1", "noise2"]
    assert integral(phases[0], "a_hold") > 0
    assert [integral(p, "a_sleep1") for p in phases] == pytest.approx([0, TAU, 0])
    assert [integral(p, "a_sleep2") for p in phases] == pytest.approx([0, 0, TAU])
    assert all(integral(p, gate) == 0 for p in phases for gate in ("a_learn", "b_learn", "a_teach"))


def test_nothing_learns_in_recall():
    phase = cycles.recall({"": ds.load_circuit("two_phase_dtp")}, dt=DT, steps=STEPS)
    assert all(integral(phase, g) == 0 for g in ("teach", "learn", "sleep"))


# -- settling ---------------------------------------------------------------------------------------------


def test_settling_times_come_from_the_slowest_mode():
    """[L ln((1 - mu)/mu) + 5]/|lambda| with |lambda| of the free circuit: .3717 per tau at mu = .2, L = 3."""
    found = cycles.settling(ds.load_circuit("dynamical_tp", sizes=(4, 4, 4, 4), mu=0.2))
    free = min(1 - 2 * np.sqrt(0.16) * np.cos(th) for th in free_angles(0.2, 3))
    assert found.slowest == pytest.approx(TAU / free)
    assert found.time == pytest.approx((3 * np.log(4) + 5) / free * TAU)
    clamped = cycles.settling(ds.load_circuit("dynamical_tp", target="clamped"))
    assert clamped.slowest == pytest.approx(TAU / (1 - 2 * 0.4 * np.cos(np.pi / 4)))


def free_angles(mu, layers):
    """Roots of sin((L + 1) th) = sqrt(mu/(1 - mu)) sin(L th) in (0, pi), by bisection."""
    from scipy.optimize import brentq

    def f(th):
        return np.sin((layers + 1) * th) - np.sqrt(mu / (1 - mu)) * np.sin(layers * th)

    grid = np.linspace(1e-6, np.pi - 1e-6, 2001)
    values = f(grid)
    return [
        brentq(f, a, b)
        for a, b, u, v in zip(grid[:-1], grid[1:], values[:-1], values[1:], strict=True)
        if u * v < 0
    ]


def test_cascades_settle_as_incomplete_gamma_functions():
    from scipy.special import gammainc

    found = cycles.settling(ds.load_circuit("multiplexed_dtp", sizes=(5, 4, 4, 3)))
    assert found.slowest == pytest.approx(TAU)
    assert gammainc(5, found.time / TAU) == pytest.approx(1 - 1e-4, rel=1e-9)


@pytest.mark.parametrize("left", [1e-3, 1e-12])
def test_settling_further_takes_as_many_e_folds(left):
    """The slowest mode must fall to this part of r^L, or a cascade come so near to its end."""
    from scipy.special import gammainc

    mixed = ds.load_circuit("dynamical_tp", sizes=(4, 4, 4, 4), mu=0.2)
    found = cycles.settling(mixed, left=left)
    assert np.exp(-found.time / found.slowest) == pytest.approx(left * 0.25**3, rel=1e-9)
    apart = cycles.settling(ds.load_circuit("multiplexed_dtp"), left=left)
    assert 1 - gammainc(5, apart.time / TAU) == pytest.approx(left, rel=1e-3)
    assert apart.slowest == pytest.approx(TAU)


@pytest.mark.parametrize("left", [0.0, 1.0, -1.0])
def test_what_is_left_is_a_part(left):
    for model in ("dynamical_tp", "multiplexed_dtp", "backprop"):
        with pytest.raises(ParameterError, match="left is"):
            cycles.settling(ds.load_circuit(model), left=left)


def test_a_short_settling_time_is_warned_of():
    member = {"single": cycles.settling(ds.load_circuit("dynamical_tp"))}
    with pytest.warns(
        DendrosimWarning, match=r"settle is 20 ms.*26\.9 ms of the slowest mode of single"
    ):
        assert cycles.settling_steps(member, DT, ds.quantity("20 ms")) == 4
    assert cycles.settling_steps(member, DT, ds.quantity("30 ms")) == 6
    assert cycles.settling_steps(member, DT) == 50  # 24.64 time constants


def test_a_settling_time_is_a_whole_number_of_steps():
    member = {"single": cycles.settling(ds.load_circuit("dynamical_tp"))}
    with pytest.raises(ParameterError, match="whole number of time steps of 5 ms"):
        cycles.settling_steps(member, DT, ds.quantity("52 ms"))
    with pytest.raises(ParameterError, match="settle is 0"):
        cycles.settling_steps(member, DT, ds.quantity("0 ms"))


def test_a_circuit_that_cannot_settle_has_no_settling_time():
    circuit = ds.load_circuit("dynamical_tp", inverse="fixed", inverse_error=3.0)
    with pytest.raises(ParameterError, match="unstable"):
        cycles.settling(circuit)


def test_inverses_that_are_off_settle_at_the_rate_of_their_own_spectrum():
    """Q = (1 + e) W^-1 has the eigenvalues -1 + 2 sqrt(mu (1 - mu)(1 + e)) cos(k pi/(L + 1)), clamped."""
    circuit = ds.load_circuit(
        "dynamical_tp", target="clamped", inverse="fixed", inverse_error=0.5, mu=0.2
    )
    rate = 1 - 2 * np.sqrt(0.16 * 1.5) * np.cos(np.pi / 4)
    assert cycles.settling(circuit).slowest == pytest.approx(TAU / rate, rel=1e-9)


@pytest.mark.parametrize("target", ["clamped", "nudged"])
@pytest.mark.parametrize("transfer", ["linear", "smooth_leaky"])
def test_the_closed_form_of_exact_inverses_is_the_spectrum_of_the_equations(target, transfer):
    from dendrosim.learning.settling import slowest_rate

    circuit = ds.load_circuit("dynamical_tp", target=target, transfer=transfer, mu=0.3)
    gates = [{"teach": t} for t in (0.0, 1.0)] if target == "nudged" else [{}]
    rate = min(slowest_rate(circuit, g) for g in gates)
    assert cycles.settling(circuit).slowest == pytest.approx(1 / rate, rel=1e-8)


def test_differences_cannot_be_learned_from_all_along():
    with pytest.raises(ParameterError, match="choose plasticity=events"):
        cycle("multiplexed_dtp", inverse="drl", plasticity="continuous")
