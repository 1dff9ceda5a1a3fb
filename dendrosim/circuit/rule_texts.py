"""Texts of plasticity rules: how they are joined, and how a rule is printed."""

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from dendrosim.circuit.initial_values.fixed import Fixed


def print_rule(name: str, parts: Iterable[tuple[str, str]]) -> str:
    """Return a rule as a text for readers: its name, then each part that is not empty, below its title."""
    shown = [
        f"{title}\n{textwrap.indent(tidy_text(text), '    ')}"
        for title, text in parts
        if text.strip()
    ]
    return "\n".join([f"rule {name}", *shown])


def list_values(values: Mapping[str, Any]) -> str:
    """Return one line for each name with its value."""
    return "\n".join(f"{n} = {v.value if isinstance(v, Fixed) else v}" for n, v in values.items())


def join_texts(texts: Iterable[str]) -> str:
    """Return texts below each other, without those that are empty."""
    return "\n".join(tidy for tidy in map(tidy_text, texts) if tidy)


def tidy_text(text: str) -> str:
    """Return a text without common indentation and without empty lines at its ends."""
    return textwrap.dedent(text).strip("\n").rstrip()
