"""Two cortical areas that send two signals through the same axons: event rate up, burst probability down.

Pyramidal cells of the lower area excite somata of the upper one and PV cells through depressing synapses, which
pass on events; pyramidal cells of the upper area excite dendrites of the lower one through facilitating synapses,
which pass on bursts. PV cells inhibit upper somata; SST cells, driven by the upper area, inhibit lower dendrites.
Within each area, pyramidal cells also inhibit dendrites (they raise g_inh_apical) through facilitating synapses;
this makes burst probability linear in the dendritic input.

    lower --events--> upper soma          upper --bursts--> lower dendrite
    lower --events--> PV --| upper soma   upper --events--> SST --| lower dendrite

Pyramidal cells are `pyramidal_burst_conductance`, interneurons `pv` and `sst`; connections of all pathways are
random with the same probability. Weights are in units of the leak, for cells with 200 synapses from pyramidal
cells and 50 from interneurons; with other numbers of synapses, weights are scaled so that their sum is unchanged.

Sources
-------
Payeur et al. (2021), Nature Neuroscience 24:1010, Fig. 3, as in their published simulation code. Event rate and
burst probability as two signals: Naud & Sprekeler (2018), PNAS 115:E6329.

Errata applied
--------------
`weights=published` takes the numbers of the published code. With them this circuit does not send the top-down
signal: the burst probability of the lower area follows the bottom-up signal. `weights=tuned`, the default, makes
only the changes that are needed: apical synapses inject currents (`v_drive`); SST cells are driven by events,
through depressing synapses, so that they remove the event rate from the feedback; the feedback is weaker, to
balance the SST cells; and lower pyramidal cells inhibit lower dendrites twice as strongly (`lower_from_lower`). A
parameter in which the two sets differ (see WEIGHTS) has no default of its own: the chosen set gives its value.
"""

from typing import Literal

import dendrosim as ds

# Parameters in which the two sets differ. If v_drive is None, the driving force follows the apical voltage itself.
WEIGHTS = {
    "published": {
        "lower_from_upper": 0.37,
        "sst_from_upper": 0.3,
        "lower_from_sst": 0.035,
        "lower_from_lower": 0.1,
        "sst_synapses": "facilitating",
        "v_drive": None,
    },
    "tuned": {
        "lower_from_upper": 0.25,
        "sst_from_upper": 0.05,
        "lower_from_sst": 0.06,
        "lower_from_lower": 0.2,
        "sst_synapses": "depressing",
        "v_drive": "-60 mV",
    },
}
SYNAPSES = 4000 * 0.05  # synapses from pyramidal cells onto a cell for which weights are given
INTERNEURON_SYNAPSES = 1000 * 0.05  # synapses from interneurons onto such a cell


class Parameters(ds.Parameters):
    cells: int = ds.parameter(4000, "number of pyramidal cells in each area", least=1)
    interneurons: int = ds.parameter(1000, "number of PV cells, and of SST cells", least=1)
    probability: float = ds.parameter(0.05, "probability of a connection, in every pathway")
    weights: Literal["tuned", "published"] = ds.parameter("tuned", "set of weights, see WEIGHTS")
    upper_from_lower: float = ds.parameter(0.05, "weight onto upper somata, depressing", least=0)
    pv_from_lower: float = ds.parameter(0.05, "weight onto PV cells, depressing", least=0)
    upper_from_pv: float = ds.parameter(0.07, "weight onto upper somata, inhibitory", least=0)
    lower_from_upper: float | None = ds.parameter(None, "weight onto lower dendrites", least=0)
    sst_from_upper: float | None = ds.parameter(None, "weight onto SST cells", least=0)
    lower_from_sst: float | None = ds.parameter(None, "weight of SST inhibition", least=0)
    lower_from_lower: float | None = ds.parameter(None, "inhibition within the lower area", least=0)
    upper_from_upper: float = ds.parameter(0.1, "inhibition within the upper area", least=0)
    sst_synapses: Literal["depressing", "facilitating"] | None = ds.parameter(
        None, "kind of synapse onto SST cells"
    )
    v_drive: ds.Quantity | None = ds.parameter(None, "voltage driving apical synapses", unit="V")
    delay: ds.Quantity = ds.parameter("0.8 ms", "delay of all pathways")


def circuit(p: Parameters) -> ds.Circuit:
    """Return populations `lower_pyramidal`, `upper_pyramidal`, `pv` and `sst` with their pathways."""
    chosen = WEIGHTS[p.weights] | {n: v for n, v in vars(p).items() if v is not None}
    pyramidal = ds.load_circuit(
        "pyramidal_burst_conductance", cells=p.cells, v_drive=chosen["v_drive"]
    )
    facilitating, depressing = map(ds.rules.short_term, ("facilitating", "depressing"))

    def pathway(name, pre, post, target, short_term=None):
        from_interneurons = pre in ("pv", "sst")
        count = p.interneurons if from_interneurons else p.cells
        standard = INTERNEURON_SYNAPSES if from_interneurons else SYNAPSES
        scale = standard / (count * p.probability) if p.probability > 0 else 0.0
        effect = f"{target}_post += weight"
        effect += "" if short_term is None else "*released"
        return ds.Pathway(
            name,
            pre,
            post,
            effect,
            ds.Probability(p.probability),
            chosen[name] * scale,
            p.delay,
            rule=short_term,
        )

    lower, upper = "lower_pyramidal", "upper_pyramidal"
    onto_sst = ds.rules.short_term(chosen["sst_synapses"])
    pathways = (
        pathway("upper_from_lower", lower, upper, "g_exc_soma", depressing),
        pathway("pv_from_lower", lower, "pv", "g_exc", depressing),
        pathway("upper_from_pv", "pv", upper, "g_inh_soma"),
        pathway("lower_from_upper", upper, lower, "g_exc_apical", facilitating),
        pathway("sst_from_upper", upper, "sst", "g_exc", onto_sst),
        pathway("lower_from_sst", "sst", lower, "g_inh_apical"),
        pathway("lower_from_lower", lower, lower, "g_inh_apical", facilitating),
        pathway("upper_from_upper", upper, upper, "g_inh_apical", facilitating),
    )
    interneurons = {name: ds.load_circuit(name, cells=p.interneurons) for name in ("pv", "sst")}
    return ds.Circuit.join((), pathways, lower=pyramidal, upper=pyramidal, **interneurons)
