"""Deep feedback control: a controller at the output drives all layers until the output reaches its target.

Each unit has a basal compartment, which receives the layer below, and an apical one, which receives the
controller. Weights learn from what the apical input adds to the rate:

    tau dv_i/dt   = -v_i + W_i h_(i-1) + Q_i u + noise_i,   h_i = s(v_i),    i = 1 .. L  (linear output: h_L = v_L)
    tau_u dc/dt   = e - alpha c,   u = c + k_p e,   e = r - h_L                while the gate `hold` is closed
    r             = h_L^free - eta_hat (h_L^free - y) while `teach` is open, else h_L^free
    dW_i/dt       = eta/eta_hat (s(v_i) - s(W_i h_(i-1))) h_(i-1)^T            while `learn` is open
    dQ_i/dt       = eta_q (-(Q_i u + noise_i) u^T/sigma^2 - decay_q Q_i)       while `sleep{i}` is open

h_L^free is the output without control, which a slow variable follows while the gate `hold` is open; then
c = u = 0. With a small `eta_hat` (weak control) updates are about those of the damped Gauss-Newton method; with
eta_hat = 1 (strong control) the output goes all the way to the label.

At rest u = e/a with a = alpha/(1 + k_p alpha), so in a linear network u = (J Q + a I)^-1 (r - h_L^free), with
J = (J_1 ... J_L) the Jacobians from all v_i to the output and Q the stacked Q_i. With Q = J^T the apical inputs
Q_i u are the damped Gauss-Newton step of all v together, J^T (J J^T + a I)^-1 (r - h_L^free). The loop is stable
if all eigenvalues of J Q have positive real parts and the controller is slow enough; `ds.fixed_point` gives the
spectrum. Initial Q_i are so small that the controller works through the last layer alone, which is stable.

Feedback weights learn while noise of the standard deviation `sigma` perturbs all layers at once, and the
controller holds the output at h_L^free. It answers to what J noise changes there, so Q_i turns towards J_i^T. In a
linear network, with M = (J Q + a I)^-1,

    dQ_i/dt = eta_q ((J_i^T - Q_i M J J^T) M^T - decay_q Q_i)   on average over noise

and a direction of the output in which J has the singular value s comes to rest where the gain g of the loop, an
eigenvalue of J Q, satisfies decay_q g (g + a)^2 = a s^2. If noise perturbs one layer after the other, a layer
hears only its own noise and learns to cancel it alone: J_i J_i^T replaces J J^T. The gain then grows to about
s sqrt((1 - 1/L)/decay_q) instead of (a s^2/decay_q)^(1/3), and five linear layers become unstable with time steps
of tau/2. Therefore `controlled_phases` perturbs all layers in one phase.

What the controller sends into a layer is filtered by all layers above, so deep networks need slow controllers.
With learned Q and default values, linear networks of up to 5 layers are stable with time steps of tau/2; of 20
networks with 6 units per layer, 5 with 6 layers, 18 with 7 and all with 8 are not (with `tau_u` of 100 ms, one
with 8). A warning says so beforehand (see `dendrosim.mechanisms.controlled_loop`), and |u| is at most `limit`, so
that a loop that grows stays finite.

Sources
-------
Meulemans et al. (2021), Credit assignment in neural networks through deep feedback control, NeurIPS 34.
Meulemans et al. (2022), Minimizing control for credit assignment with strong feedback, ICML 162. The thesis
(dynamical target propagation), chapter 6, is their precursor with two compartments.

Errata applied
--------------
None needed. In summaries of the method u = (J Q + alpha I)^-1 (r - h_L) is for k_p = 0; with a proportional part
alpha becomes a.
"""

from typing import Literal

import dendrosim as ds
from dendrosim.learning.settling import count_settling_steps, layer_count, loop_settling
from dendrosim.mechanisms.controlled_loop import warn_of_learned_loop
from dendrosim.mechanisms.layer_chain import chain_weights, count_layers, input_layer

LAYER = """
dv/dt = (-v + basal + apical)/tau                       : 1   # soma
apical = top_down + noise                               : 1   # apical dendrite
basal                                                   : 1   # basal dendrite: fed by w
top_down                                                : 1   # fed by q
noise                                                   : 1   # input: perturbation while q learns
"""
RATE = {
    "linear": """
h = v                                                   : 1   # rate
predicted = basal                                       : 1   # rate without apical input
""",
    "transfer": """
h = s(v)                                                : 1   # rate
predicted = s(basal)                                    : 1   # rate without apical input
""",
}
CONTROLLER = """
dheld/dt = hold*(h - held)/tau_hold                     : 1   # output without control
dc/dt = ((1 - hold)*(error - alpha*c) - hold*c)/tau_u   : 1   # integral part of the controller
u = (1 - hold)*clip(c + k_p*error, -limit, limit)       : 1   # to the apical dendrites of all layers
error = held - teach*eta_hat*(held - target) - h        : 1
target                                                  : 1   # input
"""
BASAL = "dw/dt = learn*eta*(h_post - predicted_post)*h_pre : 1"
APICAL = "dw/dt = sleep{i}*eta_q*(-apical_post*u_pre/sigma**2 - decay_q*w) : 1"


def controlled_phases(circuit: ds.Circuit, *, dt: float, tau: float) -> ds.learning.Cycle:
    """Return how a sample is shown: without control, under control, and with noise in all layers at once.

    Parameters
    ----------
    circuit : Circuit
        The circuit.
    dt, tau : float
        Time step in seconds, and seconds by which the rate of change of a weight is multiplied in a step of
        learning.
    """
    last = layer_count(circuit)
    # Without the other weights, which are drawn, the loop is that through the last layer: one for all networks.
    alone = [m if m.name == f"q{last}" else m.replace(initial=0.0) for m in circuit.matrices]
    loop = loop_settling(circuit.replace(matrices=alone), dt=dt)
    warn_of_learned_loop(circuit, dt)
    settle = count_settling_steps({"loop": loop}, dt) * dt
    teach, step = {"teach": 1.0}, f"{dt!r} s"
    layers = range(1, last + 1)
    at_end = ds.Pulse(tau / dt, f"{settle - dt!r} s", step)
    free = ds.Phase("free", f"{settle!r} s", gates={"hold": 1.0})
    noise = ds.Phase(
        "noise",
        f"{settle!r} s",
        gates={"hold": 0.0} | {f"sleep{i}": at_end for i in layers},
        signals={f"layer{i}.noise": ds.HeldNoise(0.0, circuit.parameters["sigma"]) for i in layers},
    )
    return ds.learning.Cycle(
        learn=(
            free,
            ds.Phase("nudged", f"{settle!r} s", gates={"hold": 0.0} | teach),
            ds.Phase("learn", step, gates={"hold": 0.0, "learn": tau / dt} | teach),
            ds.Phase("rest", step, gates={"hold": 0.0} | teach),
            noise,
        ),
        recall=free.replace(name="recall"),
        sleep=(free, noise),
    )


LEARNING = ds.learning.Network(
    layers=("layer{i}.h",),
    weights=("w{i}",),
    feedback=("q{i}",),
    targets=("layer{i}.h",),
    apical=("layer{i}.apical",),
    cycle=controlled_phases,
    rules={"deep_feedback_control": {}, "strong_control": {"eta_hat": 1.0}},
)


class Parameters(ds.Parameters):
    sizes: tuple[int, ...] = ds.parameter((5, 6, 6, 3), "units per layer, input first", least=1)
    transfer: str = ds.parameter("tanh", "transfer function of the hidden layers")
    output: Literal["linear", "transfer"] = ds.parameter(
        "linear", "output of the last layer (the same with transfer=linear)"
    )
    alpha: float = ds.parameter(0.1, "leak of the controller: damping of updates", above=0)
    k_p: float = ds.parameter(1.0, "proportional part of the controller", least=0)
    eta_hat: float = ds.parameter(
        0.1, "size of the step of the output: 1 drives it to the label", above=0
    )
    eta: ds.Quantity = ds.parameter("1 Hz", "learning rate of basal weights", above=0)
    eta_q: ds.Quantity = ds.parameter("0.5 Hz", "learning rate of apical weights", above=0)
    decay_q: float = ds.parameter(0.3, "decay of apical weights, relative to eta_q", least=0)
    sigma: float = ds.parameter(0.1, "standard deviation of the noise", above=0)
    limit: float = ds.parameter(
        100.0, "largest control signal: an unstable loop ends there", above=0
    )
    tau: ds.Quantity = ds.parameter("10 ms", "time constant of all layers", above=0)
    tau_u: ds.Quantity = ds.parameter("20 ms", "time constant of the controller", above=0)
    tau_hold: ds.Quantity = ds.parameter("10 ms", "time constant of the held variable", above=0)
    gain: float = ds.parameter(1.4, "largest singular value of initial basal weights", above=0)
    condition: float = ds.parameter(2.0, "condition number of initial basal weights", least=1)


def circuit(p: Parameters) -> ds.Circuit:
    """Return a chain of layers; its inputs are `layer0.h` and the `target` of the last layer."""
    last = count_layers(p.sizes)
    populations, output = [input_layer(p.sizes[0])], f"layer{last}"
    initial = ds.WellConditioned(p.gain, p.condition)
    matrices, projections = chain_weights(initial, [BASAL] * last, "basal")
    for i, units in enumerate(p.sizes[1:], 1):
        layer, inputs = f"layer{i}", {"noise": 0.0} | ({"target": 0.0} if i == last else {})
        kind = p.output if i == last else "transfer"
        text = LAYER + RATE[kind] + (CONTROLLER if i == last else "")
        transfer = p.transfer if kind == "transfer" else None
        populations.append(ds.Population(layer, units, text, transfer=transfer, inputs=inputs))
        initial = ds.Identity() if i == last else ds.Normal(0.1 * p.sizes[-1] ** -0.5)
        matrices.append(ds.Matrix(f"q{i}", layer, output, initial, APICAL.format(i=i)))
        projections.append(ds.Projection(f"{output}.u", f"q{i}", f"{layer}.top_down"))
    gates = {"learn": 0.0, "teach": 0.0, "hold": 1.0}
    gates |= {f"sleep{i}": 0.0 for i in range(1, last + 1)}
    eta = ds.Quantity(float(p.eta.value) / p.eta_hat, p.eta.dimension)
    return ds.Circuit(populations, matrices, projections, p.with_values(eta=eta), gates)
