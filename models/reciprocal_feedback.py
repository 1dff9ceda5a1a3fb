"""Reciprocal feedback: feedback weights learn the pseudo-inverse in sleep, and carry errors down in wake phases.

Wake (gates `teach` and `learn`): rates settle at feed-forward values; the error is divided by slopes and goes down
through V, the reciprocals of W. signal_i is the change of the voltage of layer i that would remove the error:

    tau dh_i/dt      = -h_i + s(W_i h_(i-1))                                        i = 1 .. L
    tau dapical_i/dt = -apical_i + V_(i+1) signal_(i+1),  signal_i = apical_i/s'(W_i h_(i-1)),   i = 1 .. L-1
    signal_L         = (target - h_L)/s'(W_L h_(L-1))
    dW_i/dt          = eta signal_i h_(i-1)^T/(silence + |h_(i-1)|^2)

With V_i = W_i^+ and layers that do not get wider, a step of learning of any single layer moves the output by -eta
tau times its error, to first order and up to `silence`. A unit `pool{i}` adds up |h_i|^2 and sends it back to
layer i. With `rule=proportional`, as where the paper trains networks, there is no division by |h_(i-1)|^2: the
output moves by |h_(i-1)|^2 times as much.

Sleep (gate `sleep`): recirculation with white noise x in layer i-1, for all pairs of layers at once. Activity goes
up, down and up again; each time, units keep a part `regression` (l) of their previous activity:

    h1 = W_i x,   x2 = l x + (1 - l) V_i h1,   h3 = l h1 + (1 - l) W_i x2         (`first`, `again`, `third`)
    dV_i/dt = eta_r ((x - x2) h1^T/sigma^2 - decay V_i)
    dW_i/dt = eta_r ((h1 - h3) x2^T/sigma^2 - decay W_i)                            unless align=feedback

Averaged over the noise, dV_i/dt = eta_r ((1 - l)(I - V_i W_i) W_i^T - decay V_i), so with fixed W_i

    V_i(t) = V* + (V_i(0) - V*) exp(-eta_r ((1 - l) W_i W_i^T + decay) t),
    V* = (1 - l) W_i^T ((1 - l) W_i W_i^T + decay)^-1,    the pseudo-inverse without decay

Sources
-------
"A biologically-plausible learning rule using reciprocal feedback connections" (workshop abstract). Hinton &
McClelland (1988), Learning representations by recirculation.

Errata applied
--------------
The Jacobian of a layer's weights is (J_h D) (x) h_(i-1)^T with the slopes D of that layer, not a_(i-1) (x) J_h; so
the step is D_i^-1 B_i e h_(i-1)^T/|h_(i-1)|^2, with activities h_(i-1) and not voltages a_(i-1), and with D_i^-1.
`rule=printed` learns from B_i e a_(i-1)^T, for study: it does not move the output against its error.

Statements that fail
--------------------
See `pseudo_inverse_flow`: recirculation is not the iteration X <- 2 X - X A X, and "X0 A symmetric" is not
sufficient for that iteration to reach the pseudo-inverse.
"""

from typing import Literal

import dendrosim as ds
from dendrosim.mechanisms.layer_chain import count_layers

RATE = """
dh/dt = (-h + s(basal))/tau                             : 1   # rate
basal                                                   : 1   # fed by w
"""
HIDDEN = """
dapical/dt = (-apical + top_down)/tau                   : 1   # apical dendrite
signal = apical/ds(basal)                               : 1   # sent down
top_down                                                : 1   # fed by v
"""
TOP = """
apical = teach*(target - h)                             : 1   # error
signal = apical/ds(basal)                               : 1   # sent down
target                                                  : 1   # input
"""
POOLED = """
power = h**2                                            : 1
pooled                                                  : 1   # fed back by the pool: |h|^2 of this layer
"""
LOWER = """
dagain/dt = (-again + regression*noise + (1 - regression)*recalled)/tau : 1 # x2
recalled                                                : 1   # fed by v
noise                                                   : 1   # input: x in sleep
"""
UPPER = """
first                                                   : 1   # h1, fed by w
dthird/dt = (-third + regression*first + (1 - regression)*returned)/tau : 1 # h3
returned                                                : 1   # fed by w
"""
POOL = "power : 1   # fed by ones: summed over the layer"
WAKE = {
    "reciprocal": "learn*eta*signal_post*h_pre/(silence + pooled_pre)",
    "proportional": "learn*eta*signal_post*h_pre",
    "printed": "learn*eta*apical_post*{below}_pre",
}
SLEEP = " + sleep*eta_r*((first_post - third_post)*again_pre/sigma**2 - decay*w)"
FEEDBACK = "dw/dt = sleep*eta_r*((noise_post - again_post)*first_pre/sigma**2 - decay*w) : 1"

LEARNING = ds.learning.Network(
    layers=("layer{i}.h",),
    weights=("w{i}",),
    feedback=("v{i}",),
    targets=("layer{i}.h + layer{i}.apical",),
    apical=("layer{i}.apical",),
    signals={f"layer{i}.noise": ds.HeldNoise(0.0, 1.0) for i in range(8)},
)


class Parameters(ds.Parameters):
    sizes: tuple[int, ...] = ds.parameter((6, 5, 4), "units per layer, input first", least=1)
    transfer: str = ds.parameter("linear", "transfer function: linear, smooth_leaky or leaky_relu")
    rule: Literal["reciprocal", "proportional", "printed"] = ds.parameter(
        "reciprocal", "what basal weights learn from"
    )
    align: Literal["both", "feedback"] = ds.parameter(
        "both", "whether w learns in sleep as well, or feedback weights v alone"
    )
    start: Literal["random", "pseudo_inverse"] = ds.parameter("random", "initial feedback weights")
    eta: ds.Quantity = ds.parameter("1 Hz", "learning rate in wake phases", above=0)
    eta_r: ds.Quantity = ds.parameter("10 Hz", "learning rate in sleep", above=0)
    regression: float = ds.parameter(
        0.75, "part of their activity that units keep in sleep, l", least=0, below=1
    )
    decay: float = ds.parameter(0.0, "decay of weights in sleep, relative to eta_r", least=0)
    sigma: float = ds.parameter(1.0, "standard deviation of the noise in sleep", above=0)
    silence: float = ds.parameter(
        1e-9,
        "added to |h|^2, so that silent layers do not learn",
        above=0,
        only={"rule": "reciprocal"},
    )
    tau: ds.Quantity = ds.parameter("10 ms", "time constant of rates and dendrites", above=0)
    gain: float = ds.parameter(1.4, "largest singular value of initial weights", above=0)
    condition: float = ds.parameter(2.0, "condition number of initial weights", least=1)


def circuit(p: Parameters) -> ds.Circuit:
    """Return a chain of layers; its inputs are `layer{i}.noise`, `layer0.h` and the last layer's `target`."""
    last = count_layers(p.sizes)
    ds.bijection(p.transfer)
    pooled = p.rule == "reciprocal"
    populations, matrices, projections = [], [], []
    for i in range(last + 1):
        text = "h : 1   # input\n" if i == 0 else RATE + UPPER + (TOP if i == last else HIDDEN)
        inputs = {"h": None} if i == 0 else {"target": None} if i == last else {}
        inputs |= {"noise": 0.0} if i < last else {}
        text += LOWER if i < last else ""
        text += POOLED if i < last and pooled else ""
        transfer = p.transfer if i else None
        populations.append(ds.Population(f"layer{i}", p.sizes[i], text, inputs, transfer=transfer))
    for i in range(1, last + 1):
        below, layer, w, v = f"layer{i - 1}", f"layer{i}", f"w{i}", f"v{i}"
        wake = WAKE[p.rule].format(below="basal" if i > 1 else "h")
        rule = f"dw/dt = {wake}{SLEEP if p.align == 'both' else ''} : 1"
        drawn = ds.WellConditioned(p.gain, p.condition)
        back = drawn if p.start == "random" else ds.PseudoInverse(w)
        matrices += [
            ds.Matrix(w, layer, below, drawn, rule),
            ds.Matrix(v, below, layer, back, FEEDBACK),
        ]
        projections += [
            ds.Projection(f"{below}.h", w, f"{layer}.basal"),
            ds.Projection(f"{below}.noise", w, f"{layer}.first"),
            ds.Projection(f"{below}.again", w, f"{layer}.returned"),
            ds.Projection(f"{layer}.first", v, f"{below}.recalled"),
        ]
        if i > 1:
            projections.append(ds.Projection(f"{layer}.signal", v, f"{below}.top_down"))
        if pooled:
            pool, ones = f"pool{i - 1}", f"ones{i - 1}"
            populations.append(ds.Population(pool, 1, POOL))
            matrices.append(ds.Matrix(ones, pool, below, initial=1.0))
            projections += [
                ds.Projection(f"{below}.power", ones, f"{pool}.power"),
                ds.Projection(f"{pool}.power", ones, f"{below}.pooled", transpose=True),
            ]
    return ds.Circuit(
        populations, matrices, projections, p, gates={"teach": 0.0, "learn": 0.0, "sleep": 0.0}
    )
