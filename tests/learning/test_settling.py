"""How long circuits settle: closed forms, spectra of their equations, and steps."""

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.errors import DendrosimWarning, ParameterError
from dendrosim.learning.settling import (
    count_settling_steps,
    find_settling,
    loop_settling,
    numeric_slowest_rate,
)

DT, TAU = 5e-3, 10e-3


def test_settling_times_come_from_the_slowest_mode():
    """[L ln((1 - mu)/mu) + 5]/|lambda| with |lambda| of the free circuit: .3717 per tau at mu = .2, L = 3."""
    found = find_settling(ds.load_circuit("dynamical_tp", sizes=(4, 4, 4, 4), mu=0.2))
    free = min(1 - 2 * np.sqrt(0.16) * np.cos(th) for th in free_angles(0.2, 3))
    assert found.time_constant == pytest.approx(TAU / free)
    assert found.time == pytest.approx((3 * np.log(4) + 5) / free * TAU)
    clamped = find_settling(ds.load_circuit("dynamical_tp", target="clamped"))
    assert clamped.time_constant == pytest.approx(TAU / (1 - 2 * 0.4 * np.cos(np.pi / 4)))


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


def test_a_closed_loop_needs_a_short_time_step():
    """In a single layer, whose feedback is the identity, each unit has two equations: voltage and controller."""
    circuit = ds.load_circuit("deep_feedback_control", sizes=(4, 3), k_p=10.0)
    alpha, k_p, tau_u = 0.1, 10.0, 20e-3
    own = np.array([[-(1 + k_p) / TAU, 1 / TAU], [-1 / tau_u, -alpha / tau_u]])
    modes = np.linalg.eigvals(own)
    longest = np.min(-2 * modes.real / abs(modes) ** 2)
    assert longest < DT
    found = loop_settling(circuit, dt=0.999 * longest)
    assert found.time_constant == pytest.approx(-1 / modes.real.max(), rel=1e-6)
    with pytest.raises(ParameterError, match=r"dt is 5 ms, but with time steps above 1\.\d+ ms"):
        loop_settling(circuit, dt=DT)


@pytest.mark.parametrize(("rate", "slowest"), [("-v", 100.0), ("1 - v**2", 200.0)])
def test_rates_are_those_at_rest_wherever_that_is(rate, slowest):
    """1 - v^2 rests at v = 1, with the slope -2; at v = 0, where it does not rest, the slope is 0."""
    cell = ds.Population("cell", 1, f"dv/dt = ({rate})/(10*ms) : 1", initial={"v": 0.5})
    assert numeric_slowest_rate(ds.Circuit((cell,))) == pytest.approx(slowest)


def test_cascades_settle_as_incomplete_gamma_functions():
    from scipy.special import gammainc

    found = find_settling(ds.load_circuit("multiplexed_dtp", sizes=(5, 4, 4, 3)))
    assert found.time_constant == pytest.approx(TAU)
    assert gammainc(5, found.time / TAU) == pytest.approx(1 - 1e-4, rel=1e-9)


@pytest.mark.parametrize("left", [1e-3, 1e-12])
def test_settling_further_takes_as_many_e_folds(left):
    """The slowest mode falls to the part `left` of r^L, and a cascade to that part of its way."""
    from scipy.special import gammainc

    mixed = ds.load_circuit("dynamical_tp", sizes=(4, 4, 4, 4), mu=0.2)
    found = find_settling(mixed, left=left)
    assert np.exp(-found.time / found.time_constant) == pytest.approx(left * 0.25**3, rel=1e-9)
    apart = find_settling(ds.load_circuit("multiplexed_dtp"), left=left)
    assert 1 - gammainc(5, apart.time / TAU) == pytest.approx(left, rel=1e-3)
    assert apart.time_constant == pytest.approx(TAU)


@pytest.mark.parametrize("left", [0.0, 1.0, -1.0])
def test_what_is_left_is_a_part(left):
    for model in ("dynamical_tp", "multiplexed_dtp", "backprop"):
        with pytest.raises(ParameterError, match="left is"):
            find_settling(ds.load_circuit(model), left=left)


def test_a_short_settling_time_is_warned_of():
    member = {"single": find_settling(ds.load_circuit("dynamical_tp"))}
    with pytest.warns(
        DendrosimWarning, match=r"settle is 20 ms.*26\.9 ms of the slowest mode of single"
    ):
        assert count_settling_steps(member, DT, ds.quantity("20 ms")) == 4
    assert count_settling_steps(member, DT, ds.quantity("30 ms")) == 6
    assert count_settling_steps(member, DT) == 50  # 24.64 time constants


def test_a_settling_time_is_a_whole_number_of_steps():
    member = {"single": find_settling(ds.load_circuit("dynamical_tp"))}
    with pytest.raises(ParameterError, match="whole number of time steps of 5 ms"):
        count_settling_steps(member, DT, ds.quantity("52 ms"))
    with pytest.raises(ParameterError, match="settle is 0"):
        count_settling_steps(member, DT, ds.quantity("0 ms"))


def test_a_circuit_that_cannot_settle_has_no_settling_time():
    circuit = ds.load_circuit("dynamical_tp", inverse="fixed", inverse_error=3.0)
    with pytest.raises(ParameterError, match="unstable"):
        find_settling(circuit)


def test_inverses_that_are_off_settle_at_the_rate_of_their_own_spectrum():
    """Q = (1 + e) W^-1 has the eigenvalues -1 + 2 sqrt(mu (1 - mu)(1 + e)) cos(k pi/(L + 1)), clamped."""
    circuit = ds.load_circuit(
        "dynamical_tp", target="clamped", inverse="fixed", inverse_error=0.5, mu=0.2
    )
    rate = 1 - 2 * np.sqrt(0.16 * 1.5) * np.cos(np.pi / 4)
    assert find_settling(circuit).time_constant == pytest.approx(TAU / rate, rel=1e-9)


@pytest.mark.parametrize("target", ["clamped", "nudged"])
@pytest.mark.parametrize("transfer", ["linear", "smooth_leaky"])
def test_the_closed_form_of_exact_inverses_is_the_spectrum_of_the_equations(target, transfer):
    circuit = ds.load_circuit("dynamical_tp", target=target, transfer=transfer, mu=0.3)
    gates = [{"teach": t} for t in (0.0, 1.0)] if target == "nudged" else [{}]
    rate = min(numeric_slowest_rate(circuit, g) for g in gates)
    assert find_settling(circuit).time_constant == pytest.approx(1 / rate, rel=1e-8)
