"""What synapses do in every step, in a program of cpp: code for each synapse, in blocks of postsynaptic units."""

from brian2.groups.group import CodeRunner

from dendrosim.circuit.pathway import Pathway
from dendrosim.engine.cpp.code_objects import INDICES
from dendrosim.engine.network.every_step import StepText, step_text
from dendrosim.engine.network.parts import NetworkParts


def build_total(parts: NetworkParts, pathway: Pathway, variable: str, order: int) -> CodeRunner:
    """Return the object that sets a variable of the postsynaptic population to a sum over synapses."""
    text, target = step_text(parts, pathway, (variable,)), f"{variable}_post"
    text.references[target] = ("post", variable)
    code = f"{target} += {text.expressions[variable]}"
    name = f"{pathway.name}_total_{variable}"
    return _runner(parts, pathway, text, code, name, "start", order, target)


def build_advance(parts: NetworkParts, pathway: Pathway) -> CodeRunner:
    """Return the object that does one step of the clock-driven states of synapses."""
    text = step_text(parts, pathway, pathway.clock_driven)
    name = f"{pathway.name}_advance"
    return _runner(parts, pathway, text, text.euler_step(), name, "before_groups", 0)


def _runner(
    parts: NetworkParts, pathway: Pathway, text: StepText, code: str, name: str, when: str, order: int,
    total: str | None = None,
) -> CodeRunner:  # fmt: skip
    holder = parts.groups[pathway.name]
    for symbol, (end, inner) in text.references.items():
        if symbol not in holder.variables:
            group = parts.groups[pathway.pre if end == "pre" else pathway.post]
            index = "0" if group.variables[inner].scalar else INDICES[end]
            holder.variables.add_reference(symbol, group, inner, index=index)
    keywords = {
        "rows": f"ds::rows_{pathway.name}",
        "batch": parts.protocol.batch,
        "total": total,
    }
    return CodeRunner(
        holder, "every_step", code=code, clock=parts.clock, when=when, order=order, name=name,
        check_units=False, template_kwds=keywords, codeobj_class=parts.codeobj_class,
    )  # fmt: skip
