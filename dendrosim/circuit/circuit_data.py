"""The fields of a circuit and methods that look things up in them; `Circuit` adds the checks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from dendrosim.checks import mapping_of, sequence_of
from dendrosim.circuit.effects import SIDES
from dendrosim.circuit.event import SPIKE, event_path
from dendrosim.circuit.matrix import Matrix, Projection
from dendrosim.circuit.paths import VariablePath
from dendrosim.circuit.pathway import Pathway
from dendrosim.circuit.population import IN_REFRACTORY, LAST_SPIKE, Population
from dendrosim.circuit.sources.base import Source, as_source
from dendrosim.circuit.validation import as_gate, as_shared_parameters, as_symbol, is_symbol
from dendrosim.equations.declarations import Declaration, find_identifiers
from dendrosim.equations.rewriting import put_transfer_in_place
from dendrosim.errors import UnknownMemberError
from dendrosim.machine.cached_property import cached_property
from dendrosim.spec import Spec
from dendrosim.units import UNITS, Quantity, unit, unit_name

Owner = Population | Matrix | Pathway
"""An object with equations and parameters; its scope is the prefix of those parameters of the circuit that it
uses."""


@dataclass(frozen=True, eq=False)
class CircuitData(Spec):
    """Fields of a circuit and methods that look things up in them; `Circuit` documents and checks the fields."""

    populations: Sequence[Population]
    matrices: Sequence[Matrix] = ()
    projections: Sequence[Projection] = ()
    parameters: Annotated[Any, as_shared_parameters] = field(default_factory=dict)
    gates: Annotated[Mapping[str, float], mapping_of(as_gate, as_symbol)] = field(
        default_factory=dict
    )
    pathways: Sequence[Pathway] = ()
    sources: Annotated[Sequence[Source], sequence_of(as_source)] = ()

    @cached_property
    def all_populations(self) -> tuple[Population, ...]:
        """The populations, and those as which programs compute the sources."""
        own = {p.name: p for p in self.populations}
        return (*self.populations, *(s.as_population(own) for s in self.sources))

    @cached_property
    def _populations(self) -> dict[str, Population]:
        return {p.name: p for p in self.all_populations}

    @cached_property
    def _matrices(self) -> dict[str, Matrix]:
        return {m.name: m for m in self.matrices}

    @cached_property
    def _pathways(self) -> dict[str, Pathway]:
        return {p.name: p for p in self.pathways}

    def population(self, name: str) -> Population:
        """Return the population called `name`, or that of a source; raises UnknownMemberError."""
        return _look_up("population", name, self._populations)

    def source(self, name: str) -> Source:
        """Return the source called `name`; raises UnknownMemberError."""
        return _look_up("source", name, {s.name: s for s in self.sources})

    def matrix(self, name: str) -> Matrix:
        """Return the matrix called `name`; raises UnknownMemberError."""
        return _look_up("matrix", name, self._matrices)

    def pathway(self, name: str) -> Pathway:
        """Return the pathway called `name`; raises UnknownMemberError."""
        return _look_up("pathway", name, self._pathways)

    def shape(self, matrix: Matrix) -> tuple[int, int]:
        """Return the shape of a matrix: (units of `post`, units of `pre`)."""
        return self.population(matrix.post).size, self.population(matrix.pre).size

    def expected_weights(self, matrix: Matrix) -> float:
        """Return the number of weights of a matrix; of random connections, the expected number."""
        post, pre = self.shape(matrix)
        return post * pre if matrix.connect is None else float(matrix.connect.expected(post, pre))

    def expected_synapses(self, pathway: Pathway) -> float:
        """Return the number of synapses of a pathway; of random connections, the expected number."""
        post, pre = self.population(pathway.post).size, self.population(pathway.pre).size
        return float(pathway.connect.expected(post, pre))

    def delay_line(self, projection: Projection) -> int:
        """Return the place of a projection among those with a delay."""
        delayed = [p for p in self.projections if p.delay is not None]
        return next(k for k, p in enumerate(delayed) if p is projection)

    def variable(self, path: str) -> tuple[Population, Declaration]:
        """Return the population and the declaration of `population.variable`; raises UnknownMemberError."""
        name, variable = VariablePath.parse(path)
        population = self.population(name)
        if variable not in population.variables:
            raise UnknownMemberError(
                f"variable of population {name!r}", variable, population.variables
            )
        return population, population.variables[variable]

    def event(self, label: str) -> tuple[Population, str]:
        """Return the population and the name of a recorded event; a label without event means spikes.

        Raises
        ------
        UnknownMemberError
            If the circuit has no such population, or the population has no such event.
        """
        name, event = event_path(label)
        population = self.population(name)
        if event not in (SPIKE, *population.events):
            raise UnknownMemberError(f"event of population {name!r}", event, population.all_events)
        return population, event

    def acting_events(self, population: Population) -> tuple[str, ...]:
        """Return the events of a population that can change states.

        These are spikes, events with an action, and events that a pathway transmits.
        """
        sent = {
            trigger.event
            for p in self.pathways
            for trigger in p.effects
            if population.name == (p.pre if trigger.side == "pre" else p.post)
        }
        events = population.all_events
        return tuple(n for n, e in events.items() if n == SPIKE or e.action or n in sent)

    def is_synaptic(self, name: str) -> bool:
        """Return whether a name is a variable `pathway.variable` of synapses."""
        path = VariablePath.parse(name)
        return bool(path.variable) and any(p.name == path.owner for p in self.pathways)

    def unit_of(self, name: str) -> str:
        """Return the SI unit of a matrix, of `population.variable` or of `pathway.variable`.

        Raises
        ------
        UnknownMemberError
            If the circuit has no such object or variable.
        """
        path = VariablePath.parse(name)
        if not path.variable:
            return unit_name(unit(self.matrix(path.owner).unit)[0])
        if self.is_synaptic(name):
            units = self.pathway(path.owner).synaptic_units
            if path.variable not in units:
                raise UnknownMemberError(
                    f"variable of the synapses of pathway {path.owner!r}", path.variable, units
                )
            return units[path.variable]
        if path.variable == LAST_SPIKE:
            return "s"
        if path.variable == IN_REFRACTORY:
            return "1"
        return unit_name(unit(self.variable(name)[1].unit)[0])

    def symbol_value(self, owner: Owner, name: str) -> Quantity | None:
        """Return the value of a symbol in the equations of `owner`; None if it is neither a parameter nor a
        gate."""
        if name in owner.parameters:
            return owner.parameters[name]
        scoped = self.scoped_name(owner, name)
        if scoped in self.parameters:
            return self.parameters[scoped]
        return Quantity(self.gates[scoped]) if scoped in self.gates else None

    def rate_in_place(self, matrix: Matrix) -> str:
        """Return the right-hand side of a matrix's plasticity, with calls of the transfer function replaced.

        The calls `s`, `ds` and `inv_s` mean the transfer function of `post`; its formulas replace them. The text
        is empty if the matrix has no plasticity. A call without meaning raises EquationError, for instance if
        `post` has no transfer function.
        """
        post = self.population(matrix.post)
        where = f"Matrix {matrix.name!r}"
        return put_transfer_in_place(matrix.rate, post.transfer, where) if matrix.plasticity else ""

    def weights_read(self, matrix: Matrix) -> dict[str, Matrix]:
        """Return the other matrices whose weights the plasticity of a matrix reads, by their symbols in its text.

        A symbol that is the weight itself, a parameter, a gate or a unit does not mean a matrix.
        """
        found = {}
        for symbol in sorted(find_identifiers(matrix.rate) - {matrix.weight} - set(UNITS)):
            other = self._matrices.get(self.scoped_name(matrix, symbol))
            if other and is_symbol(symbol) and self.symbol_value(matrix, symbol) is None:
                found[symbol] = other
        return found

    def scoped_name(self, owner: Owner, name: str) -> str:
        """Return the name under which `owner` looks up a parameter or gate of the circuit."""
        return f"{owner.scope}_{name}" if owner.scope else name

    @property
    def inputs(self) -> tuple[str, ...]:
        """The inputs of all populations and sources, each as `population.variable`."""
        return tuple(f"{p.name}.{v}" for p in self.all_populations for v in p.inputs)

    @property
    def rates(self) -> dict[str, Source]:
        """The inputs that are rates of sources, each as `source.variable`, with their sources."""
        return {f"{s.name}.{s.rate_input}": s for s in self.sources if s.rate_input is not None}

    @property
    def given_spikes(self) -> tuple[str, ...]:
        """The names of the sources whose spikes a protocol gives."""
        return tuple(s.name for s in self.sources if s.given)

    def structure(self) -> dict[str, Any]:
        """Return the fields on which the code of a program depends; the program reads all numbers as data."""
        return {
            "populations": [
                [
                    p.name,
                    p.size,
                    p.equations,
                    sorted(p.inputs),
                    _shapes_and_units(p.parameters),
                    p.transfer,
                    [[name, e.condition, e.action] for name, e in p.all_events.items()],
                    p.refractory,
                    p.scope,
                ]
                for p in self.all_populations
            ],
            "matrices": [
                [
                    m.name,
                    m.post,
                    m.pre,
                    m.plasticity,
                    m.unit,
                    m.inverse_of,
                    m.connect is not None,
                    m.bounded,
                    _shapes_and_units(m.parameters),
                    m.scope,
                ]
                for m in self.matrices
            ],
            "projections": [
                [p.source, p.matrix, p.target, p.transpose, p.delay is not None]
                for p in self.projections
            ],
            "pathways": [
                [
                    p.name,
                    p.pre,
                    p.post,
                    [[*trigger, p.texts(trigger.side)[trigger.event]] for trigger in p.effects],
                    p.equations,
                    list(p.weight_dimension) if p.weight_dimension else None,
                    p.has_own_weights,
                    _shapes_and_units(p.parameters),
                    p.scope,
                    [p.has_same_arrival(side) for side in SIDES],
                    sorted(p.equal_start_values),
                ]
                for p in self.pathways
            ],
            "parameters": _shapes_and_units(self.parameters),
            "gates": sorted(self.gates),
            "sources": [[s.name, s.adds_to] for s in self.sources],
        }


def _look_up(what: str, name: str, objects: Mapping[str, Any]) -> Any:
    if name not in objects:
        raise UnknownMemberError(what, name, objects)
    return objects[name]


def _shapes_and_units(parameters: Mapping[str, Quantity]) -> list[list[Any]]:
    return [[k, unit_name(v.dimension), v.scalar] for k, v in sorted(parameters.items())]
