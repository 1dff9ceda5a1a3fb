"""Circuit and protocol to a Brian2 network. The same for every back end but for the dense operations.

One step runs, in this order: feeding of inputs and gates; formulas of signals; projections in dependency order
and the subexpressions they need; recording; plasticity of the matrices; state update of the populations;
the guard against non-finite numbers. Projections and plasticity see the state at the start of the step, so the
step is one forward Euler step of the vector field. Activity arrays are units x samples, flat, samples
contiguous.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from brian2.core.base import BrianObject
from brian2.core.clocks import Clock
from brian2.core.network import Network
from brian2.core.variables import ArrayVariable
from brian2.groups.group import CodeRunner, Group
from brian2.groups.neurongroup import NeuronGroup
from brian2.units.allunits import second

from dendrosim.circuit import Circuit, Matrix, Population, Projection
from dendrosim.engine.courses import base, slots, total
from dendrosim.engine.groups import Holder, add_array, add_number
from dendrosim.engine.timeline import CIRCUIT
from dendrosim.equations import brian_dimension, model_text
from dendrosim.ordering import evaluation_order
from dendrosim.plasticity import Rule, analyse, hoist
from dendrosim.protocol import Protocol
from dendrosim.syntax import inline, names, parse
from dendrosim.units import unit

WEIGHT = "ds_weight"
COURSES, START, FACTORS, UPDATES = "before_start", "start", "before_groups", "before_groups"


@dataclass
class Update:
    """A matrix update in arrays: what the dense operations of a back end have to do in one step.

    `post` and `pre` of `outer` are factor arrays (units x samples); with a `scale` the outer product is kept
    in the array `product` and enters `elementwise`. `elementwise` is text for dw/dt in the weight,
    `product` arrays, hoisted factors and shared numbers; None if the whole rule is matrix products.
    `decay` is the name of the array with the coefficient of w.
    """

    matrix: str
    shape: tuple[int, int]
    batch: int
    holder: Holder
    weight: ArrayVariable
    decay: ArrayVariable | None = None
    outer: list[tuple[ArrayVariable, ArrayVariable, ArrayVariable | None]] = field(
        default_factory=list
    )
    elementwise: str | None = None
    factors: dict[str, tuple[ArrayVariable, str]] = field(default_factory=dict)
    averaged: bool = False


class Dense(ABC):
    """What a back end supplies: Brian2 objects for everything that is not element-wise on a population.

    To add a back end, implement these five; each returns an object that Brian2 runs once a step.
    """

    @abstractmethod
    def feed(self, network: "Built") -> BrianObject:
        """Set inputs and gates from the timeline; first in the step."""

    @abstractmethod
    def product(
        self, network: "Built", projection: Projection, source: ArrayVariable, target: ArrayVariable,
        *, add: bool, order: int,
    ) -> BrianObject:  # fmt: skip
        """target = matrix source, or target += matrix source if `add`."""

    @abstractmethod
    def update(self, network: "Built", update: Update, order: int) -> list[BrianObject]:
        """One step of a matrix's plasticity."""

    @abstractmethod
    def record(self, network: "Built") -> BrianObject:
        """Keep what is to be kept in this step."""

    @abstractmethod
    def guard(self, network: "Built") -> BrianObject:
        """Stop at non-finite numbers; last in the step."""


@dataclass
class Built:
    """A network and the registry of its arrays: key -> Brian2 variable."""

    protocol: Protocol
    dtype: Any
    clock: Clock
    network: Network
    arrays: dict[str, ArrayVariable] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    ones: list[str] = field(default_factory=list)

    @property
    def circuit(self) -> Circuit:
        return self.protocol.circuit

    def register(self, group: Group, *variables: str) -> None:
        """Make variables of a group known as `group.variable`."""
        for name in variables:
            self.arrays[f"{group.name}.{name}"] = group.variables[name]


def build(protocol: Protocol, precision: str, dense: Dense) -> Built:
    """Build the network of a protocol in the active Brian2 device."""
    dtype = np.float32 if precision == "single" else np.float64
    clock = Clock(dt=protocol.time_step * second, name="ds_clock")
    built = Built(protocol, dtype, clock, Network(name="ds_network"))
    _build_circuit(built)
    for population in protocol.circuit.populations:
        _build_population(built, population)
    for matrix in protocol.circuit.matrices:
        _build_matrix(built, matrix)
    built.network.add(dense.feed(built))
    _build_courses(built)
    order = _build_projections(built, dense)
    _materialise_recorded(built, order)
    built.network.add(dense.record(built))
    for index, matrix in enumerate(protocol.circuit.matrices):
        if matrix.plasticity:
            update = _build_update(built, matrix)
            built.network.add(*dense.update(built, update, 1000 + index))
    built.network.add(dense.guard(built))
    return built


# -- the parts ------------------------------------------------------------------------------------


def _build_circuit(built: Built) -> None:
    group = Holder(CIRCUIT, 1, built.clock)
    for name, value in built.circuit.parameters.items():
        add_number(group, name, built.dtype, brian_dimension(value.dimension))
    for name in built.circuit.gates:
        add_number(group, name, built.dtype)
        used = slots(built.protocol, name)
        if used:
            _add_slots(built, group, name, "1", used, 1)
    for name in ("ds_t_phase", "ds_t_block"):
        add_number(group, name, np.float64, brian_dimension(unit("s")[0]))
    built.groups[CIRCUIT] = group
    built.register(
        group, *built.circuit.parameters, *built.circuit.gates, "ds_t_phase", "ds_t_block"
    )
    built.network.add(group)


def _build_population(built: Built, population: Population) -> None:
    count = population.size * built.protocol.batch
    group = NeuronGroup(
        count, model_text(population), method="euler", clock=built.clock, dtype=built.dtype,
        name=population.name, namespace={},
    )  # fmt: skip
    symbols = {
        s
        for d in population.variables.values()
        for s in names(parse(inline_of(population, d.name)))
    }
    _refer_shared(built, group, population, symbols - set(population.variables))
    plain = [n for n, d in population.variables.items() if d.kind != "subexpression"]
    built.groups[population.name] = group
    built.register(group, *plain)
    for name in population.inputs:
        used = slots(built.protocol, f"{population.name}.{name}")
        if used:
            _add_slots(built, group, name, population.variables[name].unit, used, count)
    built.network.add(group)


def inline_of(population: Population, name: str) -> str:
    """Return a variable's right-hand side with transfer functions in place, `0` if it has none."""
    expression = population.variables[name].expression
    return inline(expression, population.transfer) if expression else "0"


def _add_slots(built: Built, group: Group, name: str, text: str, used: Any, count: int) -> None:
    dimension = brian_dimension(unit(text)[0])
    for variable, size in ((base(name), count), *((s.switch, 1) for s in used)):
        kind = brian_dimension(unit("1")[0]) if size == 1 and variable != base(name) else dimension
        _add(group, variable, size, built.dtype, kind)
        built.register(group, variable)
    for slot in used:
        for name_, text_ in slot.kind.units.items():
            dims = dimension if text_ == "x" else brian_dimension(unit(text_)[0])
            _add(group, slot.field(name_), count, built.dtype, dims)
            built.register(group, slot.field(name_))


def _add(group: Group, name: str, count: int, dtype: Any, dimension: Any) -> None:
    (add_number if count == 1 else lambda *a: add_array(a[0], a[1], count, *a[2:]))(
        group, name, dtype, dimension
    )


def _refer_shared(
    built: Built, group: Group, owner: Population | Matrix, symbols: set[str]
) -> None:
    """Make the parameters and gates that an owner's equations use known to a group under their names."""
    for symbol in sorted(symbols):
        if symbol in owner.parameters:
            value = owner.parameters[symbol]
            count = 1 if value.scalar else int(group.variables["N"].get_value())
            _add(group, symbol, count, built.dtype, brian_dimension(value.dimension))
            built.register(group, symbol)
        else:
            scoped = built.circuit.scoped(owner, symbol)
            if scoped in built.circuit.parameters or scoped in built.circuit.gates:
                group.variables.add_reference(symbol, built.groups[CIRCUIT], scoped, index="0")


def _build_matrix(built: Built, matrix: Matrix) -> None:
    rows, columns = built.circuit.shape(matrix)
    holder = Holder(matrix.name, rows * columns, built.clock)
    add_array(holder, WEIGHT, rows * columns, built.dtype, brian_dimension(unit(matrix.unit)[0]))
    built.groups[matrix.name] = holder
    built.register(holder, WEIGHT)
    built.network.add(holder)


def _assign(built: Built, group: Group, code: str, when: str, order: int, name: str) -> None:
    """Run element-wise code on a group once a step."""
    built.network.add(
        CodeRunner(
            group, "stateupdate", code=code, clock=built.clock, when=when, order=order, name=name,
            check_units=False,
        )
    )  # fmt: skip


def _build_courses(built: Built) -> None:
    paths = [(p, n) for p in built.circuit.populations for n in p.inputs]
    for name in built.circuit.gates:
        used = slots(built.protocol, name)
        if used:
            code = f"{name} = {total(name, used)}"
            _assign(built, built.groups[CIRCUIT], code, COURSES, 1, f"ds_course_{name}")
    for population, name in paths:
        used = slots(built.protocol, f"{population.name}.{name}")
        if used:
            group = built.groups[population.name]
            for clock in ("ds_t_phase", "ds_t_block"):
                if clock not in group.variables:
                    group.variables.add_reference(clock, built.groups[CIRCUIT], clock, index="0")
            code = f"{name} = {total(name, used)}"
            _assign(built, group, code, COURSES, 1, f"ds_course_{population.name}_{name}")


def _build_projections(built: Built, dense: Dense) -> int:
    order = 0
    for path in evaluation_order(built.circuit):
        target = built.arrays[path]
        into = [p for p in built.circuit.projections if p.target == path]
        for index, projection in enumerate(into):
            source, order = materialise(built, projection.source, START, order)
            built.network.add(
                dense.product(built, projection, source, target, add=index > 0, order=order)
            )
            order += 1
    return order


def materialise(built: Built, path: str, when: str, order: int) -> tuple[ArrayVariable, int]:
    """Return the array of a variable, making one that is refreshed each step if it is a subexpression."""
    if path in built.arrays:
        return built.arrays[path], order
    name, variable = path.split(".")
    group = built.groups[name]
    hidden = f"ds_{variable}"
    declared = built.circuit.population(name).variables[variable]
    add_array(
        group,
        hidden,
        group.variables["N"].get_value(),
        built.dtype,
        brian_dimension(unit(declared.unit)[0]),
    )
    _assign(built, group, f"{hidden} = {variable}", when, order, f"ds_value_{name}_{variable}")
    built.arrays[path] = group.variables[hidden]
    return built.arrays[path], order + 1


def _materialise_recorded(built: Built, order: int) -> None:
    for path in built.protocol.recorded():
        if "." in path:
            _, order = materialise(built, path, START, order)


# -- plasticity -----------------------------------------------------------------------------------


def _build_update(built: Built, matrix: Matrix) -> Update:
    post, pre = (built.circuit.population(n) for n in (matrix.post, matrix.pre))
    rate = inline(matrix.rate, post.transfer)
    rule = analyse(rate, matrix.weight)
    shape, batch = built.circuit.shape(matrix), built.protocol.batch
    holder = built.groups[matrix.name]
    update = Update(matrix.name, shape, batch, holder, holder.variables[WEIGHT])
    sides = {
        "post": _Side(built, matrix, post, "post"),
        "pre": _Side(built, matrix, pre, "pre"),
    }
    _refer_shared(built, holder, matrix, names(parse(rate)))
    elementwise = _products(built, update, rule, sides)
    if elementwise or rule.local or rule.general:
        _elementwise(built, update, rule, matrix.weight, elementwise, sides)
    elif rule.decay:
        add_number(holder, "ds_decay", built.dtype)
        _assign(built, holder, f"ds_decay = {rule.decay}", FACTORS, 0, f"ds_decay_{matrix.name}")
        update.decay = holder.variables["ds_decay"]
    for side in sides.values():
        side.finish()
    return update


def _products(built: Built, update: Update, rule: Rule, sides: dict[str, "_Side"]) -> list[str]:
    """Add the outer products of a rule; return the texts of those that are scaled by the weight."""
    terms = []
    for index, outer in enumerate(rule.outer):
        post, pre = sides["post"].array(outer.post), sides["pre"].array(outer.pre)
        product = None
        if outer.weight is not None:
            name = f"ds_product{index}"
            rows, columns = update.shape
            add_array(update.holder, name, rows * columns, built.dtype)
            product = update.holder.variables[name]
            terms.append(f"({outer.weight})*{name}")
        update.outer.append((post, pre, product))
    return terms


def _elementwise(
    built: Built,
    update: Update,
    rule: Rule,
    weight: str,
    terms: list[str],
    sides: dict[str, "_Side"],
) -> None:
    parts = list(terms)
    if rule.decay:
        parts.append(f"({rule.decay})*{weight}")
    if rule.local:
        parts.append(rule.local)
    if rule.general:
        text, found = hoist(rule.general, weight)
        update.averaged = True
        for symbol, expression in found.items():
            kind = "post" if symbol.endswith("_post") else "pre"
            update.factors[symbol] = (sides[kind].array(expression), kind)
        parts.append(text)
    if weight not in update.holder.variables:
        update.holder.variables.add_reference(weight, update.holder, WEIGHT)
    update.elementwise = " + ".join(f"({p})" for p in parts)


class _Side:
    """The factor arrays of one side of a matrix: variables themselves, or hidden arrays of texts."""

    def __init__(self, built: Built, matrix: Matrix, population: Population, suffix: str) -> None:
        self.built, self.matrix, self.population, self.suffix = built, matrix, population, suffix
        self.count = population.size * built.protocol.batch
        self.holder: Holder | None = None
        self.code: list[str] = []

    def array(self, text: str | None) -> ArrayVariable:
        """Return the array of a factor text; a factor of 1 is an array of ones."""
        variable = (text or "").removesuffix(f"_{self.suffix}")
        path = f"{self.population.name}.{variable}"
        if text and text.endswith(f"_{self.suffix}") and path in self.built.arrays:
            return self.built.arrays[path]
        if self.holder is None:
            self.holder = Holder(
                f"ds_{self.matrix.name}_{self.suffix}", self.count, self.built.clock
            )
            self.built.network.add(self.holder)
            self.built.groups[self.holder.name] = self.holder
        name = f"ds_factor{len(self.code)}"
        add_array(self.holder, name, self.count, self.built.dtype)
        if text is None:
            self.built.register(self.holder, name)
            self.built.ones.append(f"{self.holder.name}.{name}")
            self.code.append("")
        else:
            self._refer(text)
            self.code.append(f"{name} = {text}")
        return self.holder.variables[name]

    def _refer(self, text: str) -> None:
        assert self.holder is not None
        symbols = {s for s in names(parse(text)) if s not in self.holder.variables}
        group = self.built.groups[self.population.name]
        for symbol in sorted(symbols):
            if symbol.endswith(f"_{self.suffix}"):
                self.holder.variables.add_reference(
                    symbol, group, symbol.removesuffix(f"_{self.suffix}")
                )
        owner_group = self.built.groups[self.matrix.name]
        for symbol in sorted(symbols - set(self.holder.variables)):
            if symbol in self.matrix.parameters:
                if symbol not in owner_group.variables:
                    _refer_shared(self.built, owner_group, self.matrix, {symbol})
                self.holder.variables.add_reference(symbol, owner_group, symbol, index="0")
            else:
                _refer_shared(self.built, self.holder, self.matrix, {symbol})

    def finish(self) -> None:
        """Add the code that refreshes the hidden arrays."""
        code = "\n".join(line for line in self.code if line)
        if self.holder is not None and code:
            _assign(self.built, self.holder, code, FACTORS, 0, f"ds_factors_{self.holder.name}")
