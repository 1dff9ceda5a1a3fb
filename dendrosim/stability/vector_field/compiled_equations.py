"""The equations of a circuit, compiled for analysis: every expression with the meaning of its symbols.

Values of parameters, inputs and weights are not part of the compiled equations; a vector field holds them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.circuit_data import Owner
from dendrosim.circuit.evaluation_order import variable_order
from dendrosim.circuit.event import SPIKE
from dendrosim.circuit.matrix import Matrix, Projection
from dendrosim.circuit.population import LAST_SPIKE, UNIT, Population
from dendrosim.errors import DifferentiationError
from dendrosim.machine.cached_property import cached_property
from dendrosim.stability.vector_field.expression import Expression, find_expression
from dendrosim.units import UNITS

TIME_SYMBOL = "t"
"""Symbol of the time in equations, in seconds."""

POST, PRE = "_post", "_pre"
"""Suffixes of variables of the two populations in a plasticity rule, as in Brian2."""

CONSTANTS = {"pi": 3.141592653589793, "e": 2.718281828459045, "inf": float("inf")}


@dataclass(frozen=True)
class Formula:
    """An expression with the meaning of each of its symbols.

    Attributes
    ----------
    expression : Expression
    variables : mapping
        For each symbol of a variable, `population.variable` or, for a weight, the name of its matrix.
    numbers : mapping
        For the symbol of each parameter, of each gate and of time, the key of its value in `Numbers.shared`.
    constants : mapping
        For each symbol of a constant or unit, its value in SI units.
    """

    expression: Expression
    variables: Mapping[str, str]
    numbers: Mapping[str, str]
    constants: Mapping[str, float]


class CompiledEquations:
    """The equations of a circuit as formulas.

    Parameters
    ----------
    circuit : Circuit
        Its thresholds, resets and pathways are ignored; see `check_smooth`.
    unfrozen : tuple of str
        Names of the plastic matrices whose weights are part of the state.

    Attributes
    ----------
    rates : mapping of str to Formula
        The time derivative of each state, by `population.state` or name of an unfrozen matrix.
    formulas : mapping of str to Formula
        The subexpressions, by `population.variable`.
    feeds : mapping of str to list of Projection
        The projections into each variable that projections feed.
    order : tuple of str
        The subexpressions and fed variables on which the rates depend, in an order in which each can be computed.
    full_order : tuple of str
        All subexpressions and fed variables, in an order in which each can be computed.

    Raises
    ------
    DifferentiationError
        If a rate depends on a function that has no derivative.
    """

    def __init__(self, circuit: Circuit, unfrozen: tuple[str, ...]) -> None:
        self.circuit, self.unfrozen = circuit, unfrozen
        self.rates: dict[str, Formula] = {}
        self.formulas: dict[str, Formula] = {}
        for population in circuit.populations:
            for name, declared in population.variables.items():
                if declared.kind == "parameter":
                    continue
                path = f"{population.name}.{name}"
                text = population.equations_in_place[name]
                formula = self.compile_for_population(population, path, text)
                (self.rates if declared.kind == "state" else self.formulas)[path] = formula
        for name in unfrozen:
            self.rates[name] = self._compile_plasticity(circuit.matrix(name))
        self.feeds: dict[str, list[Projection]] = {}
        for projection in circuit.projections:
            self.feeds.setdefault(projection.target, []).append(projection)
        known = {*self.formulas, *self.feeds}
        self.full_order = tuple(path for path in variable_order(circuit) if path in known)
        self.order = tuple(path for path in self.full_order if path in self.dependencies)
        for path in (*self.rates, *self.order):
            rule = self.rates.get(path) or self.formulas.get(path)
            if rule is not None:
                rule.expression.check()

    def uses(self, key: str) -> bool:
        """Return whether a rate depends on the parameter, gate or time whose key in `Numbers.shared` is `key`."""
        formulas = [
            *self.rates.values(),
            *(self.formulas[p] for p in self.order if p in self.formulas),
        ]
        return any(key in f.numbers.values() for f in formulas)

    @cached_property
    def dependencies(self) -> frozenset[str]:
        """The variables on which the rates depend, states included."""
        return frozenset(self._collect_dependencies())

    def _collect_dependencies(self) -> set[str]:
        found: set[str] = set()
        waiting = [p for f in self.rates.values() for p in f.variables.values()]
        while waiting:
            path = waiting.pop()
            if path in found:
                continue
            found.add(path)
            if path in self.formulas:
                waiting += self.formulas[path].variables.values()
            waiting += [p.source for p in self.feeds.get(path, ())]
        return found

    def compile_for_population(self, population: Population, path: str, text: str) -> Formula:
        """Return the formula of an expression in the variables of a population.

        `path` says where the expression is, for error messages.
        """
        local = {n: f"{population.name}.{n}" for n in (*population.variables, UNIT)}
        return self._compile_formula(population, path, text, local)

    def _compile_plasticity(self, matrix: Matrix) -> Formula:
        post, pre = (self.circuit.population(n) for n in (matrix.post, matrix.pre))
        local = {f"{n}{POST}": f"{post.name}.{n}" for n in post.variables}
        local |= {f"{n}{PRE}": f"{pre.name}.{n}" for n in pre.variables}
        local[matrix.weight] = matrix.name
        local |= {s: m.name for s, m in self.circuit.weights_read(matrix).items()}
        return self._compile_formula(matrix, matrix.name, self.circuit.rate_in_place(matrix), local)

    def _compile_formula(
        self, owner: Owner, path: str, text: str, local: Mapping[str, str]
    ) -> Formula:
        expression = find_expression(text, frozenset(local), path)
        variables, numbers, constants = {}, {}, {}
        for symbol in expression.symbols:
            if symbol in local:
                variables[symbol] = local[symbol]
            # All units share one time of the last spike, in the distant past, because the flow has no spikes.
            elif (
                symbol in (TIME_SYMBOL, "dt")
                or symbol.removesuffix(POST).removesuffix(PRE) == LAST_SPIKE
            ):
                numbers[symbol] = symbol.removesuffix(POST).removesuffix(PRE)
            elif symbol in owner.parameters:
                numbers[symbol] = f"{owner.name}.{symbol}"
            elif self.circuit.symbol_value(owner, symbol) is not None:
                numbers[symbol] = self.circuit.scoped_name(owner, symbol)
            else:
                constants[symbol] = CONSTANTS[symbol] if symbol in CONSTANTS else UNITS[symbol][1]
        return Formula(expression, variables, numbers, constants)


def check_smooth(circuit: Circuit, subthreshold: bool) -> None:
    """Raise DifferentiationError if a population or source spikes, unless `subthreshold` leaves spikes out.

    The same holds for other events that change a state. Pathways that act in every step are always refused.
    """
    for pathway in circuit.pathways:
        if pathway.acts_in_every_step:
            raise DifferentiationError(
                f"{pathway} has clock-driven or summed equations, which are not part of the vector field; write "
                "them as equations of a population and a ds.Projection through a sparse ds.Matrix"
            )
    if subthreshold:
        return
    for population in circuit.populations:
        for event in circuit.acting_events(population)[:1]:
            what = "a threshold, and a spike" if event == SPIKE else f"the event {event!r}, which"
            raise DifferentiationError(
                f"population {population.name!r} has {what} has no derivative; leave out thresholds, resets, "
                "events, pathways and noise with subthreshold=True (--subthreshold)"
            )
    for source in circuit.sources:
        raise DifferentiationError(
            f"{source} causes spikes, and a spike has no derivative; leave out sources, pathways and noise with "
            "subthreshold=True (--subthreshold)"
        )
