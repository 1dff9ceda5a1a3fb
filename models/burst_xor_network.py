"""A network of bursting cells that learns XOR: event rates go up, bursts of the output come down and teach.

    first, second --plastic--> either, both --plastic--> output       events, onto somata
    output --fixed--> either (+), both (-)                            bursts, onto dendrites
    teacher --> output                                                a current into dendrites

All populations but the teacher are `pyramidal_burst` cells. The two inputs excite two hidden populations; the
somata of `both` receive so much less current that they need both inputs to fire. Every hidden cell also inhibits
the output with fixed weights (short for inhibition through interneurons), so that plastic excitatory weights
between 0 and their bound make net weights of either sign. Bursts of the output excite the dendrites of `either`
through facilitating synapses, and inhibit those of `both`, so that both populations receive errors with the sign
of their net effect.

The teacher knows the event rate R of the output, averaged over its cells and `tau_teacher`, and the goal. While
the gate `teach` is open it injects

    I =  drive Hz/(R - 2 Hz)    if the goal is above R by more than 1 Hz
    I = -drive Hz/(10 Hz - R)   if the goal is below R by more than 1 Hz

with differences of rates of at least 1 Hz. Weights learn by `ds.burst_dependent` at all times, with homeostasis if
the average event rate of a cell is below `rate_low` or above `rate_high`.

Sources
-------
Payeur, Guerguiev, Zenke, Richards & Naud (2021), Nature Neuroscience 24:1010, Fig. 4, and what is public of its
simulations: size, time constants, current of the teacher, learning rates relative to each other. Choices made
here: the architecture (their figure is not reproduced), currents in place of conductances, and all weights.

Errata applied
--------------
None.
"""

import dendrosim as ds

SYNAPSES = 100  # synapses onto a cell from each population for which weights are given
CELLS = ("first", "second", "either", "both", "output")
OF_TEACHER = ("rate_least", "rate_most", "teacher_drive", "tau_teacher")
TEACHER = """
drate/dt = -rate/tau_teacher : Hz          # event rate of the output, its mean over cells
goal = rate_least + (rate_most - rate_least)*abs(bit_first - bit_second) : Hz
missing = goal - rate : Hz
up = 1*Hz/clip(rate - rate_least, 1*Hz, 1*kHz) : 1
down = 1*Hz/clip(rate_most - rate, 1*Hz, 1*kHz) : 1
current = teach*teacher_drive*(up*int(missing > 1*Hz) - down*int(missing < -1*Hz)) : amp
bit_first : 1                              # input, 0 or 1
bit_second : 1                             # input, 0 or 1
"""


class Parameters(ds.Parameters):
    cells: int = ds.parameter(500, "number of cells in each population", least=1)
    probability: float = ds.parameter(0.2, "probability of a connection", above=0, most=1)
    w_hidden: ds.Quantity = ds.parameter("60 pA", "initial weights onto hidden cells", least=0)
    w_output: ds.Quantity = ds.parameter("350 pA", "initial weights onto the output", least=0)
    inhibition: ds.Quantity = ds.parameter("350 pA", "fixed inhibitory weights onto it", least=0)
    feedback: ds.Quantity = ds.parameter("400 pA", "weights onto hidden dendrites", least=0)
    w_max: ds.Quantity = ds.parameter("700 pA", "upper bound of plastic weights", above=0)
    eta_hidden: ds.Quantity = ds.parameter("0.1 pA", "learning rate onto hidden cells", least=0)
    eta_output: ds.Quantity = ds.parameter("5 pA", "learning rate onto the output", least=0)
    tau_trace: ds.Quantity = ds.parameter("100 ms", "time constant of presynaptic traces", above=0)
    tau_average: ds.Quantity = ds.parameter("2 s", "time constant of the averages", above=0)
    p_start: float = ds.parameter(0.2, "expected burst probability at the start", least=0, most=1)
    rate_low: ds.Quantity | None = ds.parameter(
        None,
        "event rate below which weights grow in any case (2 Hz in the source)",
        unit="Hz",
        above=0,
    )
    rate_high: ds.Quantity | None = ds.parameter(
        None, "event rate above which weights shrink in any case (10 Hz)", unit="Hz", above=0
    )
    rate_least: ds.Quantity = ds.parameter("2 Hz", "lower goal of the output", least=0)
    rate_most: ds.Quantity = ds.parameter("10 Hz", "upper goal of the output", above=0)
    teacher_drive: ds.Quantity = ds.parameter("1000 pA", "current of the teacher", least=0)
    tau_teacher: ds.Quantity = ds.parameter("200 ms", "time constant of its rate", above=0)
    tau_synapse: ds.Quantity = ds.parameter("5 ms", "decay of synaptic currents", above=0)
    delay: ds.Quantity = ds.parameter("1 ms", "delay of the synapses")


def circuit(p: Parameters) -> ds.Circuit:
    """Return populations `first_pyramidal` and so on, `teacher`, and the pathways between them."""
    if p.rate_least.value >= p.rate_most.value:
        raise ds.errors.ParameterError(
            f"rate_least is {p.rate_least}; it must be below rate_most, {p.rate_most}"
        )
    cell = ds.load_circuit(
        "pyramidal_burst", cells=p.cells, burst_interval="16 ms", tau_synapse=p.tau_synapse
    )
    teacher = ds.Population(
        "teacher", 1, TEACHER, inputs={"bit_first": 0.0, "bit_second": 0.0},
        events={"instruct": ds.Event("abs(current) > 0*amp")},
    )  # fmt: skip
    feed = [
        _plastic(p, pre, post, layer)
        for layer, pairs in {
            "hidden": [(i, h) for i in ("first", "second") for h in ("either", "both")],
            "output": [("either", "output"), ("both", "output")],
        }.items()
        for pre, post in pairs
    ]
    fixed = [_inhibition(p, name) for name in ("either", "both")]
    fixed += [_feedback(p, "either", 1), _feedback(p, "both", -1), *_teaching(p)]
    parts = ds.Circuit.join(**dict.fromkeys(CELLS, cell))
    return parts.replace(
        populations=(*parts.populations, teacher),
        pathways=(*feed, *fixed),
        parameters={**parts.parameters, **{name: getattr(p, name) for name in OF_TEACHER}},
        gates={"learn": 0.0, "teach": 0.0},
    )


def _scaled(p, value):
    """Return a weight for cells with as many synapses as these have."""
    factor = SYNAPSES / (p.cells * p.probability)
    return ds.Quantity(factor * value.value, value.dimension)


def _plastic(p, pre, post, layer):
    return ds.burst_dependent(
        f"{pre}_{post}", f"{pre}_pyramidal", f"{post}_pyramidal",
        "received_soma_post += weight*released", short_term="depressing", gate="learn",
        connect=ds.Probability(p.probability), delay=p.delay, weight=_scaled(p, getattr(p, f"w_{layer}")),
        weight_max=_scaled(p, p.w_max), eta=_scaled(p, getattr(p, f"eta_{layer}")), tau_trace=p.tau_trace,
        tau_average=p.tau_average, p_start=p.p_start, rate_low=p.rate_low, rate_high=p.rate_high,
    )  # fmt: skip


def _inhibition(p, pre):
    return ds.tsodyks_markram(
        f"{pre}_inhibition", f"{pre}_pyramidal", "output_pyramidal", "received_soma_post -= weight*released",
        weight=_scaled(p, p.inhibition), connect=ds.Probability(p.probability), delay=p.delay, final=False,
    )  # fmt: skip


def _feedback(p, post, sign):
    return ds.tsodyks_markram(
        f"output_{post}", "output_pyramidal", f"{post}_pyramidal",
        f"received_apical_post {'+' if sign > 0 else '-'}= weight*released", synapse="facilitating",
        weight=_scaled(p, p.feedback), connect=ds.Probability(p.probability), delay=p.delay, final=False,
    )  # fmt: skip


def _teaching(p):
    """Return the pathways from the output to the teacher, which counts its events, and back."""
    count = ds.Pathway(
        "counted", "output_pyramidal", "teacher", {"event": f"rate_post += 1/({p.cells}*tau_teacher)"},
        final=False,
    )  # fmt: skip
    # In each step a current is injected, so that received_apical approaches it with tau_synapse.
    inject = ds.Pathway(
        "taught", "teacher", "output_pyramidal",
        {"instruct": "received_apical_post += current_pre*dt/tau_synapse"},
        parameters={"tau_synapse": p.tau_synapse}, final=False,
    )  # fmt: skip
    return count, inject
