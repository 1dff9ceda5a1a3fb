"""The check of all equations of a circuit with Brian2's parser: symbols and physical dimensions.

Of the modules that specify a circuit, only this one and those that it imports need Brian2.
`dendrosim.circuit.check` records which circuits have passed, so that an unchanged circuit is not checked twice.
"""

from graphlib import CycleError, TopologicalSorter

from brian2.core.variables import Variable
from brian2.equations.equations import EquationError as BrianEquationError
from brian2.equations.equations import Equations
from brian2.units.fundamentalunits import get_dimensions

from dendrosim.circuit.brian_text import brian_dimension, model_text
from dendrosim.circuit.circuit_data import CircuitData
from dendrosim.circuit.dimension_check import (
    TIME,
    check_expression,
    check_own_parameters,
    population_scope,
    root_message,
    unit_text,
)
from dendrosim.circuit.evaluation_order import evaluation_order
from dendrosim.circuit.matrix import Matrix
from dendrosim.circuit.population import REFRACTORY, Population
from dendrosim.circuit.spike_check import (
    check_pathway,
    check_spikes,
    pathway_symbols,
    spike_symbols,
)
from dendrosim.equations.limits import Extent, measure
from dendrosim.equations.operator_check import check_operators
from dendrosim.equations.rewriting import find_symbols, parse_expression, read_symbols
from dendrosim.errors import EquationError, UnitError
from dendrosim.units import is_in, unit


def check_equations(circuit: CircuitData) -> None:
    """Check every equation of a circuit.

    Raises
    ------
    EquationError
        If a text cannot be read, or a symbol is undefined or used by no equation.
    UnitError
        If the two sides of an equation, or two summands, have different dimensions.
    LoopError
        If variables depend on each other within one step.
    """
    used: set[str] = set()
    for population in circuit.populations:
        used |= _check_population(circuit, population)
    for matrix in circuit.matrices:
        used |= _check_matrix(circuit, matrix)
    for pathway in circuit.pathways:
        used |= check_pathway(circuit, pathway)
    _check_projections(circuit)
    _check_unused(circuit, used)
    evaluation_order(circuit)


def _check_population(circuit: CircuitData, population: Population) -> set[str]:
    """Check the texts of a population; return the parameters and gates of the circuit that they use."""
    where = f"Population {population.name!r}"
    for name, line in population.variables.items():
        if line.expression:
            check_operators(f"{population.name}.{name}", line.expression)
    _check_extents(population)
    try:
        parsed = Equations(model_text(population))
    except (BrianEquationError, SyntaxError, ValueError, TypeError, KeyError) as error:
        raise EquationError(f"{where}: {root_message(error)}") from None
    declared = population.variables
    if set(parsed.names) != set(declared):
        raise EquationError(
            f"{where}: cannot read the equations line by line; write one declaration per line"
        )
    flags = sorted({f for d in declared.values() for f in d.flags} - {"constant", REFRACTORY})
    if flags:
        shared = "; a number that all units share is a parameter or a gate of the circuit"
        raise EquationError(
            f"{where}: the flag ({flags[0]}) has no meaning here; remove it"
            f"{shared if flags[0] == 'shared' else ''}"
        )
    for name, line in declared.items():
        if line.kind != "state" and REFRACTORY in line.flags:
            raise EquationError(
                f"{where}: {name!r} has no differential equation, so the flag (unless refractory) has no "
                "meaning; remove it"
            )
        if line.kind != "parameter" and "constant" in line.flags:
            raise EquationError(
                f"{where}: {name!r} has an equation, so the flag (constant) has no meaning; remove it"
            )
    local = population_scope(population)
    used = check_spikes(circuit, population, local)
    for name, line in declared.items():
        if line.kind == "parameter":
            continue
        expected = brian_dimension(unit(line.unit)[0])
        if line.kind == "state":
            expected = expected / get_dimensions(TIME["t"])
        where_, text = f"{population.name}.{name}", population.equations_in_place[name]
        used |= check_expression(
            circuit, population, where_, line.expression, text, local, expected
        )
    own = {s for d in declared.values() for s in d.symbols} | spike_symbols(population)
    check_own_parameters(where, population, own | set(declared))
    return used


def _check_extents(population: Population) -> None:
    """Check how large each equation becomes when Brian2 puts subexpressions into it."""
    trees = {n: parse_expression(text) for n, text in population.equations_in_place.items()}
    inside = [n for n, d in population.variables.items() if d.kind == "subexpression"]
    graph = {n: find_symbols(tree) & set(inside) for n, tree in trees.items()}
    known: dict[str, Extent] = {}
    try:
        order = list(TopologicalSorter({n: graph[n] for n in inside}).static_order())
    except CycleError:
        return  # a loop, which the error of `evaluation_order` names
    for name in (*order, *(n for n in trees if n not in inside)):
        known[name] = measure(trees[name], {n: known[n] for n in graph[name]})
        if said := known[name].too_large:
            raise EquationError(
                f"{population.name}.{name}: with all subexpressions in place, its right-hand side {said}"
            )


def _check_matrix(circuit: CircuitData, matrix: Matrix) -> set[str]:
    """Check the plasticity of a matrix; return the parameters and gates of the circuit that it uses."""
    where = f"Matrix {matrix.name!r}"
    if not matrix.plasticity:
        check_own_parameters(where, matrix, set())
        return set()
    post, pre = circuit.population(matrix.post), circuit.population(matrix.pre)
    dimension = brian_dimension(unit(matrix.unit)[0])
    local = {
        **population_scope(post, "_post"),
        **population_scope(pre, "_pre"),
        matrix.weight: Variable(matrix.weight, dimensions=dimension),
    }
    for symbol, other in circuit.weights_read(matrix).items():
        local[symbol] = Variable(symbol, dimensions=brian_dimension(unit(other.unit)[0]))
    expression = circuit.rate_in_place(matrix)
    check_own_parameters(where, matrix, read_symbols(expression))
    expected = dimension / get_dimensions(TIME["t"])
    return check_expression(circuit, matrix, where, matrix.rate, expression, local, expected)


def _check_projections(circuit: CircuitData) -> None:
    """Check that each product of a matrix and a source has the unit of its target."""
    for target in dict.fromkeys(p.target for p in circuit.projections):
        _, declared = circuit.variable(target)
        for projection in circuit.projections:
            if projection.target != target:
                continue
            _, source = circuit.variable(projection.source)
            weight = circuit.matrix(projection.matrix)
            product = brian_dimension(unit(source.unit)[0]) * brian_dimension(unit(weight.unit)[0])
            expected = brian_dimension(unit(declared.unit)[0])
            if product is not expected:
                raise UnitError(
                    f"{projection}: delivers {unit_text(product)}, but {target} {is_in(unit_text(expected))}"
                )


def _check_unused(circuit: CircuitData, used: set[str]) -> None:
    """Check that each parameter, each gate and each variable without equation is used."""
    for name in (*circuit.parameters, *circuit.gates):
        if name not in used:
            kind = "parameter" if name in circuit.parameters else "gate"
            raise EquationError(
                f"Circuit: {kind} {name!r} is used by no equation; remove it or use it"
            )
    read = {p.source for p in circuit.projections}
    for matrix in circuit.matrices:
        symbols = read_symbols(matrix.rate) if matrix.plasticity else set()
        read |= {f"{matrix.post}.{s.removesuffix('_post')}" for s in symbols if s.endswith("_post")}
        read |= {f"{matrix.pre}.{s.removesuffix('_pre')}" for s in symbols if s.endswith("_pre")}
    for population in circuit.populations:
        inside = {s for d in population.variables.values() for s in d.symbols}
        inside |= spike_symbols(population) | pathway_symbols(circuit, population)
        for name, declared in population.variables.items():
            path = f"{population.name}.{name}"
            if declared.kind == "parameter" and name not in inside and path not in read:
                raise EquationError(
                    f"{path} is declared but used by no equation; remove it or use it"
                )
