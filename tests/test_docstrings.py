"""The documentation of public names is complete, and its examples give what they print."""

import doctest
import importlib
import inspect
import re
import types
from pathlib import Path

import pytest

import dendrosim as ds

PACKAGE = Path(ds.__file__).parent


def modules_with_examples():
    """Names of the modules with complete examples: those that begin with the import of the package."""
    files = [f for f in sorted(PACKAGE.rglob("*.py")) if ">>> import dendrosim" in f.read_text()]
    return [".".join(f.relative_to(PACKAGE.parent).with_suffix("").parts) for f in files]


def public_objects():
    """Public functions and classes by name."""
    found = {name: getattr(ds, name) for name in ds.__all__}
    return {
        n: v for n, v in found.items() if not isinstance(v, types.ModuleType | str) and callable(v)
    }


@pytest.mark.parametrize("module", modules_with_examples())
def test_examples_give_what_they_print(module):
    found = doctest.testmod(importlib.import_module(module))
    assert not found.failed


@pytest.mark.parametrize("name", public_objects())
def test_every_parameter_of_a_public_name_is_documented(name):
    value = public_objects()[name]
    text = inspect.getdoc(value) or ""
    parameters = [
        str(p) if p.kind is p.VAR_KEYWORD else p.name
        for p in inspect.signature(value).parameters.values()
    ]
    parameters = [p.split(":")[0] for p in parameters]
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w+\n-+$|\Z)", text, re.M | re.S)
    lines = re.findall(r"^(\S.*?)(?: : |$)", section[1] if section else "", re.M)
    documented = [p for line in lines for p in line.split(", ")]
    assert documented == parameters


@pytest.mark.parametrize("name", public_objects())
def test_a_public_name_is_summarised_in_one_sentence(name):
    summary, _, rest = (inspect.getdoc(public_objects()[name]) or "").partition("\n")
    assert summary.endswith(".")
    assert not rest or rest.startswith("\n")
