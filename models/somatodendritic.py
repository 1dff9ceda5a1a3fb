"""Dendrites learn to predict the spikes of their soma, which other synapses nudge.

A cell has a soma U and a dendrite V, which sums up postsynaptic potentials of its afferents (`psp`, see
`dendrosim.mechanisms.psp_kernel`). Other synapses nudge the soma by conductances g_exc and g_inh (inputs), in
units of the leak:

    c_soma dU/dt = -g_leak (U - e_leak) + g_dendrite (V - U) + g_leak (g_exc (e_exc - U) + g_inh (e_inh - U))
    V = e_leak + (v_theta - e_leak) sum_i w_i psp_i

The soma spikes at random with the rate phi(U) = rate_max/(1 + k exp((v_theta - U)/v_slope)), and is not reset.
Without nudging it would be at rest at the attenuated voltage of the dendrite, which is the prediction

    V* = (g_leak e_leak + g_dendrite V)/(g_leak + g_dendrite),   V* - e_leak = alpha (V - e_leak)

with alpha = g_dendrite/(g_leak + g_dendrite). Weights follow the difference of spikes S and predicted rate:

    dw_i/dt = learn eta (S - phi(V*)) H(V*) psp_i,   H(V*) = (v_theta - e_leak) phi'(V*)/phi(V*)

or, with `low_pass`, a low-pass filter of this rate of change. Given U, weights thus descend the negative
log-likelihood of the spikes. With nudging conductances g = g_exc + g_inh that would hold the soma at U_M = (g_exc
e_exc + g_inh e_inh)/g, the steady soma is between prediction and teacher,

    U = (1 - lambda) V* + lambda U_M,   lambda = g/(1 + g_dendrite/g_leak + g)

so the fixed point of learning is V* = U = U_M for every g, where weights have no drift on average. With a
refractory period, cells spike less, and the fixed point is phi(V*) = phi(U)/(1 + t_refractory phi(U)), below U_M.

`form`:

    rate       afferents have rates h (input, in units of rate_unit), and S is phi(U)/(1 + t_refractory phi(U))
    spiking    afferents are a source `train` whose spikes a protocol gives, and S is the train of spikes of the
               soma. A spike acts on weights one time step later

Sources
-------
Urbanczik & Senn (2014), Learning by the dendritic prediction of somatic spiking, Neuron 81:521; parameters as in a
public implementation of it (leak 30 nS, 300 pF, -70 mV, 0 and -75 mV, phi with 150 Hz, 0.5, 3 mV, -55 mV; filter
100 ms). g_dendrite = 600 nS is 2/ms times the capacitance. That implementation has a refractory period of 3 ms.

Choices made here
-----------------
Weights are in units of (v_theta - e_leak)/psp, where psp has the mean 1 at a rate of rate_unit.
"""

from typing import Literal

import dendrosim as ds
from dendrosim.mechanisms.plastic_connection import connect, received
from dendrosim.mechanisms.psp_kernel import psp_assignments, psp_equations

CELL = """
dsoma/dt = (-g_leak*(soma - e_leak) + g_dendrite*(dendrite - soma) + nudging)/c_soma     : volt   # U
nudging = g_leak*(g_exc*(e_exc - soma) + g_inh*(e_inh - soma))                       : amp
g_exc                                                                              : 1      # input
g_inh                                                                              : 1      # input
dendrite = e_leak + (v_theta - e_leak)*received                                      : volt   # V
predicted = (g_leak*e_leak + g_dendrite*dendrite)/(g_leak + g_dendrite)              : volt   # V*
rate = rate_max/(1 + k*exp((v_theta - soma)/v_slope))                                : Hz     # phi(U)
predicted_rate = rate_max/(1 + k*exp((v_theta - predicted)/v_slope))                 : Hz     # phi(V*)
sensitivity = (v_theta - e_leak)/v_slope*(1 - predicted_rate/rate_max)               : 1      # H(V*)
surprise = (spikes - predicted_rate)*sensitivity                                     : Hz
"""
SPIKES = {
    "rate": "spikes = rate/(1 + t_refractory*rate)                 : Hz     # expected rate of spikes\n",
    "spiking": "spikes = int(t - lastspike < 1.5*dt)/dt             : Hz     # S, of the step before\n",
}


class Parameters(ds.Parameters):
    afferents: int = ds.parameter(10, "number of afferents", least=1)
    cells: int = ds.parameter(1, "number of cells, which all receive all afferents", least=1)
    form: Literal["rate", "spiking"] = ds.parameter("rate", "rates, or spikes")
    low_pass: bool = ds.parameter(True, "whether changes of weights pass a low-pass filter")
    c_soma: ds.Quantity = ds.parameter("300 pF", "capacitance of the soma", above=0)
    g_leak: ds.Quantity = ds.parameter("30 nS", "conductance of the leak", above=0)
    g_dendrite: ds.Quantity = ds.parameter("600 nS", "conductance from dendrite to soma", above=0)
    e_leak: ds.Quantity = ds.parameter("-70 mV", "reversal potential of the leak, and rest")
    e_exc: ds.Quantity = ds.parameter("0 mV", "reversal potential of excitatory nudging")
    e_inh: ds.Quantity = ds.parameter("-75 mV", "reversal potential of inhibitory nudging")
    rate_max: ds.Quantity = ds.parameter("150 Hz", "largest rate of the soma", above=0)
    k: float = ds.parameter(0.5, "phi(v_theta) = rate_max/(1 + k)", above=0)
    v_theta: ds.Quantity = ds.parameter("-55 mV", "voltage of this rate, above e_leak")
    v_slope: ds.Quantity = ds.parameter("3 mV", "voltage over which the rate rises", above=0)
    t_refractory: ds.Quantity = ds.parameter("0 ms", "refractory period of the soma", least=0)
    tau: ds.Quantity = ds.parameter("10 ms", "time constant of the dendrite", above=0)
    rise: float = ds.parameter(0.3, "synaptic time constant over tau", above=0, below=1)
    rate_unit: ds.Quantity | None = ds.parameter(
        None,
        "rate at which the mean psp is 1, with form=spiking (default: 10 Hz)",
        unit="Hz",
        above=0,
    )
    eta: float = ds.parameter(3e-4, "learning rate, smaller with more afferents", above=0)
    tau_low_pass: ds.Quantity | None = ds.parameter(
        None, "time constant of the low-pass filter (default: 100 ms)", unit="ms", above=0
    )
    weight_mean: float = ds.parameter(0.0, "mean of initial weights times number of afferents")
    weight_spread: float = ds.parameter(
        0.1, "sd of initial weights times the root of the number of afferents", above=0
    )


def circuit(p: Parameters) -> ds.Circuit:
    """Return afferents and cells; inputs are `cell.g_exc` and `cell.g_inh`, and with rates `afferent.h`."""
    values = _values(p)
    spiking = p.form == "spiking"
    text = psp_equations() if spiking else "h : 1   # input\n" + psp_equations("h")
    afferent = ds.Population("afferent", p.afferents, text, inputs=() if spiking else ("h",))
    spikes = {"threshold": "rand() < rate*dt", "refractory": "t_refractory"} if spiking else {}
    cell = ds.Population(
        "cell", p.cells, CELL + SPIKES[p.form] + received("received", "fed by w", p.low_pass),
        inputs={"g_exc": 0.0, "g_inh": 0.0}, initial={"soma": p.e_leak}, **spikes,
    )  # fmt: skip
    start = _start(p)
    rule = "learn*eta*surprise_post*psp_pre"
    matrices, projections = connect("w", "afferent.psp", "cell.received", start, rule, p.low_pass)
    more = {}
    if spiking:
        arrive = ds.Pathway(
            "arrive", "train", "afferent", psp_assignments("rate_unit", "_post"), ds.OneToOne(),
            parameters={"rate_unit": values.pop("rate_unit")},
        )  # fmt: skip
        more = {"sources": (ds.SpikeTimes("train", p.afferents),), "pathways": (arrive,)}
    return ds.Circuit(
        (afferent, cell), matrices, projections, p.with_values(**values), {"learn": 0.0}, **more
    )


def _start(p):
    """Return the distribution of initial weights."""
    return ds.Normal(p.weight_spread / p.afferents**0.5, mean=p.weight_mean / p.afferents)


def _values(p):
    """Return the values of parameters whose default depends on others; refuse what does not fit together."""
    if float(p.v_theta.value) <= float(p.e_leak.value):
        raise ds.errors.ParameterError(
            f"v_theta is {p.v_theta} and e_leak is {p.e_leak}; v_theta must be above e_leak, because weights are "
            "in units of the difference"
        )
    found = {}
    for name, value, on, choice, default in (
        ("rate_unit", p.rate_unit, p.form == "spiking", f"form is {p.form}", "10 Hz"),
        ("tau_low_pass", p.tau_low_pass, p.low_pass, f"low_pass is {p.low_pass}", "100 ms"),
    ):
        if on:
            found[name] = default if value is None else value
        elif value is not None:
            raise ds.errors.ParameterError(
                f"{name} is {value}, but {choice}; it has no meaning there; leave it out"
            )
    return found
