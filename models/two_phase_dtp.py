"""Two-phase target propagation: weights learn from the difference between a nudged phase and a free phase.

The layers are those of `dynamical_tp`. While the gate `hold` is open (free phase), a slow cellular variable
follows the soma; when the gate closes, the variable keeps its value. With `teach` and `learn` open the top is
nudged and the weights follow

    dW_i/dt = -eta_i p_i h_(i-1)^T,   e_i = s'(W_i h_(i-1)) o (h_i^free - h_i)
    p_i = e_i/sqrt(1 + (e_i/reach_i)^2),   reach_i = reach r^(L+1-i)   rule=bounded
    p_i = e_i                                                          rule=difference
    p_i = s'(W_i h_(i-1)) o ((h_i - f_i)^free - (h_i - f_i))           rule=local

with r = mu/(1 - mu). The bound falls towards the bottom as the signal does; it is the saturation of plateau
potentials. Apical dendrites receive rates (`decoder=linear`) if the rule is bounded and Q learns, else s^-1 of
rates: s^-1 multiplies the signal by 1/s', which is 10 for leaky_relu.

With `inverse=drl`, apical weights learn by the difference reconstruction loss while the gate `sleep{i}` is open.
Noise of the standard deviation `sigma` then perturbs layer i alone. D means the difference from the free phase:

    dQ_i/dt = -eta_q ((Q_i D t_(i+1) - D h_i) D t_(i+1)^T/sigma^2 + decay_q Q_i)

so that Q_i is a pseudo-inverse of W_(i+1) with the damping `decay_q`. Apical dendrites then adapt: a slow variable
follows g_i in the free phase, and only what g_i adds to it reaches the soma,

    tau dh_i/dt = -h_i + (1 - mu) f_i + mu (h_i^free + g_i - g_i^free)

This is the same circuit if g_i^free = h_i^free, as with exact inverses. With any other Q, the output of the free
phase is the feed-forward output, and errors of the inverse cancel, in nonlinear circuits too.

Without drl, errors of the inverse enter both phases and cancel, in linear networks exactly. The trained output is
then the output of the free phase, not the feed-forward output.

Sources
-------
Thesis, chapter 6, eq. 6.21-6.37, with the conventions as corrected in that chapter. Difference reconstruction
loss: Meulemans et al. (2020), A theoretical framework for target propagation, eq. 10-12. The difference from the
free phase is the correction of Lee et al. (2015), Difference target propagation.

Errata applied
--------------
Eq. 6.35: W_i learns from the difference of layer i, not of layer i-1; `rule=printed` is the equation as printed,
for study: the loss explodes, and W_1 does not change. The errata of `dynamical_tp` apply as well.
"""

from typing import Literal

import dendrosim as ds

SOMA = "dheld/dt = hold*(h - held)/tau_hold : 1   # the soma of the free phase\n"
HELD = {
    "bounded": SOMA,
    "difference": SOMA,
    "local": "dheld/dt = hold*(h - f - held)/tau_hold : 1   # the local error of the free phase\n",
    "printed": SOMA,
}
DEVIATION = "deviation = h - held : 1\n"
BELOW = "below : 1   # fed by one from the deviation of the layer below\n"
PLATEAU = """
error = ds(basal)*(h - held)                 : 1
plateau = error/sqrt(1 + (error/reach)**2)   : 1   # saturates
"""
ADAPTED = """
dh/dt = (-h + (1 - mu)*f + mu*(held + g - resting) + noise)/tau : 1   # somatic rate
dheld/dt = hold*(h - held)/tau_hold          : 1   # the soma of the free phase
dresting/dt = hold*(g - resting)/tau_hold    : 1   # the apical dendrite of the free phase
f = s(basal)                                 : 1   # basal dendrite
basal                                        : 1   # fed by w
g                                            : 1   # apical dendrite, fed by q
noise                                        : 1   # input: perturbation while apical weights learn
"""
PREIMAGE = {
    "inverse": "preimage = inv_s(h)          : 1   # what the apical dendrites below get\n",
    "linear": "preimage = h                 : 1   # what the apical dendrites below get\n",
}
SHIFT = {
    "inverse": "shift = preimage - inv_s(held) : 1   # what the perturbation of the layer below changes\n",
    "linear": "shift = h - held               : 1   # what the perturbation of the layer below changes\n",
}
DRL = "dw/dt = sleep{i}*eta_q*((h_post - held_post - g_post + resting_post)*shift_pre/sigma**2 - decay_q*w) : 1"
RULES = {
    "bounded": "dw/dt = learn*eta*plateau_post*h_pre : 1",
    "difference": "dw/dt = learn*eta*ds(basal_post)*(h_post - held_post)*h_pre : 1",
    "local": "dw/dt = learn*eta*ds(basal_post)*(h_post - f_post - held_post)*h_pre : 1",
    "printed": "dw/dt = learn*eta*ds(basal_post)*below_post*h_pre : 1",
}

LEARNING = ds.learning.Network(
    layers=("layer{i}.h",),
    weights=("w{i}",),
    feedback=("q{i}",),
    targets=("layer{i}.f + layer{i}.h - layer{i}.held",),
    apical=("layer{i}.g",),
)


class Parameters(ds.Parameters):
    sizes: tuple[int, ...] = ds.parameter((5, 4, 4, 3), least=1)
    tau_hold: ds.Quantity = ds.parameter("10 ms", "time constant of the held variable", above=0)
    inverse: Literal["exact", "learned", "fixed", "transpose", "drl"] = ds.parameter("learned")
    sigma: float = ds.parameter(
        0.1, "sd of the noise, with inverse=drl", above=0, only={"inverse": "drl"}
    )
    rule: Literal["bounded", "difference", "local", "printed"] = ds.parameter(
        "bounded",
        "signal from which weights learn; difference is eq. 6.35, printed has its misprint",
    )
    reach: float = ds.parameter(
        0.3,
        "largest learning signal, with rule=bounded",
        above=0,
        only={"rule": ("bounded", "printed")},
    )
    decoder: Literal["inverse", "linear"] | None = ds.parameter(
        None, "what apical dendrites receive (default: linear if the rule is bounded and Q learns)"
    )
    eta_q: ds.Quantity = ds.parameter("2 Hz", above=0, only={"inverse": ("learned", "drl")})
    decay_q: float = ds.parameter(1e-4, least=0, only={"inverse": ("learned", "drl")})
    circuit = ds.parameters_of("dynamical_tp", without=("target", "rule", "reach", "decoder"))


def circuit(p: Parameters) -> ds.Circuit:
    """Return a chain of layers; its inputs are `layer0.h` and the `target` of the last layer."""
    bounded, drl, last = p.rule == "bounded", p.inverse == "drl", len(p.sizes) - 1
    learns = p.inverse in ("learned", "drl")
    decoder = p.decoder or ("linear" if bounded and learns else "inverse")
    own = {"inverse": "fixed" if drl else p.inverse, "decoder": decoder}
    own |= {"target": "free", "rule": "difference"}
    own |= {"eta_q": p.eta_q, "decay_q": p.decay_q} if p.inverse == "learned" else {}
    base = ds.load_circuit("dynamical_tp", sizes=p.sizes, **own, **p.circuit)
    if drl and p.rule in ("local", "printed"):
        raise ds.errors.ParameterError(
            f"rule is {p.rule} and inverse is drl; apical weights that learn by differences need rule=bounded or "
            "rule=difference"
        )
    if p.rule == "printed" and last < 2:
        raise ds.errors.ShapeError(
            f"sizes is {p.sizes}; by the rule as printed layer 1 does not learn, so there must be a layer 2"
        )
    if p.rule == "printed" and len(set(p.sizes[1:])) > 1:
        raise ds.errors.ShapeError(
            f"sizes is {p.sizes}; the rule as printed subtracts activities of the layer below, so layers 1 to "
            f"{last} must have one size"
        )
    text = HELD[p.rule] + (PLATEAU if bounded else "")
    r, layers = p.circuit["mu"] / (1 - p.circuit["mu"]), range(1, last + 1)
    reach = {f"layer{i}": {"reach": p.reach * r ** (last + 1 - i)} for i in layers}
    populations = [
        q.replace(equations=q.equations + text, parameters=reach[q.name] if bounded else {})
        if q.name in reach
        else q
        for q in base.populations
    ]
    matrices = [
        m.replace(plasticity=RULES[p.rule]) if m.name.startswith("w") else m for m in base.matrices
    ]
    projections, gates = list(base.projections), {**base.gates, "hold": 1.0}
    parameters = {**base.parameters, "tau_hold": p.tau_hold}
    if drl and last > 1:
        populations, matrices = _adapted(last, decoder, populations, matrices)
        gates |= {f"sleep{i}": 0.0 for i in range(1, last)}
        parameters |= {name: getattr(p, name) for name in ("eta_q", "decay_q", "sigma")}
    if p.rule == "printed":
        populations, matrices, projections = _as_printed(last, populations, matrices, projections)
    return base.replace(
        populations=populations,
        matrices=matrices,
        projections=projections,
        parameters=parameters,
        gates=gates,
    )


def _adapted(last, decoder, populations, matrices):
    """Let apical dendrites of hidden layers adapt, and their weights learn by difference reconstruction."""
    found = []
    for q in populations:
        i = int(q.name.removeprefix("layer"))
        text, inputs = q.equations + (SHIFT[decoder] if i == last else ""), q.inputs
        if 0 < i < last:
            text, inputs = (
                ADAPTED + (PREIMAGE[decoder] + SHIFT[decoder] if i > 1 else ""),
                {"noise": 0.0},
            )
            text += PLATEAU if "plateau" in q.equations else ""
        found.append(q.replace(equations=text, inputs=inputs))
    rules = {f"q{i}": DRL.format(i=i) for i in range(1, last)}
    return found, [m.replace(plasticity=rules[m.name]) if m.name in rules else m for m in matrices]


def _as_printed(last, populations, matrices, projections):
    """Let each layer learn from the deviation of the layer below; layer 1, above the input, does not learn."""
    more = {f"layer{i}": BELOW for i in range(2, last + 1)}
    for i in range(1, last):
        more[f"layer{i}"] = DEVIATION + more.get(f"layer{i}", "")
    populations = [q.replace(equations=q.equations + more.get(q.name, "")) for q in populations]
    matrices = [
        m.replace(plasticity=None, parameters={}) if m.name == "w1" else m for m in matrices
    ]
    for i in range(2, last + 1):
        below, layer = f"layer{i - 1}", f"layer{i}"
        matrices.append(ds.Matrix(f"one{i}", post=layer, pre=below, initial=ds.Identity()))
        projections.append(ds.Projection(f"{below}.deviation", f"one{i}", f"{layer}.below"))
    return populations, matrices, projections
