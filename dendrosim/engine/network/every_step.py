"""What synapses do in every step: sums over the synapses of a unit, and forward Euler steps of their states.

The sums are computed where projections are, before recordings. The states are updated before those of populations,
so both see the state at the beginning of the step.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from dendrosim.circuit.evaluation_order import end_variables
from dendrosim.circuit.pathway import Pathway
from dendrosim.engine.network.parts import NetworkParts
from dendrosim.engine.network.synapses import own_names
from dendrosim.engine.plan.spike_texts import step_lines
from dendrosim.engine.plan.state_arrays import OWN, VALUE
from dendrosim.equations.declarations import find_identifiers
from dendrosim.equations.real_numbers import with_real_numbers
from dendrosim.equations.rewriting import replace_symbols


@dataclass(frozen=True)
class StepText:
    """A text that is done for every synapse in every step.

    `references` has, for each symbol that is a variable of a unit, its end and its name in the group of that end.
    """

    expressions: Mapping[str, str]
    references: dict[str, tuple[str, str]]

    def euler_step(self) -> str:
        """Return the code of a forward Euler step; all rates are computed from the state at its beginning."""
        new = [f"_{OWN}{n} = {OWN}{n} + dt*({rate})" for n, rate in self.expressions.items()]
        return "\n".join([*new, *(f"{OWN}{n} = _{OWN}{n}" for n in self.expressions)])


def used_paths(parts: NetworkParts, pathway: Pathway, names: tuple[str, ...]) -> list[str]:
    """Return the variables of populations (`population.variable`) that sums or states of a pathway use."""
    symbols = {s for text in step_lines(pathway, names).values() for s in find_identifiers(text)}
    found = end_variables(pathway, sorted(symbols)).values()
    known = {f"{p.name}.{v}" for p in parts.circuit.all_populations for v in p.variables}
    return [path for path in dict.fromkeys(found) if path in known]


def step_text(parts: NetworkParts, pathway: Pathway, names: tuple[str, ...]) -> StepText:
    """Return the text of sums or clock-driven states of a pathway.

    Subexpressions of populations have been computed: their values are in arrays of the groups.
    """
    lines = step_lines(pathway, names)
    own = own_names(parts.circuit, pathway)
    symbols = {s for text in lines.values() for s in find_identifiers(text)} - set(own)
    references, renamed = {}, dict(own)
    for symbol, path in end_variables(pathway, symbols).items():
        population, name = path.split(".")
        end = symbol.rsplit("_", 1)[1]
        declared = parts.circuit.population(population).variables.get(name)
        if declared is not None and declared.kind == "subexpression":
            name = VALUE + name
            renamed[symbol] = f"{name}_{end}"
        references[f"{name}_{end}"] = (end, name)
    expressions = {
        n: with_real_numbers(replace_symbols(text, renamed)) for n, text in lines.items()
    }
    return StepText(expressions, references)
