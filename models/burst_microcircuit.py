"""Two cortical areas that send two signals through the same axons: event rate up, burst probability down.

Pyramidal cells of the lower area excite somata of the upper one and PV cells through depressing synapses, which
pass on events; pyramidal cells of the upper area excite dendrites of the lower one through facilitating synapses,
which pass on bursts. PV cells inhibit upper somata; SST cells, driven by the upper area, inhibit lower dendrites.
Facilitating synapses of each area onto its own dendrites, with the sign of inhibition, make burst probability
linear in the dendritic input.

    lower --events--> upper soma          upper --bursts--> lower dendrite
    lower --events--> PV --| upper soma   upper --events--> SST --| lower dendrite

Pyramidal cells are `pyramidal_burst` in its conductance variant, interneurons `pv` and `sst`; every connection is
random with the same probability. Weights are in units of the leak and belong to 200 synapses a cell from
pyramidal cells and 50 from interneurons; with other numbers they are scaled by the inverse.

Sources
-------
Payeur et al. (2021), Nature Neuroscience 24:1010, Fig. 3, as in their published simulation code. Ports for the
two signals: Naud & Sprekeler (2018), PNAS 115:E6329.

Errata applied
--------------
`weights=published` takes the numbers of the published code. In this circuit they do not carry burst probability
down: the lower area's follows the bottom-up signal. `weights=tuned`, the default, changes what is needed for that
and nothing else: apical synapses inject currents (`v_drive`), SST cells are driven by events, through depressing
synapses, so that they take the event rate out of the feedback, which is weaker against them, and the lower
area's own inhibition is twice as strong. See WEIGHTS.
"""

from typing import Annotated, Literal

import dendrosim as ds

WEIGHTS = {
    "published": {
        "upper_from_lower": 0.05,
        "pv_from_lower": 0.05,
        "upper_from_pv": 0.07,
        "lower_from_upper": 0.37,
        "sst_from_upper": 0.3,
        "lower_from_sst": 0.035,
        "lower_from_lower": 0.1,
        "upper_from_upper": 0.1,
        "sst_synapses": "facilitating",
        "v_drive": None,
    },
    "tuned": {
        "upper_from_lower": 0.05,
        "pv_from_lower": 0.05,
        "upper_from_pv": 0.07,
        "lower_from_upper": 0.25,
        "sst_from_upper": 0.05,
        "lower_from_sst": 0.06,
        "lower_from_lower": 0.2,
        "upper_from_upper": 0.1,
        "sst_synapses": "depressing",
        "v_drive": "-60 mV",
    },
}
SYNAPSES = 4000 * 0.05  # a cell's from pyramidal cells, for which the weights hold
INTERNEURON_SYNAPSES = 1000 * 0.05


def circuit(
    *,
    cells: int = 4000,
    interneurons: int = 1000,
    probability: float = 0.05,
    weights: Literal["tuned", "published"] = "tuned",
    upper_from_lower: float | None = None,
    pv_from_lower: float | None = None,
    upper_from_pv: float | None = None,
    lower_from_upper: float | None = None,
    sst_from_upper: float | None = None,
    lower_from_sst: float | None = None,
    lower_from_lower: float | None = None,
    upper_from_upper: float | None = None,
    sst_synapses: Literal["depressing", "facilitating"] | None = None,
    v_drive: Annotated[ds.Quantity | None, "V"] = None,
    delay: ds.Quantity = "0.8 ms",
) -> ds.Circuit:
    """Return populations `lower_pyramidal`, `upper_pyramidal`, `pv` and `sst` with their pathways.

    Parameters
    ----------
    cells
        Pyramidal cells of each area.
    interneurons
        PV cells, and as many SST cells.
    probability
        Of a connection, in every pathway.
    weights
        Which set stands behind the parameters that are not given.
    upper_from_lower
        Weight from lower pyramidal cells to upper somata, depressing.
    pv_from_lower
        Weight from lower pyramidal cells to PV cells, depressing.
    upper_from_pv
        Weight from PV cells to upper somata, inhibitory.
    lower_from_upper
        Weight from upper pyramidal cells to lower dendrites, facilitating.
    sst_from_upper
        Weight from upper pyramidal cells to SST cells.
    lower_from_sst
        Weight from SST cells to lower dendrites, inhibitory.
    lower_from_lower
        Weight from lower pyramidal cells to their own dendrites, facilitating and inhibitory.
    upper_from_upper
        Likewise in the upper area.
    sst_synapses
        Short-term plasticity of the synapses onto SST cells.
    v_drive
        Voltage at which the driving force of apical synapses is taken (default: the set's, -60 mV if tuned;
        published weights take the apical voltage itself).
    delay
        Of all pathways.
    """
    given = {
        "upper_from_lower": upper_from_lower,
        "pv_from_lower": pv_from_lower,
        "upper_from_pv": upper_from_pv,
        "lower_from_upper": lower_from_upper,
        "sst_from_upper": sst_from_upper,
        "lower_from_sst": lower_from_sst,
        "lower_from_lower": lower_from_lower,
        "upper_from_upper": upper_from_upper,
        "sst_synapses": sst_synapses,
        "v_drive": v_drive,
    }
    chosen = {n: WEIGHTS[weights][n] if v is None else v for n, v in given.items()}
    for name, value in chosen.items():
        if "_from_" in name and value < 0:
            raise ds.errors.ParameterError(f"{name} is {value}; it must not be negative")
    ds.positive(cells=cells, interneurons=interneurons)
    pyramidal = ds.load_circuit(
        "pyramidal_burst", cells=cells, variant="conductance", v_drive=chosen["v_drive"]
    )
    facilitating, depressing = (ds.ShortTerm.named(name) for name in ("facilitating", "depressing"))

    def pathway(name, pre, post, target, kind=None):
        count = interneurons if pre in ("pv", "sst") else cells
        standard = INTERNEURON_SYNAPSES if pre in ("pv", "sst") else SYNAPSES
        scale = standard / (count * probability) if probability > 0 else 0.0
        effect = f"{target}_post += weight"
        text = {"on_pre": effect} if kind is None else kind.pathway(f"{effect}*released")
        return ds.Pathway(
            name, pre, post, connect=ds.Probability(probability), weight=chosen[name] * scale,
            delay=delay, **text,
        )  # fmt: skip

    lower, upper = "lower_pyramidal", "upper_pyramidal"
    sst_kind = ds.ShortTerm.named(chosen["sst_synapses"])
    pathways = (
        pathway("upper_from_lower", lower, upper, "g_exc_soma", depressing),
        pathway("pv_from_lower", lower, "pv", "g_exc", depressing),
        pathway("upper_from_pv", "pv", upper, "g_inh_soma"),
        pathway("lower_from_upper", upper, lower, "g_exc_apical", facilitating),
        pathway("sst_from_upper", upper, "sst", "g_exc", sst_kind),
        pathway("lower_from_sst", "sst", lower, "g_inh_apical"),
        pathway("lower_from_lower", lower, lower, "g_inh_apical", facilitating),
        pathway("upper_from_upper", upper, upper, "g_inh_apical", facilitating),
    )
    return ds.Circuit.join(
        (),
        pathways,
        lower=pyramidal,
        upper=pyramidal,
        pv=ds.load_circuit("pv", cells=interneurons),
        sst=ds.load_circuit("sst", cells=interneurons),
    )
