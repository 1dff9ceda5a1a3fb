"""A pathway as Brian2 synapses. The back end makes the connections.

All names that belong to a synapse (variables, weight, parameters, targets of its statements) get a prefix in the
program, because in Brian2 a name without suffix can also be a variable of the target population.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from brian2.groups.group import CodeRunner
from brian2.synapses.synapses import Synapses

from dendrosim.circuit.brian_text import brian_dimension, brian_unit
from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.pathway import WEIGHT, Pathway
from dendrosim.circuit.population import REFRACTORY
from dendrosim.engine.network.functions import FUNCTIONS, SELECT
from dendrosim.engine.network.groups import add_number
from dendrosim.engine.network.parts import Bundle, NetworkParts, refer_shared
from dendrosim.engine.plan.spike_texts import SYNAPSE, effect_texts
from dendrosim.engine.plan.state_arrays import CURRENT, OWN, UPDATE
from dendrosim.equations.assignments import Assignment, parse_assignments
from dendrosim.equations.linear import solve_rates
from dendrosim.equations.real_numbers import with_real_numbers
from dendrosim.equations.rewriting import read_symbols, replace_symbols
from dendrosim.units import unit


def build_pathway(parts: NetworkParts, pathway: Pathway) -> Bundle:
    """Build the synapses of a pathway, without connections."""
    own = own_names(parts.circuit, pathway)
    texts = effect_texts(parts.circuit, pathway)
    states = pathway.event_driven
    solved = solve_states(pathway, states, own, "lastupdate") if states else []
    ending = ["lastupdate = t"] if states else []
    held = held_states(parts.circuit, pathway)
    options: dict[str, Any] = {}
    for trigger, effect in texts.effects.items():
        code = [*solved, *(code_line(line, own, held) for line in effect), *ending]
        options.setdefault(f"on_{trigger.side}", {})[trigger.name] = "\n".join(code)
    # No dtype is given, so that numbers have the precision of the run and `lastupdate` that of the clock.
    synapses = Synapses(
        parts.groups[pathway.pre], parts.groups[pathway.post], _model(pathway, own), **options,
        on_event={trigger.name: trigger.event for trigger in texts.effects}, clock=parts.clock,
        name=pathway.name, namespace=FUNCTIONS, codeobj_class=parts.codeobj_class,
    )  # fmt: skip
    synapses.event_driven = None  # otherwise Brian2 would solve the equations as well
    parts.groups[pathway.name] = synapses
    symbols = {s for s in own if s not in pathway.variables and s != WEIGHT}
    refer_shared(parts, synapses, pathway, symbols, OWN)
    if pathway.weight_dimension is not None and not pathway.has_own_weights:
        dimension = brian_dimension(pathway.weight_dimension)
        add_number(synapses, OWN + WEIGHT, parts.dtype, dimension, constant=True)
        parts.register(synapses, OWN + WEIGHT)
    for key in texts.keys:
        add_number(synapses, key, np.int64)
        parts.register(synapses, key)
    if texts.keys:
        synapses.variables.add_dynamic_array(SYNAPSE, size=0, dtype=np.int64, constant=True)
        synapses.register_variable(synapses.variables[SYNAPSE])
    parts.network.add(synapses)
    values = {name: synapses.variables[OWN + name] for name in pathway.synapse_start_values()}
    if states:
        values[UPDATE] = synapses.variables["lastupdate"]
    current = {name: synapses.variables[CURRENT + name] for name in pathway.event_driven}
    pathways = {trigger: getattr(synapses, trigger.name) for trigger in texts.effects}
    return Bundle(
        synapses, pathways, values, current, _evaluation(parts, pathway, synapses, solved)
    )


def _evaluation(
    parts: NetworkParts, pathway: Pathway, synapses: Synapses, solved: list[str]
) -> CodeRunner | None:
    """Return the object that computes the present values of event-driven states; the back end says when."""
    states = pathway.event_driven
    if not states:
        return None
    lines = solved[: -len(states)]  # without the assignments to the states themselves
    lines += [f"{CURRENT}{name} = _{OWN}{name}" for name in states]
    runner = CodeRunner(
        synapses, "stateupdate", code="\n".join(lines), clock=parts.clock, when="start",
        name=f"ds_current_{pathway.name}", check_units=False, codeobj_class=parts.codeobj_class,
    )  # fmt: skip
    parts.network.add(runner)
    return runner


def own_names(circuit: Circuit, pathway: Pathway) -> dict[str, str]:
    """Return, for each symbol that is not a variable of a population, its name in the program."""
    code = pathway.assignments
    lines = (*pathway.variables.values(), *pathway.sums.values())
    texts = [d.expression for d in lines if d.expression]
    symbols = {
        s for text in (*texts, *(line.expression for line in code)) for s in read_symbols(text)
    }
    own = {s for s in symbols if s in pathway.variables or s in pathway.parameters or s == WEIGHT}
    own |= {s for s in symbols if circuit.symbol_value(pathway, s) is not None}
    own |= {line.target for line in code if not line.target.endswith(("_pre", "_post"))}
    return {s: OWN + s for s in own}


def _model(pathway: Pathway, own: dict[str, str]) -> str:
    lines = []
    for name, line in pathway.variables.items():
        dimension = brian_unit(unit(line.unit)[0])
        if name in pathway.event_driven:
            # Brian2 only learns that there are such states; `solve_states` solves their equations.
            lines.append(f"d{OWN}{name}/dt = 0*{OWN}{name}/second : {dimension} (event-driven)")
            lines.append(f"{CURRENT}{name} : {dimension}")
        else:
            lines.append(f"{OWN}{name} : {dimension}")
    if pathway.has_own_weights:
        assert pathway.weight_dimension is not None
        flag = "" if pathway.has_plastic_weights else " (constant)"
        lines.append(f"{OWN}{WEIGHT} : {brian_unit(pathway.weight_dimension)}{flag}")
    return "\n".join(lines)


def solve_states(
    pathway: Pathway, states: Iterable[str], own: Mapping[str, str], last: str
) -> list[str]:
    """Return the lines that bring states from the time `last` to the present; see `solve_rates`."""
    rates = {
        OWN + name: replace_symbols(pathway.variables[name].expression, own) for name in states
    }
    lines = parse_assignments("\n".join(solve_rates(rates, f"t - {last}")))
    return [f"{x.target} = {with_real_numbers(x.expression)}" for x in lines]


def held_states(circuit: Circuit, pathway: Pathway) -> dict[str, str]:
    """Return the states, as `v_pre` or `v_post`, that a pathway must not change while their unit is refractory.

    The values are the names of the variables that say whether the unit is not refractory.
    """
    ends = (("_pre", pathway.pre), ("_post", pathway.post))
    return {
        f"{name}{end}": f"not_refractory{end}"
        for end, population in ends
        for name, declared in circuit.population(population).variables.items()
        if REFRACTORY in declared.flags
    }


def code_line(line: Assignment, own: Mapping[str, str], held: Mapping[str, str]) -> str:
    """Return an assignment with the names that variables have in the program.

    `held` is what `held_states` returns. Brian2 has a mechanism for such states as well, but with one condition
    for both ends of a synapse.
    """
    expression = with_real_numbers(replace_symbols(line.expression, own))
    target = own.get(line.target, line.target)
    if line.target in held:
        unchanged = {"=": target, "+=": "0.0", "-=": "0.0"}.get(line.operator, "1.0")
        expression = f"{SELECT}({held[line.target]}, {expression}, {unchanged})"
    return f"{target} {line.operator} {expression}"
