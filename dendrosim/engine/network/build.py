"""Build the Brian2 network of a circuit and a protocol. All back ends share this code.

One step runs, in this order: feeding of inputs and gates; formulas of signals; projections in dependency order
and the subexpressions they need; recording; plasticity of the matrices; state update of the populations;
conditions of events, then thresholds; pathways; resets, then actions of events; the guard against non-finite
numbers. Projections and plasticity see the state at the start of the step, so the step is one forward Euler step
of the vector field. For Heun's method, `heun.py` adds a second half between the state update and the guard. The
array of a variable is flat: units x samples, where the samples of a unit follow each other.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2.core.clocks import Clock
from brian2.core.network import Network
from brian2.core.variables import ArrayVariable
from brian2.groups.group import Group
from brian2.groups.neurongroup import NeuronGroup
from brian2.units.allunits import second

from dendrosim.circuit.brian_text import brian_dimension, equation_text, model_text
from dendrosim.circuit.evaluation_order import evaluation_order
from dendrosim.circuit.event import SPIKE, event_path
from dendrosim.circuit.matrix import Matrix
from dendrosim.circuit.paths import VariablePath, is_variable, path_of
from dendrosim.circuit.pathway import Pathway
from dendrosim.circuit.population import LAST_SPIKE, REFRACTORY, UNIT, Population
from dendrosim.circuit.start_values import LONG_AGO
from dendrosim.circuit.weights_read import update_order
from dendrosim.engine.network.every_step import used_paths
from dendrosim.engine.network.functions import FUNCTIONS
from dendrosim.engine.network.groups import Holder, add_array, add_number
from dendrosim.engine.network.heun import add_kept_states, add_second_half
from dendrosim.engine.network.operations import Operations
from dendrosim.engine.network.parts import (
    NetworkParts,
    add_variable,
    assign,
    number_elements,
    refer_shared,
)
from dendrosim.engine.network.sources import build_sources
from dendrosim.engine.network.state_steps import STEPS
from dendrosim.engine.network.weight_updates import matrix_update
from dendrosim.engine.plan.signal_slots import (
    assignment,
    base_variable,
    checked_rate,
    find_slots,
)
from dendrosim.engine.plan.spike_texts import UNITS, EventTexts, event_texts, hidden_numbers
from dendrosim.engine.plan.state_arrays import HELD, VALUE, WEIGHT
from dendrosim.engine.plan.timeline import CIRCUIT
from dendrosim.equations.real_numbers import with_real_numbers
from dendrosim.equations.rewriting import read_symbols
from dendrosim.protocol.protocol import Protocol
from dendrosim.units import TIME, unit

SIGNALS, START = "before_start", "start"
# Brian2's `order` of the update, and of the inversion, of the first matrix; for matrix k it is larger by k.
UPDATES, INVERSES = 1000, 100_000
BEFORE_SPIKES = -1  # Brian2's order of the tests of events; that of thresholds is 0


def build(
    protocol: Protocol,
    precision: str,
    operations: Operations,
    counts: Mapping[str, int] | None = None,
) -> NetworkParts:
    """Build the network of a protocol in the active Brian2 device.

    `counts` are the numbers of connections of sparse matrices by name. A program, which reads its connections from
    the task, gives none: it replaces the array of weights, of one element, by a longer one.
    """
    dtype = np.float32 if precision == "single" else np.float64
    clock = Clock(dt=protocol.time_step * second, name="ds_clock")
    network = Network(name="ds_network")
    parts = NetworkParts(protocol, dtype, clock, network, operations.codeobj_class)
    _build_circuit(parts)
    for population in protocol.circuit.all_populations:
        _build_population(parts, population)
    build_sources(parts, operations)
    for matrix in protocol.circuit.matrices:
        _build_matrix(parts, matrix, counts or {})
    for pathway in protocol.circuit.pathways:
        parts.bundles[pathway.name] = operations.pathway(parts, pathway)
    parts.feed = operations.feed(parts)
    parts.network.add(parts.feed)
    _build_signals(parts)
    order = _build_projections(parts, operations)
    _materialise_recorded(parts, order)
    parts.network.add(operations.record(parts))
    for index, label in enumerate(protocol.recordings_of_spikes()):
        owner, event = event_path(label)
        parts.network.add(operations.spikes(parts, parts.groups[owner], event, index))
    for index, matrix in enumerate(update_order(protocol.circuit)):
        if matrix.plasticity:
            update = matrix_update(parts, matrix, gains=operations.has_gains)
            parts.network.add(*operations.update(parts, update, UPDATES + index))
        if matrix.inverse_of is not None and protocol.circuit.matrix(matrix.inverse_of).plasticity:
            own, of = (parts.arrays[f"{n}.{WEIGHT}"] for n in (matrix.name, matrix.inverse_of))
            parts.network.add(operations.invert(parts, own, of, INVERSES + index))
    if protocol.method == "rk2":
        add_second_half(parts, operations)
    parts.network.add(operations.guard(parts))
    return parts


# -- the parts ------------------------------------------------------------------------------------


def _build_circuit(parts: NetworkParts) -> None:
    group = Holder(CIRCUIT, 1, parts.clock)
    for name, value in parts.circuit.parameters.items():
        add_number(group, name, parts.dtype, brian_dimension(value.dimension))
    for name in parts.circuit.gates:
        add_number(group, name, parts.dtype)
        used = find_slots(parts.protocol, name)
        if used:
            _add_slots(parts, group, name, "1", used, 1)
    for name in ("ds_t_phase", "ds_t_block"):
        add_number(group, name, np.float64, brian_dimension(TIME))
    parts.groups[CIRCUIT] = group
    parts.register(
        group, *parts.circuit.parameters, *parts.circuit.gates, "ds_t_phase", "ds_t_block"
    )
    parts.network.add(group)


def _build_population(parts: NetworkParts, population: Population) -> None:
    count = population.size * parts.protocol.batch
    events = event_texts(population)
    refractory = _refractory_text(population)
    # No dtype is given, so that numbers have the precision of the run and `lastspike` that of the clock.
    group = NeuronGroup(
        count, _model(population), method=STEPS[parts.protocol.method], clock=parts.clock,
        name=population.name, namespace=FUNCTIONS, codeobj_class=parts.codeobj_class,
        events={name: with_real_numbers(texts.condition) for name, texts in events.items()},
        **({} if refractory is None else {"refractory": refractory}),
    )  # fmt: skip
    _schedule_events(group, events, population.has_refractory_condition)
    expressions = [*population.equations_in_place.values()]
    expressions += [text for text in (population.refractory_in_place,) if text]
    expressions += [texts.condition for texts in events.values()]
    expressions += [x.expression for texts in events.values() for x in texts.action]
    symbols = {s for text in expressions for s in read_symbols(text)}
    refer_shared(parts, group, population, symbols - set(population.variables))
    plain = [n for n, d in population.variables.items() if d.kind != "subexpression"]
    plain += [LAST_SPIKE] if population.refractory_text is not None else []
    parts.groups[population.name] = group
    if population.has_refractory_condition:
        # A unit that is alone has an array too: Brian2 does not assign what depends on units to a number.
        add_array(group, HELD, count, parts.dtype)
        plain.append(HELD)
    parts.register(group, *plain)
    for name in population.inputs:
        used = find_slots(parts.protocol, f"{population.name}.{name}")
        if used:
            _add_slots(parts, group, name, population.variables[name].unit, used, count)
    hidden = hidden_numbers(parts.circuit)[population.name]
    for number, size in ((UNIT, count), (UNITS, 1)):
        if number in hidden:
            add_variable(group, number, size, parts.dtype, brian_dimension(unit("1")[0]), True)
            parts.register(group, number)
    for key in (key for texts in events.values() for key in texts.keys):
        number_elements(parts, group)
        add_number(group, key, np.int64)
        parts.register(group, key)
    parts.network.add(group)
    if parts.protocol.method == "rk2":
        add_kept_states(parts, group)
    if population.has_refractory_condition:
        text = with_real_numbers(f"{HELD}*int({population.refractory_in_place})")
        assign(parts, group, f"{HELD} = {text}", "before_groups", 0, f"ds_held_{population.name}")


_FREE = "ds_free"


def _model(population: Population) -> str:
    """Return the equations of a population; in the refractory period, the rates of held states are zero.

    Brian2's own flag `(unless refractory)` is not used, because Brian2 makes a branch of it, and compilers do not
    vectorise a loop with a branch.
    """
    refractory = [n for n, d in population.variables.items() if REFRACTORY in d.flags]
    if not refractory:
        return model_text(population)
    period = _refractory_text(population)
    free = f"{_FREE} = int(timestep(t - lastspike, dt) >= timestep({period}, dt)) : 1"
    lines = [equation_text(population, d, _FREE) for d in population.variables.values()]
    return "\n".join([*lines, free])


def _refractory_text(population: Population) -> str | None:
    """Return the refractory period as Brian2 takes it, with a limit that grows with the time of the run.

    Brian2 takes a unit that has not spiked yet for one that spiked 10,000 s before the run, and a period of more
    than 2^63 steps overflows. With the limit, such a unit is never refractory, one that has spiked in the run is
    refractory until its period is over, and the period can be infinite. If a condition ends the period, it has the
    length of the limit until then.
    """
    text, limit = population.refractory_in_place, f"t + {-LONG_AGO / 2!r}*second"
    if text is None:
        return None
    if population.has_refractory_condition:
        return f"{HELD}*({limit})"
    return f"clip({with_real_numbers(text)}, 0*second, {limit})"


def _schedule_events(group: NeuronGroup, events: Mapping[str, EventTexts], hold: bool) -> None:
    """Set when the conditions of events are tested and their actions done.

    Brian2 sets `lastspike` when it tests the threshold, so the other conditions are tested before. If `hold` is
    true, a spike begins a refractory period that a condition ends.
    """
    for place, (name, texts) in enumerate(events.items()):
        if name != SPIKE:
            group.set_event_schedule(name, "thresholds", BEFORE_SPIKES)
        lines = [f"{x.target} {x.operator} {with_real_numbers(x.expression)}" for x in texts.action]
        lines += [f"{HELD} = 1.0"] if hold and name == SPIKE else []
        if lines:
            group.run_on_event(name, "\n".join(lines), when="resets", order=place)


def _add_slots(
    parts: NetworkParts, group: Group, name: str, text: str, used: Any, count: int
) -> None:
    dimension = brian_dimension(unit(text)[0])
    for variable, size in ((base_variable(name), count), *((s.switch, 1) for s in used)):
        plain = size == 1 and variable != base_variable(name)
        dims = brian_dimension(unit("1")[0]) if plain else dimension
        add_variable(group, variable, size, parts.dtype, dims)
        parts.register(group, variable)
    for slot in used:
        if slot.random:
            number_elements(parts, group)
            add_number(group, slot.noise, np.int64)
            add_array(group, slot.state, count, parts.dtype)
            parts.register(group, slot.noise, slot.state)
        for name_, text_ in slot.units.items():
            dims = dimension if text_ == "x" else brian_dimension(unit(text_)[0])
            # Times are compared with the clock, which has double precision in every run.
            dtype = np.float64 if text_ == "s" else parts.dtype
            add_variable(group, slot.field(name_), count, dtype, dims)
            parts.register(group, slot.field(name_))


def _build_matrix(parts: NetworkParts, matrix: Matrix, counts: Mapping[str, int]) -> None:
    rows, columns = parts.circuit.shape(matrix)
    count = rows * columns if matrix.connect is None else counts.get(matrix.name, 1)
    holder = Holder(matrix.name, count, parts.clock)
    add_array(holder, WEIGHT, count, parts.dtype, brian_dimension(unit(matrix.unit)[0]))
    parts.groups[matrix.name] = holder
    parts.register(holder, WEIGHT)
    parts.network.add(holder)


def _build_signals(parts: NetworkParts) -> None:
    paths = [(p, n) for p in parts.circuit.all_populations for n in p.inputs]
    for name in parts.circuit.gates:
        used = find_slots(parts.protocol, name)
        if used:
            code = assignment(name, used)
            assign(parts, parts.groups[CIRCUIT], code, SIGNALS, 1, f"ds_signal_{name}")
    for population, name in paths:
        used = find_slots(parts.protocol, f"{population.name}.{name}")
        if used:
            group = parts.groups[population.name]
            for clock in ("ds_t_phase", "ds_t_block"):
                if clock not in group.variables:
                    group.variables.add_reference(clock, parts.groups[CIRCUIT], clock, index="0")
            code = assignment(name, used)
            if f"{population.name}.{name}" in parts.circuit.rates:
                code += f"\n{checked_rate(name)}"
            assign(parts, group, code, SIGNALS, 1, f"ds_signal_{population.name}_{name}")


def _build_projections(parts: NetworkParts, operations: Operations) -> int:
    order = 0
    for path in evaluation_order(parts.circuit):
        target = parts.arrays[path]
        into = [p for p in parts.circuit.projections if p.target == path]
        for index, projection in enumerate(into):
            source, order = materialise(parts, projection.source, START, order)
            parts.network.add(
                operations.product(parts, projection, source, target, add=index > 0, order=order)
            )
            order += 1
        population, variable = VariablePath.parse(path)
        for pathway in parts.circuit.pathways:
            if pathway.post == population and variable in pathway.sums:
                order = _materialise_used(parts, pathway, (variable,), order)
                parts.network.add(operations.total(parts, pathway, variable, order))
                order += 1
    for pathway in parts.circuit.pathways:
        if pathway.clock_driven:
            order = _materialise_used(parts, pathway, pathway.clock_driven, order)
            parts.network.add(operations.advance(parts, pathway))
    return order


def _materialise_used(
    parts: NetworkParts, pathway: Pathway, names: tuple[str, ...], order: int
) -> int:
    """Make arrays of the subexpressions that sums or clock-driven states of a pathway use."""
    for path in used_paths(parts, pathway, names):
        _, order = materialise(parts, path, START, order)
    return order


def materialise(parts: NetworkParts, path: str, when: str, order: int) -> tuple[ArrayVariable, int]:
    """Return the array of a variable; for a subexpression, make an array that is refreshed in every step."""
    if path in parts.arrays:
        return parts.arrays[path], order
    name, variable = VariablePath.parse(path)
    group = parts.groups[name]
    hidden = f"{VALUE}{variable}"
    declared = parts.circuit.population(name).variables[variable]
    add_array(
        group,
        hidden,
        group.variables["N"].get_value(),
        parts.dtype,
        brian_dimension(unit(declared.unit)[0]),
    )
    assign(parts, group, f"{hidden} = {variable}", when, order, f"ds_value_{name}_{variable}")
    parts.arrays[path] = group.variables[hidden]
    return parts.arrays[path], order + 1


def _materialise_recorded(parts: NetworkParts, order: int) -> None:
    for path in map(path_of, parts.protocol.recordings_by_name()):
        if is_variable(path) and not parts.circuit.is_synaptic(path):
            _, order = materialise(parts, path, START, order)
