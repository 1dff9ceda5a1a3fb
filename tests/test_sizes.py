"""How long files and functions may be."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ("dendrosim", "models", "protocols", "benchmarks")
SUFFIXES = {".py", ".h", ".cpp", ".cu", ".cuh"}
FILE, FUNCTION, TEST = 400, 60, 500  # lines; of a function those after its docstring


def files(*folders):
    """Source files below folders of the repository."""
    found = [p for folder in folders for p in sorted((ROOT / folder).rglob("*"))]
    return [p for p in found if p.suffix in SUFFIXES]


def long_files(paths, most):
    lengths = {path: len(path.read_text().splitlines()) for path in paths}
    return [f"{path}: {length} lines" for path, length in lengths.items() if length > most]


def long_functions(paths):
    found = []
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                length = body[-1].end_lineno - body[0].lineno + 1 if body else 0
                if length > FUNCTION:
                    found.append(f"{path}:{node.lineno}: {node.name} has {length} lines")
    return found


def test_files_and_functions_are_short():
    found = long_files(files(*SOURCES), FILE)
    found += long_functions(p for p in files(*SOURCES) if p.suffix == ".py")
    assert not found, "\n".join(found)


def test_files_of_tests_are_short():
    found = long_files(files("tests"), TEST)
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("lines", "long"), [(FUNCTION, False), (FUNCTION + 1, True)])
def test_a_long_function_is_found_and_its_docstring_does_not_count(tmp_path, lines, long):
    path = tmp_path / "module.py"
    body = "    x = 1\n" * lines
    path.write_text(f'def f():\n    """One\n\n    {"word " * 9}\n    """\n{body}')
    assert bool(long_functions([path])) == long
    assert bool(long_files([path], FUNCTION + 5)) == long
