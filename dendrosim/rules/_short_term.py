"""Short-term plasticity as a rule of synapses; the equations are those of `short_term_plasticity`."""

from typing import Any

from dendrosim.circuit.synapse_rule import SynapseRule
from dendrosim.rules.short_term_plasticity import ShortTerm

SOURCES = """
Tsodyks, Pawelzik & Markram (1998), Neural Computation 10:821 (canonical). Extended variant, facilitating and
depressing: public simulation code of Payeur et al. (2021), Nature Neuroscience 24:1010. Classes of excitatory (e_)
and inhibitory (i_) synapses: Markram et al. (1998), PNAS 95:5323; Gupta et al. (2000), Science 287:273.
"""
EQUATIONS = {
    "extended": """
dutilisation/dt = (utilisation_rest - utilisation)/tau_facilitation : 1 (event-driven)
dresources/dt = (1 - resources)/tau_depression                      : 1 (event-driven)
""",
    "canonical": """
dutilisation/dt = -utilisation/tau_facilitation : 1 (event-driven)
dresources/dt = (1 - resources)/tau_depression  : 1 (event-driven)
""",
}
GROW = "utilisation += utilisation_step*(1 - utilisation)\n"
RELEASE = "released = utilisation*resources\n"
SPEND = "resources -= released\n"
TEXTS = {"extended": (RELEASE, SPEND + GROW), "canonical": (GROW + RELEASE, SPEND)}
"""For each variant, what comes before the effect of a spike, and what comes after it."""


def short_term(synapse: ShortTerm | str = "depressing", **changes: Any) -> SynapseRule:
    """Return the rule by which synapses facilitate and depress.

    The effect of a presynaptic spike uses `released`, the fraction of all resources that the spike releases, as in
    `g_post += weight*released`. The rule composes with all others, as in
    `Pathway(..., rule=(ds.rules.short_term("depressing"), ds.rules.pair_stdp()))`.

    Parameters
    ----------
    synapse : ShortTerm or str, optional
        The plasticity, or its name for `ShortTerm.named` (default `depressing`).
    **changes
        New values of fields of `ShortTerm`, by the names of the fields.

    Returns
    -------
    SynapseRule
        The rule, with the variables `utilisation` and `resources`, which start at rest.

    Raises
    ------
    UnknownMemberError
        If there is no synapse of this name.
    SpecError
        If `ShortTerm` refuses a change.

    References
    ----------
    Tsodyks, Pawelzik & Markram (1998), Neural Computation 10:821.

    Examples
    --------
    >>> import dendrosim as ds
    >>> feed = ds.Pathway(
    ...     "feed", "sender", "cell", "g_post += weight*released", connect=ds.InDegree(100), weight="2 nS",
    ...     rule=ds.rules.short_term("e_pseudo_linear"),
    ... )
    """
    given = synapse if isinstance(synapse, ShortTerm) else ShortTerm.named(synapse)
    given = given.replace(**changes)
    extended = given.variant == "extended"
    before, after = TEXTS[given.variant]
    parameters = {
        "utilisation_step": given.increment if extended else given.utilisation,
        "tau_depression": given.tau_depression,
        "tau_facilitation": given.tau_facilitation,
    }
    if extended:
        parameters["utilisation_rest"] = given.utilisation
    return SynapseRule(
        "short_term",
        EQUATIONS[given.variant],
        before=before,
        on_pre=after,
        parameters=parameters,
        initial={"utilisation": given.utilisation if extended else 0.0, "resources": 1.0},
        sources=SOURCES,
    )
