"""Random feedback: layers learn from errors that separate feedback weights R carry down, fixed or learned.

Activity of layer i is x_i = s(W_i x_(i-1)); the outputs x_L are linear unless `output` is "transfer". Each layer
has an error delta_i, from which its weights learn:

    delta_L = -dLoss/d(W_L x_(L-1))                                (see `dendrosim.mechanisms.output_error`)
    delta_i = s'(W_i x_(i-1)) o R_(i+1) delta_(i+1),               i = L-1 .. 1   (R_(i+1): layer i+1 to layer i)
    dW_i/dt = eta delta_i x_(i-1)^T

Feedback weights (`rule`):

    bp              R_i = W_i^T at all times: back-propagation, with weight transport
    frfb            fixed random feedback
    urfb            updated random feedback: dR_i/dt = eps eta x_(i-1) delta_i^T, for eps = 1 the increment of W_i
    kolen_pollack   urfb with eps = 1 and weight decay: -eta decay W_i and -eta decay R_i are added
    dfa             direct feedback alignment: delta_i = s' o B_i delta_L, with fixed random B_i (layer L to i)
    weight_mirror   while the gate `sleep{i-1}` is open, layer i-1 is perturbed by noise of sd `sigma`:
                    dR_i/dt = eta_r (noise_(i-1) x_i^T/sigma^2 - decay R_i)
    bdfa            bidirectional feedback alignment: R_1 .. R_L learn to reconstruct the input from the target, by
                    feedback alignment with W as the feedback weights (y_L is the target, x_0 the input):
                    y_i = s(R_(i+1) y_(i+1)), y_0 = R_1 y_1,  gamma_0 = x_0 - y_0,
                    gamma_i = s'(R_(i+1) y_(i+1)) o W_i gamma_(i-1),  dR_(i+1)/dt = eta_r gamma_i y_(i+1)^T

Broadcast feedback alignment is direct feedback alignment in spiking neurons (thesis, 3.2.3). For units with
rates, as here, the two are one rule, so it has no name of its own.

Somata and dendrites follow the rules in time (`form`):

    phases          A unit has one output h, its somatic rate. The error replaces the activity, layer by layer from
                    the top: the gate `forward` lets somata follow their basal dendrites; then, while `feedback{i}`
                    is open, the soma of layer i follows delta_i, and the apical dendrites of layer i-1 charge
                    (`listen{i-1}`). The step of learning of layer i (gate `learn{i}`) comes while layer i-1 still
                    has its activity, so W_i and R_i learn from products of the rates of the two cells. With bdfa,
                    `reconstruct` lets somata follow their apical dendrites, and `rise{i}` lets the soma of layer i
                    follow gamma_i, from the bottom.
    compartments    Both signals at once: the apical dendrite adds `coupling` delta_i to the somatic rate, which
                    goes up, while delta_i goes down by itself. Rates of all layers then move with the errors, and
                    updates differ from those of `phases` by a part that is proportional to `coupling` (see the
                    protocol `feedback_forms`). The gate `teach` sends errors of the outputs, `learn` opens
                    plasticity.

    dbasal_i/dt  = (-basal_i + W_i h_(i-1))/tau
    dapical_i/dt = listen_i (-apical_i + R_(i+1) h_(i+1))/tau
    dh_i/dt      = (forward (s(basal_i) - h_i) + feedback_i (s'(basal_i) apical_i - h_i))/tau     (phases)
    dh_i/dt      = (s(basal_i) + coupling s'(basal_i) apical_i - h_i)/tau              (compartments)

`pruned` removes this fraction of the inputs of each unit, chosen at random and separately for W and R.

With `kernels` the lowest layers are locally connected: each unit of layer i sees a square patch of layer i-1, an
image with several units per place, and has weights of its own (untied, see `LocalPatches`). R_i connects the same
pairs of units as W_i. The layers above are fully connected, and so is the direct feedback of dfa.

Sources
-------
Amit (2021), Deep learning with asymmetric connections and Hebbian updates, section 3 (frfb, urfb, losses,
pruning) and 4.1 (locally connected layers). Lillicrap et al. (2016), Nature Communications 7:13276 (frfb). Kolen &
Pollack (1994), Akrout et al. (2019), Deep learning without weight transport (kolen_pollack, weight_mirror).
Thesis, chapter 3, eq. 3.18-3.27 (dfa, bdfa).

Errata applied
--------------
Amit: the softmax derivative p - y is printed as y - p (section 3.2), which is the error delta; text after eq. 6:
the error of wrong classes ends below -1, not below -mu. Thesis, eq. 3.20, 3.24, 3.27: the learning rate and the
sign of descent are missing; here all errors have the sign of descent. Eq. 3.25: the index is i = L-1 .. 0, where
the reconstruction of the input is linear.

Statements that fail
--------------------
Amit, section 3.1: with R(0) = W(0)^T, urfb is "precisely" back-propagation. R stays W^T, but the sequence of
updates in its figures 2 and 15 changes R_(i+1) before delta_i is computed from it, so delta_i is not that of the
gradient; the deviation is proportional to eta. In the phases above, apical dendrites charge before the weights
learn, and the update is the gradient. Weight_mirror: R_i tends to W_i^T only for linear units; otherwise, to <s'>
W_i^T, where each column is scaled by the mean slope of a unit of layer i.
"""

from typing import Literal, get_args

import dendrosim as ds
from dendrosim.learning.feedback_cycle import feedback_phases
from dendrosim.mechanisms.layer_chain import count_layers
from dendrosim.mechanisms.local_layers import LocalLayers, patches_of_layers
from dendrosim.mechanisms.output_error import OutputError, error_equations, error_pool

BASAL = """
dbasal/dt = (-basal + bottom_up)/tau                    : 1   # basal dendrite
bottom_up                                               : 1   # fed by w
"""
HIDDEN = {
    "phases": """
dapical/dt = listen{i}*(-apical + top_down)/tau         : 1   # apical dendrite
dh/dt = (forward*({forward} - h) + feedback{i}*(ds(basal)*apical - h){more})/tau : 1 # soma: x_i, then delta_i
teaching = learn{i}*eta*h                               : Hz
top_down                                                : 1   # fed by r
""",
    "compartments": """
dapical/dt = (-apical + top_down)/tau                   : 1   # apical dendrite
dh/dt = ({forward} + coupling*delta - h)/tau            : 1   # soma, sent up
delta = ds(basal)*apical                                : 1   # sent down
teaching = learn*eta*delta                              : Hz
top_down                                                : 1   # fed by r
""",
}
TOP = {
    "phases": """
dh/dt = (forward*({forward} - h) + feedback{i}*(error - h){more})/tau : 1 # soma: x_L, then delta_L
teaching = learn{i}*eta*h                               : Hz
""",
    "compartments": """
dh/dt = ({forward} + coupling*delta - h)/tau            : 1   # soma
delta = teach*error                                     : 1   # sent down
teaching = learn*eta*delta                              : Hz
""",
}
NOISE = (
    "noise                                          : 1   # input: perturbation while r learns\n"
)
INPUT = "h : 1   # input"
RECONSTRUCTED = """
h                                                       : 1   # input
dapical/dt = listen0*(-apical + top_down)/tau           : 1   # reconstruction of the input
sent = h - rise*apical                                  : 1   # sent up: the input, or its residual
top_down                                                : 1   # fed by r1
"""
DESCENT = " + reconstruct*(s(apical) - h) + rise{i}*(ds(apical)*basal - h)"

FORWARD = "dw/dt = teaching_post*h_pre{decay} : 1"
LEARNED = {
    "urfb": "dw/dt = eps*h_post*teaching_pre : 1",
    "kolen_pollack": "dw/dt = h_post*teaching_pre{decay} : 1",
    "weight_mirror": "dw/dt = sleep{lower}*eta_r*(noise_post*h_pre/sigma**2 - decay*w) : 1",
    "bdfa": "dw/dt = learn_back{i}*eta_r*{below}_post*h_pre : 1",
}
DECAY = " - {learn}*eta*decay*w"
DECAYS = {"kolen_pollack": 0.1, "weight_mirror": 1.0}
MEANT = {
    "eps": ("rule", ("urfb",)),
    "decay": ("rule", tuple(DECAYS)),
    "eta_r": ("rule", ("weight_mirror", "bdfa")),
    "sigma": ("rule", ("weight_mirror",)),
    "coupling": ("form", ("compartments",)),
    "balance": ("loss", ("hinge",)),
}
"""By parameter, the other parameter and its values with which it has a meaning."""

Rule = Literal["bp", "frfb", "urfb", "dfa", "bdfa", "weight_mirror", "kolen_pollack"]
LEARNING = ds.learning.Network(
    layers=("layer{i}.h",),
    weights=("w{i}",),
    feedback=("r{i}", "b{i}"),
    apical=("layer{i}.apical",),
    apical_phase="rest",
    learning_phase="forward",
    cycle=feedback_phases,
    rules={name: {"rule": name} for name in get_args(Rule)},
)


class Parameters(OutputError, LocalLayers, ds.Parameters):
    sizes: tuple[int, ...] = ds.parameter((8, 6, 4), "units per layer, input first", least=1)
    rule: Rule = ds.parameter("urfb", "feedback weights, as listed above")
    form: Literal["phases", "compartments"] = ds.parameter(
        "phases", "errors replace activities layer by layer, or both are there at once"
    )
    transfer: str = ds.parameter("saturated_linear", "transfer function of the hidden layers")
    eps: float | None = ds.parameter(
        None, "learning rate of r over that of w, with rule=urfb (default: 1)", least=0
    )
    decay: float | None = ds.parameter(
        None,
        "decay of w and r relative to eta (kolen_pollack, default: 0.1), or of r relative to eta_r "
        "(weight_mirror, default: 1)", above=0,
    )  # fmt: skip
    coupling: float | None = ds.parameter(
        None, "effect of delta on the soma, with form=compartments (default: 0.1)", least=0
    )
    symmetric: bool = ds.parameter(False, "whether r starts as the transpose of w")
    pruned: float = ds.parameter(0.0, "fraction of inputs that each unit lacks", least=0, below=1)
    eta: ds.Quantity = ds.parameter("5 Hz", "learning rate of w", above=0)
    eta_r: ds.Quantity | None = ds.parameter(
        None,
        "learning rate of r, with rule=weight_mirror or bdfa (default: 5 Hz)",
        unit="Hz",
        above=0,
    )
    sigma: float | None = ds.parameter(
        None, "sd of the noise, with rule=weight_mirror (default: 0.5)", above=0
    )
    tau: ds.Quantity = ds.parameter("10 ms", "time constant of somata and dendrites", above=0)
    gain: float = ds.parameter(
        1.0, "range of initial weights over sqrt(6/(inputs + outputs)) of a unit", above=0
    )


def circuit(p: Parameters) -> ds.Circuit:
    """Return a chain of layers; its inputs are `layer0.h` and the `target` of the last layer."""
    last = count_layers(p.sizes)
    _check(p)
    bottom = RECONSTRUCTED if p.rule == "bdfa" else INPUT
    populations = [ds.Population("layer0", p.sizes[0], bottom, inputs=["h"])]
    for i in range(1, last + 1):
        noise = p.rule == "weight_mirror" and i < last
        inputs = ["target"] if i == last else {"noise": 0.0} if noise else ()
        transfer = p.transfer if i < last or p.output == "transfer" else None
        populations.append(
            ds.Population(
                f"layer{i}", p.sizes[i], _equations(i, last, p), inputs, transfer=transfer
            )
        )
    patches = patches_of_layers(p.sizes, p.image, p.kernels, p.strides)
    matrices, projections = _ahead(p, last, patches)
    for part in _direct(p, last) if p.rule == "dfa" else _layerwise(p, last, patches):
        (matrices if isinstance(part, ds.Matrix) else projections).append(part)
    pool = error_pool(p.loss, f"layer{last}", p.sizes[-1])
    return ds.Circuit(
        populations + pool[0],
        matrices + pool[1],
        projections + pool[2],
        p.with_values(**_values(p, last)),
        _gates(p, last),
    )


def _equations(i, last, p):
    """Return the equations of layer i."""
    more = ""
    if p.rule == "bdfa":
        more = " + reconstruct*(target - h)" if i == last else DESCENT.format(i=i)
    if i == last:
        forward = "basal" if p.output == "linear" else "s(basal)"
        text = TOP[p.form].format(i=i, forward=forward, more=more)
        return BASAL + text + error_equations(p.loss, p.output)
    noise = p.rule == "weight_mirror"
    forward = "s(basal) + noise" if noise else "s(basal)"
    text = HIDDEN[p.form].format(i=i, forward=forward, more=more)
    return BASAL + text + (NOISE if noise else "")


def _ahead(p, last, patches):
    """Return the matrices and projections that go up."""
    matrices, projections = [], []
    for i in range(1, last + 1):
        below, layer = f"layer{i - 1}", f"layer{i}"
        rule = FORWARD.format(decay=_decay(p, i))
        matrices.append(_matrix(p, f"w{i}", (i, i - 1), rule, patches.get(i)))
        sent = "sent" if i == 1 and p.rule == "bdfa" else "h"
        projections.append(ds.Projection(f"{below}.{sent}", f"w{i}", f"{layer}.bottom_up"))
    return matrices, projections


def _layerwise(p, last, patches):
    """Yield the matrices and projections that go down from layer to layer."""
    error = "h" if p.form == "phases" else "delta"
    for i in range(1 if p.rule == "bdfa" else 2, last + 1):
        source, target = f"layer{i}.{error}", f"layer{i - 1}.top_down"
        if p.rule == "bp":
            yield ds.Projection(source, f"w{i}", target, transpose=True)
            continue
        below = "sent" if i == 1 else "h"
        rule = LEARNED.get(p.rule, "").format(decay=_decay(p, i), i=i, lower=i - 1, below=below)
        seen = ds.Reversed(patches[i]) if i in patches else None
        yield _matrix(p, f"r{i}", (i - 1, i), rule or None, seen)
        yield ds.Projection(source, f"r{i}", target)


def _direct(p, last):
    """Yield the matrices and projections that go down from the outputs."""
    error = "h" if p.form == "phases" else "delta"
    for i in range(1, last):
        yield _matrix(p, f"b{i}", (i, last), None)
        yield ds.Projection(f"layer{last}.{error}", f"b{i}", f"layer{i}.top_down")


def _matrix(p, name, ends, rule, connect=None):
    """Return a matrix with random initial weights; `ends` are the numbers of the layers that it connects."""
    post, pre = (p.sizes[i] for i in ends)
    if connect is not None:
        width = p.gain * (6 / (connect.count * (1 / post + 1 / pre))) ** 0.5
        start = ds.Uniform(-width, width)
        return ds.Matrix(name, f"layer{ends[0]}", f"layer{ends[1]}", start, rule, connect=connect)
    kept = int((1 - p.pruned) * pre + 0.5)
    if not kept:
        raise ds.errors.ParameterError(
            f"pruned is {p.pruned}, and layer {ends[0]} has {pre} inputs through {name}: its units are left "
            f"without inputs; prune at most {1 - 0.5 / pre:g}, or give layer {ends[1]} more units"
        )
    width = p.gain * (6 / ((1 - p.pruned) * (post + pre))) ** 0.5
    initial = ds.Uniform(-width, width)
    if p.symmetric and name[0] == "r":
        initial = ds.Transpose(f"w{name[1:]}")
    connect = ds.InDegree(kept) if p.pruned else None
    return ds.Matrix(name, f"layer{ends[0]}", f"layer{ends[1]}", initial, rule, connect=connect)


def _decay(p, i):
    if p.rule != "kolen_pollack":
        return ""
    return DECAY.format(learn=f"learn{i}" if p.form == "phases" else "learn")


def _values(p, last):
    """Return the values of parameters whose default depends on others."""
    mirror = p.rule == "weight_mirror" and last > 1
    defaults = {
        "eps": (p.rule == "urfb" and last > 1, 1.0),
        "decay": (p.rule == "kolen_pollack" or mirror, DECAYS.get(p.rule)),
        "coupling": (p.form == "compartments", 0.1),
        "eta_r": (p.rule == "bdfa" or mirror, "5 Hz"),
        "sigma": (mirror, 0.5),
        "balance": (p.loss == "hinge", 0.5),
    }
    given = {name: getattr(p, name) for name in defaults}
    return {
        name: default if given[name] is None else given[name]
        for name, (used, default) in defaults.items()
        if used
    }


def _gates(p, last):
    """Return all gates: activity goes up, nothing comes down and nothing learns."""
    mirror = {f"sleep{i}": 0.0 for i in range(1, last)} if p.rule == "weight_mirror" else {}
    if p.form == "compartments":
        return {"teach": 0.0, "learn": 0.0, **mirror}
    names = [f"{n}{i}" for i in range(1, last + 1) for n in ("feedback", "learn")]
    names += [f"listen{i}" for i in range(1, last)]
    if p.rule == "bdfa":
        names += ["listen0", "reconstruct", "rise", *(f"rise{i}" for i in range(1, last))]
        names += [f"learn_back{i}" for i in range(1, last + 1)]
    return {"forward": 1.0, **dict.fromkeys(names, 0.0), **mirror}


def _check(p):
    """Refuse parameters that do not fit together."""
    fixed = p.rule in ("bp", "dfa")
    for name, (other, values) in MEANT.items():
        value, chosen = getattr(p, name), getattr(p, other)
        if value is not None and chosen not in values:
            raise ds.errors.ParameterError(
                f"{name} is {value}, but {other} is {chosen}; {name} has a meaning only with "
                f"{other}={' or '.join(values)}; leave it out"
            )
    if p.symmetric and fixed:
        raise ds.errors.ParameterError(
            f"symmetric is True, but rule is {p.rule}, which has no feedback weights from layer to layer; choose "
            "another rule, or leave symmetric out"
        )
    if p.symmetric and p.pruned:
        raise ds.errors.ParameterError(
            f"symmetric is True and pruned is {p.pruned}; connections are pruned separately in both directions, "
            "so r cannot be the transpose of w; leave one of them out"
        )
    for name in ("pruned", "symmetric") if p.kernels else ():
        if given := getattr(p, name):
            raise ds.errors.ParameterError(
                f"{name} is {given}, which is for fully connected layers; leave out {name} or kernels"
            )
    if p.rule == "bdfa" and p.form == "compartments":
        raise ds.errors.ParameterError(
            "rule is bdfa and form is compartments; the rule has four signals, which two dendrites cannot carry "
            "at once; choose form=phases"
        )
