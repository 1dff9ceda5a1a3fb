"""Rates of BMVR's three matrices and their decay, against sums and products written out."""

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.errors import ParameterError

DT, STEPS, T0 = 0.002, 50, 0.03


def weights_after(start, **parameters):
    """Run with white inputs of one sample; return the weights at the end and the input and target."""
    x, y = np.array([[0.6, -0.8]]), np.array([[0.5]])
    circuit = ds.load_circuit("bmvr", inputs=2, outputs=1, hidden=1, **parameters)
    circuit = circuit.replace(matrices=[m.replace(initial=start[m.name]) for m in circuit.matrices])
    protocol = ds.Protocol(
        circuit,
        (ds.Block("learn", (ds.Phase("show", f"{STEPS * DT!r} s"),)),),
        dt=f"{DT!r} s",
        signals={"input.x": ds.Samples("x"), "target.y": ds.Samples("y")},
        data={"x": x, "y": y},
        batch=1,
    )
    # The tuft has its final value from the beginning.
    states = dict.fromkeys(("pyramidal.basal", "pyramidal.soma", "interneuron.n"), np.zeros((1, 1)))
    states["pyramidal.apical"] = start["b"] * y
    result = ds.run(protocol, backend="numpy", initial={**states, **start}, progress=False)
    return {m.name: result.final[m.name].values for m in circuit.matrices}, x, y


def falling(rate, t0):
    """Rates of all steps."""
    return rate / (1 + DT * np.arange(STEPS) / t0)


SILENT = {"w1": np.zeros((1, 2)), "b": np.array([[0.7]]), "q": np.array([[1.3]])}


def test_apical_and_inhibitory_weights_of_a_silent_cell_decay_at_rates_of_their_own():
    """Without somatic activity, b and q shrink by 1 - rate dt in each step; w1 does not learn at 1e-9 Hz."""
    found, *_ = weights_after(
        SILENT, eta="1e-9 Hz", eta_b="3 Hz", eta_q="5 Hz", decay_b="30 ms", decay_q="10 ms"
    )
    b, q = (np.prod(1 - DT * falling(rate, t0)) for rate, t0 in ((3.0, T0), (5.0, 0.01)))
    assert found["b"][0, 0] == pytest.approx(0.7 * b, rel=1e-8)
    assert found["q"][0, 0] == pytest.approx(1.3 * q, rel=1e-8)
    # In continuous time, they fall as (1 + t/t0)^(-rate t0).
    assert b == pytest.approx((1 + STEPS * DT / T0) ** (-3.0 * T0), rel=5e-3)


def test_basal_weights_without_inhibition_grow_with_the_logarithm_of_time():
    start = {**SILENT, "q": np.zeros((1, 1))}
    found, x, y = weights_after(start, eta="2 Hz", eta_b="1e-9 Hz", decay_w1="30 ms")
    grown = np.sum(DT * falling(2.0, T0)) * 0.7 * y[0, 0] * x
    np.testing.assert_allclose(found["w1"], grown, rtol=1e-8)
    exact = 2.0 * T0 * np.log(1 + STEPS * DT / T0) * 0.7 * y[0, 0] * x
    np.testing.assert_allclose(found["w1"], exact, rtol=0.03)


def test_rates_given_as_such_are_the_circuit_with_their_ratios():
    given = ds.load_circuit("bmvr", eta="2 Hz", eta_b="1 Hz", eta_q="8 Hz")
    assert given == ds.load_circuit("bmvr", eta="2 Hz", rho=0.5, tau_ratio=0.25)
    assert given.parameters["tau_ratio"].value == 0.25


def test_constant_rates_have_the_equations_of_the_abstract():
    """Eq. 5-7 with rates eta, rho eta and eta/tau, as one step on a batch."""
    rules = {m.name: m.plasticity for m in ds.load_circuit("bmvr", decoupled=True).matrices}
    assert rules == {
        "w1": "dw/dt = learn*eta*ds(basal_post)*plateau_post*x_pre : 1",
        "b": "dw/dt = learn*rho*eta*(soma_post*y_pre - w) : 1",
        "q": "dw/dt = learn*eta/tau_ratio*(soma_post*n_pre - w) : 1",
        "r": "dw/dt = learn*eta/tau_ratio*(n_post*soma_pre - w) : 1",
    }


def test_a_rate_and_its_ratio_exclude_each_other():
    with pytest.raises(ParameterError, match="eta_b is 1 Hz and rho is 2"):
        ds.load_circuit("bmvr", eta_b="1 Hz", rho=2.0)
    with pytest.raises(ParameterError, match="eta_q is 1 Hz and tau_ratio is 3"):
        ds.load_circuit("bmvr", eta_q="1 Hz", tau_ratio=3.0)


def test_synapses_of_both_directions_approach_each_other_at_a_falling_rate():
    protocol = ds.load_protocol("bmvr_decoupled", samples=20, duration="0.5 s", decay_q="0.2 s")
    result = ds.run(protocol, backend="numpy", progress=False)
    gap = [np.linalg.norm(result[n].values[0].T - result[m].values[0]) for n, m in (("q", "r"),)]
    end = np.linalg.norm(result.final["q"].values.T - result.final["r"].values)
    product = np.prod(1 - 0.004 / (1 + 0.002 * np.arange(250) / 0.2))
    assert end / gap[0] == pytest.approx(product, rel=1e-10)
    metrics = result.metrics
    assert metrics["transpose_gap"] == pytest.approx(metrics["expected_gap"], rel=1e-10)
    assert metrics["expected_gap_continuous"] == pytest.approx(3.5**-0.4, rel=1e-12)
    assert metrics["expected_gap"] == pytest.approx(3.5**-0.4, rel=5e-3)
