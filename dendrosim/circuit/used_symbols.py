"""The symbols that the equations of a circuit look up among its parameters and gates."""

from collections.abc import Iterable, Mapping

from dendrosim.circuit.circuit_data import CircuitData, Owner
from dendrosim.circuit.pathway import WEIGHT
from dendrosim.equations.declarations import Declaration, find_identifiers


def used_symbols(circuit: CircuitData) -> set[str]:
    """Return the symbols that a circuit's equations do not define themselves, by their names in the circuit.

    The set also contains names of functions, units and constants, because only the check of the equations, which
    needs Brian2, can distinguish them from parameters.
    """
    found: set[str] = set()
    for population in circuit.populations:
        variables = population.variables
        texts = [
            *_expressions(variables),
            population.refractory or "",
            *(e.condition for e in population.all_events.values()),
            *(x.expression for e in population.all_events.values() for x in e.assignments),
        ]
        found |= _looked_up(circuit, population, texts, variables)
    for matrix in circuit.matrices:
        found |= _looked_up(circuit, matrix, [matrix.rate], [matrix.weight])
    for pathway in circuit.pathways:
        lines = pathway.assignments
        texts = [*_expressions(pathway.variables), *_expressions(pathway.sums)]
        texts += [x.expression for x in lines]
        known = {*pathway.variables, *(x.target for x in lines)}
        known |= set() if pathway.weight is None else {WEIGHT}
        found |= _looked_up(circuit, pathway, texts, known)
    return found


def _expressions(variables: Mapping[str, Declaration]) -> list[str]:
    return [d.expression for d in variables.values() if d.expression]


def _looked_up(
    circuit: CircuitData, owner: Owner, texts: Iterable[str], known: Iterable[str]
) -> set[str]:
    symbols = {s for text in texts for s in find_identifiers(text)}
    symbols -= {*known, *owner.parameters}
    # A symbol with one of these endings is a variable of the presynaptic or postsynaptic population.
    return {circuit.scoped_name(owner, s) for s in symbols if not s.endswith(("_pre", "_post"))}
