"""Difference target propagation with learned feedback, layer by layer or from the output directly.

Activities settle at the feed-forward values. Targets come down through feedback paths g_i; what the path gives for
the activities themselves is subtracted, so that a target is the activity while the output has no target:

    tau dh_i/dt  = -h_i + s(W_i h_(i-1)) + noise_i,                              i = 1 .. L (last layer: `output`)
    tau dhh_i/dt = -hh_i + h_i^free + g_i(hh) - g_i(h^free),                     i = 1 .. L-1
    hh_L = h_L - eta_hat (h_L - y) while the gate `teach` is open, else h_L
    dW_i/dt = eta_i s'(W_i h_(i-1)) o (hh_i - h_i) h_(i-1)^T,   eta_i = eta/eta_hat

h^free is held by a slow variable, which follows h while the gate `hold` is open.

Feedback paths (`feedback`), with t = s or, if `decoder=linear`, the identity:

    layerwise  g_i = t(Q_i hh_(i+1))
    direct     g_i = t(Q_i hh_L)
    hidden     g_i = t(Q_i tanh(R hh_L)), with fixed random weights R to `hidden` feedback units

Q_i learns while the gate `sleep{i}` is open and noise of the standard deviation `sigma` perturbs h_i alone; above
means the source of Q_i, and hh_L = h_L (`reconstruction`):

    plain       descends (|g_i(h_above) - h_i|^2 + decay_q sigma^2 |Q_i|^2)/2: the path should return h_i from
                what h_i causes
    difference  descends (|hh_i - h_i|^2/sigma^2 + decay_q |Q_i|^2)/2: it should return the perturbation, through
                all layers above

The methods of Meulemans et al. are DTP (layerwise, plain), DTPDRL
(layerwise, difference), DDTP-linear (direct, difference, decoder=linear), DDTP-RHL (hidden, difference) and
DDTP-control (direct, plain, decoder=linear).

For small noise, the feedback of DDTP-linear tends to the damped pseudo-inverse J_i^T (J_i J_i^T + decay_q)^-1 of
the Jacobian J_i from layer i to the output if J_i is the same for all samples: targets are then Gauss-Newton ones.

Sources
-------
Meulemans et al. (2020), A theoretical framework for target propagation, eq. 1-12 and section 4.

Errata applied
--------------
Eq. 10: 1/sigma^2 applies to the whole loss; its second term is replaced by weight decay, as in the experiments of
that paper.
"""

from typing import Literal

import dendrosim as ds
from dendrosim.mechanisms.layer_chain import chain_weights, count_layers, input_layer

RATE = """
dh/dt = (-h + s(bottom_up) + noise)/tau                 : 1   # rate
bottom_up                                               : 1   # fed by w
noise                                                   : 1   # input: perturbation while q learns
dheld/dt = hold*(h - held)/tau_hold                     : 1   # rate without target and perturbation
"""
READ_OUT = """
dh/dt = (-h + bottom_up)/tau                            : 1   # linear read-out
bottom_up                                               : 1   # fed by w
dheld/dt = hold*(h - held)/tau_hold                     : 1   # output without perturbation
"""
TOP = """
goal = h - teach*eta_hat*(h - target)                   : 1   # target of the layer
target                                                  : 1   # input
"""
HIDDEN = """
dgoal/dt = (-goal + held + {t}(aim) - {t}(echo))/tau    : 1   # target of the layer
aim                                                     : 1   # fed by q from the target above
echo                                                    : 1   # fed by q from the held rate above
"""
RECALLED = "recalled                                    : 1   # fed by q from the rate above"
FEEDBACK = {
    "difference": """
goal = tanh(aim)                                        : 1
held = tanh(echo)                                       : 1
aim                                                     : 1   # fed by r from the target of the output
echo                                                    : 1   # fed by r from the held output
"""
}
FEEDBACK["plain"] = (
    FEEDBACK["difference"]
    + """
h = tanh(recalled)                                      : 1
recalled                                                : 1   # fed by r from the output
"""
)
BASAL = "dw/dt = learn*eta*{slope}*(goal_post - h_post)*h_pre : 1"
APICAL = {
    "plain": (
        "dw/dt = sleep{i}*eta_q*((h_post - {t}(recalled_post))*{dt}(recalled_post)*h_pre"
        " - decay_q*sigma**2*w) : 1"
    ),
    "difference": (
        "dw/dt = sleep{i}*eta_q*((h_post - goal_post)"
        "*({dt}(aim_post)*goal_pre - {dt}(echo_post)*held_pre)/sigma**2 - decay_q*w) : 1"
    ),
}

LEARNING = ds.learning.Network(
    layers=("layer{i}.h",),
    weights=("w{i}",),
    feedback=("q{i}",),
    targets=("layer{i}.goal",),
    apical=("layer{i}.goal",),
    rules={
        "dtp": {"feedback": "layerwise", "decoder": "transfer", "reconstruction": "plain"},
        "dtpdrl": {"feedback": "layerwise", "decoder": "transfer", "reconstruction": "difference"},
        "ddtp_linear": {"feedback": "direct", "decoder": "linear", "reconstruction": "difference"},
        "ddtp_rhl": {"feedback": "hidden", "decoder": "transfer", "reconstruction": "difference"},
        "ddtp_control": {"feedback": "direct", "decoder": "linear", "reconstruction": "plain"},
    },
)


class Parameters(ds.Parameters):
    sizes: tuple[int, ...] = ds.parameter((5, 4, 4, 3), "units per layer, input first", least=1)
    transfer: str = ds.parameter("tanh", "transfer function of the layers")
    output: Literal["linear", "transfer"] = ds.parameter(
        "linear", "output of the last layer (the same with transfer=linear)"
    )
    feedback: Literal["layerwise", "direct", "hidden"] = ds.parameter(
        "direct", "where a feedback path begins: layer above, output, or feedback units"
    )
    decoder: Literal["linear", "transfer"] = ds.parameter(
        "linear", "whether paths end in the transfer function"
    )
    reconstruction: Literal["plain", "difference"] = ds.parameter(
        "difference", "what feedback weights learn"
    )
    hidden: int = ds.parameter(
        50, "feedback units, with feedback=hidden", least=1, only={"feedback": "hidden"}
    )
    eta_hat: float = ds.parameter(0.5, "size of the step of the output towards the target", above=0)
    eta: ds.Quantity = ds.parameter("1 Hz", "learning rate of basal weights", above=0)
    eta_q: ds.Quantity = ds.parameter("2 Hz", "learning rate of feedback weights", above=0)
    decay_q: float = ds.parameter(0.01, "decay of feedback weights, relative to eta_q", least=0)
    sigma: float = ds.parameter(0.1, "standard deviation of the noise", above=0)
    tau: ds.Quantity = ds.parameter("10 ms", "time constant of activities and targets", above=0)
    tau_hold: ds.Quantity = ds.parameter("10 ms", "time constant of the held variable", above=0)
    gain: float = ds.parameter(1.4, "largest singular value of initial basal weights", above=0)
    condition: float = ds.parameter(2.0, "condition number of initial basal weights", least=1)


def circuit(p: Parameters) -> ds.Circuit:
    """Return a chain of layers; its inputs are `layer0.h` and the `target` of the last layer."""
    last = count_layers(p.sizes)
    populations, rules = [input_layer(p.sizes[0])], []
    for i, units in enumerate(p.sizes[1:], 1):
        linear = i == last and p.output == "linear"
        populations.append(_layer(f"layer{i}", units, i == last, linear, p))
        rules.append(BASAL.format(slope="1" if linear else "ds(bottom_up_post)"))
    initial = ds.WellConditioned(p.gain, p.condition)
    matrices, projections = chain_weights(initial, rules, "bottom_up")
    if p.feedback == "hidden" and last > 1:
        populations.append(ds.Population("feedback", p.hidden, FEEDBACK[p.reconstruction]))
        first = ds.Normal(p.sizes[-1] ** -0.5)
        matrices.append(ds.Matrix("r", "feedback", f"layer{last}", first))
        projections += _paths("r", f"layer{last}", "feedback", p)
    for i in range(1, last):
        above = {"layerwise": f"layer{i + 1}", "direct": f"layer{last}", "hidden": "feedback"}
        source = above[p.feedback]
        units = p.hidden if source == "feedback" else p.sizes[int(source.removeprefix("layer"))]
        rule = _apical(i, p)
        matrices.append(ds.Matrix(f"q{i}", f"layer{i}", source, ds.Normal(units**-0.5), rule))
        projections += _paths(f"q{i}", source, f"layer{i}", p)
    gates = {"learn": 0.0, "teach": 0.0, "hold": 1.0} | {f"sleep{i}": 0.0 for i in range(1, last)}
    eta = ds.Quantity(float(p.eta.value) / p.eta_hat, p.eta.dimension)
    return ds.Circuit(populations, matrices, projections, p.with_values(eta=eta), gates)


def _layer(name, units, top, linear, p):
    text = READ_OUT if linear else RATE
    inputs = {} if linear else {"noise": 0.0}
    if top:
        text, inputs = text + TOP, inputs | {"target": 0.0}
    else:
        text += HIDDEN.format(t="s" if p.decoder == "transfer" else "")
        text += RECALLED if p.reconstruction == "plain" else ""
    return ds.Population(name, units, text, transfer=None if linear else p.transfer, inputs=inputs)


def _apical(i, p):
    """Return the rule of the feedback weights of layer i."""
    if p.decoder == "transfer":
        return APICAL[p.reconstruction].format(i=i, t="s", dt="ds")
    text = APICAL[p.reconstruction].replace("*{dt}(recalled_post)", "")
    return text.replace("{dt}(aim_post)*", "").replace("{dt}(echo_post)*", "").format(i=i, t="")


def _paths(matrix, source, target, p):
    """Return the projections of a feedback matrix."""
    names = {"goal": "aim", "held": "echo"}
    names |= {"h": "recalled"} if p.reconstruction == "plain" else {}
    return [ds.Projection(f"{source}.{k}", matrix, f"{target}.{v}") for k, v in names.items()]
