"""Pages of the API: one for each public name, grouped by the folder that defines it."""

import importlib
import inspect
import re
from pathlib import Path

import dendrosim as ds

STUB = Path(ds.__file__).with_suffix(".pyi")
_LISTED = re.compile(r"^from \.([\w.]*) import \w+ as (\w+)$", re.MULTILINE)

GROUPS = {
    "Circuits": ("circuit.circuit", "circuit.population", "circuit.matrix", "circuit.pathway", "circuit.event"),
    "Sources of spikes": ("circuit.sources",),
    "Connections": ("circuit.connectivity",),
    "Initial values": ("circuit.initial_values",),
    "Protocols": ("protocol",),
    "Signals": ("signals",),
    "Parameters of files": ("circuit.declaration", "library", "checks", "units", "equations"),
    "Runs and results": ("experiments.run", "results", "library.measuring"),
    "Descriptions of plasticity": ("rules", "circuit.synapse_rule", "circuit.matrix_rule"),
    "Fixed points and stability": ("stability", "experiments.basin", "experiments.end_state"),
    "Sweeps": ("study",),
    "Scripts for Brian2": ("study.brian_script",),
    "Checks of files": ("experiments.file_check",),
}  # fmt: skip
"""The groups of the page, with the parts of the package that define their names; the longest match decides."""

MODULES = {
    "plot": "Figures, `ds.plot`",
    "rules": "Plasticity rules, `ds.rules`",
    "analysis": "Analysis, `ds.analysis`",
    "tasks": "Data sets, `ds.tasks`",
    "learning": "Networks that learn, `ds.learning`",
    "errors": "Errors, `ds.errors`",
}
"""Public modules with their headings."""


def listed_names() -> dict[str, str]:
    """Return the public names of the stub with the modules that define them; modules are left out."""
    found = _LISTED.findall(STUB.read_text("utf-8"))
    return {name: module for module, name in found if module}


def group_of(module: str) -> str:
    """Return the group of a module."""
    matching = [
        (len(part), group)
        for group, parts in GROUPS.items()
        for part in parts
        if f"{module}.".startswith(f"{part}.")
    ]
    return max(matching)[1]


def pages() -> dict[str, str]:
    """Return the text of each page by its name."""
    groups: dict[str, list[str]] = {group: [] for group in GROUPS}
    for name, module in listed_names().items():
        groups[group_of(module)].append(name)
    found, index = (
        {},
        ["# API reference\n", "Everything below is `import dendrosim as ds`; `ds.NAME`.\n"],
    )
    for group, names in groups.items():
        index.append(_table(group, {name: getattr(ds, name) for name in names}, "dendrosim"))
        found |= {f"api/{name}": _page(name, f"dendrosim.{name}") for name in names}
    for module, heading in MODULES.items():
        members = module_members(module)
        index.append(_table(heading, members, f"dendrosim.{module}", f"{module}."))
        found |= {
            f"api/{module}.{name}": _page(f"{module}.{name}", _path(module, name))
            for name in members
        }
    index.append("```{toctree}\n:hidden:\n:glob:\n\napi/*\n```\n")
    return {**found, "api": "\n".join(index)}


def module_members(module: str) -> dict[str, object]:
    """Return the public names of a public module with their values."""
    value = getattr(ds, module)
    names = getattr(value, "__all__", None) or [n for n in dir(value) if not n.startswith("_")]
    found = {name: getattr(value, name) for name in sorted(names)}
    return {
        name: member
        for name, member in found.items()
        if callable(member) and getattr(member, "__module__", "").startswith("dendrosim")
    }


def _path(module: str, name: str) -> str:
    return f"dendrosim.{module}.{name}"


def _table(heading: str, members: dict[str, object], module: str, prefix: str = "") -> str:
    lines = [f"## {heading}\n", "| name | |", "|---|---|"]
    for name, value in members.items():
        lines.append(f"| [`{prefix}{name}`](api/{prefix}{name}.md) | {_summary(value)} |")
    return "\n".join(lines) + "\n"


def _summary(value: object) -> str:
    first = (inspect.getdoc(value) or "").partition("\n\n")[0].replace("\n", " ")
    return first.replace("``", "`").replace("|", "\\|").replace("*", "\\*")


def _page(title: str, path: str) -> str:
    module, _, name = path.rpartition(".")
    value = getattr(importlib.import_module(module), name)
    directive = "autoclass" if inspect.isclass(value) else "autofunction"
    options = "   :members:\n" if inspect.isclass(value) else ""
    return f"# {title}\n\n```{{eval-rst}}\n.. {directive}:: {path}\n{options}```\n"
