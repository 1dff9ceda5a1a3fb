"""Burst-dependent learning in a single phase: dendrites compare bursts with events of the layer above.

Event rates go up; burst rates and event rates come down, on two pathways that cancel as long as the layer above
bursts with the probability P_b. What is left in dendrites changes the burst probability, from which weights learn:

    tau de_i/dt = -e_i + s(W_i e_(i-1)),                                      i = 1 .. L
    tau da_i/dt = -a_i + Y_i b_(i+1) - Q_i e_(i+1),                           i = 1 .. L-1
    p_i = sigmoid(beta g_i a_i + log(P_b/(1 - P_b))),   b_i = p_i e_i
    p_L = P_b (1 + g_L (target - e_L)) while the gate `teach` is open, else P_b
    dW_i/dt = eta (b_i - P_b e_i) e_(i-1)^T            while `learn` is open

`dendrosim.mechanisms.burst_rates` defines e and g for all transfer functions; g_i = 1 - e_i for the logistic one.
With Q_i = P_b Y_i, a_i = Y_i (b_(i+1) - P_b e_(i+1)): without teacher it is 0 and p_i = P_b. For small errors and
beta = 1/(P_b (1 - P_b)), 4 with P_b = 1/2,

    b_i - P_b e_i = s'(W_i e_(i-1)) o Y_i (b_(i+1) - P_b e_(i+1))

so with Y_i = W_(i+1)^T the update of each layer is P_b times that of gradient descent.

Feedback (`feedback`):

    tied            Y_i = W_(i+1)^T: weight transport
    fixed           Y_i keeps its random start
    kolen_pollack   dY_i/dt = eta e_i (b_(i+1) - P_b e_(i+1))^T, which is the update of W_(i+1)^T; both decay,
                    so W_(i+1)^T - Y_i decays as exp(-eta decay t)
    apical          dY_i/dt = -eta_y a_i e_(i+1)^T     while `sleep` is open
and
    Q_i = P_b Y_i                                      inhibition=exact
    dQ_i/dt = eta_q a_i e_(i+1)^T                      inhibition=learned, while `sleep` is open

Without a teacher b_(i+1) tends to P_b e_(i+1) from the top on. Then Q_i - P_b Y_i decays, at rates that are eta_q
times the eigenvalues of <e_(i+1) e_(i+1)^T>.

Sources
-------
Greedy, Zhu, Pemberton, Mellor & Costa (2022), Single-phase deep learning in cortico-cortical networks, NeurIPS 35,
and their published code. Decay with kolen_pollack: Kolen & Pollack (1994), Akrout et al. (2019). P_b other than
1/2 in hidden layers, and transfer functions other than the logistic one, are choices made here. There is no bias.

Statements that fail
--------------------
The rule feedback=apical reduces apical potentials, as that of Q does, but does not turn Y towards W^T: it stops
when P_b Y = Q, and no term depends on W.
"""

from typing import Literal

import dendrosim as ds
from dendrosim.mechanisms.burst_rates import OUTPUT, BurstRates, event_equations, event_values
from dendrosim.mechanisms.layer_chain import chain_populations, chain_weights, count_layers

HIDDEN = """
dapical/dt = (-apical + excitation - inhibition)/tau : 1   # apical potential
excitation                                        : 1   # fed by y: bursts of the layer above
inhibition                                        : 1   # fed by q: events of the layer above
burst_probability = 0.5 + 0.5*tanh(0.5*beta*gain*apical + 0.5*log(p_b/(1 - p_b))) : 1
"""
TEACHING = "teaching = burst - p_b*event                      : 1   # excess of bursts\n"
EXPECTED = "expected = p_b*event                              : 1   # bursts without teacher\n"

FORWARD = "dw/dt = learn*eta*teaching_post*h_pre : 1"
DECAYING = "dw/dt = learn*eta*(teaching_post*h_pre - decay*w) : 1"
FEEDBACK = {
    "kolen_pollack": "dw/dt = learn*eta*(h_post*teaching_pre - decay*w) : 1",
    "apical": "dw/dt = -sleep*eta_y*apical_post*event_pre : 1",
}
INHIBITION = "dw/dt = sleep*eta_q*apical_post*event_pre : 1"

LEARNING = ds.learning.Network(
    layers=("layer{i}.h",),
    weights=("w{i}",),
    feedback=("y{i}",),
    apical=("layer{i}.apical",),
    rules={
        "burst_ccn": {"feedback": "fixed"},
        "burst_ccn_tied": {"feedback": "tied", "inhibition": "exact"},
        "burst_ccn_learned": {"feedback": "kolen_pollack"},
    },
)


class Parameters(BurstRates, ds.Parameters):
    sizes: tuple[int, ...] = ds.parameter((8, 6, 4), "units per layer, input first", least=1)
    feedback: Literal["tied", "fixed", "kolen_pollack", "apical"] = ds.parameter(
        "fixed", "weights Y of the bursts, as listed above"
    )
    inhibition: Literal["exact", "learned"] = ds.parameter(
        "learned", "weights Q of the events, as listed above"
    )
    p_b: float = ds.parameter(0.5, "burst probability without teacher, P_b", above=0, below=1)
    beta: float | None = ds.parameter(
        None, "effect of apical potentials on bursts (default: 1/(p_b (1 - p_b)))", above=0
    )
    eta: ds.Quantity = ds.parameter("5 Hz", "learning rate of W", above=0)
    eta_q: ds.Quantity = ds.parameter(
        "4 Hz",
        "learning rate of Q, with inhibition=learned",
        above=0,
        only={"inhibition": "learned"},
    )
    eta_y: ds.Quantity = ds.parameter(
        "4 Hz", "learning rate of Y, with feedback=apical", above=0, only={"feedback": "apical"}
    )
    decay: float | None = ds.parameter(
        None, "decay of W and Y over eta, with feedback=kolen_pollack (default: 0.01)", above=0
    )
    y_gain: float = ds.parameter(
        1.0, "sd of initial Y and Q times sqrt(units above); Y is not drawn if tied", above=0
    )


def circuit(p: Parameters) -> ds.Circuit:
    """Return a chain of layers; its inputs are `layer0.h` and the `target` of the last layer."""
    last = count_layers(p.sizes)
    learned = p.inhibition == "learned"
    text = event_equations(p) + TEACHING + ("" if learned else EXPECTED)
    populations = chain_populations(p.sizes, text + HIDDEN, text + OUTPUT, p.transfer)
    initial = [ds.Normal(p.gain / units**0.5) for units in p.sizes[:-1]]
    rule = DECAYING if p.feedback == "kolen_pollack" else FORWARD
    matrices, projections = chain_weights(initial, [rule] * last, "basal")
    for i in range(1, last):
        found = _feedback(p, i)
        matrices += [m for m in found if isinstance(m, ds.Matrix)]
        projections += [m for m in found if isinstance(m, ds.Projection)]
    return ds.Circuit(
        populations, matrices, projections, p.with_values(**event_values(p), **_values(p)),
        _gates(p, last),
    )  # fmt: skip


def _feedback(p, i):
    """Return the matrices from layer i + 1 to the dendrites of layer i, and their projections."""
    layer, above = f"layer{i}", f"layer{i + 1}"
    start = ds.Normal(p.y_gain / p.sizes[i + 1] ** 0.5)
    tied = p.feedback == "tied"
    name, parts = (f"w{i + 1}" if tied else f"y{i}"), []
    if not tied:
        parts.append(ds.Matrix(name, layer, above, start, FEEDBACK.get(p.feedback)))
    parts.append(ds.Projection(f"{above}.burst", name, f"{layer}.excitation", transpose=tied))
    if p.inhibition == "exact":
        parts.append(
            ds.Projection(f"{above}.expected", name, f"{layer}.inhibition", transpose=tied)
        )
    else:
        parts.append(ds.Matrix(f"q{i}", layer, above, start, INHIBITION))
        parts.append(ds.Projection(f"{above}.event", f"q{i}", f"{layer}.inhibition"))
    return parts


def _values(p):
    """Return the values of parameters whose default depends on others."""
    beta = 1 / (p.p_b * (1 - p.p_b)) if p.beta is None else p.beta
    values = {"beta": beta} if len(p.sizes) > 2 else {}  # it is of hidden layers
    if p.feedback == "kolen_pollack":
        return values | {"decay": 0.01 if p.decay is None else p.decay}
    if p.decay is not None:
        raise ds.errors.ParameterError(
            f"decay is {p.decay}, but feedback is {p.feedback}; decay has a meaning only with "
            "feedback=kolen_pollack; leave it out"
        )
    return values


def _gates(p, last):
    """Return all gates: activity goes up, there is no teacher and nothing learns."""
    sleeps = last > 1 and (p.inhibition == "learned" or p.feedback == "apical")
    return {"teach": 0.0, "learn": 0.0, **({"sleep": 0.0} if sleeps else {})}
