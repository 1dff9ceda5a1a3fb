"""Deep learning with segregated dendrites: weights learn from plateaus of apical dendrites, taught and untaught.

Cells have a soma, a basal dendrite, which receives the layer below, and in hidden layers an apical dendrite, which
receives the output layer. Activity h_i = s(soma_i) is the rate in units of rate_max. It reaches dendrites as
postsynaptic potentials (`psp`, see `dendrosim.mechanisms.psp_kernel`), whose mean is h. Conductances are in units
of the leak of a cell with time constant tau:

    tau dsoma_i/dt = -g_leak soma_i + g_basal (basal_i - soma_i) + g_apical (apical_i - soma_i),   i = 1 .. L-1
    tau dsoma_L/dt = -g_leak soma_L + g_basal (basal_L - soma_L) + I                      I while `teach` is open
    basal_i = W_i psp_(i-1),   apical_i = Y_i psp_L

Teaching current I (`teaching`):

    conductance   g_teaching (target (e_teaching - soma) + (1 - target) (-e_teaching - soma)), target from 0 to 1
    rate          g_teaching (target - h)

A trial has two phases, of random length in the experiment. At the end of each, apical dendrites make a plateau
potential, the logistic function of the mean apical voltage over the last part of the phase: alpha without a
teacher, alpha' with one (`plateau_free`, `plateau_taught`). Weights learn in the end, from means over the same
parts (see `dendrosim.learning.plateau_phases` for the gates). A bar is a mean without a teacher, a prime one with:

    dW_i/dt = learn eta k_i s'(bar soma_i) (alpha'_i - alpha_i) (bar psp_(i-1))^T,           i = 1 .. L-1
    dW_L/dt = learn eta k_L s'(bar soma_L) (h'_L - s(bar soma_L)) (bar psp_(L-1))^T

where k_i is the part of a basal voltage that reaches the soma: g_basal/(g_leak + g_basal + g_apical), without
g_apical in the output. So each layer descends the squared distance to a target of its own, h_i + alpha'_i -
alpha_i, and h'_L in the output. Y is fixed and random. With `feedback_probability`, Y is sparse, and its weights
are larger by the inverse of this fraction.

`form`:

    rate       no spikes: `psp` follows the rate. The expectation of the other form, if fluctuations are small
    spiking    units are Poisson processes of the rate rate_max h. Inputs below 0 send no spikes

Weights that change by the product of two fluctuating numbers drift a little faster or slower than those of rates:
with 30-20-6 units (mean of 1,500 trials), by at most 2 % of the norm of the drift with gain=1 and y_gain=0.3, and
5 to 6 % with gain=2 and y_gain=1.

In both forms steady states are psp = h and soma = (g_basal basal + g_apical apical)/(g_leak + g_basal + g_apical).

Sources
-------
Guerguiev, Lillicrap & Richards (2017), Towards deep learning with segregated dendrites, eLife 6:e22901; equations
and parameters as in their published code. There, potentials are rate_max = 0.2/ms times as large, and weights are
larger by the inverse; with P_0 and P_1 as there, tau eta is 0.8 times the learning rate, 0.21 in hidden layers.

Choices made here
-----------------
There is no bias. Initial weights are normally distributed around 0. All layers have one learning rate, and weights
learn once, after both phases. `teaching=rate` and transfer functions other than the logistic one are additions,
with which the rule can be compared with others; spiking units need rates between 0 and 1. Feedback comes from the
output to all hidden layers: with g_apical = 0, plateaus have no effect on somata, so that a hidden layer could
send no teaching signal further down.

What it does not reach
----------------------
In `credit_assignment` (form=rate, 400 trials, five networks with seeds that were not used to choose anything) none
diverges, and median losses at depths 1 to 4 are 0.017, 0.26, 0.36 and 0.31, from 4.1, 2.4, 1.6 and 0.86 at the
start. But hidden layers contribute little to this. Their updates are exactly in the direction of their own
targets, and 95 to 101 degrees (medians) away from the gradient, as feedback weights are random; with a y_gain of
0.001, so that only the output learns, losses at depth 3 are the same within the differences between networks.
"""

from typing import Literal

import dendrosim as ds
from dendrosim.learning.feedback_cycle import settling_steps
from dendrosim.learning.plateau_phases import PlateauTiming, plateau_phases, plateau_recall
from dendrosim.learning.settling import layer_count
from dendrosim.mechanisms.layer_chain import chain_weights, count_layers
from dendrosim.mechanisms.psp_kernel import psp_assignments, psp_equations

AVERAGE = "d{0}_{1}/dt = ({2}*{0} - clear*{0}_{1})/tau : 1   # mean over the last part of a phase\n"
FREE, TAUGHT = ("free", "average"), ("taught", "average_taught")

HIDDEN = """
dsoma/dt = (-g_leak*soma + g_basal*(basal - soma) + g_apical*(apical - soma))/tau      : 1
h = s(soma)                                                                      : 1   # rate over rate_max
basal                                                                            : 1   # fed by w
apical                                                                           : 1   # fed by y
plateau_free = 0.5 + 0.5*tanh(0.5*apical_free)                                   : 1   # alpha
plateau_taught = 0.5 + 0.5*tanh(0.5*apical_taught)                               : 1   # alpha'
teaching = g_basal/(g_leak + g_basal + g_apical)*ds(soma_free)*(plateau_taught - plateau_free) : 1
"""
OUTPUT = """
dsoma/dt = (-g_leak*soma + g_basal*(basal - soma) + teach*current)/tau                 : 1
h = s(soma)                                                                      : 1   # rate over rate_max
basal                                                                            : 1   # fed by w
target                                                                           : 1   # input
teaching = g_basal/(g_leak + g_basal)*ds(soma_free)*(h_taught - s(soma_free))    : 1
"""
CURRENT = {
    "conductance": "current = g_teaching*(e_teaching*(2*target - 1) - soma) : 1   # of the teacher\n",
    "rate": "current = g_teaching*(target - h) : 1   # of the teacher\n",
}
RULE = "dw/dt = learn*eta*teaching_post*psp_free_pre : 1"


def shown(circuit: ds.Circuit, *, dt: float, tau: float) -> ds.learning.Cycle:
    """Return the phases in which a circuit of rates is shown a sample; means over a single step are rates."""
    values = {name: float(q.value) for name, q in circuit.parameters.items()}
    layers, apical = layer_count(circuit), values.get("g_apical", 0.0)
    slowest = values["tau"] * max(1.0, 1 / (values["g_leak"] + values["g_basal"]))
    # Up the chain and down to the dendrites; if these act on somata, what they change goes up once more.
    steps = settling_steps((2 * layers + 1) * (3 if apical else 1), dt / slowest)
    learn = plateau_phases(PlateauTiming(steps, 1, steps, 1), dt=dt, tau=tau)
    return ds.learning.Cycle(learn, plateau_recall(steps, 1, dt=dt, tau=tau)[0])


LEARNING = ds.learning.Network(
    layers=("layer{i}.h",),
    weights=("w{i}",),
    feedback=("y{i}",),
    targets=("layer{i}.h + layer{i}.plateau_taught - layer{i}.plateau_free",),
    apical=("layer{i}.apical",),
    apical_phase="taught",
    cycle=shown,
    rules={
        "segregated_dendrites": {
            "form": "rate", "teaching": "rate", "g_leak": 0.0, "g_basal": 1.0, "g_teaching": 2.0, "rise": 0.5,
        },
    },
)  # fmt: skip


class Parameters(ds.Parameters):
    sizes: tuple[int, ...] = ds.parameter((4, 3, 2), "units per layer, input first", least=1)
    form: Literal["rate", "spiking"] = ds.parameter("rate", "rates, or Poisson spikes")
    transfer: Literal["sigmoid", "smooth_leaky", "tanh", "linear"] = ds.parameter(
        "sigmoid", "transfer function of somata; with form=spiking, sigmoid"
    )
    teaching: Literal["conductance", "rate"] = ds.parameter(
        "conductance", "teaching current of the output, as listed above"
    )
    feedback_probability: float | None = ds.parameter(
        None, "fraction of feedback weights that exist (default: all)", above=0, most=1
    )
    g_leak: float = ds.parameter(1.0, "conductance of the leak", least=0)
    g_basal: float = ds.parameter(6.0, "conductance from basal dendrite to soma", above=0)
    g_apical: float = ds.parameter(0.0, "conductance from apical dendrite to soma", least=0)
    g_teaching: float = ds.parameter(10.0, "conductance of the teaching current", above=0)
    e_teaching: float | None = ds.parameter(
        None, "reversal potential with teaching=conductance (default: 8)", above=0
    )
    rate_max: ds.Quantity | None = ds.parameter(
        None, "largest rate with form=spiking (default: 200 Hz)", unit="Hz", above=0
    )
    tau: ds.Quantity = ds.parameter("10 ms", "time constant of potentials", above=0)
    rise: float = ds.parameter(0.3, "synaptic time constant over tau", above=0, below=1)
    eta: ds.Quantity = ds.parameter("17 Hz", "learning rate", above=0)
    gain: float = ds.parameter(1.0, "sd of initial weights times sqrt(units below)", above=0)
    y_gain: float = ds.parameter(1.0, "sd of Y times sqrt(units of the output)", above=0)


def circuit(p: Parameters) -> ds.Circuit:
    """Return a chain of layers; its inputs are `layer0.h` and the `target` of the last layer."""
    last = count_layers(p.sizes)
    values = _values(p)
    spikes = {"threshold": "rand() < rate_max*h*dt", "reset": psp_assignments("rate_max")}
    sent = psp_equations(None if p.form == "spiking" else "h")
    populations = []
    for i, units in enumerate(p.sizes):
        text, inputs = sent, {}
        if i < last:
            text += AVERAGE.format("psp", *FREE)
        if i == 0:
            text, inputs = f"h : 1   # input: rate over rate_max\n{text}", {"h": None}
        else:
            text += AVERAGE.format("soma", *FREE)
        if 0 < i < last:
            text += HIDDEN + AVERAGE.format("apical", *FREE) + AVERAGE.format("apical", *TAUGHT)
        if i == last:
            text += OUTPUT + CURRENT[p.teaching] + AVERAGE.format("h", *TAUGHT)
            inputs = {"target": 0.0}
        populations.append(
            ds.Population(
                f"layer{i}", units, text, inputs, transfer=p.transfer if i else None,
                **(spikes if p.form == "spiking" else {}),
            )
        )  # fmt: skip
    initial = [ds.Normal(p.gain / units**0.5) for units in p.sizes[:-1]]
    matrices, _ = chain_weights(initial, [RULE] * last, "basal")
    projections = [ds.Projection(f"{m.pre}.psp", m.name, f"{m.post}.basal") for m in matrices]
    fraction = p.feedback_probability or 1.0
    for i in range(1, last):
        start = ds.Normal(p.y_gain / (fraction * p.sizes[-1] ** 0.5))
        connect = ds.Probability(fraction) if fraction < 1 else None
        matrices.append(ds.Matrix(f"y{i}", f"layer{i}", f"layer{last}", start, connect=connect))
        projections.append(ds.Projection(f"layer{last}.psp", f"y{i}", f"layer{i}.apical"))
    gates = dict.fromkeys(("clear", "average", "average_taught", "teach", "learn"), 0.0)
    return ds.Circuit(populations, matrices, projections, p.with_values(**values), gates)


def _values(p):
    """Return the values of parameters whose default depends on others; refuse what does not fit together."""
    given = {
        "rate_max": ("form", "spiking", "200 Hz"),
        "e_teaching": ("teaching", "conductance", 8.0),
    }
    found = {}
    for name, (choice, option, default) in given.items():
        chosen, value = getattr(p, choice), getattr(p, name)
        if chosen == option:
            found[name] = default if value is None else value
        elif value is not None:
            raise ds.errors.ParameterError(
                f"{name} is {value}, but {choice} is {chosen}; {name} has a meaning only with {choice}={option}; "
                "leave it out"
            )
    if p.form == "spiking" and p.transfer != "sigmoid":
        raise ds.errors.ParameterError(
            f"transfer is {p.transfer}, but form is spiking; rates of spikes must be between 0 and rate_max, so "
            "that transfer must be sigmoid"
        )
    return found
