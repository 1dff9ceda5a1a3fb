"""Every figure appears in a notebook: a figure function does not make figures in a way of its own."""

import re
from pathlib import Path

import pytest

import dendrosim as ds

FILES = sorted(Path(ds.plot.__file__).parent.glob("_[a-z]*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_figures_are_those_that_notebooks_show(path):
    assert not re.search(r"\bFigure\(|FigureCanvas|pyplot", path.read_text("utf-8"))
