"""Whether the effect of spikes depends on the order of the synapses that they reach in one step.

The spikes of a step act one after the other, each on one synapse after the other: all statements of a text are
done for one synapse before the next. The order is that in which spikes were sent, then of the presynaptic unit,
then of the postsynaptic unit; for `on_post`, of the postsynaptic unit, then of the presynaptic unit. Sums such as
`g_post += weight` are the same in any order, so back ends may do them for many synapses at once. This module finds
the texts for which they may not.
"""

from collections.abc import Collection, Iterable

from dendrosim.circuit.circuit_data import CircuitData
from dendrosim.circuit.connectivity.one_to_one import OneToOne
from dendrosim.circuit.effects import Trigger
from dendrosim.circuit.pathway import Pathway
from dendrosim.engine.plan.spike_texts import SYNAPSE, effect_texts
from dendrosim.equations.assignments import Assignment
from dendrosim.equations.rewriting import read_symbols

_ENDS = ("_pre", "_post")
_KINDS = {"=": "value", "+=": "sum", "-=": "sum", "*=": "product", "/=": "product"}


def ordered_effects(circuit: CircuitData, pathway: Pathway) -> dict[Trigger, bool]:
    """Return whether the effect of each event depends on the order of synapses.

    One-to-one synapses share no unit, so it does not, except between a unit and itself.
    """
    own, recurrent = set(pathway.synapse_start_values()), pathway.pre == pathway.post
    effects = effect_texts(circuit, pathway).effects
    if isinstance(pathway.connect, OneToOne):
        return {trigger: uses_both_ends(lines, recurrent) for trigger, lines in effects.items()}
    return {trigger: depends_on_order(lines, own, recurrent) for trigger, lines in effects.items()}


def depends_on_order(lines: Iterable[Assignment], own: Collection[str], recurrent: bool) -> bool:
    """Return whether the effect of assignments depends on the order of the synapses for which they are done.

    Parameters
    ----------
    lines : iterable of Assignment
        What a spike does.
    own : collection of str
        Variables that each synapse has for itself.
    recurrent : bool
        Whether both ends are the same population, so that `x_pre` of one synapse can be `x_post` of another.

    Returns
    -------
    bool
        False only if each variable of a unit that the assignments change is not read, and is a sum, a product, or
        set to one value by all synapses of a unit.
    """
    lines = tuple(lines)
    read = {s for line in lines for s in read_symbols(line.expression)}
    changed = {line.target for line in lines if line.target.endswith(_ENDS)}
    private = {*own, SYNAPSE, *(line.target for line in lines)}
    if uses_both_ends(lines, recurrent):
        return True
    return any(_is_ordered(name, lines, read, private) for name in changed)


def uses_both_ends(lines: Iterable[Assignment], recurrent: bool) -> bool:
    """Return whether assignments change a variable that they also use at the other end of a recurrent pathway."""
    lines = tuple(lines)
    used = {s for line in lines for s in read_symbols(line.expression)}
    changed = {line.target for line in lines if line.target.endswith(_ENDS)}
    return recurrent and any(_other_end(name) in used | changed for name in changed)


def _is_ordered(
    name: str, lines: tuple[Assignment, ...], read: set[str], private: set[str]
) -> bool:
    """Return whether the value that synapses give to one variable of a unit depends on their order."""
    kinds = {_KINDS[line.operator] for line in lines if line.target == name}
    if name in read or len(kinds) > 1:
        return True
    if kinds != {"value"}:
        return False
    there = _other_end(name).removeprefix(_variable(name))
    used = {s for line in lines if line.target == name for s in read_symbols(line.expression)}
    return any(s in private or s.endswith(there) for s in used)


def _variable(symbol: str) -> str:
    return symbol.removesuffix("_pre") if symbol.endswith("_pre") else symbol.removesuffix("_post")


def _other_end(symbol: str) -> str:
    """Return the name that the variable has at the other end of a synapse."""
    return f"{_variable(symbol)}{'_post' if symbol.endswith('_pre') else '_pre'}"
