"""Target propagation: targets for every layer come down from the output through inverses of the layers above.

Activities settle at the feed-forward values and targets at those that the layers above ask for. Weights then
learn from their difference, which vanishes while there is no target at the output.

    tau dh_i/dt  = -h_i + s(W_i h_(i-1)) + noise_i,                                     i = 1 .. L
    tau dhh_i/dt = -hh_i + Q_i s^-1(hh_(i+1))                                           correction=none
    tau dhh_i/dt = -hh_i + h_i + Q_i (s^-1(hh_(i+1)) - s^-1(h_(i+1)))                   correction=difference
    hh_L = h_L - eta_hat (h_L - y) while the gate `teach` is open, else h_L
    dW_i/dt = eta_i s'(W_i h_(i-1)) o (hh_i - h_i) h_(i-1)^T,   eta_i = eta/eta_hat     step=gradient
    dW_i/dt = eta_i (hh_i - h_i)/s'(W_i h_(i-1)) h_(i-1)^T                              step=modified

The last layer learns with the others, from hh_L. Without a correction, errors of the inverse add to the targets
(target propagation, TP); with it, they cancel (difference target propagation, DTP).

Inverses (`inverse`):

    exact      Q_i is the inverse of W_(i+1) at all times
    fixed      Q_i = (1 + inverse_error) W_(i+1)^-1 of the initial weights (pseudo-inverse where not square)
    learned    by reconstruction of layer i, while the gate `sleep` is open:
               dQ_i/dt = -eta_q ((Q_i t_i - h_i) t_i^T + decay_q Q_i),  t_i = s^-1(h_(i+1)) = W_(i+1) h_i

With h_i of covariance C, the mean of the learned weights tends to C W^T (W C W^T + decay_q I)^-1, W = W_(i+1).

With `randomised=True` one layer learns at a time: layer i learns in a sample if its number `lottery.turn`, which
the protocol draws from the standard normal distribution, is in the i-th of L intervals of equal probability.

Sources
-------
Thesis (dynamical target propagation), chapters 4 and 5: exact inverses 4.1-4.2, approximate inverses 4.3,
algorithms A.1-A.15. Meulemans et al. (2020), A theoretical framework for target propagation, eq. 1-9.

Errata applied
--------------
Meulemans et al., eq. 7: the sign of J_g dhh_(i+1) is +. Thesis, eq. 4.108: the loss of Q is a mean, and decay_q
is relative to eta_q.

Claims that fail
----------------
Theorem 4.1 of the thesis, that with exact inverses an update of TP descends the loss: J D^2 J^-1 is similar to
D^2, but its symmetric part need not be positive. In the network 1-2-2 with W_1 = (1, -1)^T, W_2 = ((1, 2), (0, 1))
and leaky_relu of slope 0.1, for x = 1 and the error (1, 1), the cosine between the update of W_1 and the descent
direction is -0.9665, and the loss rises. With step=modified the update does descend: its product with the gradient
is -|e|^2 |h_(i-1)|^2. The protocol `tp_descent` shows both.

Theorems 4.6 and 4.7, that learned inverses are pseudo-inverses only if activities have the covariance sigma^2 I:
with decay_q = 0 and W of full row rank, it is enough that C W^T = W^T B for some matrix B (the row space of W is
invariant), because then C W^T (W C W^T)^-1 = W^T (W W^T)^-1.
"""

from typing import Literal

from scipy.special import ndtri

import dendrosim as ds
from dendrosim.mechanisms.apical_inverse import apical_inverse, check_inverse
from dendrosim.mechanisms.layer_chain import chain_weights, count_layers, input_layer

LAYER = """
dh/dt = (-h + s(bottom_up) + noise)/tau          : 1   # rate
bottom_up                                        : 1   # fed by w
noise                                            : 1   # input: perturbation
"""
TOP = """
goal = h - teach*eta_hat*(h - target)            : 1   # target of the layer
target                                           : 1   # input
"""
HIDDEN = {
    "none": "dgoal/dt = (-goal + top_down)/tau     : 1   # target of the layer",
    "difference": "dgoal/dt = (-goal + h + top_down)/tau : 1   # target of the layer",
}
TOP_DOWN = "top_down                              : 1   # fed by q"
SENT = {
    "none": "sent = inv_s(goal)                       : 1   # to the layer below",
    "difference": "sent = inv_s(goal) - inv_s(h)            : 1   # to the layer below",
}
CAUSE = (
    "cause = inv_s(h)                              : 1   # what the layer below learns to invert"
)
RECONSTRUCTION = (
    "reconstruction                               : 1   # fed by q from the cause above"
)
DRAWN = """
chosen = int(turn > {low!r} and turn <= {high!r}) : 1   # whether this layer learns
turn                                             : 1   # fed by the lottery
"""
BASAL = {
    "gradient": "dw/dt = learn*eta*ds(bottom_up_post){chosen}*(goal_post - h_post)*h_pre : 1",
    "modified": "dw/dt = learn*eta/ds(bottom_up_post){chosen}*(goal_post - h_post)*h_pre : 1",
}
APICAL = "dw/dt = sleep*eta_q*((h_post - reconstruction_post)*cause_pre - decay_q*w) : 1"

LEARNING = ds.learning.Network(
    layers=("layer{i}.h",),
    weights=("w{i}",),
    feedback=("q{i}",),
    targets=("layer{i}.goal",),
    apical=("layer{i}.goal",),
    signals={"lottery.turn": ds.HeldNoise(0.0, 1.0)},
    rules={
        "tp": {"inverse": "learned"},
        "tp_exact": {"inverse": "exact"},
        "modified_tp": {"inverse": "exact", "step": "modified", "eta": "0.1 Hz"},
        "randomised_tp": {"inverse": "exact", "randomised": True},
        "dtp_linear": {"inverse": "learned", "correction": "difference"},
        "randomised_dtp": {"inverse": "learned", "correction": "difference", "randomised": True},
    },
)


class Parameters(ds.Parameters):
    sizes: tuple[int, ...] = ds.parameter((5, 4, 4, 4), "units per layer, input first", least=1)
    transfer: str = ds.parameter("linear", "a bijection: linear, smooth_leaky or leaky_relu")
    correction: Literal["none", "difference"] = ds.parameter(
        "none",
        "whether errors of the inverse are subtracted from targets: none (TP), difference (DTP)",
    )
    step: Literal["gradient", "modified"] = ds.parameter(
        "gradient",
        "whether updates are multiplied or divided by the slope of the transfer function",
    )
    inverse: Literal["exact", "fixed", "learned"] = ds.parameter("exact", "kind of apical weights")
    inverse_error: float = ds.parameter(0.0, "relative error of fixed apical weights")
    randomised: bool = ds.parameter(False, "whether one layer learns at a time")
    eta_hat: float = ds.parameter(0.5, "size of the step of the output towards the target", above=0)
    eta: ds.Quantity = ds.parameter("1 Hz", "learning rate of basal weights", above=0)
    eta_q: ds.Quantity = ds.parameter(
        "2 Hz", "learning rate of learned apical weights", above=0, only={"inverse": "learned"}
    )
    decay_q: float = ds.parameter(
        1e-4, "decay of apical weights, relative to eta_q", least=0, only={"inverse": "learned"}
    )
    tau: ds.Quantity = ds.parameter("10 ms", "time constant of activities and targets", above=0)
    gain: float = ds.parameter(1.4, "largest singular value of initial basal weights", above=0)
    condition: float = ds.parameter(2.0, "condition number of initial basal weights", least=1)


def circuit(p: Parameters) -> ds.Circuit:
    """Return a chain of layers; its inputs are `layer0.h` and the `target` of the last layer."""
    last = count_layers(p.sizes)
    ds.bijection(p.transfer)
    check_inverse(p.sizes, p.inverse, p.inverse_error)
    learns = p.inverse == "learned" and last > 1
    populations = [input_layer(p.sizes[0])]
    for i, units in enumerate(p.sizes[1:], 1):
        layer = f"layer{i}"
        inputs = {"noise": 0.0} | ({"target": 0.0} if i == last else {})
        text = "\n".join(_equations(i, last, p, learns))
        populations.append(ds.Population(layer, units, text, transfer=p.transfer, inputs=inputs))
    rule = BASAL[p.step].format(chosen="*chosen_post" if p.randomised else "")
    initial = ds.WellConditioned(p.gain, p.condition)
    matrices, projections = chain_weights(initial, [rule] * last, "bottom_up")
    for i in range(1, last):
        rule = APICAL if p.inverse == "learned" else None
        matrices.append(apical_inverse(i, p.inverse, p.inverse_error, rule))
        layer, above = f"layer{i}", f"layer{i + 1}"
        projections.append(ds.Projection(f"{above}.sent", f"q{i}", f"{layer}.top_down"))
        if learns:
            projections.append(ds.Projection(f"{above}.cause", f"q{i}", f"{layer}.reconstruction"))
    if p.randomised:
        populations.append(ds.Population("lottery", 1, "turn : 1", inputs={"turn": 0.0}))
        for i in range(1, last + 1):
            matrices.append(ds.Matrix(f"ones{i}", f"layer{i}", "lottery", 1.0))
            projections.append(ds.Projection("lottery.turn", f"ones{i}", f"layer{i}.turn"))
    gates = {"learn": 0.0, "teach": 0.0} | ({"sleep": 0.0} if learns else {})
    eta = ds.Quantity(float(p.eta.value) / p.eta_hat, p.eta.dimension)
    return ds.Circuit(populations, matrices, projections, p.with_values(eta=eta), gates)


def _equations(i, last, p, learns):
    """Return the parts of the equations of layer i."""
    yield LAYER
    if i == last:
        yield TOP
    else:
        yield HIDDEN[p.correction]
        yield TOP_DOWN
    if i > 1:
        yield SENT[p.correction]
    if learns and i > 1:
        yield CAUSE
    if learns and i < last:
        yield RECONSTRUCTION
    if p.randomised:
        low, high = (float(ndtri(k / last)) for k in (i - 1, i))
        yield DRAWN.format(low=max(low, -1e9), high=min(high, 1e9))
