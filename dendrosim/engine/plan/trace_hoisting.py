"""Find variables of synapses that depend on one end only, and what a spike does once for all its synapses.

A trace of presynaptic spikes has the same value in all synapses of a presynaptic unit. It is *hoisted*: there is
one number for each unit, and a spike changes it once. A variable is hoisted to one end, presynaptic or
postsynaptic, if

- all synapses start with the same value;
- only spikes and other events of that end assign to it, and they reach all synapses of a unit in the same step;
- what is assigned, and its equation, depends only on numbers that all synapses share, on variables hoisted to
  the same end, and on variables of the unit at that end;
- its equation depends on no other state that is not hoisted to that end.

The rest of the text is done for each synapse. Where it reads a value that was computed once per unit, that value
is kept under a name of its own, because the unit may change it further down in the text.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from dendrosim.circuit.effects import SIDES, Trigger
from dendrosim.engine.plan.spike_texts import SYNAPSE
from dendrosim.equations.assignments import Assignment
from dendrosim.equations.rewriting import (
    find_symbols,
    parse_expression,
    read_symbols,
    replace_symbols,
)

KEPT = "ds_kept_"
"""Prefix of names of values that are computed once per unit, for the text that is done for each synapse."""


@dataclass(frozen=True)
class SynapseText:
    """What the texts of a pathway say.

    Parameters
    ----------
    effects : mapping of Trigger to sequence of Assignment
        What events at both ends do.
    equations : mapping of str to str
        Right-hand sides of the event-driven equations of synaptic variables.
    equal : mapping of str to bool
        For all variables that synapses have for themselves, whether they all start with the same value.
    same_arrival : collection of str
        Ends whose spikes reach all synapses of a unit in the same step.
    recurrent : bool
        Whether both ends are the same population.
    """

    effects: Mapping[Trigger, tuple[Assignment, ...]]
    equations: Mapping[str, str]
    equal: Mapping[str, bool]
    same_arrival: Collection[str]
    recurrent: bool

    def of_side(self, side: str) -> dict[Trigger, tuple[Assignment, ...]]:
        """Return the effects of one end."""
        return {trigger: lines for trigger, lines in self.effects.items() if trigger.side == side}


@dataclass
class Effect:
    """What a spike does: `once` for its unit, then `each` for every synapse of the unit.

    `each` reads values of `once` under the names in `kept`.
    """

    once: list[Assignment] = field(default_factory=list)
    each: list[Assignment] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def hoist(text: SynapseText) -> dict[str, str]:
    """Return the variables that can be hoisted, each with its end, `pre` or `post`."""
    found: dict[str, str] = {}
    for side in SIDES:
        # The time since the last spike of an end is known only if spikes of that end have effects.
        if side in text.same_arrival and text.of_side(side):
            own = _hoisted_to(text, side, {n for n in text.equal if n not in found})
            found |= dict.fromkeys(sorted(own), side)
    return found


def _hoisted_to(text: SynapseText, side: str, candidates: set[str]) -> set[str]:
    """Return the largest set of variables that can be hoisted to an end: take away until nothing contradicts."""
    here = text.of_side(side)
    others = [line.target for t, lines in text.effects.items() if t not in here for line in lines]
    own = {n for n in candidates if text.equal[n] and n not in others}
    reads_of = {n: read_symbols(rate) for n, rate in text.equations.items()}
    while True:
        kept = set(own)
        for trigger, lines in here.items():
            kept -= {line.target for line in lines} - _targets_of_once(text, trigger, own)
        # States that depend on each other are solved together, so all or none of them are hoisted.
        kept -= {n for n in kept if (reads_of.get(n, set()) & set(text.equal)) - kept}
        for name, read in reads_of.items():
            if name not in kept:
                kept -= read & set(reads_of)
        if kept == own:
            return own
        own = kept


def _targets_of_once(text: SynapseText, trigger: Trigger, own: set[str]) -> set[str]:
    """Return the targets of an effect, in `own` or new names, that can be assigned once per unit everywhere."""
    lines = text.effects[trigger]
    new = {line.target for line in lines if not line.target.endswith(("_pre", "_post"))}
    once = {n for n in new if n in own or n not in text.equal}
    while True:
        wrong = {
            line.target
            for line in lines
            if line.target in once and not _is_shared(text, trigger, line, own, once)
        }
        if not wrong:
            return once
        once -= wrong


def _is_shared(
    text: SynapseText, trigger: Trigger, line: Assignment, own: set[str], once: set[str]
) -> bool:
    """Return whether a right-hand side has one value for all synapses of a unit."""
    lines, side = text.effects[trigger], trigger.side
    targets = {x.target for x in lines}
    tree = parse_expression(line.expression)
    for symbol in find_symbols(tree):
        if symbol == SYNAPSE:  # the index of random numbers, another one for each synapse
            return False
        if symbol in text.equal:
            if symbol not in own or (symbol in targets and symbol not in once):
                return False
        elif symbol.endswith(("_pre", "_post")):
            # A variable of the unit, unless the spike changes variables of units at this end.
            changed = any(t.endswith(f"_{side}") for t in targets)
            changed |= text.recurrent and any(t.endswith(("_pre", "_post")) for t in targets)
            if not symbol.endswith(f"_{side}") or changed:
                return False
        elif symbol in targets and symbol not in once:
            return False
    return True


def split_effect(text: SynapseText, trigger: Trigger, hoisted: Mapping[str, str]) -> Effect:
    """Return the parts of an event's effect that are done once and for each synapse.

    Parameters
    ----------
    text : SynapseText
    trigger : Trigger
        The event.
    hoisted : mapping of str to str
        The result of `hoist`.
    """
    own = {name for name, side in hoisted.items() if side == trigger.side}
    once = _targets_of_once(text, trigger, own) if trigger.side in text.same_arrival else set()
    effect = Effect()
    current: dict[
        str, str
    ] = {}  # name under which `each` reads a value of `once` at this place of the text
    for line in text.effects[trigger]:
        if line.target in once:
            effect.once.append(line)
            current.pop(line.target, None)
            continue
        for symbol in sorted(read_symbols(line.expression) & (once | own)):
            if symbol not in current:
                current[symbol] = f"{KEPT}{len(effect.kept)}"
                effect.kept.append(current[symbol])
                effect.once.append(Assignment(current[symbol], "=", symbol))
        expression = replace_symbols(line.expression, current)
        effect.each.append(Assignment(line.target, line.operator, expression))
    _drop_unread(effect, own)
    return effect


def _drop_unread(effect: Effect, own: set[str]) -> None:
    """Remove assignments of `once` to new names that nothing reads."""
    read = {s for line in effect.each for s in line.symbols} | own
    lines: list[Assignment] = []
    for line in reversed(effect.once):
        if line.target in read or line.target in effect.kept:
            lines.append(line)
            read |= line.symbols
            read.add(line.target)
    effect.once = lines[::-1]


def reads(lines: Iterable[Assignment]) -> set[str]:
    """Return all symbols on the right-hand sides of assignments."""
    return {s for line in lines for s in read_symbols(line.expression)}
