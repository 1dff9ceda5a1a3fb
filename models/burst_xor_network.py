"""A network of bursting cells that learns XOR: event rates go up, bursts of the output come down and teach.

    first, second --plastic--> either, both --plastic--> output       events, onto somata
    output --fixed--> either (+), both (-)                            bursts, onto dendrites
    teacher --> output                                                currents into dendrites

All populations but the teacher are `pyramidal_burst` cells. The two inputs excite two hidden populations; the
somata of `both` receive so much less current that they need both inputs to fire. Every hidden cell also inhibits
the output with fixed weights (short for inhibition through interneurons), so that plastic excitatory weights
between 0 and their bound make net weights of either sign: that of `both` can become negative. Bursts of the output
excite the dendrites of `either` through facilitating synapses, and inhibit those of `both`, so that each
population receives errors with the sign of its effect on the output.

Each output cell has a teacher that knows its event rate R, averaged over `tau_teacher`, and the goal. While the
gate `teach` is open it injects

    I =  drive Hz/(R - 2 Hz)    if the goal is 10 Hz and R is below 9 Hz
    I = -drive Hz/(10 Hz - R)   if the goal is 2 Hz and R is above 3 Hz

and otherwise no current; differences of rates are at least 1 Hz. While the gate `learn` is open, weights learn by
`ds.rules.burst_dependent`. It should be open only while `teach` is: the average of the burst probability catches
up with a lesson, so that after it the same weights change in the other direction. Homeostasis keeps the output
below `rate_high`.

The loop from the output to `either` and back is excitatory. If bursts come down through fast synapses (10 ms), a
volley of the output makes all dendrites of `either` burst, these bursts are the next volley, and all cells burst
together whatever the teacher does: counts of output events in 10 ms then have a variance of 50 to 70 times their
mean. With slow synapses (`tau_dendrite`) of the same mean current, a single volley is too weak for that, and the
variance is 2 to 5 times the mean. Somatic weights must be small, too: synaptic noise of several hundred pA makes
cells burst without their dendrites.

Sources
-------
Payeur, Guerguiev, Zenke, Richards & Naud (2021), Nature Neuroscience 24:1010, Fig. 4, and what is public of its
simulations: size, time constants, when weights learn, and the current of the teacher as a function of the rate of
each cell. In the source these cells have dendrites without plateaus and bursts that do not act on the
soma; here they are those of `pyramidal_burst`, and choices are: the architecture (their figure is not reproduced),
currents in place of conductances, all weights, learning rates, a smaller current of the teacher (1000 pA make a
dendrite fire its cell), slow synapses of dendrites, and homeostasis of the output only.

Errata applied
--------------
None.
"""

import dendrosim as ds
from dendrosim.mechanisms.burst_events import BURST_INTERVAL
from dendrosim.mechanisms.weight_scale import scale_weight

SYNAPSES = 100  # synapses onto a cell from each population for which weights are given
CELLS = ("first", "second", "either", "both", "output")
OF_TEACHER = ("rate_least", "rate_most", "teacher_drive", "tau_teacher")
TEACHER = """
drate/dt = -rate/tau_teacher : Hz          # event rate of the output cell
high = int(abs(bit_first - bit_second) > 0.5) : 1
goal = rate_least + (rate_most - rate_least)*high : Hz
missing = high*int(rate < rate_most - 1*Hz) : 1
excess = (1 - high)*int(rate > rate_least + 1*Hz) : 1
up = missing*1*Hz/clip(rate - rate_least, 1*Hz, 1*kHz) : 1
down = excess*1*Hz/clip(rate_most - rate, 1*Hz, 1*kHz) : 1
current = teach*teacher_drive*(up - down) : amp
bit_first : 1                              # input, 0 or 1
bit_second : 1                             # input, 0 or 1
"""


class Parameters(ds.Parameters):
    cells: int = ds.parameter(500, "number of cells in each population", least=1)
    probability: float = ds.parameter(0.2, "probability of a connection", above=0, most=1)
    w_hidden: ds.Quantity = ds.parameter("30 pA", "initial weights onto hidden cells", least=0)
    w_either: ds.Quantity = ds.parameter(
        "60 pA", "initial weights of `either` onto the output", least=0
    )
    w_both: ds.Quantity = ds.parameter(
        "150 pA", "initial weights of `both` onto the output", least=0
    )
    inhibition_either: ds.Quantity = ds.parameter(
        "20 pA", "fixed inhibition of the output by `either`", least=0
    )
    inhibition_both: ds.Quantity = ds.parameter(
        "220 pA", "fixed inhibition of the output by `both`", least=0
    )
    feedback: ds.Quantity = ds.parameter("10 pA", "weights onto hidden dendrites", least=0)
    w_max: ds.Quantity = ds.parameter("300 pA", "upper bound of plastic weights", above=0)
    eta_hidden: ds.Quantity = ds.parameter("0.5 pA", "learning rate onto hidden cells", least=0)
    eta_output: ds.Quantity = ds.parameter("4 pA", "learning rate onto the output", least=0)
    tau_trace: ds.Quantity = ds.parameter("100 ms", "time constant of presynaptic traces", above=0)
    tau_average: ds.Quantity = ds.parameter("2 s", "time constant of the averages", above=0)
    p_start: float = ds.parameter(0.3, "expected burst probability at the start", least=0, most=1)
    rate_high: ds.Quantity = ds.parameter(
        "10 Hz", "event rate of the output above which weights onto it shrink", above=0
    )
    rate_least: ds.Quantity = ds.parameter("2 Hz", "lower goal of the output", least=0)
    rate_most: ds.Quantity = ds.parameter("10 Hz", "upper goal of the output", above=0)
    teacher_drive: ds.Quantity = ds.parameter("450 pA", "current of the teacher", least=0)
    tau_teacher: ds.Quantity = ds.parameter("2 s", "time constant of its rates", above=0)
    tau_synapse: ds.Quantity = ds.parameter(
        "10 ms", "decay of synaptic currents into somata", above=0
    )
    tau_dendrite: ds.Quantity = ds.parameter("100 ms", "decay of those into dendrites", above=0)
    delay: ds.Quantity = ds.parameter("1 ms", "delay of the synapses")


def circuit(p: Parameters) -> ds.Circuit:
    """Return populations `first_pyramidal` and so on, `teacher`, and the pathways between them."""
    if p.rate_least.value >= p.rate_most.value:
        raise ds.errors.ParameterError(
            f"rate_least is {p.rate_least}; it must be below rate_most, {p.rate_most}"
        )
    cell = ds.load_circuit(
        "pyramidal_burst",
        cells=p.cells,
        burst_interval=BURST_INTERVAL,
        tau_synapse=p.tau_synapse,
        tau_synapse_apical=p.tau_dendrite,
    )
    teacher = ds.Population(
        "teacher", p.cells, TEACHER, inputs={"bit_first": 0.0, "bit_second": 0.0},
        events={"instruct": ds.Event("abs(current) > 0*amp")},
    )  # fmt: skip
    feed = [
        _plastic(p, pre, post, p.w_hidden, p.eta_hidden)
        for pre in ("first", "second")
        for post in ("either", "both")
    ]
    feed += [
        _plastic(p, pre, "output", weight, p.eta_output, rate_high=p.rate_high)
        for pre, weight in (("either", p.w_either), ("both", p.w_both))
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
    return scale_weight(value, SYNAPSES, p.cells, p.probability)


def _plastic(p, pre, post, weight, eta, **homeostasis):
    learning = ds.rules.burst_dependent(
        gate="learn", weight_max=_scaled(p, p.w_max), eta=_scaled(p, eta), tau_trace=p.tau_trace,
        tau_average=p.tau_average, p_start=p.p_start, **homeostasis,
    )  # fmt: skip
    return ds.Pathway(
        f"{pre}_{post}", f"{pre}_pyramidal", f"{post}_pyramidal", "received_soma_post += weight*released",
        ds.Probability(p.probability), _scaled(p, weight), p.delay,
        rule=(ds.rules.short_term("depressing"), learning),
    )  # fmt: skip


def _inhibition(p, pre):
    return ds.Pathway(
        f"{pre}_inhibition", f"{pre}_pyramidal", "output_pyramidal", "received_soma_post -= weight*released",
        weight=_scaled(p, getattr(p, f"inhibition_{pre}")), connect=ds.Probability(p.probability), delay=p.delay,
        rule=ds.rules.short_term("depressing"), final=False,
    )  # fmt: skip


def _feedback(p, post, sign):
    return ds.Pathway(
        f"output_{post}", "output_pyramidal", f"{post}_pyramidal",
        f"received_apical_post {'+' if sign > 0 else '-'}= weight*released",
        rule=ds.rules.short_term("facilitating"), weight=_scaled(p, p.feedback),
        connect=ds.Probability(p.probability), delay=p.delay, final=False,
    )  # fmt: skip


def _teaching(p):
    """Return the pathways from the output to the teacher, which counts its events, and back."""
    count = ds.Pathway(
        "counted", "output_pyramidal", "teacher", {"event": "rate_post += 1/tau_teacher"},
        connect=ds.OneToOne(), final=False,
    )  # fmt: skip
    # In each step a current is injected, so that received_apical approaches it with tau_dendrite.
    inject = ds.Pathway(
        "taught", "teacher", "output_pyramidal",
        {"instruct": "received_apical_post += current_pre*dt/tau_dendrite"},
        connect=ds.OneToOne(), parameters={"tau_dendrite": p.tau_dendrite}, final=False,
    )  # fmt: skip
    return count, inject
