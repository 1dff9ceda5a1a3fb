"""Short texts and HTML of values: their length, what they keep, and texts that would change a page."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Mapping

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.display.html import ROWS, Table, as_html
from dendrosim.display.short import LONGEST, ShortRepr, short
from dendrosim.spec import Spec

LONG = 400
"""Longest `repr` of a value in this test; that of a circuit or protocol is its summary in one line."""


def parts(value):
    """A value and all specifications and quantities inside it."""
    if isinstance(value, (Spec, ds.Quantity)):
        yield value
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from parts(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from parts(inner)
    elif isinstance(value, tuple):
        for inner in value:
            yield from parts(inner)


@pytest.mark.parametrize("name", ["bac_firing", "burst_multiplexing"])
def test_every_part_of_a_large_protocol_has_a_short_repr(name):
    found = list(parts(ds.load_protocol(name)))
    assert len(found) > 30
    assert max(len(repr(part)) for part in found) <= LONG
    assert not any("\n" in repr(part) for part in found)


def public_dataclasses():
    for folder in ("results", "analysis", "tasks", "learning", "experiments"):
        package = importlib.import_module(f"dendrosim.{folder}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if any(part.startswith("_") for part in module.name.split(".")[2:]):
                continue
            for name, value in vars(importlib.import_module(module.name)).items():
                if (
                    isinstance(value, type)
                    and dataclasses.is_dataclass(value)
                    and value.__module__ == module.name
                    and not name.startswith("_")
                ):
                    yield value


def holds_much(kind):
    text = str([field.type for field in dataclasses.fields(kind)])
    return any(
        word in text for word in ("Array", "ndarray", "tuple", "Mapping", "Complex", "DataSet")
    )


def test_dataclasses_with_arrays_have_a_short_repr():
    kinds = {k for k in public_dataclasses() if holds_much(k)}
    own = {
        k
        for k in kinds
        if "__repr__" in vars(k) and "dataclasses" not in k.__repr__.__code__.co_filename
    }
    missing = {k.__name__ for k in kinds - own if not issubclass(k, ShortRepr)}
    assert len(kinds) > 15
    assert missing == set()


@dataclasses.dataclass
class Example(ShortRepr):
    name: str
    values: object
    others: Mapping = dataclasses.field(default_factory=dict)
    hidden: object = dataclasses.field(default=None, repr=False)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Example("a", 1.5), "Example('a', 1.5)"),
        (Example("a", np.zeros((3, 4)), {"x": 1}), "Example('a', <(3, 4) array>, others={x})"),
        (Example("a", (1, 2)), "Example('a', (1, 2))"),
        (Example("a", list(range(9))), "Example('a', <9 values>)"),
        (Example("a\n  b", ds.quantity("20 ms"), hidden=3), "Example('a b', '0.02 s')"),
        (Example("a", ds.quantity("0.5")), "Example('a', 0.5)"),
        (Example("a", [Example("b", 1), Example("c", 2)]), "Example('a', (b, c))"),
        (ds.quantity("20 ms"), "quantity('0.02 s')"),
        (ds.quantity(["1 mV", "2 mV"]), "<quantity: <(2,) array> V>"),
        (ds.Pulse("1 nA", "5 ms", "1 ms"), "Pulse('1e-09 A', '0.005 s', '0.001 s')"),
    ],
)
def test_what_is_kept(value, text):
    assert repr(value) == text


def test_the_repr_of_a_scalar_quantity_makes_an_equal_one():
    tau = ds.quantity("0.1 ms")
    assert eval(repr(tau), {"quantity": ds.quantity}) == tau


def test_long_texts_end_in_dots_and_control_characters_are_written_out():
    shown = repr(Example("x" * 1000, "\x1b[31m", {f"key{k}": k for k in range(99)}))
    assert len(shown) <= LONGEST
    assert "..." in shown
    assert "\x1b" not in shown
    assert short({f"k{k}": k for k in range(9)}) == "{k0, k1, k2, k3, ... 5 more}"


def test_html_escapes_every_text_and_says_how_many_rows_are_left():
    evil = "<script>alert('&')</script>\x1b"
    rows = [(evil, k) for k in range(ROWS + 5)]
    text = as_html(evil, evil, [Table(evil, (evil, "number"), rows), Table("empty", ("a",), [])])
    assert "<script" not in text
    assert "\x1b" not in text
    assert "&lt;script&gt;" in text
    assert "and 5 more" in text
    assert text.count("<table>") == 1
    assert "color" not in text


def test_html_leaves_out_empty_columns_and_keeps_lines():
    text = as_html("T", "", [Table("t", ("a", "b", "c"), [("1\n2", "", 0)])])
    assert "1\n2" in text
    assert ">b<" not in text
    assert ">0<" in text
