"""Node perturbation: one reward for all cells, which each cell compares with its own random perturbation.

A critic sums the loss over the outputs and follows it while the gate `hold` is open. Then noise of the standard
deviation `sigma` perturbs the voltages of all cells. The reward, which all apical dendrites get, is what the loss
has fallen by:

    tau dh_i/dt  = -h_i + s(W_i h_(i-1) + noise_i)             i = 1 .. L (last layer: `output`)
    loss         = sum 1/2 (target - h_L)^2
    tau dheld/dt = loss - held                                 while `hold` is open
    apical_i     = held - loss                                 while `hold` is closed, else 0
    dW_i/dt      = eta apical_i noise_i h_(i-1)^T/sigma^2      while `learn` is open

Averaged over small noise this is gradient descent on the loss with the rate eta: for each cell, <apical noise>
divided by sigma^2 is minus the derivative of the loss with respect to its voltage. A single update deviates from
the gradient, the more so the more cells are perturbed at once. Unlike an error that comes down through feedback
weights, the dendritic signal is the same in all cells.

Sources
-------
Williams (1992), Machine Learning 8:229, and Werfel, Xie & Seung (2005), Neural Computation 17:2699, for the rule.
A critic that knows the loss of the same input without perturbation is a choice made here.
"""

from typing import Literal

import dendrosim as ds
from dendrosim.learning.feedback_cycle import settling_steps
from dendrosim.learning.settling import layer_count
from dendrosim.mechanisms.layer_chain import chain_weights, count_layers, input_layer

LAYER = """
dh/dt = (-h + s(basal + noise))/tau                     : 1   # rate
basal                                                   : 1   # fed by w
noise                                                   : 1   # input: perturbation
apical                                                  : 1   # apical dendrite: fed by the critic
teaching = apical*noise/sigma**2                        : 1   # reward for the perturbation of the cell
"""
TOP = """
loss = 0.5*(target - h)**2                              : 1   # part of the loss
target                                                  : 1   # input
"""
CRITIC = """
dheld/dt = hold*(loss - held)/tau                       : 1   # loss without perturbation
reward = (1 - hold)*(held - loss)                       : 1   # sent to all cells
loss                                                    : 1   # fed by ones: summed over the outputs
"""
BASAL = "dw/dt = learn*eta*teaching_post*h_pre : 1"
LEFT = 1e-6  # fraction of the way that may be left when a phase ends; the loss must not change by settling


def perturbation_cycle(circuit: ds.Circuit, *, dt: float, tau: float) -> ds.learning.Cycle:
    """Return how a sample is shown: without perturbation, then with it; the last step of that changes weights.

    Parameters
    ----------
    circuit : Circuit
        The circuit.
    dt, tau : float
        Time step and time constant in seconds.
    """
    layers = layer_count(circuit)
    free = settling_steps(layers + 1, dt / tau, LEFT) * dt
    # Noise begins one step late, and acts on weights one step before the phase ends.
    perturbed = (settling_steps(layers, dt / tau, LEFT) + 2) * dt
    noise = ds.HeldNoise(0.0, circuit.parameters["sigma"])
    return ds.learning.Cycle(
        learn=(
            ds.Phase("free", f"{free!r} s", gates={"hold": 1.0}),
            ds.Phase(
                "perturbed",
                f"{perturbed!r} s",
                # One Euler step of dt with a gate of tau/dt changes a weight by tau times its rate of change.
                gates={
                    "hold": 0.0,
                    "learn": ds.Pulse(tau / dt, f"{perturbed - dt!r} s", f"{dt!r} s"),
                },
                signals={f"layer{i}.noise": noise for i in range(1, layers + 1)},
            ),
            ds.Phase("rest", f"{dt!r} s", gates={"hold": 0.0}),
        ),
        recall=ds.Phase("recall", f"{free!r} s", gates={"hold": 1.0}),
    )


LEARNING = ds.learning.Network(
    layers=("layer{i}.h",),
    weights=("w{i}",),
    apical=("layer{i}.apical",),
    apical_phase="perturbed",
    learning_phase="free",
    cycle=perturbation_cycle,
)


class Parameters(ds.Parameters):
    sizes: tuple[int, ...] = ds.parameter((8, 6, 4), "units per layer, input first", least=1)
    transfer: str = ds.parameter("smooth_leaky", "transfer function of the hidden layers")
    output: Literal["linear", "transfer"] = ds.parameter(
        "linear", "output of the last layer (the same with transfer=linear)"
    )
    eta: ds.Quantity = ds.parameter("1 Hz", "learning rate", above=0)
    sigma: float = ds.parameter(0.1, "standard deviation of the noise", above=0)
    tau: ds.Quantity = ds.parameter("10 ms", "time constant of rates and of the critic", above=0)
    gain: float = ds.parameter(
        1.0, "standard deviation of initial weights times sqrt(units below)", least=0
    )


def circuit(p: Parameters) -> ds.Circuit:
    """Return a chain of layers and a critic; its inputs are `layer0.h`, the last layer's `target`, and `noise`."""
    last = count_layers(p.sizes)
    populations = [input_layer(p.sizes[0]), ds.Population("critic", 1, CRITIC)]
    for i, units in enumerate(p.sizes[1:], 1):
        text, inputs = LAYER, {"noise": 0.0}
        if i == last:
            text, inputs = LAYER + TOP, {"noise": 0.0, "target": None}
        transfer = "linear" if i == last and p.output == "linear" else p.transfer
        populations.append(ds.Population(f"layer{i}", units, text, inputs, transfer=transfer))
    initial = [ds.Normal(p.gain / units**0.5) for units in p.sizes[:-1]]
    matrices, projections = chain_weights(initial, [BASAL] * last, "basal")
    matrices.append(ds.Matrix("ones", "critic", f"layer{last}", 1.0))
    projections.append(ds.Projection(f"layer{last}.loss", "ones", "critic.loss"))
    for i in range(1, last + 1):
        matrices.append(ds.Matrix(f"broadcast{i}", f"layer{i}", "critic", 1.0))
        projections.append(ds.Projection("critic.reward", f"broadcast{i}", f"layer{i}.apical"))
    return ds.Circuit(populations, matrices, projections, p, {"hold": 1.0, "learn": 0.0})
