"""A pathway in a program of cpp: rows of synapses (`source/synapses.h`) and the code of its spikes.

The text of the pathway is taken apart by `engine/plan/trace_hoisting.py`. What remains is done for every synapse
by the template `spikes.cpp`, once for each event that has effects.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2.core.variables import ArrayVariable, AuxiliaryVariable
from brian2.groups.group import CodeRunner

from dendrosim.circuit.brian_text import brian_dimension
from dendrosim.circuit.effects import SIDES, Trigger
from dendrosim.circuit.pathway import WEIGHT, Pathway
from dendrosim.engine.cpp.code_objects import INDICES, InPlaceCodeObject
from dendrosim.engine.network.groups import Holder, add_number, event_list
from dendrosim.engine.network.parts import NetworkParts, refer_shared
from dendrosim.engine.network.synapses import code_line, held_states, own_names, solve_states
from dendrosim.engine.plan.spike_texts import SYNAPSE, EffectTexts, effect_texts
from dendrosim.engine.plan.state_arrays import CURRENT, LAST, NOW, OWN, UPDATE
from dendrosim.engine.plan.synapse_order import uses_both_ends
from dendrosim.engine.plan.trace_hoisting import (
    Effect,
    SynapseText,
    hoist,
    reads,
    split_effect,
)
from dendrosim.engine.standalone.operations import boolean, number_type
from dendrosim.equations.assignments import Assignment
from dendrosim.units import TIME, unit

ORDERS = {"pre": -1, "post": 1}
"""Brian2's order of the effects within a step: those of presynaptic spikes, then those of postsynaptic ones."""


@dataclass
class RowBundle:
    """The synapses of a pathway in rows.

    `values` has the arrays of the variables that each synapse has for itself (`UPDATE` may be one), `current`
    those of the present values of event-driven states, which `evaluation` computes. `ends` says for each variable
    whether its arrays have one number per synapse ("synapse"), or for each unit of one end ("pre", "post"), and
    `draws` whether the texts draw random numbers.
    """

    pathway: Pathway
    values: dict[str, ArrayVariable]
    ends: dict[str, str]
    sizes: tuple[int, int, int]
    current: dict[str, ArrayVariable]
    evaluation: CodeRunner | None
    draws: bool

    @property
    def rows(self) -> str:
        """Name of the object of type `Rows` in the program."""
        return f"rows_{self.pathway.name}"

    def declaration(self) -> str:
        """Return the definition of the object of type `Rows`."""
        sources, targets, batch = self.sizes
        sides = [trigger.side for trigger in self.pathway.effects]
        said = [self.pathway.has_same_arrival(side) for side in SIDES]
        said += ["post" in sides, self.draws]
        flags = ", ".join(boolean(flag) for flag in said)
        queues = ", ".join(f"Arrivals{{{boolean(side == 'post')}}}" for side in sides)
        return f"Rows {self.rows}{{{sources}, {targets}, {batch}, {flags}, {{{queues}}}}};"


def _synapse_text(pathway: Pathway, texts: EffectTexts) -> SynapseText:
    """Return what the analysis of a pathway's text needs."""
    return SynapseText(
        effects=texts.effects,
        equations={n: pathway.variables[n].expression for n in pathway.event_driven},
        equal={
            n: n in pathway.equal_start_values and n not in pathway.clock_driven
            for n in pathway.synapse_start_values()
        },
        same_arrival=[side for side in SIDES if pathway.has_same_arrival(side)],
        recurrent=pathway.pre == pathway.post,
    )


def build_rows(parts: NetworkParts, pathway: Pathway) -> RowBundle:
    """Build the variables and the code of a pathway, without connections."""
    return _Builder(parts, pathway).build()


class _Index(AuxiliaryVariable):
    """The element at one end of a synapse, which several synapses have."""

    unique = False


class _Builder:
    def __init__(self, parts: NetworkParts, pathway: Pathway) -> None:
        self.parts, self.pathway = parts, pathway
        texts = effect_texts(parts.circuit, pathway)
        self.text, self.keys = _synapse_text(pathway, texts), texts.keys
        self.ends = hoist(self.text)
        self.own = own_names(parts.circuit, pathway)
        self.held = held_states(parts.circuit, pathway)
        circuit, batch = parts.circuit, parts.protocol.batch
        pre, post = (circuit.population(n).size for n in (pathway.pre, pathway.post))
        self.sizes = (pre, post, batch)
        self.counts = {"pre": pre * batch, "post": post * batch}
        self.holder = Holder(pathway.name, 1, parts.clock)
        self.states = {side: self._states(side) for side in (*SIDES, "synapse")}
        self.sides = [side for side in SIDES if self.text.of_side(side)]
        self.effects = {t: split_effect(self.text, t, self.ends) for t in self.text.effects}

    def build(self) -> RowBundle:
        parts, pathway, variables = self.parts, self.pathway, self.holder.variables
        parts.groups[pathway.name] = self.holder
        for side in SIDES:
            variables._add_variable(INDICES[side], _Index(INDICES[side], dtype=np.int64))
        values = {name: self._value(name) for name in pathway.synapse_start_values()}
        for name in self.text.equations:
            self._add(CURRENT + name, self.ends.get(name), self._dimension(name))
        if self._keeps_updates():
            values[UPDATE] = self._per_synapse(UPDATE, np.float64, brian_dimension(TIME))
        self._times()
        symbols = {s for s in self.own if s not in pathway.variables and s != WEIGHT}
        refer_shared(parts, self.holder, pathway, symbols, OWN)
        if pathway.weight_dimension is not None and not pathway.has_own_weights:
            dimension = brian_dimension(pathway.weight_dimension)
            add_number(self.holder, OWN + WEIGHT, parts.dtype, dimension, constant=True)
            parts.register(self.holder, OWN + WEIGHT)
        self._references()
        for key in self.keys:
            add_number(self.holder, key, np.int64)
            parts.register(self.holder, key)
        if self.keys:
            variables.add_auxiliary_variable(SYNAPSE, dtype=np.int64)
        parts.network.add(self.holder)
        for place, trigger in enumerate(self.effects):
            parts.network.add(self._effect(trigger, place))
        evaluation = self._evaluation() if self.text.equations else None
        if evaluation is not None:
            parts.network.add(evaluation)
        ends = {name: self.ends.get(name, "synapse") for name in values}
        current = {name: variables[CURRENT + name] for name in self.text.equations}
        return RowBundle(pathway, values, ends, self.sizes, current, evaluation, bool(self.keys))

    def _states(self, end: str) -> list[str]:
        return [n for n in self.text.equations if self.ends.get(n, "synapse") == end]

    # -- variables ----------------------------------------------------------------------------------

    def _value(self, name: str) -> ArrayVariable:
        dimension = self._dimension(name)
        end = self.ends.get(name)
        self._add(OWN + name, end, dimension)
        if (
            end
            and name in self.text.equations
            and any(name in reads(x) for t, x in self.text.effects.items() if t.side != end)
        ):
            self._per_unit(NOW + name, end, self.parts.dtype, dimension)
        variable: ArrayVariable = self.holder.variables[OWN + name]
        return variable

    def _add(self, name: str, end: str | None, dimension: Any) -> None:
        if end is None:
            self._per_synapse(name, self.parts.dtype, dimension)
        else:
            self._per_unit(name, end, self.parts.dtype, dimension)

    def _per_synapse(self, name: str, dtype: Any, dimension: Any) -> ArrayVariable:
        self.holder.variables.add_dynamic_array(
            name, size=0, dtype=dtype, dimensions=dimension, index="_idx"
        )
        variable: ArrayVariable = self.holder.variables[name]
        return variable

    def _per_unit(self, name: str, end: str, dtype: Any, dimension: Any) -> None:
        self.holder.variables.add_array(
            name, size=self.counts[end], dtype=dtype, dimensions=dimension, index=INDICES[end]
        )

    def _dimension(self, name: str) -> Any:
        if name == WEIGHT:
            assert self.pathway.weight_dimension is not None
            return brian_dimension(self.pathway.weight_dimension)
        return brian_dimension(unit(self.pathway.variables[name].unit)[0])

    def _times(self) -> None:
        """Add the times of the last updates of event-driven states: per unit, or if need be per synapse."""
        time = brian_dimension(TIME)
        if self._derives_update():
            self.holder.variables.add_auxiliary_variable(UPDATE, time, np.float64)
        for side in self.sides:
            if self.states[side] or self._derives_update():
                self._per_unit(LAST + side, side, np.float64, time)

    def _keeps_updates(self) -> bool:
        """Return whether each synapse has the time of its last update for itself."""
        return bool(self.states["synapse"]) and not self._derives_update()

    def _derives_update(self) -> bool:
        """Return whether the last update of a synapse follows from the last events at its two ends.

        It does not if events of a unit reach its synapses in different steps, or only change hoisted variables.
        """
        changes = all(effect.each for effect in self.effects.values())
        same = all(side in self.text.same_arrival for side in self.sides)
        return bool(self.states["synapse"]) and same and changes

    def _references(self) -> None:
        """Refer to the variables of both populations that the texts use."""
        variables = self.holder.variables
        lines = [line for lines in self.text.effects.values() for line in lines]
        targets = {line.target for line in lines}
        symbols = reads(lines) | targets | {self.held[t] for t in targets if t in self.held}
        for side, name in (("pre", self.pathway.pre), ("post", self.pathway.post)):
            group = self.parts.groups[name]
            for symbol in sorted(symbols):
                if symbol.endswith(f"_{side}") and symbol not in self.own:
                    inner = symbol.removesuffix(f"_{side}")
                    index = "0" if group.variables[inner].scalar else INDICES[side]
                    variables.add_reference(symbol, group, inner, index=index)
            for trigger in self.text.of_side(side):
                variables.add_reference(_events(trigger), group, event_list(trigger.event))

    # -- code ---------------------------------------------------------------------------------------

    def _effect(self, trigger: Trigger, place: int) -> CodeRunner:
        side, effect = trigger.side, self.effects[trigger]
        for name in effect.kept:
            if name not in self.holder.variables:
                self.holder.variables.add_auxiliary_variable(name, dtype=self.parts.dtype)
        other = "post" if side == "pre" else "pre"
        keep_last = self._derives_update() and bool(effect.each)
        last_there = LAST + other if other in self.sides else None
        keywords = {
            "side": side,
            "events": _events(trigger),
            "queue": place,
            "rows": f"ds::rows_{self.pathway.name}",
            "real": "float" if self.parts.dtype == np.float32 else "double",
            "batch": self.sizes[2],
            "elements": self.counts[side],
            "others": self.counts[other],
            "kept": effect.kept,
            "own": [OWN + n for n in self.text.equal if n not in self.ends]
            + [UPDATE] * self._keeps_updates(),
            "last_kept": keep_last,
            "last_here": LAST + side,
            "last_there": last_there if keep_last else None,
            "spread": self._can_spread(side, effect),
            **self._accesses(effect),
            "numbered": SYNAPSE in reads(effect.each),
        }
        code = {
            "once": self._once(side, effect),
            "now": self._now(other, effect),
            "each": self._each(other, effect),
        }
        in_place = uses_both_ends(effect.each, self.text.recurrent)
        needed = [_events(trigger)]
        needed += [n for n in (LAST + side, last_there) if keep_last and n]
        runner = CodeRunner(
            self.holder, "spikes", clock=self.parts.clock, when="synapses", order=ORDERS[side],
            code=code, name=f"{self.pathway.name}_{trigger.name}", check_units=False, template_kwds=keywords,
            needed_variables=needed,
            codeobj_class=InPlaceCodeObject if in_place else self.parts.codeobj_class,
        )  # fmt: skip
        return runner

    def _evaluation(self) -> CodeRunner:
        """Return the object that computes the present values of event-driven states."""
        code, last = {}, {**{side: LAST + side for side in SIDES}, "synapse": UPDATE}
        for end, states in self.states.items():
            lines = self._solve(end, last[end])[: -len(states)] if states else []
            code[end] = "\n".join([*lines, *(f"{CURRENT}{n} = _{OWN}{n}" for n in states)])
        times = [
            (LAST + side, side) for side in SIDES if LAST + side in self.holder.variables
        ] if self._derives_update() else []  # fmt: skip
        keywords = {
            "rows": f"ds::rows_{self.pathway.name}",
            "batch": self.sizes[2],
            "elements": self.counts,
            "vectors": [CURRENT + n for n in self.states["synapse"]],
            "times": times,
            "update": UPDATE,
            "real": number_type(self.parts),
        }
        return CodeRunner(
            self.holder, "current", clock=self.parts.clock, when="start", code=code,
            name=f"ds_current_{self.pathway.name}", check_units=False, template_kwds=keywords,
            needed_variables=[name for name, _ in times], codeobj_class=self.parts.codeobj_class,
        )  # fmt: skip

    def _once(self, side: str, effect: Effect) -> str:
        lines = [*self._solve(side, LAST + side)] if self.states[side] else []
        if LAST + side in self.holder.variables:
            lines.append(f"{LAST}{side} = t")
        return "\n".join([*lines, *self._written(effect.once)])

    def _now(self, other: str, effect: Effect) -> str:
        """Return the code that computes the present values of traces of the other end that are read here."""
        read = reads(effect.each) & set(self.states[other])
        if not read:
            return ""
        if other not in self.sides:
            return ""
        lines = self._solve(other, LAST + other)
        kept = lines[: -len(self.states[other])]
        return "\n".join([*kept, *(f"{NOW}{n} = _{OWN}{n}" for n in sorted(read))])

    def _each(self, other: str, effect: Effect) -> str:
        if not effect.each:
            return ""
        lines = self._solve("synapse", UPDATE) if self.states["synapse"] else []
        now = {n: NOW + n for n in self.states[other]}
        lines += self._written(effect.each, now)
        if self._keeps_updates():
            lines.append(f"{UPDATE} = t")
        return "\n".join(lines)

    def _solve(self, end: str, last: str) -> list[str]:
        """Return the lines that bring the states of an end from the time of the last update to the present."""
        return solve_states(self.pathway, self.states[end], self.own, last)

    def _written(self, lines: list[Assignment], now: dict[str, str] | None = None) -> list[str]:
        """Return assignments with the names that variables have in the program."""
        names = {**self.own, **(now or {})}
        return [code_line(line, names, self.held) for line in lines]

    def _accesses(self, effect: Effect) -> dict[str, str]:
        """Return what a presynaptic effect accesses, as sets of bits (`Access` in parallel.h).

        There is one bit for each population, and one for each pathway, whose effects do not run together.
        """
        circuit = self.parts.circuit
        names = [p.name for p in circuit.all_populations] + [p.name for p in circuit.pathways]
        there = (self.pathway.name, self.pathway.pre, self.pathway.post)
        own, pre, post = (1 << names.index(name) % 64 for name in there)
        once, each = (any(s.endswith("_pre") for s in reads(x)) for x in (effect.once, effect.each))
        writes = any(x.target.endswith("_post") for x in effect.each)
        sets = (own | post | each * pre, each * pre, writes * post)
        return {
            "serial": f"{own | once * pre}ull",
            "access": f"{{{', '.join(f'{s}ull' for s in sets)}}}",
        }

    def _can_spread(self, side: str, effect: Effect) -> bool:
        """Return whether threads that work on different events or blocks change nothing that others use.

        Of presynaptic events, threads take different postsynaptic units; of postsynaptic ones, different events,
        which are those of different units unless delays differ.
        """
        targets = [x.target for x in effect.each]
        changes_pre = any(t.endswith("_pre") for t in targets)
        if side == "post" and side not in self.text.same_arrival:
            changes_pre |= any(t.endswith("_post") for t in targets)
        return not changes_pre and not uses_both_ends(effect.each, self.text.recurrent)


def _events(trigger: Trigger) -> str:
    """Return the name of the list of elements with an event in the code of a pathway."""
    return f"ds_events_{trigger.name}"
