"""The order of the package's folders: imports go down, never round."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "dendrosim"

ORDER = (
    ("errors",),
    ("streams", "arrays", "discovery"),
    ("units", "machine"),
    ("display",),
    ("checks",),
    ("spec",),
    ("equations",),
    ("circuit", "signals"),
    ("rules", "mechanisms"),
    ("protocol",),
    ("results",),
    ("library", "stability", "engine", "analysis", "tasks"),
    ("experiments", "plot"),
    ("learning",),
    ("study",),
    ("cli",),
)
"""Rooms from the ground up; a room imports from those before it."""

APART = (
    {"library", "stability", "engine", "analysis", "tasks"},
    {"experiments", "plot"},
    {"circuit", "signals"},
)
"""Rooms of one floor that do not import each other; circuit and signals in one direction only."""

ALLOWED = {("signals", "circuit")}

_NAME_OF_MODULE = re.compile(r"dendrosim(\.\w+)+\.?")

FLAT = 8
"""Files that may lie at the top of the package."""


def modules(package=PACKAGE):
    """Every module of a package by name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path, name, known):
    """Modules that a file imports, also inside functions and under TYPE_CHECKING, or names in a text.

    A text that begins with `dendrosim.` may be the name of a module or folder that is imported by a function. An
    f-string, such as f"dendrosim.engine.{name}.backend", counts as its longest known beginning.
    """
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            found |= {
                f"{base}.{a.name}" if f"{base}.{a.name}" in known else base for a in node.names
            }
        elif isinstance(node, ast.Constant) and _NAME_OF_MODULE.fullmatch(str(node.value)):
            parts = node.value.strip(".").split(".")
            beginnings = [".".join(parts[: n + 1]) for n in range(1, len(parts))]
            found |= set([b for b in beginnings if b in known][-1:])
    return {module for module in found if module in known and module != name}


def arrows(package=PACKAGE):
    """Module to the modules that it imports; the package's own `__init__` imports by name only."""
    known = modules(package)
    return {name: imports(path, name, known) for name, path in known.items()}


def circles(graph):
    """Groups of modules that import each other in a loop, as sorted tuples."""

    def reachable(start):
        seen, todo = set(), [start]
        while todo:
            for other in graph[todo.pop()] - seen:
                seen.add(other)
                todo.append(other)
        return seen

    reach = {name: reachable(name) for name in graph}
    return sorted(
        {tuple(sorted(o for o in reach[n] if n in reach[o])) for n in graph if n in reach[n]}
    )


def room(name):
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else ""


def against_the_order(graph):
    """Arrows that go up, or between rooms of one floor that stay apart."""
    floor = {r: i for i, rooms in enumerate(ORDER) for r in rooms}
    found = []
    for name, others in graph.items():
        for other in sorted(others):
            here, there = room(name), room(other)
            if here == there or not here:
                continue
            if not there:
                found.append(f"{name} imports the package itself")
            elif floor[there] > floor[here]:
                found.append(f"{name} imports {other}, which lies above it")
            elif (here, there) not in ALLOWED and any({here, there} <= rooms for rooms in APART):
                found.append(f"{name} imports {other}; {here} and {there} stay apart")
    return found


def test_no_module_imports_itself_through_others():
    found = circles(arrows())
    assert not found, "\n".join(" <-> ".join(names) for names in found)


def test_every_import_goes_down():
    found = against_the_order(arrows())
    assert not found, "\n".join(found)


def test_every_room_has_its_place_in_the_order():
    rooms = {room(name) for name in modules()} - {""}
    assert rooms == {r for floor in ORDER for r in floor}


def test_few_files_lie_at_the_top():
    assert len(list(PACKAGE.glob("*.py"))) <= FLAT


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("circuit/paths.py", "def f():\n    from dendrosim.signals import base\n", "stay apart"),
        (
            "units.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import dendrosim.spec\n",
            "units",
        ),
        ("engine/task.py", "from dendrosim.stability.vector_field import flow\n", "stay apart"),
        ("results/labels.py", "from dendrosim.engine import task\n", "lies above it"),
        ("results/labels.py", "from . import netcdf\n", "netcdf"),
        (
            "circuit/paths.py",
            "import importlib\nimportlib.import_module('dendrosim.signals.base')\n",
            "stay apart",
        ),
        ("circuit/paths.py", "__import__('dendrosim.cli.main')\n", "lies above it"),
        (
            "circuit/paths.py",
            "from dendrosim.discovery import classes_in\nclasses_in('dendrosim.signals', object)\n",
            "stay apart",
        ),
        ("results/labels.py", "f'dendrosim.engine.{PACKAGE}.backend'\n", "lies above it"),
        ("errors.py", "from dendrosim import arrays\n", "lies above it"),
        ("machine/memory.py", "from dendrosim.spec import Spec\n", "lies above it"),
    ],
)
def test_an_import_that_breaks_the_order_is_found(tmp_path, file, text, said):
    package = tmp_path / "dendrosim"
    for path in PACKAGE.rglob("*.py"):
        copy = package / path.relative_to(PACKAGE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    with (package / file).open("a") as end:
        end.write(text)
    graph = arrows(package)
    found = [*against_the_order(graph), *(" ".join(names) for names in circles(graph))]
    assert any(said in line for line in found)
