"""The check that the objects of a circuit fit together: their names, their shapes, and what sets each variable.

This check does not need Brian2; `equation_check` checks the equations.
"""

import numpy as np

from dendrosim.circuit.circuit_data import CircuitData, Owner
from dendrosim.circuit.connectivity.pairings import Pairings
from dendrosim.circuit.effects import SIDES
from dendrosim.circuit.event import SPIKE
from dendrosim.circuit.initial_values.computed import Computed
from dendrosim.circuit.initial_values.fixed import Fixed
from dendrosim.circuit.matrix import LARGEST_CONDITION, Matrix, Projection
from dendrosim.circuit.pathway import WEIGHT, Pathway
from dendrosim.circuit.weights_read import check_weights_read
from dendrosim.errors import (
    ParameterError,
    ShapeError,
    SpecError,
    UnitError,
    UnknownMemberError,
    prefix_errors,
)
from dendrosim.units import be_in, is_in, unit, unit_name


def check_structure(circuit: CircuitData) -> None:
    """Check that the objects of a circuit fit together.

    Raises
    ------
    SpecError
        If they do not fit together; `Circuit` lists the subclasses.
    """
    if not circuit.populations:
        raise SpecError("Circuit: there must be at least one population")
    _check_names(circuit)
    _ = circuit.all_populations  # raises if a source does not fit the populations
    for matrix in circuit.matrices:
        _check_matrix(circuit, matrix)
    check_weights_read(circuit)
    for projection in circuit.projections:
        _check_projection(circuit, projection)
    for pathway in circuit.pathways:
        _check_pathway(circuit, pathway)
        _check_sums(circuit, pathway)
    _check_fed(circuit)
    _check_refractory(circuit)


def _check_names(circuit: CircuitData) -> None:
    """Check that names differ, and that the names of parameters and gates are valid symbols."""
    owners: tuple[Owner, ...] = (*circuit.populations, *circuit.matrices, *circuit.pathways)
    names = [o.name for o in (*owners, *circuit.sources)]
    for name in names:
        if names.count(name) > 1:
            raise SpecError(
                f"Circuit: {name!r} names {names.count(name)} objects; names must differ"
            )
    # Brian2 makes an object for each end of a pathway and gives it one of these names.
    for pathway in circuit.pathways:
        for end in (*SIDES, *(trigger.name for trigger in pathway.effects)):
            name = f"{pathway.name}_{end}"
            if name in names:
                raise SpecError(
                    f"Circuit: the name {name!r} is reserved for an end of {pathway}; rename one of them"
                )
    for name in set(circuit.parameters) & set(circuit.gates):
        raise SpecError(
            f"Circuit: {name!r} is both a parameter and a gate; declare it as one of the two"
        )


def _check_matrix(circuit: CircuitData, matrix: Matrix) -> None:
    """Check the initial value of a matrix; if the matrix is declared as an inverse, check that it can be one."""
    for source in circuit.sources:
        if source.name in (matrix.post, matrix.pre):
            raise SpecError(
                f"Matrix {matrix.name!r}: it connects the {source}, which sends spikes but has no activity; use a "
                "pathway in place of the matrix"
            )
    shape = circuit.shape(matrix)
    if matrix.connect is not None:
        _check_sparse(matrix, shape)
        return
    matrix.initial.check(f"Matrix {matrix.name!r}: initial value", shape)
    if isinstance(matrix.initial, Computed):
        _check_computed(circuit, matrix, matrix.initial)
    if matrix.inverse_of is not None:
        _check_inverse(circuit, matrix, shape)


def _check_sparse(matrix: Matrix, shape: tuple[int, int]) -> None:
    """Check the connection rule and the initial value of a sparse matrix."""
    where, rule, initial = f"Matrix {matrix.name!r}", matrix.connect, matrix.initial
    rule.check(where, *shape, matrix.post == matrix.pre)
    if isinstance(rule, Pairings) and (pair := rule.repeated()) is not None:
        raise ShapeError(
            f"{where}: Pairings has presynaptic unit {pair[1]} with postsynaptic unit {pair[0]} more than once, "
            "but a matrix has one weight for each pair; give each pair once"
        )
    if initial.only_matrices:
        raise ShapeError(
            f"{where}: initial value: {type(initial).__name__} gives a weight to every pair of units, but this "
            "matrix has `connect`; use Normal, Uniform or an array"
        )
    if not isinstance(initial, Fixed):
        return
    given, count = np.shape(initial.value.value), rule.count
    if given not in ((), shape, (count,)):
        one_each = f", {count} numbers (one per pair)" if count is not None else ""
        raise ShapeError(
            f"{where}: initial value has shape {given}; it must be one number{one_each} or of shape {shape}"
        )


def _check_computed(circuit: CircuitData, matrix: Matrix, initial: Computed) -> None:
    """Check that the matrices from which an initial value is computed exist and fit, and that there is no loop."""
    where, kind = f"Matrix {matrix.name!r}: initial value", type(initial).__name__
    for of in map(circuit.matrix, initial.matrices):
        if of.inverse_of is not None:
            raise SpecError(
                f"{where}: {of.name!r} has no weights of its own; use {of.inverse_of!r} in its place"
            )
        if of.connect is not None:
            raise SpecError(
                f"{where}: {of.name!r} is sparse, and {kind} needs a dense matrix; choose another initial value"
            )
        if matrix.name in _all_sources(circuit, of):
            raise SpecError(
                f"{where} depends on itself through {of.name!r}; give one of the matrices an "
                "initial value that does not depend on another"
            )
    shapes = [circuit.shape(circuit.matrix(name)) for name in initial.matrices]
    expected, shape = initial.shape_from(shapes), circuit.shape(matrix)
    if expected != shape:
        named = " and ".join(map(repr, initial.matrices))
        raise ShapeError(
            f"{where}: {kind} of {named} is {expected[0]} x {expected[1]}, but this "
            f"matrix is {shape[0]} x {shape[1]}"
        )


def _all_sources(circuit: CircuitData, matrix: Matrix) -> set[str]:
    """Return the names of a matrix and of all on which its initial value depends, directly or not."""
    found, waiting = {matrix.name}, [matrix]
    while waiting:
        initial = waiting.pop().initial
        fresh = set(initial.matrices) - found if isinstance(initial, Computed) else set()
        found |= fresh
        waiting += map(circuit.matrix, fresh)
    return found


def _check_inverse(circuit: CircuitData, matrix: Matrix, shape: tuple[int, int]) -> None:
    """Check that a matrix can be the inverse of the matrix that it names: shapes, units and initial weights."""
    assert matrix.inverse_of is not None
    where, of = f"Matrix {matrix.name!r}", circuit.matrix(matrix.inverse_of)
    if of.inverse_of is not None:
        raise SpecError(
            f"{where}: {of.name!r} is an inverse itself; name the matrix that has the weights"
        )
    if of.connect is not None:
        raise SpecError(
            f"{where}: {of.name!r} is sparse (connect), and a sparse matrix has no inverse here; leave `connect` "
            "out"
        )
    if shape[0] != shape[1] or (of.post, of.pre) != (matrix.pre, matrix.post):
        rows, columns = circuit.shape(of)
        raise ShapeError(
            f"{where}: it goes from {matrix.pre!r} to {matrix.post!r} and is {shape[0]} x {shape[1]}; the "
            f"inverse of {of.name!r} ({rows} x {columns}, from {of.pre!r} to {of.post!r}) goes the other "
            "way, and both populations must have the same size"
        )
    metre, kilogram, second, amp, kelvin, mole, candela = unit(of.unit)[0]
    expected = (-metre, -kilogram, -second, -amp, -kelvin, -mole, -candela)
    if unit(matrix.unit)[0] != expected:
        raise UnitError(
            f"{where} {is_in(unit_name(unit(matrix.unit)[0]))}; the inverse of {of.name!r} must "
            f"{be_in(unit_name(expected))}"
        )
    initial = of.initial
    if isinstance(initial, Fixed) and np.ndim(initial.value.value) == 2:
        weights = np.asarray(initial.value.value, dtype=float)
        condition = np.linalg.cond(weights)
        if condition > LARGEST_CONDITION:
            raise ParameterError(
                f"{where}: {of.name!r} has no inverse: the condition number of its initial value is "
                f"{condition:.2g}; choose another initial value"
            )


def _check_projection(circuit: CircuitData, projection: Projection) -> None:
    """Check that a projection's objects exist, that its shapes fit, and that nothing else sets its target."""
    with prefix_errors(str(projection)):
        source, _ = circuit.variable(projection.source)
        target, declared = circuit.variable(projection.target)
        matrix = circuit.matrix(projection.matrix)
    rows, columns = circuit.shape(matrix)
    if projection.transpose:
        rows, columns = columns, rows
    if (target.size, source.size) != (rows, columns):
        raise ShapeError(
            f"{projection}: needs a {target.size} x {source.size} matrix, "
            f"but {matrix.name}{' transposed' if projection.transpose else ''} is {rows} x {columns}"
        )
    variable = declared.name
    if declared.kind != "parameter" or variable in target.inputs or variable in target.parameters:
        raise SpecError(
            f"{projection}: {projection.target} cannot be the target; a target must be a declared variable "
            "that has no equation and no value and is not an input"
        )


def _check_pathway(circuit: CircuitData, pathway: Pathway) -> None:
    """Check that a pathway's populations exist and spike, and that its connection rule and its names fit them.

    None of its names may be a variable of these populations.
    """
    pre, post = circuit.population(pathway.pre), circuit.population(pathway.post)
    for source in circuit.sources:
        if source.name == post.name:
            raise SpecError(
                f"{pathway}: post is the {source}, which has no states that spikes could change; name a population"
            )
        if source.name == pre.name and not pre.spiking:
            raise SpecError(
                f"{pathway}: pre is the {source}, which adds its spikes to "
                f"{source.adds_to} itself; use ds.Poisson for units with pathways"
            )
    for trigger in pathway.effects:
        population = pre if trigger.side == "pre" else post
        if trigger.event in population.all_events:
            continue
        if trigger.event == SPIKE:
            raise SpecError(
                f"{pathway}: population {population.name!r} has no threshold, so it never spikes; "
                "give it a threshold, or connect a spiking population"
            )
        raise UnknownMemberError(
            f"event of population {population.name!r}, which on_{trigger.side} of {pathway} names,",
            trigger.event,
            population.all_events,
            "declare it in `events` of the population (shipped bursting cells have `event` and `burst` if "
            "`burst_interval` is given, such as 16 ms), or connect a population that has it",
        )
    pathway.connect.check(str(pathway), post.size, pre.size, pathway.pre == pathway.post)
    for name in (*pathway.variables, *pathway.parameters):
        for population in (pre, post):
            if name in population.variables:
                raise SpecError(
                    f"{pathway}: {name!r} is also a variable of {population.name!r}; rename one of them"
                )
    if WEIGHT in {**pre.variables, **post.variables} and pathway.weight is not None:
        raise SpecError(
            f"{pathway}: a population that it connects has a variable 'weight'; rename that variable"
        )


def _check_refractory(circuit: CircuitData) -> None:
    """Check that a refractory period given by a single symbol is not negative; expressions are not evaluated."""
    for population in circuit.populations:
        period = circuit.symbol_value(population, (population.refractory or "").strip())
        if period is not None and np.any(np.asarray(period.value) < 0):
            raise ParameterError(
                f"Population {population.name!r}: the refractory period {population.refractory!r} is "
                f"{period}; it must not be negative"
            )


def _check_sums(circuit: CircuitData, pathway: Pathway) -> None:
    """Check that nothing else sets the variables that are sums over the synapses of a pathway."""
    post = circuit.population(pathway.post)
    for name in pathway.sums:
        path = f"{post.name}.{name}"
        _, declared = circuit.variable(path)
        others = [str(p) for p in circuit.projections if p.target == path]
        others += [
            str(p)
            for p in circuit.pathways
            if p is not pathway and p.post == post.name and name in p.sums
        ]
        if others:
            raise SpecError(
                f"{pathway}: {path} is a sum over its synapses, but also the target of {others[0]}"
            )
        if declared.kind != "parameter" or name in post.inputs or name in post.parameters:
            raise SpecError(
                f"{pathway}: {path} cannot be a sum over synapses; declare it as a variable that has no equation "
                "and no value and is not an input"
            )


def _check_fed(circuit: CircuitData) -> None:
    """Check that each variable without equation gets its value from somewhere."""
    fed = {p.target for p in circuit.projections}
    fed |= {f"{p.post}.{name}" for p in circuit.pathways for name in p.sums}
    for population in circuit.populations:
        for name, declared in population.variables.items():
            path = f"{population.name}.{name}"
            if declared.kind != "parameter" or path in fed:
                continue
            if name not in population.parameters and name not in population.inputs:
                raise SpecError(
                    f"{path} is declared but nothing sets it: feed it by a projection, "
                    "list it among inputs, or give it a value in parameters"
                )
