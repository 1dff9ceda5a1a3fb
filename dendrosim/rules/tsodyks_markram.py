"""Pathways with short-term plasticity; the equations and sources are those of `short_term_plasticity`."""

from typing import Any

from dendrosim.circuit.connectivity.all_to_all import AllToAll
from dendrosim.circuit.connectivity.base import Connections
from dendrosim.circuit.pathway import Pathway
from dendrosim.rules.short_term_plasticity import ShortTerm


def tsodyks_markram(
    name: str,
    pre: str,
    post: str,
    effect: str = "g_post += weight*released",
    *,
    weight: Any,
    synapse: ShortTerm | str = "depressing",
    connect: Connections | None = None,
    delay: Any = None,
    final: bool = True,
) -> Pathway:
    """Return a pathway whose synapses facilitate and depress.

    Parameters
    ----------
    name, pre, post : str
        See `Pathway`.
    effect : str, optional
        What a spike does, with `released`, the fraction of all resources that it releases (default
        `g_post += weight*released`).
    weight : quantity, array of shape (synapses,) or Initial
        Effect of a synapse that releases all its resources.
    synapse : ShortTerm or str, optional
        The plasticity, or its name for `ShortTerm.named` (default `depressing`).
    connect : Connections, optional
        See `Pathway` (default `AllToAll()`).
    delay : time, array of shape (synapses,) or Initial, optional
        See `Pathway`.
    final : bool, optional
        See `Pathway` (default True).

    Returns
    -------
    Pathway
        Synapses with the text, parameters and initial values of the plasticity.

    Raises
    ------
    UnknownMemberError
        If there is no synapse of this name.
    SpecError
        If `ShortTerm.pathway` or `Pathway` refuses an argument.

    References
    ----------
    Tsodyks, Pawelzik & Markram (1998), Neural Computation 10:821.

    Examples
    --------
    >>> import dendrosim as ds
    >>> feed = ds.tsodyks_markram(
    ...     "feed", "sender", "cell", weight="2 nS", synapse="e_pseudo_linear", connect=ds.InDegree(100)
    ... )
    """
    rule = synapse if isinstance(synapse, ShortTerm) else ShortTerm.named(synapse)
    return Pathway(
        name, pre, post, connect=connect or AllToAll(), weight=weight, delay=delay, final=final,
        **rule.pathway(effect),
    )  # fmt: skip
