"""The specification of a circuit, and the checks that its parts fit together.

Only the check of equations needs Brian2; `dendrosim.circuit.check` records which circuits have passed this check.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from dendrosim.circuit.check import check_once
from dendrosim.circuit.circuit_data import CircuitData, Owner
from dendrosim.circuit.initial_values.computed import Computed
from dendrosim.circuit.matrix import Projection
from dendrosim.circuit.pathway import Pathway
from dendrosim.circuit.structure_check import check_structure
from dendrosim.circuit.summary import circuit_line, circuit_tables
from dendrosim.circuit.symbol_values import SymbolValues
from dendrosim.circuit.used_symbols import used_symbols
from dendrosim.circuit.validation import as_name, as_parameters
from dendrosim.display.html import as_html
from dendrosim.errors import (
    SpecError,
)


@dataclass(frozen=True, eq=False)
class Circuit(CircuitData):
    r"""Specify what is simulated: populations, and the matrices, projections and pathways that join them.

    A circuit is data: it is frozen, compared by value, and can be stored as JSON without loss. It is checked as a
    whole, physical dimensions included, when it is made, so every `Circuit` object can be run and analysed.

    Parameters
    ----------
    populations : tuple of Population
        Groups of units with equations; at least one population.
    matrices : tuple of Matrix, optional
        Weights between populations, fixed or plastic.
    projections : tuple of Projection, optional
        Products of a matrix and a variable, each of which feeds another variable.
    parameters : mapping of str to quantity, or declared parameters, optional
        Values of symbols, one number each, that the equations of all objects may use. If this is a mapping, the
        equations must use every name in it. If this is an object with the declared parameters of a model file, the
        circuit takes only those that its equations use.
    gates : mapping of str to float, optional
        Values of symbols without unit, such as the switch of a plasticity rule. A phase of a protocol may set a
        gate to another number or to a signal.
    pathways : tuple of Pathway, optional
        Synapses through which spikes change the states of units.
    sources : tuple of Poisson, SpikeTimes or PoissonInput, optional
        Units that send spikes without equations of their own, at which pathways may begin, and random input that
        is added to states.

    Raises
    ------
    SpecError
        If the parts do not fit together; the message names the object and the field. The subclass says what is
        wrong: UnknownMemberError for a name that no object has, ShapeError for sizes, UnitError for physical
        dimensions, ParameterError for values, EquationError for texts that cannot be read and for symbols that are
        undefined or unused, LoopError for variables that depend on each other within one step.

    Notes
    -----
    **Names.** Populations, matrices, pathways and sources have names in lower case, all different. A variable is
    written `population.variable`.

    **Symbols.** A symbol in an equation is looked up among the variables of the same object, then among the
    `parameters` of that object, then among the parameters and gates of the circuit, and in the rule of a matrix
    among the matrices between the same populations. A symbol that is found in none of these must be a function,
    unit or constant of Brian2. Every parameter, every gate and every variable without equation must be used.

    **Variables without equation.** Each variable that is declared as `x : unit` must get its value from
    projections, as an input, or from the `parameters` of its population.

    **Order of a time step.** Projections are computed from the state at the beginning of the step, or of an
    earlier step if they have a delay. Then all states of populations and all plastic matrices advance by one
    forward Euler step, also from the state at the beginning, so the order of objects does not matter. Weights that
    have left their bounds are set to the nearest bound. If the source of a projection is a subexpression that
    depends on the target of another projection, the other projection is computed first; projections that depend on
    each other in a loop are an error. Then thresholds and conditions of events are tested on the same state, these
    events take effect through pathways, the units that spiked are reset, and actions of events are done.

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
        given = self.parameters
        if isinstance(given, SymbolValues):
            given = given.values_of(used_symbols(self) - set(self.gates))
            self._set(parameters=as_parameters("Circuit.parameters", given))
        check_structure(self)
        check_once(self)

    def __repr__(self) -> str:
        return f"<Circuit: {circuit_line(self)}>"

    def _repr_html_(self) -> str:
        return as_html("Circuit", circuit_line(self), circuit_tables(self))

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
        `left_tau`, and so on. An object whose name equals the prefix keeps its name: if `a` has a population
        `sst`, so has `Circuit.join(sst=a)`. The texts of equations do not change: in the part `left`, the symbol
        `tau` means the parameter `left_tau`.

        Parameters
        ----------
        projections : iterable of Projection, optional
            Projections between the parts, with the names that objects have in the joined circuit.
        pathways : iterable of Pathway, optional
            Pathways between the parts, also with the names in the joined circuit.
        **circuits : Circuit
            The parts; each keyword is the prefix of its part.

        Returns
        -------
        Circuit
            The joined circuit.

        Raises
        ------
        SpecError
            If a prefix is not a valid name, a part is not a circuit, or two objects get the same name.

        Examples
        --------
        >>> import dendrosim as ds
        >>> cell = ds.Circuit((ds.Population("soma", 1, "dv/dt = -v/(10*ms) : 1"),))
        >>> [p.name for p in ds.Circuit.join(left=cell, right=cell).populations]
        ['left_soma', 'right_soma']
        """
        parts = [_add_prefix(prefix, circuit) for prefix, circuit in circuits.items()]
        return cls(
            populations=tuple(p for part in parts for p in part["populations"]),
            matrices=tuple(m for part in parts for m in part["matrices"]),
            projections=tuple(p for part in parts for p in part["projections"])
            + tuple(projections),
            parameters={k: v for part in parts for k, v in part["parameters"].items()},
            gates={k: v for part in parts for k, v in part["gates"].items()},
            pathways=tuple(p for part in parts for p in part["pathways"]) + tuple(pathways),
            sources=tuple(s for part in parts for s in part["sources"]),
        )


def _add_prefix(prefix: str, circuit: Circuit) -> dict[str, Any]:
    """Return the fields of a circuit with a prefix before all its names and scopes."""
    as_name("Circuit.join: a prefix", prefix)
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
                initial=m.initial.renamed(path) if isinstance(m.initial, Computed) else m.initial,
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
        "sources": [s.renamed(path) for s in circuit.sources],
        "parameters": {f"{prefix}_{k}": v for k, v in circuit.parameters.items()},
        "gates": {f"{prefix}_{k}": v for k, v in circuit.gates.items()},
    }
