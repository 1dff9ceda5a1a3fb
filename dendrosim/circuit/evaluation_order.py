"""The order in which the projections of one time step run, and the sums over synapses.

The source of a projection may be a subexpression that depends on the target of another projection in the same
step. Targets of projections and sums over synapses, here called fed variables, are therefore ordered by
dependency; a loop of dependencies is an error.
"""

from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter

from dendrosim.circuit.circuit_data import CircuitData
from dendrosim.circuit.pathway import Pathway
from dendrosim.errors import LoopError


def evaluation_order(circuit: CircuitData) -> tuple[str, ...]:
    """Return all fed variables (`population.variable`), each after the variables on which it depends.

    Raises
    ------
    LoopError
        If variables depend on each other within one step; the message names them.
    """
    fed = {p.target for p in circuit.projections}
    fed |= {f"{p.post}.{name}" for p in circuit.pathways for name in p.sums}
    return tuple(path for path in variable_order(circuit) if path in fed)


def end_variables(pathway: Pathway, symbols: Iterable[str]) -> dict[str, str]:
    """Return the symbols of a pathway's text that are variables of its units, each with `population.variable`."""
    ends = (("_pre", pathway.pre), ("_post", pathway.post))
    return {
        s: f"{name}.{s.removesuffix(end)}" for s in symbols for end, name in ends if s.endswith(end)
    }


def variable_order(circuit: CircuitData) -> tuple[str, ...]:
    """Return all variables that are not states, each after the variables on which it depends.

    Raises
    ------
    LoopError
        If variables depend on each other within one step; the message names them.
    """
    graph: dict[str, set[str]] = {}
    for population in circuit.all_populations:
        variables = population.variables
        for name, declared in variables.items():
            path = f"{population.name}.{name}"
            graph.setdefault(path, set())
            if declared.kind == "subexpression":
                graph[path] |= {
                    f"{population.name}.{s}" for s in declared.symbols if s in variables
                }
    for projection in circuit.projections:
        graph[projection.target].add(projection.source)
    for pathway in circuit.pathways:
        for name, line in pathway.sums.items():
            graph[f"{pathway.post}.{name}"] |= set(
                end_variables(pathway, line.symbols).values()
            ) & set(graph)
    states = {f"{p.name}.{s}" for p in circuit.all_populations for s in p.states}
    graph = {p: {d for d in needs if d not in states} for p, needs in graph.items()}
    try:
        order = tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        loop = " -> ".join(reversed(error.args[1]))
        raise LoopError(
            f"Circuit: an algebraic loop within one step: {loop}; make one of these variables a state "
            "with an equation of its own (dx/dt = ...)"
        ) from None
    return tuple(path for path in order if path not in states)
