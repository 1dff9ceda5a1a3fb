"""A population of bursting cells whose dendrites teach the synapses onto their somata.

    input --plastic, depressing--> output soma          (dendrites of both receive currents of a protocol)

Both populations are `pyramidal_burst` cells. Synapses from input to output cells learn by the rule
`ds.rules.burst_dependent`: a
stronger current into the dendrites of the output raises its burst probability above the moving average, so
weights, and with them event rates, grow until the average has caught up. With `tau_average` the weights settle at
any dendritic current. With a constant expected burst probability (`tau_average=0 s`) they grow or shrink forever,
unless the burst probability happens to be that number.

`weight`, `weight_max` and `eta` are those of cells with 200 synapses. With other numbers of synapses they are
scaled such that the sum over the synapses of a cell is unchanged.

Sources
-------
Payeur, Guerguiev, Zenke, Richards & Naud (2021), Nature Neuroscience 24:1010, Fig. 2: the experiment, the learning
rate over the initial weight, and the time constants. Choices made here: synapses are currents, so that the numbers
of `burst_coding` hold for these cells, and the synapses are depressing, so that they transmit events.

Errata applied
--------------
None.
"""

import dendrosim as ds
from dendrosim.mechanisms.burst_events import BURST_INTERVAL
from dendrosim.mechanisms.weight_scale import scale_weight

SYNAPSES = 200  # synapses onto a cell for which weights are given
NAMES = ("input", "output")


class Parameters(ds.Parameters):
    cells: int = ds.parameter(200, "number of cells in each population", least=1)
    probability: float = ds.parameter(0.2, "probability of a connection", above=0, most=1)
    weight: ds.Quantity = ds.parameter("20 pA", "weights at the start", least=0)
    weight_max: ds.Quantity = ds.parameter("250 pA", "upper bound of the weights", above=0)
    eta: ds.Quantity = ds.parameter("0.9 pA", "learning rate", least=0)
    tau_trace: ds.Quantity = ds.parameter("100 ms", "time constant of presynaptic traces", above=0)
    tau_average: ds.Quantity = ds.parameter(
        "5 s", "time constant of the averages; 0 for a constant burst probability", least=0
    )
    p_start: float = ds.parameter(0.15, "expected burst probability at the start", least=0, most=1)
    rate_low: ds.Quantity | None = ds.parameter(
        None,
        "event rate below which weights grow in any case (2 Hz in the source)",
        unit="Hz",
        above=0,
    )
    rate_high: ds.Quantity | None = ds.parameter(
        None, "event rate above which weights shrink in any case (12 Hz)", unit="Hz", above=0
    )
    tau_synapse: ds.Quantity = ds.parameter("5 ms", "decay of synaptic currents", above=0)
    delay: ds.Quantity = ds.parameter("1 ms", "delay of the synapses")


def circuit(p: Parameters) -> ds.Circuit:
    """Return populations `input_pyramidal` and `output_pyramidal`, and the pathway `plastic`."""
    cell = ds.load_circuit(
        "pyramidal_burst", cells=p.cells, burst_interval=BURST_INTERVAL, tau_synapse=p.tau_synapse
    )
    scaled = {
        name: scale_weight(getattr(p, name), SYNAPSES, p.cells, p.probability)
        for name in ("weight", "weight_max", "eta")
    }
    learning = ds.rules.burst_dependent(
        gate="learn", eta=scaled["eta"], weight_max=scaled["weight_max"], p_start=p.p_start,
        tau_trace=p.tau_trace, tau_average=p.tau_average if p.tau_average.value else None,
        rate_low=p.rate_low, rate_high=p.rate_high,
    )  # fmt: skip
    plastic = ds.Pathway(
        "plastic", "input_pyramidal", "output_pyramidal", "received_soma_post += weight*released",
        ds.Probability(p.probability), scaled["weight"], p.delay,
        rule=(ds.rules.short_term("depressing"), learning),
    )  # fmt: skip
    parts = ds.Circuit.join(input=cell, output=cell)
    return parts.replace(pathways=(plastic,), gates={"learn": 0.0})
