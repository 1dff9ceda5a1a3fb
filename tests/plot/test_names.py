"""Names of figures: found by their files, and listed for type checkers in a stub."""

import ast
from pathlib import Path

import pytest

import dendrosim as ds

FOLDER = Path(ds.plot.__path__[0])


def test_every_file_of_a_figure_is_a_function_of_that_name():
    names = dir(ds.plot)
    assert {f"_{name}.py" for name in names} == {p.name for p in FOLDER.glob("_[a-z]*.py")}
    assert {"traces", "spectrum", "receptive_fields", "save"} <= set(names)
    for name in names:
        assert getattr(ds.plot, name).__name__ == name


def test_the_stub_lists_figures_that_exist():
    stub = ast.parse((FOLDER / "__init__.pyi").read_text())
    for node in stub.body:
        if isinstance(node, ast.ImportFrom) and node.level:
            assert [(a.name, a.asname) for a in node.names] == [(node.module[1:],) * 2]
            assert node.module[1:] in dir(ds.plot)


def test_an_unknown_figure_names_the_nearest_one():
    with pytest.raises(AttributeError, match="no attribute 'trace'; did you mean 'traces'"):
        ds.plot.trace  # noqa: B018
