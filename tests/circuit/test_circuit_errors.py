"""Whatever is wrong with a circuit or a protocol is refused by a typed error that names it."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.initial_values.identity import Identity
from dendrosim.circuit.initial_values.normal import Normal
from dendrosim.circuit.initial_values.uniform import Uniform
from dendrosim.circuit.matrix import Matrix, Projection
from dendrosim.circuit.population import Population
from dendrosim.errors import (
    DendrosimError,
    EquationError,
    LoopError,
    ParameterError,
    ShapeError,
    SpecError,
    UnitError,
    UnknownMemberError,
)
from dendrosim.protocol.phases import Block, Phase, Recording
from dendrosim.protocol.protocol import Protocol
from dendrosim.signals.biexponential import BiExponential
from dendrosim.signals.samples import Samples
from dendrosim.signals.sine import Sine
from dendrosim.signals.step import Step
from dendrosim.signals.table import Table

CELL = {
    "name": "cell",
    "size": 2,
    "equations": "dv/dt = (E - v + R*current)/tau : volt\nrate = s(v/mV) : 1\ncurrent : amp\nx : 1",
    "inputs": ["x"],
    "initial": {"v": "-70 mV"},
    "parameters": {"R": ["100 Mohm", "120 Mohm"]},
    "transfer": "softplus",
}
WEIGHT = {
    "name": "w",
    "post": "cell",
    "pre": "cell",
    "initial": "1 pA",
    "plasticity": "dw/dt = learn*(eta*rate_post*x_pre - w)/tau_w : amp",
    "parameters": {"eta": "2 pA"},
}
LINK = {"source": "cell.x", "matrix": "w", "target": "cell.current"}
REST = {"parameters": {"E": "-70 mV", "tau": "20 ms", "tau_w": "1 s"}, "gates": {"learn": 1.0}}
TIMES = {
    "blocks": (Block("train", (Phase("free", "2 ms"), Phase("learning", "3 ms"))),),
    "dt": "1 ms",
    "recordings": (Recording("cell.*", "1 ms"),),
    "signals": {"cell.x": Samples("rows")},
    "data": {"rows": np.ones((3, 2))},
    "batch": 2,
}


def circuit(cell=None, weight=None, link=None, extra=(), **rest):
    """The valid circuit with some fields changed."""
    return Circuit(
        (Population(**{**CELL, **(cell or {})}), *extra),
        (Matrix(**{**WEIGHT, **(weight or {})}),),
        (Projection(**{**LINK, **(link or {})}),),
        **{**REST, **rest},
    )


def protocol(**changes):
    """The valid protocol with some fields changed."""
    return Protocol(**{"circuit": circuit(), **TIMES, **changes})


def parameters(**changes):
    """The circuit's parameters with changes; None takes one out."""
    new = {**REST["parameters"], **changes}
    return {"parameters": {k: v for k, v in new.items() if v is not None}}


def equations(old, new):
    """The population with a piece of its equations replaced."""
    assert old in CELL["equations"]
    return {"cell": {"equations": CELL["equations"].replace(old, new)}}


def rule(text):
    """The matrix with another plasticity rule."""
    return {"weight": {"plasticity": text}}


def phase(**changes):
    """One block with one phase."""
    return {
        "blocks": (Block("train", (Phase(**{"name": "free", "duration": "2 ms", **changes}),)),)
    }


def test_the_circuit_that_the_others_are_made_from_is_valid():
    assert protocol().total_steps == 5


LOOP = {
    "equations": "dv/dt = -v/tau + a/tau : 1\na = b : 1\nb : 1",
    "inputs": [],
    "initial": {},
    "parameters": {},
    "transfer": None,
}

BROKEN_CIRCUITS = {
    # symbols
    "undefined symbol, near one": (
        equations("tau", "tua"), EquationError, "cell.v: undefined symbol 'tua'", "did you mean 'tau'"),
    "undefined symbol, near none": (
        equations("E - v", "zzz - v"), EquationError, "undefined symbol 'zzz'", "there are: "),
    "undefined symbol in a rule": (
        rule("dw/dt = learn*(eta*rat_post*x_pre - w)/tau_w : amp"),
        EquationError, "Matrix 'w': undefined symbol 'rat_post'", "did you mean 'rate_post'"),
    "variable without suffix in a rule": (
        rule("dw/dt = learn*(eta*rate*x_pre - w)/tau_w : amp"),
        EquationError, "undefined symbol 'rate'", "did you mean 'rate_p"),
    "unknown function": (
        equations("s(v/mV)", "tanhh(v/mV)"), EquationError, "unknown function 'tanhh'", "did you mean 'tanh'"),
    "unused circuit parameter": (
        parameters(tau_x="1 ms"), EquationError, "Circuit: parameter 'tau_x' is used by no equation", ""),
    "missing circuit parameter": (parameters(tau_w=None), EquationError, "undefined symbol 'tau_w'", ""),
    "unused gate": (
        {"gates": {"learn": 1, "sleep": 0}}, EquationError, "gate 'sleep' is used by no equation", ""),
    "unused parameter of a population": (
        {"cell": {"parameters": {"R": "1 ohm", "Q": "1 ohm"}}},
        EquationError, "Population 'cell': parameter 'Q'", "remove it"),
    "unused parameter of a matrix": (
        {"weight": {"parameters": {"eta": "2 pA", "zeta": "1"}}},
        EquationError, "Matrix 'w': parameter 'zeta'", "remove it"),
    "declared variable that nothing sets": (
        equations("x : 1", "x : 1\ny : 1"), SpecError, "cell.y is declared but nothing sets it", "feed it"),
    "declared variable that nothing uses": (
        {"cell": {"equations": CELL["equations"] + "\nz : 1", "inputs": ["x", "z"]}},
        EquationError, "cell.z is declared but used by no equation", ""),
    "random numbers in an equation": (
        equations("E - v", "E*rand() - v"), EquationError, "unknown function 'rand'", ""),
    "gate that is a parameter too": (
        {**parameters(learn=1)}, SpecError, "'learn' is both a parameter and a gate", ""),
    # text
    "no equation": (
        equations("dv/dt =", "dv/dt :"), EquationError, "Population 'cell'", ""),
    "unbalanced brackets": (
        equations("(E - v", "((E - v"), EquationError, "cell.v: cannot read", "never closed"),
    "assignment without unit": (
        equations("x : 1", "x : 1\ny = 3"), EquationError, "cannot read 'y = 3'", "dx/dt = ... : unit"),
    "variable declared twice": (
        equations("x : 1", "x : 1\nx : 1"), EquationError, "'x' is declared 2 times", ""),
    "two equations in a rule": (
        rule("dw/dt = -w/tau_w : amp\ndu/dt = -u/tau_w : amp"), EquationError, "must be one equation", ""),
    "transfer function without inverse": (
        {"cell": {"equations": CELL["equations"].replace("s(v/mV)", "inv_s(v/mV)")}},
        EquationError, "cell.rate: softplus has no inverse", "choose a bijection"),
    "transfer function missing": (
        {"cell": {"transfer": None}}, EquationError, "cell.rate: s(...) has no meaning", "set `transfer`"),
    "transfer function unknown": (
        {"cell": {"transfer": "softpuls"}}, UnknownMemberError, "'softpuls'", "did you mean 'softplus'"),
    "transfer function of two arguments": (
        equations("s(v/mV)", "s(v/mV, 1)"), EquationError, "takes one argument, not 2", ""),
    "meaningless flag": (
        equations("current : amp", "current : amp (shared)"), EquationError, "flag (shared)", "remove it"),
    # units
    "units that do not add": (
        equations("E - v", "E - x"), UnitError, "cell.v: units do not fit", ""),
    "equation in the wrong unit": (
        equations("rate = s(v/mV) : 1", "rate = v : 1"), UnitError, "cell.rate: 'v' is in V", "must be in 1"),
    "rate of change without time": (
        equations(")/tau", ")"), UnitError, "cell.v", "must be in V/s"),
    "rule in the wrong unit": (
        rule("dw/dt = learn*(rate_post*x_pre*eta - w) : amp"), UnitError, "Matrix 'w'", "must be in A/s"),
    "function of a quantity": (
        equations("s(v/mV)", "exp(v)"), UnitError, "cell.rate", ""),
    "unknown unit": (
        equations("current : amp", "current : ampp"), UnitError, "'ampp'", "did you mean"),
    "parameter in the wrong unit": (
        parameters(tau="20 mV"), UnitError, "cell.v", ""),
    "parameter without unit": (parameters(tau=20), UnitError, "cell.v", ""),
    "initial value in the wrong unit": (
        {"cell": {"initial": {"v": "-70 ms"}}},
        UnitError, "Population 'cell': initial value of 'v' is in s", "must be in V"),
    "initial value without unit": (
        {"cell": {"initial": {"v": -70}}}, UnitError, "initial value of 'v' is in 1", "must be in V"),
    "initial weight in the wrong unit": (
        {"weight": {"initial": "1 mV"}}, UnitError, "Matrix 'w': initial value is in V", "must be in A"),
    "drawn initial weight in the wrong unit": (
        {"weight": {"initial": Normal(0.1)}}, UnitError, "Matrix 'w': initial value is in 1", "in A"),
    "input value in the wrong unit": (
        {"cell": {"inputs": {"x": "3 mV"}}}, UnitError, "input 'x' is in V", "must be in 1"),
    "projection that delivers the wrong unit": (
        {"link": {"target": "cell.x"}, "cell": {"inputs": ["current"]}},
        UnitError, "delivers A", "cell.x is in 1"),
    # shapes
    "size that is no number": ({"cell": {"size": "many"}}, SpecError, "Population", ""),
    "size zero": ({"cell": {"size": 0}}, ShapeError, "Population 'cell': size is 0", "at least 1"),
    "size not whole": ({"cell": {"size": 2.5}}, ShapeError, "size is 2.5", ""),
    "size true": ({"cell": {"size": True}}, ShapeError, "size is True", ""),
    "too many initial values": (
        {"cell": {"initial": {"v": ["1 mV"] * 3}}}, ShapeError, "initial value of 'v' has shape (3,)", "(2,)"),
    "too many parameter values": (
        {"cell": {"parameters": {"R": ["1 ohm"] * 3}}}, ShapeError, "parameter 'R' has shape (3,)", "2 of them"),
    "weights of the wrong shape": (
        {"weight": {"initial": np.zeros((2, 3))}}, ShapeError, "Matrix 'w'", "(2, 2)"),
    "one weight per column": (
        {"weight": {"initial": np.zeros(2)}}, ShapeError, "Matrix 'w'", "(2, 2)"),
    "array as circuit parameter": (
        parameters(tau=["1 ms", "2 ms"]), ShapeError, "parameter 'tau' must be one number", "population"),
    "array as parameter of a matrix": (
        {"weight": {"parameters": {"eta": ["1 pA", "2 pA"]}}}, ShapeError, "parameter 'eta' must be one", ""),
    "projection onto another size": (
        {"extra": (Population("other", 3, "dv/dt = (c - v)/(1*ms) : amp\nc : amp"),),
         "link": {"target": "other.c"}},
        ShapeError, "projection cell.x -> w -> other.c", "needs a 3 x 2 matrix, but w is 2 x 2"),
    # values
    "initial value not finite": (
        {"cell": {"initial": {"v": "inf mV"}}}, ParameterError, "initial value of 'v' is inf V", "must be finite"),
    "parameter not finite": (parameters(tau="inf ms"), ParameterError, "'tau'", "must be finite"),
    "gate with a unit": ({"gates": {"learn": "1 ms"}}, ParameterError, "gate 'learn'", "without unit"),
    "value for a state": (
        {"cell": {"parameters": {"R": "1 ohm", "v": "1 mV"}}}, ParameterError, "'v' is a state", ""),
    # names
    "unknown input": (
        {"cell": {"inputs": ["x", "curent"]}}, UnknownMemberError, "'curent'", "did you mean 'current'"),
    "state as input": ({"cell": {"inputs": ["x", "v"]}}, UnknownMemberError, "'v'", ""),
    "initial value of what is no state": (
        {"cell": {"initial": {"rate": 1}}}, UnknownMemberError, "'rate'", ""),
    "projection from nowhere": (
        {"link": {"source": "cel.x"}}, UnknownMemberError, "unknown population 'cel'", "did you mean 'cell'"),
    "projection of no variable": (
        {"link": {"source": "cell.y"}}, UnknownMemberError, "unknown variable of population 'cell' 'y'", ""),
    "projection through no matrix": (
        {"link": {"matrix": "ww"}}, UnknownMemberError, "unknown matrix 'ww'", "did you mean 'w'"),
    "projection without variable": ({"link": {"source": "cell"}}, SpecError, "population.variable", ""),
    "matrix onto nowhere": ({"weight": {"post": "cells"}}, UnknownMemberError, "'cells'", "'cell'"),
    "projection onto a state": (
        {"link": {"target": "cell.v"}}, SpecError, "cell.v cannot be fed", "declared variable"),
    "projection onto an input": ({"link": {"target": "cell.x"}}, SpecError, "cell.x cannot be fed", ""),
    "two objects of one name": (
        {"extra": (Population("w", 1, "dv/dt = -v/ms : 1"),)}, SpecError, "'w' names 2 objects", ""),
    "two populations of one name": (
        {"extra": (Population("cell", 1, "dv/dt = -v/ms : 1"),)}, SpecError, "'cell' names 2 objects", ""),
    "capital name": ({"cell": {"name": "Cell"}}, SpecError, "Population 'Cell'", "lower case"),
    "name with a dot": ({"cell": {"name": "cell.a"}}, SpecError, "Population 'cell.a'", ""),
    "reserved symbol": (
        equations("current", "dt"), SpecError, "'dt' is reserved", "choose another"),
    "reserved suffix": (equations("rate", "rate_pre"), SpecError, "'rate_pre' is reserved", ""),
    "hidden prefix": (equations("rate", "ds_rate"), SpecError, "'ds_rate' is reserved", ""),
    "symbol of the transfer function": (equations("rate", "s"), SpecError, "'s' is reserved", ""),
    # loops
    "algebraic loop of one": (
        {"cell": LOOP, "weight": {"plasticity": None, "parameters": {}, "initial": 1.0},
         "link": {"source": "cell.a", "target": "cell.b"}, "parameters": {"tau": "1 ms"}, "gates": {}},
        LoopError, "cell.a", "cell.b"),
    "subexpressions that define each other": (
        equations("x : 1", "x : 1\na = 2*b : 1\nb = a + x : 1"), SpecError, "a", "b"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN_CIRCUITS)
def test_a_broken_circuit_is_refused_by_name(case):
    changes, kind, names, advice = BROKEN_CIRCUITS[case]
    with pytest.raises(SpecError) as raised:
        circuit(**changes)
    assert isinstance(raised.value, kind), repr(raised.value)
    assert names in str(raised.value)
    assert advice in str(raised.value)
    assert raised.value.exit_code == 3
    assert "\n" not in str(raised.value)


BROKEN_PROTOCOLS = {
    "negative duration": (lambda: phase(duration="-2 ms"), ParameterError, "'free': duration", "positive"),
    "phase without name": (lambda: phase(name=None), SpecError, "Phase: its name is None", ""),
    "zero duration": (lambda: phase(duration="0 ms"), ParameterError, "'free': duration", "positive"),
    "infinite duration": (lambda: phase(duration="inf s"), ParameterError, "'free': duration", ""),
    "duration between two steps": (
        lambda: phase(duration="2.5 ms"), ParameterError, "Phase train/free: duration", "whole number"),
    "duration below one step": (
        lambda: phase(duration="0.2 ms"), ParameterError, "Phase train/free: duration", ""),
    "duration without unit": (lambda: phase(duration=2), UnitError, "'free': duration", "'10 ms'"),
    "duration in volts": (lambda: phase(duration="2 mV"), UnitError, "'free': duration", ""),
    "negative time step": (lambda: {"dt": "-1 ms"}, ParameterError, "Protocol.dt", "positive"),
    "time step zero": (lambda: {"dt": "0 ms"}, ParameterError, "Protocol.dt", ""),
    "time step without unit": (lambda: {"dt": 0.001}, UnitError, "Protocol.dt", ""),
    "no blocks": (lambda: {"blocks": ()}, SpecError, "at least one block", ""),
    "no phases": (lambda: {"blocks": (Block("a", ()),)}, SpecError, "Block 'a'", "one phase"),
    "no trials": (
        lambda: {"blocks": (Block("a", (Phase("p", "1 ms"),), 0),)}, ParameterError, "Block 'a': trials", ""),
    "half a trial": (
        lambda: {"blocks": (Block("a", (Phase("p", "1 ms"),), 1.5),)}, ParameterError, "trials is 1.5", ""),
    "two blocks of one name": (lambda: {"blocks": TIMES["blocks"] * 2}, SpecError, "block names", ""),
    "unknown order": (
        lambda: {"blocks": (Block("a", (Phase("p", "1 ms"),), 1, "shufled"),)},
        UnknownMemberError, "'shufled'", "did you mean 'shuffled'"),
    "unknown input": (lambda: {"signals": {"cell.y": 1}}, UnknownMemberError, "'cell.y'", "'cell.x'"),
    "state as input": (
        lambda: {"signals": {"cell.x": 1, "cell.v": "1 mV"}}, UnknownMemberError, "'cell.v'", ""),
    "unknown input in a phase": (
        lambda: phase(signals={"cel.x": 1}), UnknownMemberError, "'cel.x'", "did you mean 'cell.x'"),
    "unknown gate": (lambda: phase(gates={"lern": 1}), UnknownMemberError, "'lern'", "did you mean 'learn'"),
    "gate with a unit": (lambda: phase(gates={"learn": "1 mV"}), UnitError, "gate 'learn'", "must be in 1"),
    "gate per unit": (lambda: phase(gates={"learn": [1, 2]}), ShapeError, "gate 'learn'", ""),
    "gate that shows a data set": (
        lambda: phase(gates={"learn": Samples("rows")}), SpecError, "gate 'learn' cannot show", ""),
    "input that nothing drives": (lambda: {"signals": {}}, ParameterError, "nothing drives cell.x", "signal"),
    "unknown data set": (
        lambda: {"signals": {"cell.x": Samples("row")}}, UnknownMemberError, "'row'", "did you mean 'rows'"),
    "data set of another width": (
        lambda: {"data": {"rows": np.ones((3, 4))}}, ShapeError, "'rows' has 4 columns", "2 units"),
    "data set without rows": (lambda: {"data": {"rows": np.ones((0, 2))}}, ShapeError, "'rows'", ""),
    "data set with a gap": (lambda: {"data": {"rows": [[1.0, np.nan]]}}, ShapeError, "'rows'", "finite"),
    "data set of one dimension": (lambda: {"data": {"rows": [1.0, 2.0]}}, ShapeError, "'rows'", ""),
    "signal in volts": (
        lambda: {"signals": {"cell.x": Step("3 mV")}}, UnitError, "cell.x: Step.amplitude is in V", "in 1"),
    "signal for three units": (
        lambda: {"signals": {"cell.x": Step([1, 2, 3])}}, ShapeError, "Step.amplitude has shape (3,)", "2"),
    "onset without unit": (
        lambda: {"signals": {"cell.x": Step(1, 5)}}, UnitError, "Step.onset is in 1", "must be in s"),
    "frequency in milliseconds": (
        lambda: {"signals": {"cell.x": Sine(1, "3 ms")}}, UnitError, "Sine.frequency is in s", "must be in Hz"),
    "infinite amplitude": (lambda: {"signals": {"cell.x": Step("inf")}}, ParameterError, "Step.amplitude", ""),
    "rise slower than decay": (
        lambda: {"signals": {"cell.x": BiExponential(1, "0 s", "3 ms", "2 ms")}},
        ParameterError, "0 < rise < decay", ""),
    "table in volts": (
        lambda: {"signals": {"cell.x": Table([1, 2], "1 ms", "mV")}}, UnitError, "Table is in V", ""),
    "table of three columns": (
        lambda: {"signals": {"cell.x": Table(np.ones((4, 3)), "1 ms")}}, ShapeError, "3 columns", "1 or 2"),
    "table without interval": (lambda: {"signals": {"cell.x": Table([1], 3)}}, UnitError, "interval", ""),
    "empty table": (lambda: {"signals": {"cell.x": Table([], "1 ms")}}, ShapeError, "Table.values", ""),
    "batch zero": (lambda: {"batch": 0}, ParameterError, "Protocol.batch is 0", "at least 1"),
    "half a sample": (lambda: {"batch": 1.5}, ParameterError, "Protocol.batch is 1.5", ""),
    "recording that matches nothing": (
        lambda: {"recordings": (Recording("cell.vv", "1 ms"),)},
        UnknownMemberError, "'cell.vv'", "did you mean 'cell.v'"),
    "pattern that matches nothing": (
        lambda: {"recordings": (Recording("layer*.h", "1 ms"),)}, UnknownMemberError, "'layer*.h'", ""),
    "recorded twice": (
        lambda: {"recordings": (Recording("cell.v", "1 ms"), Recording("*.v", "phase"))},
        SpecError, "cell.v is recorded twice", ""),
    "recording between two steps": (
        lambda: {"recordings": (Recording("cell.v", "1.5 ms"),)},
        ParameterError, "Recording of cell.v: every", "whole number"),
    "recording with a typing error": (
        lambda: {"recordings": (Recording("cell.v", "phse"),)}, SpecError, "phse", ""),
    "unit out of range": (
        lambda: {"recordings": (Recording("cell.v", "1 ms", units=(0, 2)),)},
        ParameterError, "cell.v has no unit 2", "0 to 1"),
    "unit below zero": (
        lambda: {"recordings": (Recording("cell.v", "1 ms", units=(-1,)),)}, ParameterError, "no unit -1", ""),
    "sample out of range": (
        lambda: {"recordings": (Recording("cell.v", "1 ms", samples=(2,)),)},
        ParameterError, "sample 2", "0 to 1"),
    "phase that is not there": (
        lambda: {"recordings": (Recording("cell.v", "1 ms", phases="sleep"),)},
        UnknownMemberError, "'sleep'", "free"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN_PROTOCOLS)
def test_a_broken_protocol_is_refused_by_name(case):
    changes, kind, names, advice = BROKEN_PROTOCOLS[case]
    with pytest.raises(SpecError) as raised:
        protocol(**changes())
    assert isinstance(raised.value, kind), repr(raised.value)
    assert names in str(raised.value)
    assert advice in str(raised.value)
    assert raised.value.exit_code == 3


def test_a_loop_through_two_populations_names_its_members():
    half = "dh/dt = (-h + r)/(5*ms) : 1\nr = 2*fed : 1\nfed : 1"
    with pytest.raises(LoopError) as raised:
        Circuit(
            (Population("up", 2, half), Population("down", 3, half)),
            (Matrix("w", "down", "up"),),
            (
                Projection("up.r", "w", "down.fed"),
                Projection("down.r", "w", "up.fed", transpose=True),
            ),
        )
    for member in ("up.r", "up.fed", "down.r", "down.fed"):
        assert member in str(raised.value)
    assert "make one of them a state" in str(raised.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Normal(-1.0),
        lambda: Normal("1 mV", "1 ms"),
        lambda: Normal([1.0, 2.0]),
        lambda: Normal(float("nan")),
        lambda: Uniform(2.0, 1.0),
        lambda: Uniform("1 mV", 2.0),
        lambda: Matrix("w", "cell", "cell", initial="1 xyz"),
        lambda: circuit(cell={"initial": {"v": Identity()}}),
        lambda: circuit(weight={"initial": Identity("a", "b")}),
    ],
)
def test_a_broken_initial_value_is_refused(make):
    with pytest.raises(SpecError):
        make()


# -- broken at random -------------------------------------------------------------------------------

garbage = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 5), st.floats(), st.text(max_size=6),
    st.sampled_from(["1 ms", "3 mV", "-2 s", "cell.x", "cell", "w", "*", "phase", "dv/dt = -v : 1", "é : 1"]),
    st.lists(st.floats(-2, 2), max_size=3), st.lists(st.text(max_size=3), max_size=2),
    st.dictionaries(st.text(max_size=3), st.floats(-2, 2), max_size=2),
    st.just(np.ones((2, 2))), st.just(object()), st.just(Normal(0.1)), st.just(Step(1.0)),
)  # fmt: skip

FIELDS = [
    *(("cell", k) for k in CELL), *(("weight", k) for k in WEIGHT), *(("link", k) for k in LINK),
    ("link", "transpose"), ("weight", "unit"), ("cell", "scope"), ("weight", "scope"),
]  # fmt: skip


def refusal(make):
    """Return the error of ours by which a spec is refused, None if it is made and survives JSON."""
    try:
        made = make()
        text = made.to_json()
    except DendrosimError as error:
        return error
    assert type(made).from_json(text) == made
    return None


def refused_or_valid(make):
    """Require that a spec is made, or refused by one of our errors with its documented exit code."""
    error = refusal(make)
    assert error is None or (error.exit_code in (2, 3) and str(error))


@settings(max_examples=300)
@given(st.sampled_from(FIELDS), garbage)
def test_garbage_in_any_field_of_a_circuit_is_refused_or_meaningful(field, value):
    group, name = field
    refused_or_valid(lambda: circuit(**{group: {name: value}}))


@settings(max_examples=200)
@given(st.sampled_from(["parameters", "gates"]), garbage, st.none() | st.text(max_size=3))
def test_garbage_among_shared_numbers_is_refused_or_meaningful(name, value, key):
    shared = value if key is None else {**REST[name], key: value}
    refused_or_valid(lambda: circuit(**{name: shared}))
    refused_or_valid(lambda: circuit(**{name: {**REST[name], next(iter(REST[name])): value}}))


@settings(max_examples=300)
@given(st.sampled_from([*TIMES, "references", "parameters", "name", "batch_fixed"]), garbage)
def test_garbage_in_any_field_of_a_protocol_is_refused_or_meaningful(name, value):
    refused_or_valid(lambda: protocol(**{name: value}))


PARTS = {
    Phase: {"name": "free", "duration": "2 ms", "gates": {"learn": 1}, "signals": {"cell.x": 1.0}},
    Block: {"name": "train", "phases": (Phase("free", "2 ms"),), "trials": 2, "order": "shuffled"},
    Recording: {
        "variables": "cell.v", "every": "1 ms", "units": (0,), "samples": (1,), "phases": "free",
    },
    Table: {"values": [1.0, 2.0], "interval": "1 ms", "unit": "1", "linear": True},
    BiExponential: {"amplitude": 1.0, "onset": "1 ms", "rise": "1 ms", "decay": "2 ms"},
    Sine: {"amplitude": 1.0, "frequency": "3 Hz", "phase": 0.0, "offset": 1.0},
}  # fmt: skip
PART_FIELDS = [(kind, field) for kind, given in PARTS.items() for field in given]


@settings(max_examples=400)
@given(st.sampled_from(PART_FIELDS), garbage)
def test_garbage_in_any_part_of_a_protocol_is_refused_or_meaningful(part, value):
    kind, field = part

    def make():
        made = kind(**{**PARTS[kind], field: value})
        if kind is Phase:
            return protocol(blocks=(Block("only", (made,)),))
        if kind is Block:
            return protocol(blocks=(made,))
        if kind is Recording:
            return protocol(blocks=phase()["blocks"], recordings=(made,))
        return protocol(signals={"cell.x": made})

    refused_or_valid(make)


TEXTS = {"equations": CELL["equations"], "plasticity": WEIGHT["plasticity"]}
TOKENS = [
    "v", "x", "w", "tau", "E", "*", "+", "-", "/", "**", "(", ")", ":", "\n", "=", "1", "0.5", "2", ",", "amp",
    "volt", "s(", "exp(", "tanh(", "int(", "x_pre", "rate_post", "d", "dv/dt", "t", "ms", " and ", " not ",
    "if", "lambda:", "[0]", "'", '"', "#", "(shared)", ".", "@", "\\", "not", ">", "é", "1e999", "0x",
]  # fmt: skip


@settings(max_examples=500)
@given(st.sampled_from(sorted(TEXTS)), st.data())
def test_equations_with_random_damage_are_refused_or_meaningful(which, data):
    text = TEXTS[which]
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        stop = min(len(text), start + data.draw(st.integers(0, 4)))
        text = text[:start] + data.draw(st.sampled_from(["", *TOKENS])) + text[stop:]
    group = "cell" if which == "equations" else "weight"
    refused_or_valid(lambda: circuit(**{group: {which: text}}))


@settings(max_examples=200)
@given(st.text(max_size=40))
def test_any_text_as_equations_is_refused_or_meaningful(text):
    refused_or_valid(lambda: Circuit((Population("cell", 1, text),)))
    refused_or_valid(lambda: circuit(weight={"plasticity": text}))


@settings(max_examples=60)
@given(st.sampled_from(["E", "v", "R", "current", "tau"]), st.integers(0, 4))
def test_misspelling_a_symbol_names_the_misspelt_one(symbol, position):
    position = min(position, len(symbol) - 1)
    wrong = symbol[: position + 1] + "q" + symbol[position + 1 :]
    right = "(E - v + R*current)/tau"
    damaged = re.sub(rf"\b{symbol}\b", wrong, right)
    with pytest.raises(EquationError, match=f"cell.v: undefined symbol '{wrong}'"):
        circuit(cell={"equations": CELL["equations"].replace(right, damaged)})
