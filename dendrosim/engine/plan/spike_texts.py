"""The texts about spikes as programs need them: with random numbers from streams, one for each call.

The number of a unit depends on the seed, the call, the step, the unit and the sample; the number of a synapse on
its place in the order of synapses (see `synapse_tables`), not on its place in memory. So all back ends draw the
same numbers, with any number of threads.
"""

from dataclasses import dataclass, replace

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.event import SPIKE
from dendrosim.circuit.pathway import Pathway
from dendrosim.circuit.population import Population
from dendrosim.engine.plan.signal_slots import ELEMENT
from dendrosim.equations.assignments import Assignment, parse_assignments
from dendrosim.equations.random_calls import replace_calls, replace_calls_in_lines
from dendrosim.equations.rewriting import put_transfer_in_place

SYNAPSE = "ds_synapse"
"""Name of the variable with the index of each synapse's random number in a step: synapse + 2^32 sample."""
KEY = "ds_rand_"
"""Prefix of the names of hidden numbers, from which the random numbers of a step are derived."""


@dataclass(frozen=True)
class EventTexts:
    """The condition and the action of an event of a population; `keys` are the names of their streams."""

    condition: str
    action: tuple[Assignment, ...]
    keys: tuple[str, ...]


@dataclass(frozen=True)
class EffectTexts:
    """What spikes of both ends of a pathway do; `keys` are the names of its streams."""

    pre: tuple[Assignment, ...]
    post: tuple[Assignment, ...]
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
            put_transfer_in_place(condition, population.transfer),
            tuple(
                replace(x, expression=put_transfer_in_place(x.expression, population.transfer))
                for x in lines
            ),
            keys + more,
        )
    return found


def effect_texts(pathway: Pathway) -> EffectTexts:
    """Return what spikes of both ends of a pathway do."""
    pre, keys = replace_calls_in_lines(parse_assignments(pathway.on_pre), f"{KEY}pre", SYNAPSE)
    post, more = replace_calls_in_lines(parse_assignments(pathway.on_post), f"{KEY}post", SYNAPSE)
    return EffectTexts(pre, post, keys + more)


def keys_of(circuit: Circuit) -> dict[str, tuple[str, ...]]:
    """Return the names of the streams of each population and pathway that has any."""
    found = {
        p.name: tuple(key for texts in event_texts(p).values() for key in texts.keys)
        for p in circuit.all_populations
    }
    found |= {p.name: effect_texts(p).keys for p in circuit.pathways}
    return {name: keys for name, keys in found.items() if keys}
