"""The learning rules that model files declare, by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dendrosim.display.short import ShortRepr
from dendrosim.errors import SpecError, UnknownNameError
from dendrosim.learning.network import Network
from dendrosim.library.catalogue import Entry, find_entry, is_path, list_entries, read_source
from dendrosim.library.files import load_module

DECLARATION = "LEARNING"
"""Name in a model file of the `Network` that makes its circuit comparable."""


@dataclass(frozen=True)
class Rule(ShortRepr):
    """A learning rule: a model with values of some of its parameters.

    Attributes
    ----------
    name : str
        Name of the rule.
    model : str
        Name of the model, or path of its file.
    parameters : mapping of str to object
        Values of the model's parameters that make this rule.
    network : Network
        What the model file declares.
    """

    name: str
    model: str
    parameters: Mapping[str, Any]
    network: Network


def known_rules() -> dict[str, Rule]:
    """Return the rules of all models in the catalogue that declare one, by name."""
    found: dict[str, Rule] = {}
    for entry in list_entries():
        if entry.file_kind != "model" or DECLARATION not in read_source(entry.path).decode(
            errors="ignore"
        ):
            continue
        found |= rules_of_model(entry.name)
    return found


def rules_of_model(name: str) -> dict[str, Rule]:
    """Return the rules that a model declares, by name.

    Parameters
    ----------
    name : str
        Name of the model in the catalogue, or path of its file.

    Raises
    ------
    SpecError
        If the file declares no `LEARNING`.
    """
    return {rule.name: rule for rule in _rules_of(find_entry(name, "model"), name)}


def find_rule(name: str) -> Rule:
    """Return a rule by its name, or the rule of a model file by the path of the file.

    Raises
    ------
    UnknownNameError
        If there is no such rule.
    SpecError
        If the file declares no `LEARNING`, or several rules.
    """
    if not is_path(name):
        known = known_rules()
        if name not in known:
            raise UnknownNameError("value of rules", name, known)
        return known[name]
    found = rules_of_model(name)
    if len(found) > 1:
        raise SpecError(
            f"{name} declares the rules {', '.join(found)}; a file given by path must declare one"
        )
    return next(iter(found.values()))


def _rules_of(entry: Entry, model: str) -> list[Rule]:
    network = getattr(load_module(entry.path), DECLARATION, None)
    if not isinstance(network, Network):
        raise SpecError(
            f"{entry.path} declares no {DECLARATION}; add to it {DECLARATION} = "
            "ds.learning.Network(layers=..., weights=...) with the names of rates and matrices"
        )
    rules = network.rules or {entry.name: {}}
    return [Rule(name, model, values, network) for name, values in rules.items()]
