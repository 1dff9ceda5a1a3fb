"""Burst-dependent learning with two evaluations per sample: weights learn from the change of burst rates.

Event rates go up, burst rates come down. In the first evaluation there is no teacher, and cells remember their
burst rate (while the gate `hold` is open); in the second, outputs are taught (`teach`), and burst rates change:

    tau de_i/dt = -e_i + s(W_i e_(i-1)),                                      i = 1 .. L
    tau du_i/dt = -u_i + g_i Y_i b_(i+1) - R_i bbar_i,                        i = 1 .. L-1
    p_i = sigmoid(u_i),   b_i = p_i e_i
    p_L = P_b (1 + g_L (target - e_L)) while `teach` is open, else P_b
    tau_hold dbbar_i/dt = b_i - bbar_i                  while `hold` is open
    dW_i/dt = eta (b_i - bbar_i) e_(i-1)^T              while `learn` is open

`dendrosim.mechanisms.burst_rates` defines e and g for all transfer functions; g_i = 1 - e_i for the logistic one.

Recurrent inhibition R of dendrites learns to cancel the burst rates of the first evaluation, so that p is near
1/2, where it is most sensitive:

    dR_i/dt = eta_r u_i bbar_i^T                        while `sleep` is open

Then for small errors b_i - bbar_i = p_i (1 - p_i) s'(W_i e_(i-1)) o Y_i (b_(i+1) - bbar_(i+1)), where p_i (1 -
p_i) is at most 1/4. So with Y_i = W_(i+1)^T the update of the last layer is P_b times that of gradient descent,
and updates fall by a factor of at least 4 with each layer below.

Feedback (`feedback`):

    tied            Y_i = W_(i+1)^T: weight transport
    fixed           Y_i keeps its random start
    kolen_pollack   dY_i/dt = eta e_i (b_(i+1) - bbar_(i+1))^T, which is the update of W_(i+1)^T; both decay,
                    so W_(i+1)^T - Y_i decays as exp(-eta decay t)

Sources
-------
Payeur, Guerguiev, Zenke, Richards & Naud (2021), Nature Neuroscience 24:1010, and the published code of its
networks of rates. Decay with kolen_pollack: Kolen & Pollack (1994), Akrout et al. (2019).

Choices made here
-----------------
R reads the burst rates of the first evaluation in the second one as well; otherwise bursts would partly cancel
themselves. There is no bias. Transfer functions other than the logistic one need the baseline.
"""

from typing import Literal

import dendrosim as ds
from dendrosim.mechanisms.burst_rates import OUTPUT, BurstRates, event_equations, event_values
from dendrosim.mechanisms.layer_chain import chain_populations, chain_weights, count_layers

HIDDEN = """
dapical/dt = (-apical + gain*excitation - inhibition)/tau : 1 # apical potential, u
excitation                                        : 1   # fed by y: bursts of the layer above
inhibition                                        : 1   # fed by r: bursts of the layer, held
burst_probability = 0.5 + 0.5*tanh(0.5*apical)    : 1
"""
TEACHING = """
dheld/dt = hold*(burst - held)/tau_hold           : 1   # burst rate of the first evaluation
teaching = burst - held                           : 1   # change of the burst rate
"""
FORWARD = "dw/dt = learn*eta*teaching_post*h_pre : 1"
DECAYING = "dw/dt = learn*eta*(teaching_post*h_pre - decay*w) : 1"
LEARNED = "dw/dt = learn*eta*(h_post*teaching_pre - decay*w) : 1"
RECURRENT = "dw/dt = sleep*eta_r*apical_post*held_pre : 1"

LEARNING = ds.learning.Network(
    layers=("layer{i}.h",),
    weights=("w{i}",),
    feedback=("y{i}",),
    apical=("layer{i}.apical",),
    rules={
        "burst_rate": {"feedback": "fixed"},
        "burst_rate_tied": {"feedback": "tied"},
        "burst_rate_learned": {"feedback": "kolen_pollack"},
    },
)


class Parameters(BurstRates, ds.Parameters):
    sizes: tuple[int, ...] = ds.parameter((8, 6, 4), "units per layer, input first", least=1)
    feedback: Literal["tied", "fixed", "kolen_pollack"] = ds.parameter(
        "fixed", "weights Y of the bursts, as listed above"
    )
    p_b: float = ds.parameter(0.2, "burst probability of outputs, P_b", above=0, below=1)
    tau_hold: ds.Quantity = ds.parameter("10 ms", "time constant of the held rate", above=0)
    eta: ds.Quantity = ds.parameter("5 Hz", "learning rate of W", above=0)
    eta_r: ds.Quantity = ds.parameter("4 Hz", "learning rate of R", least=0)
    decay: float | None = ds.parameter(
        None, "decay of W and Y over eta, with feedback=kolen_pollack (default: 0.01)", above=0
    )
    y_gain: float = ds.parameter(
        1.0,
        "sd of initial Y times sqrt(units above), unless tied",
        above=0,
        only={"feedback": ("fixed", "kolen_pollack")},
    )
    r_range: float = ds.parameter(0.01, "initial R are uniform within this range of 0", above=0)


def circuit(p: Parameters) -> ds.Circuit:
    """Return a chain of layers; its inputs are `layer0.h` and the `target` of the last layer."""
    last = count_layers(p.sizes)
    text = event_equations(p) + TEACHING
    populations = chain_populations(p.sizes, text + HIDDEN, text + OUTPUT, p.transfer)
    initial = [ds.Normal(p.gain / units**0.5) for units in p.sizes[:-1]]
    rule = DECAYING if p.feedback == "kolen_pollack" else FORWARD
    matrices, projections = chain_weights(initial, [rule] * last, "basal")
    for i in range(1, last):
        found = _dendrites(p, i)
        matrices += [m for m in found if isinstance(m, ds.Matrix)]
        projections += [m for m in found if isinstance(m, ds.Projection)]
    gates = {"teach": 0.0, "learn": 0.0, "hold": 1.0, **({"sleep": 0.0} if last > 1 else {})}
    values = p.with_values(**event_values(p), **_values(p))
    return ds.Circuit(populations, matrices, projections, values, gates)


def _dendrites(p, i):
    """Return the matrices onto the dendrites of layer i, and their projections."""
    layer, above = f"layer{i}", f"layer{i + 1}"
    start = ds.Normal(p.y_gain / p.sizes[i + 1] ** 0.5)
    tied = p.feedback == "tied"
    name, parts = (f"w{i + 1}" if tied else f"y{i}"), []
    if not tied:
        learned = LEARNED if p.feedback == "kolen_pollack" else None
        parts.append(ds.Matrix(name, layer, above, start, learned))
    width = ds.Uniform(-p.r_range, p.r_range)
    return [
        *parts,
        ds.Projection(f"{above}.burst", name, f"{layer}.excitation", transpose=tied),
        ds.Matrix(f"r{i}", layer, layer, width, RECURRENT),
        ds.Projection(f"{layer}.held", f"r{i}", f"{layer}.inhibition"),
    ]


def _values(p):
    """Return the values of parameters whose default depends on others."""
    if p.feedback == "kolen_pollack":
        return {"decay": 0.01 if p.decay is None else p.decay}
    if p.decay is not None:
        raise ds.errors.ParameterError(
            f"decay is {p.decay}, but feedback is {p.feedback}; decay has a meaning only with "
            "feedback=kolen_pollack; leave it out"
        )
    return {}
