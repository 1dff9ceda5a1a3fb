"""What `dendrosim show` prints of a plasticity rule."""

import inspect
import json
import sys

from dendrosim import rules
from dendrosim.cli.console import emit, emit_json, emit_table
from dendrosim.library.catalogue import list_entries


def is_rule(name: str) -> bool:
    """Return whether a name is that of a rule of `ds.rules`, and not that of a model or protocol as well."""
    return name in dir(rules) and name not in {entry.name for entry in list_entries()}


def show_rule(name: str, as_json: bool) -> None:
    """Print documentation and arguments of a rule, and its texts, parameters and sources."""
    function = getattr(rules, name)
    rule, text = function(), inspect.getdoc(sys.modules[function.__module__]) or ""
    arguments = inspect.signature(function).parameters.values()
    if as_json:
        emit_json({"name": name, "kind": "rule", "text": text, "rule": json.loads(rule.to_json())})
        return
    emit(f"{name} (rule, ds.rules.{name})\n")
    emit(text + "\n")
    rows = [(a.name, repr(a.default)) for a in arguments if a.default is not a.empty]
    emit_table(("argument", "default"), rows)
    emit(f"\n{rule}")
