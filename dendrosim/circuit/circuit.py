"""The specification of a circuit, and the checks that its parts fit together.

Only the check of equations needs Brian2; `dendrosim.circuit.check` remembers which circuits have passed it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dendrosim.circuit.check import check_once
from dendrosim.circuit.circuit_data import CircuitData, Owner
from dendrosim.circuit.initial_values.derived import Derived
from dendrosim.circuit.initial_values.fixed import Fixed
from dendrosim.circuit.matrix import Matrix, Projection
from dendrosim.circuit.pathway import WEIGHT, Pathway
from dendrosim.circuit.symbol_values import SymbolValues
from dendrosim.circuit.used_symbols import used_symbols
from dendrosim.circuit.validation import (
    as_gate,
    as_parameters,
    check_name,
    check_symbol,
)
from dendrosim.errors import (
    ParameterError,
    ShapeError,
    SpecError,
    UnitError,
)
from dendrosim.spec import freeze_mapping
from dendrosim.units import unit, unit_name


@dataclass(frozen=True, eq=False)
class Circuit(CircuitData):
    r"""Specify what is simulated: populations, and the matrices, projections and pathways that join them.

    A circuit is data: frozen, compared by value, written to JSON and read back without loss. It is checked as a
    whole when it is made, physical dimensions included, so that a circuit which exists can be run and analysed.

    Parameters
    ----------
    populations : tuple of Population
        Groups of units with equations, at least one.
    matrices : tuple of Matrix, optional
        Weights between populations, fixed or plastic.
    projections : tuple of Projection, optional
        Products of a matrix and a variable, each of which feeds another variable.
    parameters : mapping of str to quantity, or declared parameters, optional
        Values of symbols that the equations of all objects share, each one number. An equation must use each name
        of a mapping; of the declared parameters of a model file, the circuit takes those that its equations use.
    gates : mapping of str to float, optional
        Symbols without unit, such as the switch of a plasticity rule, with their value. A phase of a protocol may
        set a gate to another number or to a signal.
    pathways : tuple of Pathway, optional
        Synapses through which spikes change units.

    Raises
    ------
    SpecError
        If anything does not fit together; the message names the object and the field. Subclasses say what is
        wrong: UnknownMemberError for a name that nothing has, ShapeError for sizes, UnitError for physical
        dimensions, ParameterError for values, EquationError for texts and for symbols that are undefined or
        unused, LoopError for variables that depend on each other within one step.

    Notes
    -----
    **Names.** Populations, matrices and pathways have names in lower case, all different. A variable is written
    `population.variable`.

    **Symbols.** A symbol in an equation is looked up among the variables of the same object, then among the
    `parameters` of that object, then among the parameters and gates of the circuit; what is left must be a
    function, unit or constant of Brian2. An equation must use every parameter, every gate and
    every variable without equation.

    **Variables without equation.** Each variable that is declared as `x : unit` must get its value from somewhere:
    from projections, as an input, or from the `parameters` of its population.

    **Order of a time step.** Projections are computed from the state at the beginning of the step. Then all
    states of populations and all plastic matrices advance by one forward Euler step, from that same state, so the
    order of objects never matters. Where the source of a projection is a subexpression of a variable that another
    projection feeds in the same step, the projections run one after the other; if they depend on each other in a
    loop, the circuit is refused. Then thresholds are tested, spikes take effect through pathways, and the units
    that spiked are reset.

    **Batch.** A protocol may show several samples side by side. Each sample has its own states of populations; the
    matrices are shared, and their plasticity is averaged over the samples.

    Examples
    --------
    Two rate units with a Hebbian rule that a gate switches on:

    >>> import dendrosim as ds
    >>> circuit = ds.Circuit(
    ...     populations=(
    ...         ds.Population("input", 3, "rate : 1", inputs="rate"),
    ...         ds.Population("cell", 2, "dh/dt = (-h + tanh(drive))/tau : 1\ndrive : 1"),
    ...     ),
    ...     matrices=(
    ...         ds.Matrix("w", "cell", "input", ds.Normal(0.5), "dw/dt = learn*eta*h_post*rate_pre : 1"),
    ...     ),
    ...     projections=(ds.Projection("input.rate", "w", "cell.drive"),),
    ...     parameters={"tau": "20 ms", "eta": "0.1 Hz"},
    ...     gates={"learn": 0.0},
    ... )
    >>> circuit.inputs
    ('input.rate',)
    >>> circuit.shape(circuit.matrix("w"))
    (2, 3)
    >>> ds.Circuit.from_json(circuit.to_json()) == circuit
    True
    """

    def __post_init__(self) -> None:
        self._set(
            populations=tuple(self.populations),
            matrices=tuple(self.matrices),
            projections=tuple(self.projections),
            pathways=tuple(self.pathways),
            gates=freeze_mapping({k: as_gate(k, v) for k, v in self.gates.items()}),
        )
        given = self.parameters
        if isinstance(given, SymbolValues):
            given = given.values_of(used_symbols(self) - set(self.gates))
        self._set(parameters=as_parameters("Circuit", given))
        if not self.populations:
            raise SpecError("Circuit: there must be at least one population")
        self._check_names()
        for matrix in self.matrices:
            self._check_matrix(matrix)
        for projection in self.projections:
            self._check_projection(projection)
        for pathway in self.pathways:
            self._check_pathway(pathway)
        self._check_fed()
        self._check_refractory()
        check_once(self)

    # -- composition ------------------------------------------------------------------------------

    @classmethod
    def join(
        cls,
        projections: Iterable[Projection] = (),
        pathways: Iterable[Pathway] = (),
        /,
        **circuits: "Circuit",
    ) -> "Circuit":
        """Put circuits side by side in one circuit, each under a prefix.

        `Circuit.join(left=a, right=b)` has populations `left_soma` and `right_soma`, matrices `left_w`, parameters
        `left_tau`, and so on. An object that has the name of the prefix keeps it: `Circuit.join(sst=a)` has the
        population `sst`. Equation texts stay as they are; their symbols are looked up under the prefix.

        Parameters
        ----------
        projections : iterable of Projection, optional
            Projections between the parts, with the names that objects have in the joined circuit.
        pathways : iterable of Pathway, optional
            Pathways between the parts, likewise.
        **circuits : Circuit
            The parts, by prefix.

        Returns
        -------
        Circuit
            All parts, projections and pathways.

        Raises
        ------
        SpecError
            If a prefix is no name, a part is no circuit, or two objects get the same name.

        Examples
        --------
        >>> import dendrosim as ds
        >>> cell = ds.Circuit((ds.Population("soma", 1, "dv/dt = -v/(10*ms) : 1"),))
        >>> [p.name for p in ds.Circuit.join(left=cell, right=cell).populations]
        ['left_soma', 'right_soma']
        """
        parts = [_prefixed(prefix, circuit) for prefix, circuit in circuits.items()]
        return cls(
            populations=tuple(p for part in parts for p in part["populations"]),
            matrices=tuple(m for part in parts for m in part["matrices"]),
            projections=tuple(p for part in parts for p in part["projections"])
            + tuple(projections),
            parameters={k: v for part in parts for k, v in part["parameters"].items()},
            gates={k: v for part in parts for k, v in part["gates"].items()},
            pathways=tuple(p for part in parts for p in part["pathways"]) + tuple(pathways),
        )

    # -- validation -------------------------------------------------------------------------------

    def _check_names(self) -> None:
        owners: tuple[Owner, ...] = (*self.populations, *self.matrices, *self.pathways)
        names = [o.name for o in owners]
        for name in names:
            if names.count(name) > 1:
                raise SpecError(
                    f"Circuit: {name!r} names {names.count(name)} objects; names must differ"
                )
        for pathway in self.pathways:
            for name in (f"{pathway.name}_pre", f"{pathway.name}_post"):
                if name in names:
                    raise SpecError(
                        f"Circuit: the name {name!r} is reserved for an end of {pathway}; rename one of them"
                    )
        for name in (*self.parameters, *self.gates):
            check_symbol("Circuit", name)
        for name in set(self.parameters) & set(self.gates):
            raise SpecError(f"Circuit: {name!r} is both a parameter and a gate; make it one")

    def _check_matrix(self, matrix: Matrix) -> None:
        shape = self.shape(matrix)
        matrix.initial.check(f"Matrix {matrix.name!r}: initial value", shape)
        if isinstance(matrix.initial, Derived):
            self._check_derived(matrix, matrix.initial)
        if matrix.inverse_of is not None:
            self._check_inverse(matrix, shape)

    def _check_derived(self, matrix: Matrix, initial: Derived) -> None:
        where, of = f"Matrix {matrix.name!r}: initial value", self.matrix(initial.matrix)
        if of.inverse_of is not None:
            raise SpecError(
                f"{where}: {of.name!r} has no weights of its own; name {of.inverse_of!r}"
            )
        seen, last = {matrix.name}, of
        while isinstance(last.initial, Derived) and last.name not in seen:
            seen.add(last.name)
            last = self.matrix(last.initial.matrix)
        if last.name in seen:
            raise SpecError(f"{where} follows from itself through {of.name!r}; draw one of them")
        expected, shape = initial.shape(self.shape(of)), self.shape(matrix)
        if expected != shape:
            raise ShapeError(
                f"{where}: {type(initial).__name__} of {of.name!r} is {expected[0]} x {expected[1]}, but this "
                f"matrix is {shape[0]} x {shape[1]}"
            )

    def _check_inverse(self, matrix: Matrix, shape: tuple[int, int]) -> None:
        assert matrix.inverse_of is not None
        where, of = f"Matrix {matrix.name!r}", self.matrix(matrix.inverse_of)
        if of.inverse_of is not None:
            raise SpecError(
                f"{where}: {of.name!r} is an inverse itself; name the matrix that has the weights"
            )
        if shape[0] != shape[1] or (of.post, of.pre) != (matrix.pre, matrix.post):
            rows, columns = self.shape(of)
            raise ShapeError(
                f"{where}: it goes from {matrix.pre!r} to {matrix.post!r} and is {shape[0]} x {shape[1]}; the "
                f"inverse of {of.name!r} ({rows} x {columns}, from {of.pre!r} to {of.post!r}) goes the other "
                "way and needs both populations to be of one size"
            )
        metre, kilogram, second, amp, kelvin, mole, candela = unit(of.unit)[0]
        expected = (-metre, -kilogram, -second, -amp, -kelvin, -mole, -candela)
        if unit(matrix.unit)[0] != expected:
            raise UnitError(
                f"{where} is in {unit_name(unit(matrix.unit)[0])}; the inverse of {of.name!r} must be in "
                f"{unit_name(expected)}"
            )
        initial = of.initial
        if isinstance(initial, Fixed) and np.ndim(initial.value.value) == 2:
            weights = np.asarray(initial.value.value, dtype=float)
            if np.linalg.cond(weights) > 1e12:
                raise ParameterError(
                    f"{where}: {of.name!r} has no inverse: the condition number of its initial value is "
                    f"{np.linalg.cond(weights):.2g}"
                )

    def _check_projection(self, projection: Projection) -> None:
        source, _ = self.variable(projection.source)
        target, declared = self.variable(projection.target)
        matrix = self.matrix(projection.matrix)
        rows, columns = self.shape(matrix)
        if projection.transpose:
            rows, columns = columns, rows
        if (target.size, source.size) != (rows, columns):
            raise ShapeError(
                f"{projection}: needs a {target.size} x {source.size} matrix, "
                f"but {matrix.name}{' transposed' if projection.transpose else ''} is {rows} x {columns}"
            )
        variable = declared.name
        if (
            declared.kind != "parameter"
            or variable in target.inputs
            or variable in target.parameters
        ):
            raise SpecError(
                f"{projection}: {projection.target} cannot be fed; the target must be a declared variable "
                "without equation, value or input of its own"
            )

    def _check_pathway(self, pathway: Pathway) -> None:
        pre, post = self.population(pathway.pre), self.population(pathway.post)
        for population, code in ((pre, pathway.on_pre), (post, pathway.on_post)):
            if code and not population.spiking:
                raise SpecError(
                    f"{pathway}: population {population.name!r} has no threshold, so it never spikes; "
                    "give it one, or connect a spiking population"
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
                f"{pathway}: a population that it connects has a variable 'weight'; rename that"
            )

    def _check_refractory(self) -> None:
        for population in self.populations:
            period = self.symbol_value(population, (population.refractory or "").strip())
            if period is not None and np.any(np.asarray(period.value) < 0):
                raise ParameterError(
                    f"Population {population.name!r}: the refractory period {population.refractory!r} is "
                    f"{period}; it must not be negative"
                )

    def _check_fed(self) -> None:
        fed = {p.target for p in self.projections}
        for population in self.populations:
            for name, declared in population.variables.items():
                path = f"{population.name}.{name}"
                if declared.kind != "parameter" or path in fed:
                    continue
                if name not in population.parameters and name not in population.inputs:
                    raise SpecError(
                        f"{path} is declared but nothing sets it: feed it by a projection, "
                        "list it among inputs, or give it a value in parameters"
                    )


def _prefixed(prefix: str, circuit: Circuit) -> dict[str, Any]:
    check_name("Circuit.join", prefix)
    if not isinstance(circuit, Circuit):
        raise SpecError(
            f"Circuit.join: {prefix} is {circuit!r}; it must be a Circuit, as load_circuit returns it"
        )

    def path(name: str) -> str:
        return name if name == prefix else f"{prefix}_{name}"

    def scope(owner: Owner) -> str:
        return f"{prefix}_{owner.scope}" if owner.scope else prefix

    return {
        "populations": [replace(p, name=path(p.name), scope=scope(p)) for p in circuit.populations],
        "matrices": [
            replace(
                m,
                name=path(m.name),
                post=path(m.post),
                pre=path(m.pre),
                scope=scope(m),
                initial=replace(m.initial, matrix=path(m.initial.matrix))
                if isinstance(m.initial, Derived)
                else m.initial,
                inverse_of=None if m.inverse_of is None else path(m.inverse_of),
            )
            for m in circuit.matrices
        ],
        "projections": [
            replace(p, source=path(p.source), matrix=path(p.matrix), target=path(p.target))
            for p in circuit.projections
        ],
        "pathways": [
            replace(p, name=path(p.name), pre=path(p.pre), post=path(p.post), scope=scope(p))
            for p in circuit.pathways
        ],
        "parameters": {f"{prefix}_{k}": v for k, v in circuit.parameters.items()},
        "gates": {f"{prefix}_{k}": v for k, v in circuit.gates.items()},
    }
