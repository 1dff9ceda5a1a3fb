"""The parts of a script: groups of units, sources, matrices and pathways, each a list of lines."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dendrosim.arrays import AnyArray, Array
from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.evaluation_order import evaluation_order
from dendrosim.circuit.event import SPIKE
from dendrosim.circuit.matrix import Matrix, Projection
from dendrosim.circuit.paths import VariablePath
from dendrosim.circuit.pathway import SHARED, WEIGHT, Pathway
from dendrosim.circuit.population import Population
from dendrosim.circuit.sources.poisson_input import PoissonInput
from dendrosim.circuit.sparse_matrices import draw_connections, draw_weights
from dendrosim.circuit.start_values import draw_start_value, invert_weights
from dendrosim.engine.plan.synapse_tables import SynapseTable
from dendrosim.equations.declarations import Declaration, parse_declarations
from dendrosim.equations.rewriting import put_transfer_in_place
from dendrosim.errors import SpecError
from dendrosim.study.brian_script.values import (
    dimension_text,
    integers_text,
    numbers_of,
    unit_dimension,
    value_text,
)
from dendrosim.units import Quantity

FIRST_SUM, LEARNING, BOUNDING = -1000, -20, -10
"""Brian2's order of sums over synapses, plasticity and bounds, in the slot in which states are updated at 0."""


@dataclass(frozen=True)
class Plan:
    """A circuit with what its script needs to know about all of it.

    Attributes
    ----------
    circuit : Circuit
    seed : int
        Seed from which start values, weights and connections are drawn.
    inputs : mapping of str to ndarray, shape (units,)
        Constant values of inputs, by `population.variable`, in SI units.
    """

    circuit: Circuit
    seed: int
    inputs: Mapping[str, Array]

    def parts_of(self, path: str) -> list[str]:
        """Return the names of the variables whose sum is a fed variable: one for each projection or sum."""
        name = VariablePath.parse(path).variable
        count = len(self._feeding(path))
        return [name] if count == 1 else [f"{name}_{k}" for k in range(count)]

    def part_of(self, path: str, feeding: Projection | Pathway) -> str:
        """Return the name of the variable into which one projection, or the sum of one pathway, is written."""
        place = next(k for k, other in enumerate(self._feeding(path)) if other is feeding)
        return self.parts_of(path)[place]

    def order_of(self, path: str) -> int:
        """Return Brian2's order of the sums into a fed variable, later than those on which it depends."""
        return FIRST_SUM + evaluation_order(self.circuit).index(path)

    def _feeding(self, path: str) -> list[Projection | Pathway]:
        owner, variable = VariablePath.parse(path)
        projections = [p for p in self.circuit.projections if p.target == path]
        sums = [p for p in self.circuit.pathways if p.post == owner and variable in p.sums]
        return [*projections, *sums]


def population_lines(plan: Plan, population: Population) -> list[str]:
    """Return the lines that make the group of a population."""
    name, of_units = population.name, _parameters_per_unit(population)
    equations = [
        line for d in population.variables.values() for line in _equation(plan, population, d)
    ]
    equations += [
        f"{n} : {dimension_text(population.parameters[n].dimension)} (constant)"
        for n in of_units
        if n not in population.variables
    ]
    conditions = {n: population.in_place(e.condition) for n, e in population.all_events.items()}
    actions = {
        n: "\n".join(str(line) for line in lines)
        for n, lines in population.actions_in_place.items()
    }
    texts = [*equations, *conditions.values(), *actions.values(), population.refractory_text or ""]
    named = numbers_of(plan.circuit, population, texts)
    shared = {n: v for n, v in named.items() if n not in population.variables}
    equations += _shared_lines(shared)
    events = {n: text for n, text in conditions.items() if n != SPIKE}
    arguments = {
        "threshold": repr(conditions[SPIKE]) if SPIKE in conditions else "",
        "reset": repr(actions.get(SPIKE, "")) if actions.get(SPIKE) else "",
        "refractory": repr(population.refractory_in_place) if population.refractory_text else "",
        "events": repr(events) if events else "",
    }
    options = "".join(f"    {k}={v},\n" for k, v in arguments.items() if v)
    lines = [
        f'{name} = brian2.NeuronGroup(\n    {population.size},\n    """\n'
        + "".join(f"    {line}\n" for line in equations)
        + f'    """,\n    method="euler",\n{options}    namespace={{}},\n    name="{name}",\n)'
    ]
    for place, event in enumerate(events):
        lines.append(f'{name}.set_event_schedule("{event}", "thresholds", order=-1)')
        if actions[event]:
            lines.append(
                f'{name}.run_on_event("{event}", {actions[event]!r}, when="resets", order={place + 1})'
            )
    return [*lines, *_number_lines(name, shared), *_start_lines(plan, population, of_units)]


def _shared_lines(values: Mapping[str, Quantity]) -> list[str]:
    """Return declarations of numbers as variables that all units or synapses share.

    A namespace would not do: Brian2 looks up the symbols of a subexpression in the namespace of the synapses that
    use it, where the same symbol may have another value.
    """
    return [f"{n} : {dimension_text(v.dimension)} (constant, shared)" for n, v in values.items()]


def _number_lines(owner: str, values: Mapping[str, Quantity]) -> list[str]:
    return [f"{owner}.{n} = {value_text(v.value, v.dimension)}" for n, v in values.items()]


def _equation(plan: Plan, population: Population, declared: Declaration) -> list[str]:
    name = declared.name
    flags = f" ({', '.join(declared.flags)})" if declared.flags else ""
    if declared.kind == "parameter":
        parts = plan.parts_of(f"{population.name}.{name}")
        if len(parts) < 2:
            return [f"{name} : {declared.unit}{flags}"]
        return [f"{name} = {' + '.join(parts)} : {declared.unit}"] + [
            f"{part} : {declared.unit}" for part in parts
        ]
    left = f"d{name}/dt" if declared.kind == "state" else name
    text = put_transfer_in_place(declared.expression, population.transfer, name)
    return [f"{left} = {text} : {declared.unit}{flags}"]


def _start_lines(plan: Plan, population: Population, of_units: list[str]) -> list[str]:
    values: dict[str, tuple[Array, str]] = {}
    for name in population.states:
        path, shape = f"{population.name}.{name}", (population.size, 1)
        drawn = draw_start_value(plan.circuit, path, shape, plan.seed)[:, 0]
        values[name] = drawn, population.variables[name].unit
    for name in population.inputs:
        values[name] = plan.inputs[f"{population.name}.{name}"], population.variables[name].unit
    lines = [
        f"{population.name}.{name} = {value_text(_shorten(array), unit_dimension(unit))}"
        for name, (array, unit) in values.items()
        if np.any(array)
    ]
    declared = [n for n in population.parameters if n in population.variables]
    for name in dict.fromkeys([*of_units, *declared]):
        given = population.parameters[name]
        lines.append(f"{population.name}.{name} = {value_text(given.value, given.dimension)}")
    return lines


def _parameters_per_unit(population: Population) -> list[str]:
    return [name for name, value in population.parameters.items() if not value.scalar]


def poisson_input_lines(source: PoissonInput) -> list[str]:
    """Return the lines that make a `PoissonInput`; raises SpecError if its units differ, which Brian2 lacks."""
    owner, state = VariablePath.parse(source.target)
    for name, value in (("rate", source.rate), ("weight", source.weight)):
        if value is None or not value.scalar:
            raise SpecError(
                f"{source}: Brian2's PoissonInput takes one {name} for all units; give one number as {name}"
            )
    return [
        f"{source.name} = brian2.PoissonInput(\n    {owner}, {state!r}, N={source.trains}, "
        f"rate={value_text(source.rate.value, source.rate.dimension)},\n"
        f"    weight={value_text(source.weight.value, source.weight.dimension)},\n)"
    ]


def spike_times_lines(name: str, size: int, units: AnyArray, times: AnyArray) -> list[str]:
    """Return the lines that make a group whose spikes are given, with times in seconds."""
    return [
        f"{name} = brian2.SpikeGeneratorGroup(\n    {size}, {integers_text(units)}, "
        f'{value_text(times, unit_dimension("s"))}, name="{name}"\n)'
    ]


def matrix_lines(plan: Plan, matrix: Matrix) -> list[str]:
    """Return the lines that make the synapses of a matrix; raises SpecError for what Brian2 lacks."""
    circuit, weight = plan.circuit, matrix.weight
    if read := circuit.weights_read(matrix):
        raise SpecError(
            f"Matrix {matrix.name!r}: plasticity reads the weights {next(iter(read))!r} of another matrix, which "
            "synapses of Brian2 cannot do; leave the rule out"
        )
    rate = circuit.rate_in_place(matrix)
    of = matrix.unit
    model = [f"d{weight}/dt = {rate} : {of} (clock-driven)" if rate else f"{weight} : {of}"]
    orders = {}
    for projection in (p for p in circuit.projections if p.matrix == matrix.name):
        if projection.delay is not None:
            raise SpecError(
                f"{projection} has a delay, which Brian2's sums over synapses lack; leave the delay out"
            )
        ends = ("pre", "post") if projection.transpose else ("post", "pre")
        target = f"{plan.part_of(projection.target, projection)}_{ends[0]}"
        source = f"{VariablePath.parse(projection.source).variable}_{ends[1]}"
        declared = circuit.variable(projection.target)[1]
        model.append(f"{target} = {weight}*{source} : {declared.unit} (summed)")
        orders[target] = plan.order_of(projection.target)
    name = matrix.name
    shared = numbers_of(circuit, matrix, [rate])
    lines = _synapses(name, matrix.pre, matrix.post, [*model, *_shared_lines(shared)], [])
    lines += [*_weight_lines(plan, matrix), *_number_lines(name, shared)]
    lines += [f'{name}.summed_updaters["{t}"].order = {order}' for t, order in orders.items()]
    if rate:
        lines.append(f"{name}.state_updater.order = {LEARNING}")
    if rate and matrix.bounded:
        low, high = (f"{end!r}*{dimension_text(unit_dimension(of))}" for end in matrix.limits)
        clipped = f"{weight} = clip({weight}, {low}, {high})"
        lines.append(f'{name}.run_regularly({clipped!r}, when="groups", order={BOUNDING})')
    return lines


def _weight_lines(plan: Plan, matrix: Matrix) -> list[str]:
    name, dimension = matrix.name, unit_dimension(matrix.unit)
    if matrix.connect is not None:
        pairs = draw_connections(plan.circuit, matrix, plan.seed)
        weights = draw_weights(plan.circuit, matrix, plan.seed)
        return [
            f"{name}.connect(i={integers_text(pairs.pre)}, j={integers_text(pairs.post)})",
            f"{name}.{matrix.weight} = {value_text(weights, dimension)}",
        ]
    shape = plan.circuit.shape(matrix)
    drawn = matrix if matrix.inverse_of is None else plan.circuit.matrix(matrix.inverse_of)
    weights = draw_start_value(plan.circuit, drawn.name, plan.circuit.shape(drawn), plan.seed)
    if matrix.inverse_of is not None:
        weights = invert_weights(matrix, weights)
    lines = [f"{name}.connect()  # synapses are ordered by presynaptic unit"]
    lines.append(
        f"{name}.{matrix.weight} = "
        + value_text(weights.reshape(shape).T.ravel(), dimension)
        + f"  # {shape[0]} x {shape[1]} weights, column by column"
    )
    if matrix.inverse_of is not None and drawn.plasticity:
        rows, columns = plan.circuit.shape(drawn)
        lines.append(
            f'@brian2.network_operation(when="end")\ndef invert_{drawn.name}():\n'
            f"    weights = numpy.reshape({drawn.name}.{drawn.weight}_[:], ({columns}, {rows})).T\n"
            f"    {name}.{matrix.weight}_ = numpy.linalg.inv(weights).T.ravel()\n"
        )
    return lines


def pathway_lines(plan: Plan, pathway: Pathway, table: SynapseTable, place: int) -> list[str]:
    """Return the lines that make the synapses of a pathway; `place` is its number among the pathways."""
    circuit, name = plan.circuit, pathway.name
    declared = [d for d in parse_declarations(pathway.equations) if SHARED not in d.flags]
    model, orders = [], {}
    for line in declared:
        left, flags = line.name, f" ({', '.join(line.flags)})" if line.flags else ""
        if line.name.removesuffix("_post") in pathway.sums:
            path = f"{pathway.post}.{line.name.removesuffix('_post')}"
            left = f"{plan.part_of(path, pathway)}_post"
            orders[left] = plan.order_of(path)
        left = f"d{left}/dt" if line.kind == "state" else left
        right = f"{left} = {line.expression}" if line.expression else left
        model.append(f"{right} : {line.unit}{flags}")
    _refuse_names_of_sympy(pathway)
    effects = {t.name: "\n".join(map(str, lines)) for t, lines in pathway.effects.items()}
    values = numbers_of(circuit, pathway, [*model, *effects.values()])
    if pathway.has_own_weights and pathway.weight_dimension is not None:
        model.append(f"{WEIGHT} : {dimension_text(pathway.weight_dimension)}")
    elif pathway.weight is not None:
        values[WEIGHT] = pathway.weight.value
    arguments = []
    for side in ("pre", "post"):
        own = {t.name: effects[t.name] for t in pathway.effects if t.side == side}
        if own:
            arguments.append(f"on_{side}={own!r}")
    others = {t.name: t.event for t in pathway.effects if t.event != SPIKE}
    if others:
        arguments.append(f"on_event={others!r}")
    lines = _synapses(name, pathway.pre, pathway.post, [*model, *_shared_lines(values)], arguments)
    lines.append(f"{name}.connect(i={integers_text(table.pre)}, j={integers_text(table.post)})")
    lines += _number_lines(name, values)
    units = {**{n: unit_dimension(d.unit) for n, d in pathway.variables.items()}}
    units |= {} if pathway.weight_dimension is None else {WEIGHT: pathway.weight_dimension}
    for variable, start in table.values.items():
        lines.append(f"{name}.{variable} = {value_text(_shorten(start), units[variable])}")
    for number, trigger in enumerate(pathway.effects):
        delays = table.delays if trigger.side == "pre" else table.post_delays
        if delays is not None and np.any(delays):
            seconds = value_text(_shorten(delays), unit_dimension("s"))
            lines.append(f"{name}.{trigger.name}.delay = {seconds}")
        # Effects of presynaptic events come first, then Brian2's PoissonInput, which has order 0.
        order = (100 * place + number + 1) - (100_000 if trigger.side == "pre" else 0)
        lines.append(f"{name}.{trigger.name}.order = {order}")
    lines += [f'{name}.summed_updaters["{t}"].order = {order}' for t, order in orders.items()]
    if pathway.clock_driven:
        lines.append(f"{name}.state_updater.order = {LEARNING}")
    return lines


def _refuse_names_of_sympy(pathway: Pathway) -> None:
    """Raise SpecError for event-driven variables that have the name of something in SymPy."""
    import sympy

    for name in pathway.event_driven:
        if hasattr(sympy, name):
            raise SpecError(
                f"{pathway}: Brian2 cannot solve the event-driven equation of {name!r}, because SymPy has "
                "something of that name; rename the variable"
            )


def _synapses(
    name: str,
    pre: str,
    post: str,
    model: list[str],
    arguments: list[str],
) -> list[str]:
    text = "".join(f"    {line}\n" for line in model)
    options = "".join(f"    {argument},\n" for argument in arguments)
    return [
        f'{name} = brian2.Synapses(\n    {pre}, {post},\n    """\n{text}    """,\n    method="euler",\n{options}'
        f'    namespace={{}},\n    name="{name}",\n)'
    ]


def _shorten(values: Array) -> Array:
    """Return one number for values that are all equal."""
    return values[0] if values.size and np.all(values == values.flat[0]) else values
