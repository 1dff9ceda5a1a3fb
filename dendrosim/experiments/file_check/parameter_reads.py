"""Finds the parameters that `measure` and other functions of a protocol file use, from the text of the file."""

import ast
from collections.abc import Iterator
from pathlib import Path

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def names_read_elsewhere(path: Path, main: str) -> set[str]:
    """Return texts, and attributes of tables of parameters, outside of a file's main function.

    They may be names of parameters: `measure` uses the parameter `width` as `parameters["width"]`, or as `p.width`
    if `p` is a table of parameters. Other attributes, such as the `size` of an array, are left out.
    """
    tree = ast.parse(path.read_bytes())
    others = [n for n in tree.body if not (isinstance(n, ast.FunctionDef) and n.name == main)]
    nodes = [node for other in others for node in ast.walk(other)]
    texts = {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    tables = {n.name for n in tree.body if isinstance(n, ast.ClassDef)}
    holders = _names_of_tables(nodes, tables)
    attributes = {
        n.attr
        for n in nodes
        if isinstance(n, ast.Attribute) and _is_table(n.value, tables, holders)
    }
    return texts | attributes


def _is_table(node: ast.expr, classes: set[str], holders: set[str]) -> bool:
    """Return whether an expression is a call of a class of the file, or a name or attribute that holds a table."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in classes
    name = node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")
    return name in holders


def _names_of_tables(nodes: list[ast.AST], classes: set[str]) -> set[str]:
    """Return the names that hold tables: assigned from one, annotated as one, or passed as one to a function."""
    functions = {n.name: n for n in nodes if isinstance(n, _Function)}
    holders: set[str] = set()
    while True:
        found = {name for node in nodes for name in _holders_in(node, classes, holders, functions)}
        if found <= holders:
            return holders
        holders |= found


def _holders_in(
    node: ast.AST, classes: set[str], holders: set[str], functions: dict[str, _Function]
) -> Iterator[str]:
    if isinstance(node, ast.arg) and isinstance(node.annotation, ast.Name):
        if node.annotation.id in classes:
            yield node.arg
    elif isinstance(node, ast.Assign | ast.NamedExpr) and _is_table(node.value, classes, holders):
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            yield getattr(target, "id", getattr(target, "attr", ""))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        called = functions.get(node.func.id)
        if called is not None:
            places = [*called.args.posonlyargs, *called.args.args]
            for place, given in zip(places, node.args, strict=False):
                if _is_table(given, classes, holders):
                    yield place.arg
            for keyword in node.keywords:
                if keyword.arg and _is_table(keyword.value, classes, holders):
                    yield keyword.arg
