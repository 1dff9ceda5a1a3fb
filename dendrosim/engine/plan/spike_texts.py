"""The texts about spikes as programs need them: with random numbers from streams, one for each call.

The number of a unit depends on the seed, the call, the step, the unit and the sample; the number of a synapse on
its place in the order of synapses (see `synapse_tables`), not on its place in memory. So all back ends draw the
same numbers, with any number of threads.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.circuit_data import CircuitData
from dendrosim.circuit.effects import Trigger
from dendrosim.circuit.event import SPIKE
from dendrosim.circuit.pathway import PAIR_NAMES, Pathway
from dendrosim.circuit.population import UNIT, Population
from dendrosim.engine.plan.signal_slots import ELEMENT
from dendrosim.engine.plan.subexpressions import put_subexpressions_in_place
from dendrosim.equations.assignments import Assignment
from dendrosim.equations.declarations import find_identifiers
from dendrosim.equations.random_calls import replace_calls, replace_calls_in_lines
from dendrosim.equations.rewriting import replace_symbols

SYNAPSE = "ds_synapse"
"""Name of the variable with the index of each synapse's random number in a step: synapse + 2^32 sample."""
UNITS = "ds_units"
"""Name of the variable of a population's program with its number of units, for pathways."""
KEY = "ds_rand_"
"""Prefix of the names of hidden numbers, from which the random numbers of a step are derived."""
ADDED_KEY = f"{KEY}added"
ADDED = f"weight*ds_binomial({ADDED_KEY}, {ELEMENT}, trains, rate*dt)"
"""What a source adds to a state in a step, in variables of the source's population (see `Source.adds_to`)."""
_PAIR_VARIABLES = dict(
    zip(
        PAIR_NAMES,
        (f"{name}{end}" for name in (UNIT, UNITS) for end in ("_pre", "_post")),
        strict=True,
    )
)


@dataclass(frozen=True)
class EventTexts:
    """The condition and the action of an event of a population; `keys` are the names of their streams."""

    condition: str
    action: tuple[Assignment, ...]
    keys: tuple[str, ...]


@dataclass(frozen=True)
class EffectTexts:
    """What events at both ends of a pathway do, in the order of `Pathway.effects`.

    `keys` are the names of its streams.
    """

    effects: Mapping[Trigger, tuple[Assignment, ...]]
    keys: tuple[str, ...]


def event_texts(population: Population) -> dict[str, EventTexts]:
    """Return the texts of the events of a population by name, with transfer functions in place."""
    found = {}
    for name, event in population.all_events.items():
        is_spike = name == SPIKE
        prefixes = ("threshold", "reset") if is_spike else (f"condition_{name}_", f"action_{name}_")
        # A transfer function may use its argument twice, so random numbers in it are replaced first.
        condition, keys = replace_calls(event.condition, KEY + prefixes[0], ELEMENT)
        lines, more = replace_calls_in_lines(event.assignments, KEY + prefixes[1], ELEMENT)
        found[name] = EventTexts(
            population.in_place(condition),
            tuple(replace(x, expression=population.in_place(x.expression)) for x in lines),
            keys + more,
        )
    return found


def effect_texts(circuit: CircuitData, pathway: Pathway) -> EffectTexts:
    """Return what events at both ends of a pathway do, with variables of both ends for indices and numbers."""
    effects, keys = {}, tuple[str, ...]()
    for trigger, lines in pathway.effects.items():
        prefix = f"{KEY}{trigger.name}{'' if trigger.event == SPIKE else '_'}"
        lines, more = replace_calls_in_lines(lines, prefix, SYNAPSE)
        lines = put_subexpressions_in_place(circuit, pathway, lines)
        effects[trigger] = _pairs_in_place(lines)
        keys += more
    return EffectTexts(effects, keys)


def step_lines(pathway: Pathway, names: Iterable[str]) -> dict[str, str]:
    """Return the right-hand sides of sums or clock-driven states, with variables of both ends for indices."""
    declared = {**pathway.variables, **pathway.sums}
    return {n: replace_symbols(declared[n].expression, _PAIR_VARIABLES) for n in names}


def _pairs_in_place(lines: tuple[Assignment, ...]) -> tuple[Assignment, ...]:
    return tuple(
        replace(x, expression=replace_symbols(x.expression, _PAIR_VARIABLES))
        if x.symbols & set(PAIR_NAMES)
        else x
        for x in lines
    )


def hidden_numbers(circuit: Circuit) -> dict[str, set[str]]:
    """Return, for each population, which of the variables `UNIT` and `UNITS` the texts of the circuit use."""
    found = {p.name: {UNIT} if p.uses_index else set[str]() for p in circuit.all_populations}
    for pathway in circuit.pathways:
        effects = effect_texts(circuit, pathway).effects.values()
        symbols = {s for lines in effects for line in lines for s in line.symbols}
        texts = step_lines(pathway, (*pathway.sums, *pathway.clock_driven)).values()
        symbols |= {s for text in texts for s in find_identifiers(text)}
        for end, name in (("_pre", pathway.pre), ("_post", pathway.post)):
            found[name] |= {n for n in (UNIT, UNITS) if n + end in symbols}
    return found


def keys_of(circuit: Circuit) -> dict[str, tuple[str, ...]]:
    """Return the names of the streams of each population, pathway and source that has any."""
    found = {
        p.name: tuple(key for texts in event_texts(p).values() for key in texts.keys)
        for p in circuit.all_populations
    }
    found |= {p.name: effect_texts(circuit, p).keys for p in circuit.pathways}
    found |= {s.name: (ADDED_KEY,) for s in circuit.sources if s.adds_to is not None}
    return {name: keys for name, keys in found.items() if keys}
