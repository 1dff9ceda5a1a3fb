"""A table of declared parameters gives signature, documentation, ranges and the circuit's parameters."""

import math
from dataclasses import FrozenInstanceError
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dendrosim as ds
from dendrosim.cli.summaries import parameter_rows
from dendrosim.errors import (
    DendrosimError,
    EquationError,
    ParameterError,
    SpecError,
    UnitError,
    UnknownNameError,
    UsageError,
)
from dendrosim.library.parameter_types import to_text
from dendrosim.library.parameters import complete_values, read_texts
from dendrosim.library.signatures import call_with_values, read_signature


class Table(ds.Parameters):
    sizes: tuple[int, ...] = ds.parameter((4, 4), "units per layer", least=1)
    mu: float = ds.parameter(0.2, "weight of the dendrite", above=0, below=1)
    tau: ds.Quantity = ds.parameter("10 ms", "time constant", above=0, most="1 s")
    e_leak: ds.Quantity = ds.parameter("-70 mV", "reversal potential", below="0 mV")
    drive: float = ds.parameter(1.0, "input")
    limit: float = ds.parameter(math.inf, "upper bound", above=0, most=math.inf)
    settle: ds.Quantity | None = ds.parameter(None, "time to settle", unit="s", above=0)
    levels: tuple[ds.Quantity, ...] = ds.parameter(("1 mV", "2 mV"), "of steps", least="-1 V")
    shares: tuple[float, ...] = ds.parameter((0.5,), "of each group", above=0, below=1)
    delays: tuple[float, ...] = ds.parameter((), "of each group", least=0)
    onset: Annotated[ds.Quantity | None, "s"] = ds.parameter(None, least=0)
    count: int | None = ds.parameter(None, "of trials", least=0)
    target: Literal["free", "nudged"] = ds.parameter("nudged", "what drives the top")
    fast: bool = ds.parameter(True)
    name: str = ds.parameter("a")


DECLARED = {p.name: p for p in Table.declared_parameters(lambda name: ())}


def test_values_by_hand_are_checked_and_built():
    p = Table(mu=0.5, tau="5 ms", sizes=[1, 2])
    assert (p.mu, p.tau, p.sizes) == (0.5, ds.quantity("5 ms"), (1, 2))
    assert p.levels == (ds.quantity("1 mV"), ds.quantity("2 mV"))
    assert p == Table(mu=0.5, tau="0.005 s", sizes=(1, 2))
    assert hash(p) == hash(Table(mu=0.5, tau="0.005 s", sizes=(1, 2)))
    assert p != Table()
    assert "mu=0.5" in repr(p)
    with pytest.raises(FrozenInstanceError):
        p.mu = 0.1


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("mu", 1.5, "mu is 1.5; it must lie between 0 and 1"),
        ("mu", 0, "mu is 0.0; it must lie between 0 and 1"),
        ("sizes", (4, 0), r"sizes is \[4, 0\]; each must be at least 1, and 0 is not$"),
        ("tau", "0 ms", "tau is 0 ms; it must be above 0 ms and at most 1 s"),
        ("tau", "2 s", "tau is 2 s; it must"),
        ("e_leak", "0 V", "e_leak is 0 V; it must be below 0 mV$"),
        ("e_leak", "-inf V", "e_leak is -inf V; it must be finite$"),
        ("drive", math.inf, "drive is inf; it must be finite"),
        ("limit", -math.inf, "limit is -inf; it must be above 0 and at most inf"),
        ("settle", "-1 s", "settle is -1 s; it must be positive$"),
        ("onset", "-1 s", "onset is -1 s; it must not be negative$"),
        ("onset", "inf s", "onset is inf s; it must be finite$"),
        ("count", -1, "count is -1; it must not be negative$"),
        ("levels", ("0 mV", "-2 V"), "levels is .*; each must be at least -1 V, and -2 V is not$"),
        ("levels", ("0 mV", "inf V"), "levels is .*; each must be finite, and inf V is not$"),
        ("shares", (0.5, 1.5), r"\[0.5, 1.5\]; each must lie between 0 and 1, and 1.5 does not$"),
        ("delays", (0.5, -0.1), r"\[0.5, -0.1\]; each must not be negative, and -0.1 is$"),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(name, value, message):
    with pytest.raises(ParameterError, match=message):
        Table(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tau", "1 s"),
        ("limit", math.inf),
        ("sizes", ()),
        ("settle", None),
        ("count", 0),
        ("count", 10**400),
        ("levels", ("-1 V",)),
    ],
)
def test_the_ends_of_a_range_and_none_are_allowed(name, value):
    Table(**{name: value})


def test_other_mistakes_are_refused_as_in_plain_signatures():
    with pytest.raises(UnknownNameError, match="parameter of Table 'muu'; did you mean 'mu'"):
        Table(muu=1)
    with pytest.raises(UsageError, match=r"'mu': '0\.1' is not a number"):
        Table(mu="0.1")
    with pytest.raises(UnitError, match="parameter 'tau': 5 has no unit"):
        Table(tau=5)
    with pytest.raises(UnitError, match="parameter 'settle': '5 mV' is in V, it must be in s"):
        Table(settle="5 mV")


def test_the_table_shows_ranges():
    rows = {name: row for name, *row in parameter_rows(tuple(DECLARED.values()))}
    assert rows["mu"] == ["0.2", "number, between 0 and 1", "weight of the dendrite"]
    assert rows["sizes"] == ["[4, 4]", "list of: integer, at least 1", "units per layer"]
    assert rows["tau"][1] == "quantity in ms, above 0 ms and at most 1 s"
    assert rows["settle"][1] == "quantity in s, or none, positive"
    assert rows["drive"][1] == "number"


# -- any value ------------------------------------------------------------------------------------

NEARLY = st.lists(
    st.sampled_from(
        [
            *"[]\"',.- eE0159",
            "ms",
            "mV",
            "V",
            "s",
            "none",
            "inf",
            "nan",
            "free",
            "true",
            "1 ",
            "-2 ",
        ]
    )
).map("".join)


def in_range(name, value):
    """Whether a built value obeys the table, said once more by hand."""
    if value is None:
        return name in ("settle", "onset", "count")
    rules = {
        "sizes": lambda v: all(n >= 1 for n in v),
        "mu": lambda v: 0 < v < 1,
        "tau": lambda v: 0 < v.value <= 1,
        "e_leak": lambda v: -math.inf < v.value < 0,
        "drive": math.isfinite,
        "limit": lambda v: v > 0,
        "settle": lambda v: 0 < v.value < math.inf,
        "levels": lambda v: all(-1 <= q.value < math.inf for q in v),
        "onset": lambda v: 0 <= v.value < math.inf,
        "count": lambda v: v >= 0,
    }
    return rules.get(name, lambda v: True)(value)


@given(name=st.sampled_from(list(DECLARED)), text=NEARLY | st.text())
def test_any_text_is_a_value_in_range_or_refused_by_name(name, text):
    declared = DECLARED[name]
    try:
        plain = declared.read(text)
    except DendrosimError as error:
        refused = error
    else:
        assert in_range(name, declared.type.build(plain))
        assert declared.check(plain) == plain
        return
    assert name in str(refused)


VALUES = {
    "sizes": st.lists(st.integers(1)).map(tuple),
    "mu": st.floats(0, 1, exclude_min=True, exclude_max=True),
    "tau": st.floats(0, 1, exclude_min=True).map(lambda v: f"{v!r} s"),
    "e_leak": st.floats(max_value=0, exclude_max=True, allow_infinity=False).map(
        lambda v: f"{v!r} V"
    ),
    "drive": st.floats(allow_nan=False, allow_infinity=False),
    "limit": st.floats(0, exclude_min=True),
    "settle": st.none() | st.integers(1, 10**6).map(lambda v: f"{v} ms"),
    "levels": st.lists(st.integers(-1000, 1000).map(lambda v: f"{v} mV")).map(tuple),
    "onset": st.none() | st.integers(0, 10**6).map(lambda v: f"{v} us"),
    "count": st.none() | st.integers(0),
    "target": st.sampled_from(["free", "nudged"]),
    "fast": st.booleans(),
    "name": st.text().filter(lambda s: not ('"' in s and "'" in s)),
}


@given(values=st.fixed_dictionaries({}, optional=VALUES))
def test_values_in_range_come_back_through_text(values):
    read = {name: DECLARED[name].read(to_text(value)) for name, value in values.items()}
    assert read == values
    assert Table(**read) == Table(**values)


# -- declarations ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "declaration", "message"),
    [
        (float, ds.parameter(1.5, below=1), "default: x is 1.5; it must be below 1"),
        (float, ds.parameter("a"), "parameter 'x', its type and default: 'a' is not a number"),
        (float, ds.parameter(1.0, above="a"), "above: 'a' is not a number"),
        (str, ds.parameter("a", above=0), "above: only numbers and quantities have a range"),
        (ds.Quantity, ds.parameter("1 ms", above="0 mV"), "above: .*must be in ms"),
        (ds.Quantity | None, ds.parameter(None, above=0), "declare it, as in unit='s'"),
        (dict, ds.parameter(None), "cannot be the type"),
    ],
)
def test_a_declaration_that_is_not_valid_is_refused(annotation, declaration, message):
    with pytest.raises(SpecError, match=message):
        type("Wrong", (ds.Parameters,), {"__annotations__": {"x": annotation}, "x": declaration})


def test_a_declaration_without_type_or_with_a_reserved_name_is_refused():
    with pytest.raises(SpecError, match="parameter 'x' has no type; annotate it"):

        class Untyped(ds.Parameters):
            x = ds.parameter(1.0)

    for default, annotation in (
        (3, "int"), (True, "bool"), ("5 ms", "ds.Quantity"), ("tanh", "str"), ((4, 2), "tuple\\[int, ...\\]"),
    ):  # fmt: skip
        with pytest.raises(SpecError, match=f"as in 'x: {annotation} = ...'"):
            type("Untyped", (ds.Parameters,), {"x": ds.parameter(default)})

    with pytest.raises(SpecError, match=r"ds\.Parameters has an attribute of that name"):

        class Reserved(ds.Parameters):
            with_values: float = ds.parameter(1.0)


def test_a_table_may_extend_another_and_compute():
    class Base(ds.Parameters):
        mu: float = ds.parameter(0.2, "weight", above=0, below=1)
        tau: ds.Quantity = ds.parameter("10 ms", "time constant")

        @property
        def ratio(self):
            return self.mu / (1 - self.mu)

    class More(Base):
        tau: ds.Quantity = ds.parameter("1 s", "longer")
        samples: int = ds.parameter(doc="required")

    assert More(samples=2).ratio == 0.25
    assert More(samples=2).tau == ds.quantity("1 s")
    assert Base().tau == ds.quantity("10 ms")
    with pytest.raises(UsageError, match=r"More needs a value for samples \(integer\)"):
        More()


class Noise:
    sigma: ds.Quantity = ds.parameter("1 pA", "standard deviation", least=0)
    tau: ds.Quantity = ds.parameter("2 ms", "correlation time", above=0)


def test_a_part_declares_parameters_that_follow_those_of_the_class():
    class Cell(Noise, ds.Parameters):
        cells: int = ds.parameter(1, "number of cells")
        sigma: ds.Quantity = ds.parameter("5 pA", "its own default", least=0)

    assert [p.name for p in Cell.declared_parameters(lambda name: ())] == ["cells", "sigma", "tau"]
    assert Cell(tau="1 ms").sigma == ds.quantity("5 pA")
    with pytest.raises(ParameterError, match="tau is 0 s"):
        Cell(tau="0 s")


def test_a_removed_parameter_is_refused_with_what_to_do_instead():
    class Cell(ds.Parameters):
        cells: int = ds.parameter(1, "number of cells")
        variant = ds.removed("leave it out")

    def circuit(p: Cell):
        return p

    cell = read_signature(circuit, "", lambda name: ())
    for refuse in (complete_values, read_texts):
        with pytest.raises(UsageError, match="no parameter 'variant' any more: leave it out"):
            refuse("it", cell, {"variant": "current"})
    assert list(complete_values("it", cell, {})) == ["cells"]
    with pytest.raises(UnknownNameError, match="parameter of it 'varian'; there are: cells"):
        complete_values("it", cell, {"varian": "current"})
    assert call_with_values(circuit, {"cells": 2}) == Cell(cells=2)


@pytest.mark.parametrize("optional", [False, True])
def test_a_protocol_inherits_a_removed_parameter_unless_it_declares_it_or_another_model_has_it(
    optional,
):
    class Cell(ds.Parameters):
        cells: int = ds.parameter(1, "number of cells")
        variant = ds.removed("use another model")

    class Run(ds.Parameters):
        circuit = ds.parameters_of("cell", optional=optional)

    class OlderRun(ds.Parameters):
        circuit = ds.parameters_of("cell", optional=optional)
        variant = ds.removed("set model=other")

    class Other(ds.Parameters):
        variant: int = ds.parameter(1, "a parameter of another model")

    class RunOfTwo(ds.Parameters):
        circuit = ds.parameters_of("cell", "other", optional=optional)

    models = {t.__name__.lower(): t.declared_parameters(lambda name: ()) for t in (Cell, Other)}
    run, older, two = (t.declared_parameters(models.__getitem__) for t in (Run, OlderRun, RunOfTwo))
    assert complete_values("it", two, {"variant": 2})["variant"] == 2
    for refuse in (complete_values, read_texts):
        with pytest.raises(UsageError, match="no parameter 'variant' any more: use another model"):
            refuse("it", run, {"variant": "current"})
        with pytest.raises(UsageError, match="no parameter 'variant' any more: set model=other"):
            refuse("it", older, {"variant": "current"})
    assert list(complete_values("it", older, {})) == ["cells"]


def test_a_function_takes_the_table_alone():
    def circuit(p: Table):
        return p

    def mixed(p: Table, *, more: int = 1):
        return p

    assert [p.name for p in read_signature(circuit, "", lambda name: ())] == list(DECLARED)
    assert call_with_values(circuit, vars(Table())) == Table()
    with pytest.raises(SpecError, match="'p' holds all parameters"):
        read_signature(mixed, "", lambda name: ())


# -- parameters of circuits -----------------------------------------------------------------------


class Protocol(ds.Parameters):
    samples: int = ds.parameter(10, "size of the data set", least=1)
    hidden: int = ds.parameter(1)
    circuit = ds.parameters_of("bmvr", without=("inputs", "outputs"))


class OneOf(ds.Parameters):
    model: Literal["sst", "pv"] = ds.parameter("sst")
    circuit = ds.parameters_of("sst", "pv", without=("cells",), optional=True)


def test_parameters_of_a_circuit_are_passed_on():
    p = Protocol(rho=2, hidden=3)
    assert p.circuit["rho"] == 2.0
    assert p.circuit["eta"] == ds.quantity("1 Hz")
    assert not {"hidden", "inputs", "samples"} & set(p.circuit)
    circuit = ds.load_circuit("bmvr", inputs=4, outputs=2, hidden=p.hidden, **p.circuit)
    assert circuit == ds.load_circuit("bmvr", inputs=4, outputs=2, hidden=3, rho=2)
    with pytest.raises(TypeError):
        p.circuit["rho"] = 1


def test_of_optional_parameters_those_given_are_passed_on():
    assert dict(OneOf().circuit) == {}
    p = OneOf(tau_soma="5 ms")
    assert dict(p.circuit) == {"tau_soma": ds.quantity("5 ms")}
    assert ds.load_circuit(p.model, **p.circuit).parameters["tau_soma"].value == 0.005


# -- the circuit's parameters ---------------------------------------------------------------------

CELL = """
dv/dt = (e_leak - v + gain*s(drive))/tau : volt (unless refractory)
gain : volt
"""


class Cell(ds.Parameters):
    cells: int = ds.parameter(2, least=1)
    unused: float = ds.parameter(1.0)
    tau: ds.Quantity = ds.parameter("10 ms", above=0)
    drive: float = ds.parameter(1.0)
    e_leak: ds.Quantity = ds.parameter("-70 mV")
    v_threshold: ds.Quantity = ds.parameter("-50 mV")
    v_reset: ds.Quantity = ds.parameter("-60 mV")
    t_refractory: ds.Quantity = ds.parameter("2 ms")
    jump: ds.Quantity = ds.parameter("1 mV")
    weight: float = ds.parameter(0.5)
    eta: ds.Quantity = ds.parameter("1 Hz")
    released: float = ds.parameter(1.0)
    learn: bool = ds.parameter(False)


def cell_circuit(parameters):
    cell = ds.Population(
        "cell", 2, CELL, parameters={"gain": "1 mV"}, transfer="linear", threshold="v > v_threshold",
        reset="v = v_reset", refractory="t_refractory",
    )  # fmt: skip
    source = ds.Population("source", 1, "x : 1", inputs=["x"])
    target = ds.Population("target", 1, "y : 1\nz = y : 1")
    matrix = ds.Matrix("w", "target", "source", plasticity="dw/dt = learn*eta*(x_pre - w) : 1")
    spike = "released = weight*2\nv_post += released*jump"
    return ds.Circuit(
        (cell, source, target),
        (matrix,),
        (ds.Projection("source.x", "w", "target.y"),),
        parameters,
        {"learn": 0.0},
        (ds.Pathway("relay", "cell", "cell", spike, weight=0.5),),
    )


def test_a_circuit_takes_the_parameters_that_its_equations_use():
    used = ["tau", "drive", "e_leak", "v_threshold", "v_reset", "t_refractory", "jump", "eta"]
    circuit = cell_circuit(Cell(tau="5 ms"))
    assert list(circuit.parameters) == used
    assert circuit.parameters["tau"] == ds.quantity("5 ms")
    by_hand = {name: getattr(Cell(tau="5 ms"), name) for name in used}
    assert circuit == cell_circuit(by_hand)


def test_computed_values_replace_declared_ones_and_must_be_used():
    circuit = cell_circuit(Cell().with_values(tau="1 ms"))
    assert circuit.parameters["tau"] == ds.quantity("1 ms")
    with pytest.raises(EquationError, match="'span' is used by no equation"):
        cell_circuit(Cell().with_values(span=1.0))
    with pytest.raises(EquationError, match="undefined symbol 'v_threshold'"):
        cell_circuit(Protocol())


def test_declared_parameters_belong_to_the_circuit():
    with pytest.raises(SpecError, match=r"Population 'cell': parameters: declared parameters are"):
        ds.Population("cell", 1, "dv/dt = -v/tau : 1", parameters=Cell())


def test_a_joined_circuit_keeps_what_its_parts_chose():
    joined = ds.Circuit.join(one=cell_circuit(Cell()), two=cell_circuit(Cell(tau="3 ms")))
    assert joined.parameters["two_tau"] == ds.quantity("3 ms")
    assert "two_unused" not in joined.parameters


@pytest.mark.parametrize(
    ("annotation", "declared", "message"),
    [
        (
            int,
            ds.parameter(3, "cells", unit="mV"),
            "unit is 'mV', but a value is: integer; only quan",
        ),
        (tuple[float, ...], ds.parameter((1.0,), "a", unit="s"), "only quantities have a unit"),
        (float, ds.parameter(3.0, 5), "its meaning is 5; it must be a text"),
        (float, ds.parameter(3.0, "a", above=5, below=2), "no number is above 5 and below 2"),
        (float, ds.parameter(3.0, "a", least=3, below=3), "no number is at least 3 and below 3"),
        (float, ds.parameter(3.0, "a", above=3, most=3), "no number is above 3 and at most 3"),
        (
            ds.Quantity,
            ds.parameter("3 s", "a", least="2 s", most=1),
            "at least 2 s and at most 1 s",
        ),
        (
            float | None,
            ds.parameter(None, "a", above=0, below=0),
            "no number is above 0 and below 0",
        ),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(annotation, declared, message):
    with pytest.raises(SpecError, match=f"parameter 'it'.*{message}"):
        type("Bad", (ds.Parameters,), {"__annotations__": {"it": annotation}, "it": declared})


def test_a_range_of_one_number_is_allowed():
    class One(ds.Parameters):
        it: float = ds.parameter(3.0, "a", least=3, most=3)

    assert One().it == 3.0


def test_an_argument_without_type_beside_a_class_of_parameters_is_told_to_take_the_class(tmp_path):
    path = tmp_path / "cell.py"
    path.write_text(
        "import dendrosim as ds\nclass Cell(ds.Parameters):\n    n: int = 2\ndef circuit(p): pass\n"
    )
    with pytest.raises(SpecError, match="parameters of the class Cell, write 'p: Cell'"):
        ds.load_circuit(str(path))
