"""The documentation of public names is complete, and its examples give what they print."""

import doctest
import importlib
import inspect
import re
import types
from pathlib import Path
from string import ascii_uppercase

import pytest

import dendrosim as ds
from dendrosim.circuit.connectivity.base import Connections
from dendrosim.circuit.initial_values.base import Initial
from dendrosim.circuit.initial_values.derived import Derived
from dendrosim.discovery import public_classes
from dendrosim.signals.process import Process

PACKAGE = Path(ds.__file__).parent


def read_section(value, title):
    """The text of a section of a docstring; empty if there is none."""
    text = inspect.getdoc(value) or ""
    found = re.search(rf"^{title}\n-+\n(.*?)(?=^\w+\n-+$|\Z)", text, re.M | re.S)
    return found[1].rstrip() if found else ""


def modules_with_examples():
    """Names of the modules with complete examples: those that begin with the import of the package."""
    files = [f for f in sorted(PACKAGE.rglob("*.py")) if ">>> import dendrosim" in f.read_text()]
    return [".".join(f.relative_to(PACKAGE.parent).with_suffix("").parts) for f in files]


def public_objects():
    """Public functions and classes by name, as the stub lists them: those that the package ships."""
    names = re.findall(r" as (\w+)$", (PACKAGE / "__init__.pyi").read_text(), re.M)
    found = {name: getattr(ds, name) for name in names}
    return {n: v for n, v in found.items() if not isinstance(v, types.ModuleType)}


@pytest.mark.parametrize("module", modules_with_examples())
def test_examples_give_what_they_print(module):
    found = doctest.testmod(importlib.import_module(module))
    assert not found.failed


@pytest.mark.parametrize("name", public_objects())
def test_every_parameter_of_a_public_name_is_documented(name):
    value = public_objects()[name]
    parameters = [
        str(p) if p.kind is p.VAR_KEYWORD else p.name
        for p in inspect.signature(value).parameters.values()
    ]
    parameters = [p.split(":")[0] for p in parameters]
    lines = re.findall(r"^(\S.*?)(?: : |$)", read_section(value, "Parameters"), re.M)
    documented = [p for line in lines for p in line.split(", ")]
    assert documented == parameters


@pytest.mark.parametrize("name", public_objects())
def test_a_public_name_is_summarised_in_one_sentence(name):
    summary, _, rest = (inspect.getdoc(public_objects()[name]) or "").partition("\n")
    assert summary.endswith(".")
    assert not rest or rest.startswith("\n")


@pytest.mark.parametrize("name", public_objects())
def test_a_public_name_has_an_example(name):
    assert read_section(public_objects()[name], "Examples").startswith((">>>", *ascii_uppercase))


@pytest.mark.parametrize("name", [n for n, v in public_objects().items() if inspect.isfunction(v)])
def test_a_public_function_says_what_it_returns_and_raises(name):
    """The type of what is returned has a description below it."""
    function = public_objects()[name]
    assert read_section(function, "Raises")
    if inspect.signature(function).return_annotation not in (None, "None"):
        assert "\n    " in read_section(function, "Returns")


@pytest.mark.parametrize(
    "name", sorted(public_classes("dendrosim.signals").keys() & public_objects())
)
def test_signals_of_quantities_say_that_units_are_checked(name):
    kind = public_objects()[name]
    assert ("UnitError" in read_section(kind, "Raises")) == (name != "Samples")


@pytest.mark.parametrize(
    "method",
    [Connections.expected, Connections.draw, Initial.sample, Derived.shape, Derived.compute, Process.draw_start],
    ids=lambda method: method.__qualname__,
)  # fmt: skip
def test_methods_that_an_extension_defines_say_what_they_take_and_return(method):
    taken = [name for name in inspect.signature(method).parameters if name != "self"]
    text = read_section(method, "Parameters")
    assert re.findall(r"\w+", " ".join(re.findall(r"^(\S.*?) :", text, re.M))) == taken
    assert "\n    " in read_section(method, "Returns")
