"""Two-phase target propagation: a nudged phase learns from the difference to the held activity of a free phase.

The layers are those of `dynamical_tp`. While the gate `hold` is open (free phase), a slow cellular variable
follows the soma; when it closes, it keeps what it had. With `teach` and `learn` open the top is nudged and the
weights follow

    dW_i/dt = -eta_i s'(W_i h_(i-1)) o (h_i^free - h_i) h_(i-1)^T                        rule=difference
    dW_i/dt = -eta_i s'(W_i h_(i-1)) o ((h_i - f_i)^free - (h_i - f_i)) h_(i-1)^T        rule=local

Errors of the inverse enter both phases and cancel, in linear networks exactly; what is trained is the output of
the free phase, not the feed-forward one.

Sources
-------
Thesis, chapter 6, eq. 6.21-6.37; conventions as corrected there.

Errata applied
--------------
Eq. 6.35: the difference is taken of layer i, not of layer i-1; `rule=printed` takes it as printed, for study: the
loss explodes, and W_1 stays as it is. Those of `dynamical_tp`.
"""

from typing import Literal

import dendrosim as ds

HELD = {
    "difference": "dheld/dt = hold*(h - held)/tau_hold : 1   # the soma of the free phase\n",
    "local": "dheld/dt = hold*(h - f - held)/tau_hold : 1   # the local error of the free phase\n",
    "printed": "dheld/dt = hold*(h - held)/tau_hold : 1   # the soma of the free phase\n",
}
DEVIATION = "deviation = h - held : 1\n"
BELOW = "below : 1   # fed by one from the deviation of the layer below\n"
RULES = {
    "difference": "dw/dt = learn*eta*ds(basal_post)*(h_post - held_post)*h_pre : 1",
    "local": "dw/dt = learn*eta*ds(basal_post)*(h_post - f_post - held_post)*h_pre : 1",
    "printed": "dw/dt = learn*eta*ds(basal_post)*below_post*h_pre : 1",
}


def circuit(
    *,
    sizes: tuple[int, ...] = (5, 4, 4, 3),
    mu: float = 0.2,
    tau: ds.Quantity = "10 ms",
    tau_hold: ds.Quantity = "10 ms",
    transfer: str = "linear",
    eta_hat: float = 0.5,
    inverse: Literal["exact", "learned", "fixed", "transpose"] = "learned",
    inverse_error: float = 0.0,
    rule: Literal["difference", "local", "printed"] = "difference",
    eta: ds.Quantity = "1 Hz",
    compensate: bool = True,
    eta_q: ds.Quantity = "2 Hz",
    decay_q: float = 1e-4,
    gain: float = 1.4,
    condition: float = 2.0,
) -> ds.Circuit:
    """Return a chain of layers, learning by two-phase target propagation.

    Parameters
    ----------
    sizes
        Units per layer, input first; `layer0.h` and the last layer's `target` are inputs.
    mu
        Weight of the apical dendrite, between 0 and 1.
    tau
        Time constant of all rates.
    tau_hold
        Time constant with which the held variable follows the soma in the free phase.
    transfer
        A bijection of the real line: linear, smooth_leaky or leaky_relu.
    eta_hat
        Size of the nudge towards the target.
    inverse
        Kind of apical weights.
    inverse_error
        Relative error of fixed apical weights.
    rule
        What the weights learn from: `printed` is eq. 6.35 with its misprint, which explodes.
    eta
        Learning rate of basal weights.
    compensate
        Whether each layer's rate makes up for the size of its learning signal.
    eta_q
        Learning rate of learned apical weights.
    decay_q
        Their decay, relative to that rate.
    gain
        Largest singular value of the initial basal weights.
    condition
        Their condition number.
    """
    ds.positive(tau_hold=tau_hold)
    base = ds.load_circuit(
        "dynamical_tp", sizes=sizes, mu=mu, tau=tau, transfer=transfer, target="free", eta_hat=eta_hat,
        inverse=inverse, inverse_error=inverse_error, eta=eta, compensate=compensate, eta_q=eta_q,
        decay_q=decay_q, gain=gain, condition=condition,
    )  # fmt: skip
    last = len(sizes) - 1
    if rule == "printed" and last < 2:
        raise ds.errors.ShapeError(
            f"sizes is {sizes}; by the rule as printed layer 1 does not learn, so there must be a second one"
        )
    if rule == "printed" and len(set(sizes[1:])) > 1:
        raise ds.errors.ShapeError(
            f"sizes is {sizes}; the rule as printed subtracts activities of the layer below, so layers 1 to "
            f"{last} must have one size"
        )
    layers = {f"layer{i}" for i in range(1, last + 1)}
    populations = [
        p.replace(equations=p.equations + HELD[rule]) if p.name in layers else p
        for p in base.populations
    ]
    matrices = [
        m.replace(plasticity=RULES[rule]) if m.name.startswith("w") else m for m in base.matrices
    ]
    projections = list(base.projections)
    if rule == "printed":
        populations, matrices, projections = _as_printed(last, populations, matrices, projections)
    return base.replace(
        populations=populations,
        matrices=matrices,
        projections=projections,
        parameters={**base.parameters, "tau_hold": tau_hold},
        gates={**base.gates, "hold": 1.0},
    )


def _as_printed(last, populations, matrices, projections):
    """Let every layer learn from the deviation of the one below; the first has none and does not learn."""
    more = {f"layer{i}": BELOW for i in range(2, last + 1)}
    for i in range(1, last):
        more[f"layer{i}"] = DEVIATION + more.get(f"layer{i}", "")
    populations = [p.replace(equations=p.equations + more.get(p.name, "")) for p in populations]
    matrices = [
        m.replace(plasticity=None, parameters={}) if m.name == "w1" else m for m in matrices
    ]
    for i in range(2, last + 1):
        below, layer = f"layer{i - 1}", f"layer{i}"
        matrices.append(ds.Matrix(f"one{i}", post=layer, pre=below, initial=ds.Identity()))
        projections.append(ds.Projection(f"{below}.deviation", f"one{i}", f"{layer}.below"))
    return populations, matrices, projections
