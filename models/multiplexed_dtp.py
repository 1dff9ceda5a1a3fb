"""Multiplexed target propagation: basal dendrites carry activity up, apical ones carry targets down, on one axon.

Each unit sends two bounded signals, an event rate that reads out its somatic rate s(a^b) and a burst probability
that reads out its apical voltage a^a; the units above and below decode them, and learning uses what was decoded.

    tau_b da^b_i/dt = -a^b_i + W_i h_(i-1),           i = 1 .. L
    tau_a da^a_i/dt = -a^a_i + Q_i s^-1(hh_(i+1)),    i = 1 .. L-1
    h_i = decoded event rate, s(a^b_i) within its range;  hh_i = decoded burst probability, a^a_i within its range
    hh_L = h_L - eta_hat (h_L - y) while the gate `teach` is open, else h_L
    dW_i/dt = -eta_i s'(a^b_i) o (hh_i^free - hh_i) h_(i-1)^T,   eta_i = eta/eta_hat
    dQ_i/dt = -eta_q ((Q_i t_i - h_i) t_i^T/(1 + |t_i|^2) + decay_q Q_i),  t_i = s^-1(h_(i+1))      (gate `sleep`)

hh^free is held by a slow variable, which follows hh while the gate `hold` is open. The two pathways do not act on
each other, so the signal does not fall towards the bottom.

The range of a signal is -span to span: event rate 0 to `rate_max`, burst probability 0 to 1. What lies outside is
cut off; `saturated` says which units are there.

Sources
-------
Thesis, chapter 6, eq. 6.43-6.59; conventions as corrected there. Event rate and burst probability as two
signals of one axon: Naud & Sprekeler (2018), PNAS 115:E6329.

Errata applied
--------------
Eq. 6.43-6.44: time constants added. Eq. 6.46, 6.50: the apical voltage is Q_i s^-1(.), form 6.23, since s^-1(Q .)
cannot invert s(W .). Eq. 6.56: the nudge is -eta_hat times the error. Eq. 6.58: the difference is taken of layer
i, not of layer i-1.
"""

from typing import Literal

import numpy as np

import dendrosim as ds

LAYER = """
dbasal/dt = (-basal + bottom_up)/tau_basal                     : 1    # basal dendrite
dapical/dt = (-apical + top_down)/tau_apical                   : 1    # apical dendrite
event_rate = rate_max*(0.5 + 0.5*clip(s(basal)/span, -1, 1))   : Hz   # sent
burst_probability = 0.5 + 0.5*clip(apical/span, -1, 1)         : 1    # sent
h = span*(2*event_rate/rate_max - 1)                           : 1    # decoded above
goal = span*(2*burst_probability - 1)                          : 1    # decoded below: hh
saturated = int(abs(s(basal)) > span or abs(apical) > span)    : 1
dheld/dt = hold*(goal - held)/tau_hold                         : 1    # hh of the free phase
bottom_up                                                      : 1    # fed by w
top_down                                                       : 1    # fed by q
"""
TOP = """
dbasal/dt = (-basal + bottom_up)/tau_basal                     : 1    # basal dendrite
event_rate = rate_max*(0.5 + 0.5*clip(s(basal)/span, -1, 1))   : Hz   # sent
burst_probability = 0.5 + 0.5*clip((h - teach*eta_hat*(h - target))/span, -1, 1) : 1 # sent
h = span*(2*event_rate/rate_max - 1)                           : 1    # decoded, the output
goal = span*(2*burst_probability - 1)                          : 1    # decoded below: hh
saturated = int(abs(s(basal)) > span or abs(h - teach*eta_hat*(h - target)) > span) : 1
dheld/dt = hold*(goal - held)/tau_hold                         : 1    # hh of the free phase
bottom_up                                                      : 1    # fed by w
target                                                         : 1    # input
"""
TARGET = "preimage = inv_s(goal)             : 1   # what the apical dendrites below get\n"
CAUSE = "cause = inv_s(h)                    : 1   # what they learn to invert\n"
POWER = "power = cause**2                    : 1\n"
RECONSTRUCTION = """
reconstruction                               : 1   # fed by q from the cause above
cause_power                                  : 1   # fed by ones: |cause|^2 of the layer above
"""
BASAL = "dw/dt = learn*eta*ds(basal_post)*(goal_post - held_post)*h_pre : 1"
APICAL = "dw/dt = sleep*eta_q*((h_post - reconstruction_post)*cause_pre/(1 + cause_power_post) - decay_q*w) : 1"


def circuit(
    *,
    sizes: tuple[int, ...] = (5, 4, 4, 3),
    tau_basal: ds.Quantity = "10 ms",
    tau_apical: ds.Quantity = "10 ms",
    tau_hold: ds.Quantity = "10 ms",
    transfer: Literal["linear", "smooth_leaky", "leaky_relu"] = "linear",
    eta_hat: float = 0.5,
    inverse: Literal["exact", "learned", "fixed", "transpose"] = "learned",
    inverse_error: float = 0.0,
    eta: ds.Quantity = "1 Hz",
    eta_q: ds.Quantity = "2 Hz",
    decay_q: float = 1e-4,
    span: float = 50.0,
    rate_max: ds.Quantity = "20 Hz",
    gain: float = 1.4,
    condition: float = 2.0,
) -> ds.Circuit:
    """Return a chain of layers, learning by multiplexed target propagation.

    Parameters
    ----------
    sizes
        Units per layer, input first; `layer0.h` and the last layer's `target` are inputs.
    tau_basal
        Time constant of basal dendrites.
    tau_apical
        Time constant of apical dendrites.
    tau_hold
        Time constant with which the held variable follows in the free phase.
    transfer
        A bijection of the real line.
    eta_hat
        Size of the nudge towards the target.
    inverse
        Kind of apical weights.
    inverse_error
        Relative error of fixed apical weights.
    eta
        Learning rate of basal weights.
    eta_q
        Learning rate of learned apical weights.
    decay_q
        Their decay, relative to that rate.
    span
        Largest size of rates and apical voltages that the two signals can carry.
    rate_max
        Largest event rate.
    gain
        Largest singular value of the initial basal weights.
    condition
        Their condition number.
    """
    if len(sizes) < 2:
        raise ds.errors.ParameterError(
            f"sizes is {sizes}; there must be an input and an output layer"
        )
    ds.positive(sizes=sizes, tau_basal=tau_basal, tau_apical=tau_apical, tau_hold=tau_hold)
    ds.positive(eta=eta, eta_q=eta_q, eta_hat=eta_hat, span=span, rate_max=rate_max, gain=gain)
    last = len(sizes) - 1
    if inverse == "exact" and len(set(sizes[1:])) > 1:
        raise ds.errors.ShapeError(
            f"sizes is {sizes}; exact inverses need layers 1 to {last} of one size (layer 0 may differ), or "
            "choose inverse=learned or inverse=fixed"
        )
    if inverse_error and inverse != "fixed":
        raise ds.errors.ParameterError(
            f"inverse_error is {inverse_error}, but has a meaning with inverse=fixed only; leave it out"
        )
    learned = inverse == "learned" and last > 1
    populations = [ds.Population("layer0", sizes[0], "h : 1", inputs=["h"])]
    matrices, projections = [], []
    for i in range(1, last + 1):
        text = TOP if i == last else LAYER
        text += TARGET if i > 1 else ""
        text += CAUSE + POWER if i > 1 and learned else ""
        text += RECONSTRUCTION if i < last and learned else ""
        inputs = ["target"] if i == last else ()
        populations.append(
            ds.Population(f"layer{i}", sizes[i], text, transfer=transfer, inputs=inputs)
        )
        matrices.append(
            ds.Matrix(
                f"w{i}",
                post=f"layer{i}",
                pre=f"layer{i - 1}",
                initial=ds.WellConditioned(gain, condition),
                plasticity=BASAL,
            )
        )
        projections.append(ds.Projection(f"layer{i - 1}.h", f"w{i}", f"layer{i}.bottom_up"))
    for i in range(1, last):
        projections += _apical(i, sizes, inverse, inverse_error, matrices)
    parameters = {
        "tau_basal": tau_basal, "tau_hold": tau_hold, "eta_hat": eta_hat, "span": span,
        "rate_max": rate_max, "eta": ds.Quantity(float(eta.value) / eta_hat, eta.dimension),
    }  # fmt: skip
    parameters |= {"tau_apical": tau_apical} if last > 1 else {}
    parameters |= {"eta_q": eta_q, "decay_q": decay_q} if learned else {}
    gates = {"learn": 0.0, "teach": 0.0, "hold": 1.0, **({"sleep": 0.0} if learned else {})}
    return ds.Circuit(populations, matrices, projections, parameters, gates)


def _apical(i, sizes, inverse, inverse_error, matrices):
    """Add the apical matrix of layer i and return what it takes part in."""
    name, above = f"q{i}", f"layer{i + 1}"
    source, target = f"{above}.preimage", f"layer{i}.top_down"
    if inverse == "transpose":
        return [ds.Projection(source, f"w{i + 1}", target, transpose=True)]
    more, options = [], {}
    if inverse == "exact":
        options["inverse_of"] = f"w{i + 1}"
    else:
        options["initial"] = ds.PseudoInverse(f"w{i + 1}", 1 + inverse_error)
    if inverse == "learned":
        options["plasticity"] = APICAL
        ones = np.ones((sizes[i], sizes[i + 1]))
        matrices.append(ds.Matrix(f"ones{i}", post=f"layer{i}", pre=above, initial=ones))
        more = [
            ds.Projection(f"{above}.cause", name, f"layer{i}.reconstruction"),
            ds.Projection(f"{above}.power", f"ones{i}", f"layer{i}.cause_power"),
        ]
    matrices.append(ds.Matrix(name, post=f"layer{i}", pre=above, **options))
    return [ds.Projection(source, name, target), *more]
