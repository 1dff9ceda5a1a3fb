"""The page of all plasticity rules: closed forms, texts, and the mean drift of weights where it is known."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from markdown_text import docstring_markdown, escape

import dendrosim as ds
from dendrosim.circuit.matrix_rule import MatrixRule
from dendrosim.errors import DendrosimError
from dendrosim.library.catalogue import list_entries

RATES = {MatrixRule: np.linspace(0.0, 2.0, 41)}
"""Rates at which the drift is drawn, for the types of rules for which they are not those of spike trains."""
TRAINS = np.linspace(0.5, 60.0, 41)
WINDOWS = ("stdp_window", "stdp_frequency", "triplets", "calcium_pairing")
"""Protocols that measure the curves by which rules of synapses are known."""

INTRODUCTION = """# Plasticity rules

`Matrix(..., rule=ds.rules.oja())` gives a rule to a matrix of weights, `Pathway(..., rule=ds.rules.pair_stdp())`
one to spiking synapses. Texts below are those of the default arguments, as `print(rule)` shows them. Nothing
depends on the name of a rule: a changed copy, `rule.replace(...)`, is a rule like any other.

Pictures show the mean rate at which a weight of 0.5 changes, by the rates of both ends, as `ds.plot.drift_field`
draws it: for independent Poisson trains, or for constant activities of a matrix. Slow variables, such as a
threshold, have the values that they reach. Rules without a picture have no closed form for this.
"""


def pages(figures: Path) -> dict[str, str]:
    """Return the text of the page by its name, and draw its figures into the folder `figures`."""
    (figures / "rules").mkdir(parents=True, exist_ok=True)
    found = {e.name for e in list_entries() if e.file_kind == "protocol"} & {*WINDOWS}
    parts = [INTRODUCTION]
    if found:
        links = ", ".join(f"[`{n}`](protocols/{n}.md)" for n in WINDOWS if n in found)
        parts.append(f"Curves by which rules of synapses are known, measured in runs: {links}.\n")
    for name in dir(ds.rules):
        parts += _section(name, getattr(ds.rules, name), figures / "rules")
    return {"rules": "\n".join(parts)}


def _section(name: str, function: Any, figures: Path) -> Iterator[str]:
    yield f"## {name}\n"
    summary = (inspect.getdoc(function) or "").partition("\n\n")[0]
    yield f"{escape(summary)} Arguments: [`ds.rules.{name}`](api/rules.{name}.md).\n"
    yield docstring_markdown(inspect.getmodule(function).__doc__ or "")
    try:
        rule = function()
    except (DendrosimError, TypeError):
        return  # a rule without defaults
    yield f"```text\n{rule}\n```\n"
    rates = RATES.get(type(rule), TRAINS)
    try:
        ax = ds.plot.drift_field(rule, rates, rates, method="averaging")
    except DendrosimError:
        return
    ax.figure.savefig(figures / f"{name}.png", dpi=120)
    yield f"```{{figure}} figures/rules/{name}.png\n:alt: drift of weights by {name}\n:width: 420px\n```\n"
