"""Plasticity rules of spiking synapses as values: equation texts that a pathway adds to its own."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np

from dendrosim.checks import as_any_text, as_code, mapping_of
from dendrosim.circuit.effects import SIDES, Trigger, as_effects, texts_by_event
from dendrosim.circuit.event import SPIKE, Event
from dendrosim.circuit.initial_values.base import Initial
from dendrosim.circuit.initial_values.fixed import Fixed
from dendrosim.circuit.population import Population
from dendrosim.circuit.rule_texts import join_texts, list_values, print_rule
from dendrosim.circuit.validation import (
    as_initial_value,
    as_name,
    as_parameters,
    as_value_of_synapses,
)
from dendrosim.equations.assignments import parse_assignments
from dendrosim.equations.declarations import parse_declarations
from dendrosim.errors import EquationError, ParameterError, SpecError, abbreviate, prefix_errors
from dendrosim.spec import Spec

COMPOSED = ("on_pre", "on_post", "equations", "parameters", "initial", "weight")
"""The fields of a pathway that its rules read or change."""

LOWER, UPPER = "weight_min", "weight_max"
"""Parameters of a rule that are the bounds of its weights; without `weight_min`, the lower bound is 0."""


@dataclass(frozen=True, eq=False)
class SynapseRule(Spec):
    """Describe a plasticity rule of spiking synapses by equation texts, for `Pathway(rule=...)`.

    The pathway does `before`, then its own `on_pre`, then that of the rule; after its own `on_post`, it does that
    of the rule. With several rules, each of these parts is done in the order of the rules. Texts are those of a
    `Pathway`: they use `weight`, variables of `equations`, and variables of both units with the endings `_pre` and
    `_post`. Functions of `ds.rules` return the rules that are shipped; `print(rule)` shows all texts, and
    `rule.replace(...)` returns a changed copy.

    Parameters
    ----------
    name : str
        Name of the rule, in lower case letters, digits and underscores, for messages.
    equations : str, optional
        Variables that each synapse has for itself; see `Pathway`.
    before : str, optional
        Assignments that come before the effect of a presynaptic spike. A new name to which they assign, such as
        `released` of short-term plasticity, is one that the effect must use.
    on_pre, on_post : str or mapping of str to str, optional
        What an event of the presynaptic or postsynaptic unit does after the texts of the pathway; see `Pathway`.
    parameters : mapping of str to quantity, optional
        Values of symbols in the texts. If there is a `weight_max`, the weights at the start must not be above it,
        nor below `weight_min` (0 if there is none). Parameters given to the pathway itself take precedence.
    initial : mapping of str to quantity or Initial, optional
        Initial values of the variables in `equations` (default 0). Those given to the pathway take precedence.
    post_equations : str, optional
        Variables that the postsynaptic population must have besides its own; `add_to` adds them.
    post_events : mapping of str to Event, optional
        Events that the postsynaptic population must have; `add_to` adds them.
    post_parameters : mapping of str to quantity, optional
        Values of symbols in `post_equations` and `post_events`.
    post_initial : mapping of str to quantity or Initial, optional
        Initial values of the states in `post_equations` (default 0).
    sources : str, optional
        Where the rule comes from.

    Raises
    ------
    SpecError
        If a text cannot be read or a value is not valid. `Pathway` and `Circuit` check the texts further, and
        name a variable or event that a population lacks.

    Examples
    --------
    Weights that grow by a constant at each presynaptic spike, up to a bound:

    >>> import dendrosim as ds
    >>> rule = ds.SynapseRule(
    ...     "growth", on_pre="weight = clip(weight + step, 0, weight_max)",
    ...     parameters={"step": 0.01, "weight_max": 1},
    ... )
    >>> feed = ds.Pathway("feed", "sender", "cell", "g_post += weight", weight=0.5, rule=rule)
    >>> print(feed.on_pre)
    g_post += weight
    weight = clip(weight + step, 0, weight_max)
    """

    name: Annotated[str, as_name]
    equations: Annotated[str, as_code] = ""
    before: Annotated[str, as_code] = ""
    on_pre: Annotated[Any, as_effects] = ""
    on_post: Annotated[Any, as_effects] = ""
    parameters: Annotated[Mapping[str, Any], as_parameters] = field(default_factory=dict)
    initial: Annotated[Mapping[str, Any], mapping_of(as_value_of_synapses)] = field(
        default_factory=dict
    )
    post_equations: Annotated[str, as_code] = ""
    post_events: Mapping[str, Event] = field(default_factory=dict)
    post_parameters: Annotated[Mapping[str, Any], as_parameters] = field(default_factory=dict)
    post_initial: Annotated[Mapping[str, Any], mapping_of(as_initial_value)] = field(
        default_factory=dict
    )
    sources: Annotated[str, as_any_text] = ""

    def __post_init__(self) -> None:
        with prefix_errors(f"SynapseRule {self.name!r}"):
            parse_declarations(self.equations)
            parse_declarations(self.post_equations)
            for text in (self.before, *self._texts("pre").values(), *self._texts("post").values()):
                parse_assignments(text)

    def __str__(self) -> str:
        titled = [("equations", self.equations), ("before the effect of a spike", self.before)]
        titled += [
            (Trigger(side, event).field, text)
            for side in SIDES
            for event, text in self._texts(side).items()
        ]
        titled += [
            ("parameters", list_values(self.parameters)),
            ("initial", list_values(self.initial)),
        ]
        titled += [("equations of the postsynaptic population", self.post_equations)]
        titled += [
            (f"event {name!r} of the postsynaptic population", f"{event.condition}\n{event.action}")
            for name, event in self.post_events.items()
        ]
        titled += [("parameters of the postsynaptic population", list_values(self.post_parameters))]
        titled += [("sources", self.sources)]
        return print_rule(self.name, titled)

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables that `equations` declares."""
        return tuple(d.name for d in parse_declarations(self.equations))

    @property
    def provided(self) -> tuple[str, ...]:
        """The new names to which `before` assigns; the effect of a presynaptic spike must use one of them."""
        own = {*self.variables, "weight"}
        targets = dict.fromkeys(x.target for x in parse_assignments(self.before))
        return tuple(n for n in targets if n not in own and not n.endswith(("_pre", "_post")))

    def add_to(self, population: Population) -> Population:
        """Return a population that has what the rule reads of its postsynaptic population.

        Parameters
        ----------
        population : Population
            The postsynaptic population, without the equations and events of the rule.

        Returns
        -------
        Population
            A copy with the equations, events, parameters and initial values of the rule.

        Raises
        ------
        SpecError
            If `Population` refuses them, for instance because it has a variable of the same name.
        """
        return population.replace(
            equations=join_texts([population.equations, self.post_equations]),
            events={**population.events, **self.post_events},
            parameters={**population.parameters, **self.post_parameters},
            initial={**population.initial, **self.post_initial},
        )

    def _texts(self, side: str) -> Mapping[str, str]:
        return texts_by_event(self.on_pre if side == "pre" else self.on_post)


def compose(where: str, rule: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a pathway with those of its rules.

    Parameters
    ----------
    where : str
        The pathway, for messages.
    rule : SynapseRule or sequence of SynapseRule
        The rules, in the order in which they act.
    given : mapping of str to object
        The fields `COMPOSED` of the pathway without its rules.

    Raises
    ------
    SpecError
        If `rule` is something else, or if two rules, or a rule and the effect, do not fit together.
    ParameterError
        If weights start outside of the bounds of a rule.
    """
    rules = as_rules(f"{where}: rule", rule)
    _check_names(where, rules)
    _check_effects(where, rules, given)
    parameters = _merge(r.parameters for r in rules) | dict(given["parameters"])
    _check_bounds(where, given["weight"], parameters)
    return {
        "equations": join_texts([*(r.equations for r in rules), given["equations"]]),
        "on_pre": _effects(given["on_pre"], rules, "pre"),
        "on_post": _effects(given["on_post"], rules, "post"),
        "parameters": as_parameters(f"{where}: parameters", parameters),
        "initial": {**_merge(r.initial for r in rules), **given["initial"]},
    }


def as_rules(where: str, value: Any) -> tuple[SynapseRule, ...]:
    """Return one rule or several as a tuple; raises SpecError if something is not a rule."""
    rules = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
    for rule in rules:
        if not isinstance(rule, SynapseRule):
            raise SpecError(
                f"{where} is {abbreviate(rule)}; it must be a SynapseRule, such as ds.rules.pair_stdp(), or a "
                "tuple of them"
            )
    return rules


def _check_names(where: str, rules: Sequence[SynapseRule]) -> None:
    """Refuse two rules that declare the same variable, or that have different parameters of one name."""
    seen: dict[str, SynapseRule] = {}
    for rule in rules:
        for name in rule.variables:
            if name in seen:
                raise SpecError(
                    f"{where}: the rules {seen[name].name!r} and {rule.name!r} both have the variable {name!r}; "
                    "rename it in a copy of one of them, rule.replace(...)"
                )
        for name, value in rule.parameters.items():
            if name in seen and seen[name].parameters.get(name) != value:
                raise SpecError(
                    f"{where}: the rules {seen[name].name!r} and {rule.name!r} have different values of {name!r}; "
                    "give both the same value, or rename it in a copy of one of them, rule.replace(...)"
                )
        seen |= dict.fromkeys((*rule.variables, *rule.parameters), rule)


def _check_effects(where: str, rules: Sequence[SynapseRule], given: Mapping[str, Any]) -> None:
    """Check that the texts of the pathway use what rules provide, and leave their variables alone."""
    with prefix_errors(where):
        texts = {
            Trigger(side, event): parse_assignments(text)
            for side in SIDES
            for event, text in texts_by_event(given[f"on_{side}"]).items()
        }
    effect = texts.get(Trigger("pre", SPIKE), ())
    used = {s for line in effect for s in line.symbols}
    for rule in rules:
        if rule.provided and not used & {*rule.provided}:
            raise EquationError(
                f"{where}: on_pre does not use {rule.provided[-1]!r}, which the rule {rule.name!r} computes "
                f"before; write it as in 'g_post += weight*{rule.provided[-1]}'"
            )
        for trigger, lines in texts.items():
            for line in lines:
                if line.target in (*rule.provided, *rule.variables):
                    raise EquationError(
                        f"{where}: {trigger.field} must not assign to {line.target!r}, which belongs to the rule "
                        f"{rule.name!r}; choose another name"
                    )


def _check_bounds(where: str, weight: Initial | None, parameters: Mapping[str, Any]) -> None:
    """Refuse weights that start outside of their bounds; those that are drawn at random are not checked."""
    top = parameters.get(UPPER)
    if top is None or not isinstance(weight, Fixed) or weight.value.dimension != top.dimension:
        return
    low = parameters[LOWER].value if LOWER in parameters else 0.0
    values = np.asarray(weight.value.value)
    if np.any((values < low) | (values > top.value)):
        raise ParameterError(
            f"{where}: weight has values outside of its bounds, {parameters.get(LOWER, 0)} and {top}; start "
            "between them, or give the rule another weight_max"
        )


def _effects(given: Any, rules: Sequence[SynapseRule], side: str) -> str | Mapping[str, str]:
    """Return the texts of the effects of one end by event."""
    own = texts_by_event(given)
    found = {event: [text] for event, text in own.items()}
    for rule in rules:
        for event, text in rule._texts(side).items():
            found.setdefault(event, []).append(text)
    if side == "pre":
        found[SPIKE] = [*(r.before for r in rules), *found.get(SPIKE, [])]
    joined = {event: join_texts(texts) for event, texts in found.items()}
    return as_effects("", {event: text for event, text in joined.items() if text})


def _merge(mappings: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {name: value for mapping in mappings for name, value in mapping.items()}
