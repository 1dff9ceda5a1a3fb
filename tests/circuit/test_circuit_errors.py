"""Each mistake in a circuit is refused by a typed error that names it."""

import numpy as np
import pytest
from valid_specs import (
    CELL,
    circuit,
    equations,
    parameters,
    rule,
)

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.initial_values.identity import Identity
from dendrosim.circuit.initial_values.normal import Normal
from dendrosim.circuit.initial_values.uniform import Uniform
from dendrosim.circuit.matrix import Matrix, Projection
from dendrosim.circuit.population import Population
from dendrosim.errors import (
    EquationError,
    LoopError,
    ParameterError,
    ShapeError,
    SpecError,
    UnitError,
    UnknownMemberError,
)

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
    "transfer function called by its name": (
        equations("s(v/mV)", "softplus(v/mV)"),
        EquationError, "unknown function 'softplus'", "written s(...) and chosen by its population"),
    "rate of change without a time constant": (
        rule("dw/dt = learn*(eta*rate_post*x_pre - w) : amp"),
        UnitError, "is in A, but must be in A/s", "divided by a time constant"),
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
    "index of a unit in a rule": (
        rule("dw/dt = i*eta/tau_w : amp"), EquationError, "undefined symbol 'i'",
        "'place = i : 1', and use place_pre"),
    "transfer function without inverse": (
        {"cell": {"equations": CELL["equations"].replace("s(v/mV)", "inv_s(v/mV)")}},
        EquationError, "cell.rate: softplus has no inverse", "choose a bijection"),
    "transfer function missing": (
        {"cell": {"transfer": None}}, EquationError, "cell.rate: s(...) has no meaning", "set `transfer`"),
    "transfer function unknown": (
        {"cell": {"transfer": "softpuls"}}, UnknownMemberError, "'softpuls'", "did you mean 'softplus'"),
    "transfer function of two arguments": (
        equations("s(v/mV)", "s(v/mV, 1)"), EquationError, "takes one argument, not 2", ""),
    "constant equation": (
        equations("rate = s(v/mV) : 1", "rate = s(v/mV) : 1 (constant)"), EquationError, "'rate' has an equation",
        "flag (constant) has no meaning; remove it"),
    "meaningless flag": (
        equations("current : amp", "current : amp (shared)"), EquationError, "flag (shared)",
        "is a parameter or a gate of the circuit"),
    # units
    "units that do not add": (
        equations("E - v", "E - x"), UnitError, "cell.v: units do not fit", ""),
    "equation in the wrong unit": (
        equations("rate = s(v/mV) : 1", "rate = v : 1"), UnitError, "cell.rate: 'v' is in V", "must have no unit"),
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
        {"cell": {"initial": {"v": -70}}}, UnitError, "initial value of 'v' has no unit", "must be in V"),
    "initial weight in the wrong unit": (
        {"weight": {"initial": "1 mV"}}, UnitError, "Matrix 'w': initial value is in V", "must be in A"),
    "drawn initial weight in the wrong unit": (
        {"weight": {"initial": Normal(0.1)}}, UnitError, "Matrix 'w': initial value has no unit", "in A"),
    "input value in the wrong unit": (
        {"cell": {"inputs": {"x": "3 mV"}}}, UnitError, "input 'x' is in V", "must have no unit"),
    "projection that delivers the wrong unit": (
        {"link": {"target": "cell.x"}, "cell": {"inputs": ["current"]}},
        UnitError, "delivers A", "cell.x has no unit"),
    # shapes
    "size that is no number": ({"cell": {"size": "many"}}, SpecError, "Population", ""),
    "size zero": ({"cell": {"size": 0}}, ParameterError, "Population 'cell': size is 0", "at least 1"),
    "size not whole": ({"cell": {"size": 2.5}}, ParameterError, "size is 2.5", ""),
    "size true": ({"cell": {"size": True}}, ParameterError, "size is True", ""),
    "too many initial values": (
        {"cell": {"initial": {"v": ["1 mV"] * 3}}}, ShapeError, "initial value of 'v' has shape (3,)", "(2,)"),
    "too many parameter values": (
        {"cell": {"parameters": {"R": ["1 ohm"] * 3}}}, ShapeError, "parameters['R'] has shape (3,)", "2 numbers"),
    "weights of the wrong shape": (
        {"weight": {"initial": np.zeros((2, 3))}}, ShapeError, "Matrix 'w'", "(2, 2)"),
    "one weight per column": (
        {"weight": {"initial": np.zeros(2)}}, ShapeError, "Matrix 'w'", "(2, 2)"),
    "array as circuit parameter": (
        parameters(tau=["1 ms", "2 ms"]), ShapeError, "parameters['tau'] must be one number", "population"),
    "array as parameter of a matrix": (
        {"weight": {"parameters": {"eta": ["1 pA", "2 pA"]}}}, ShapeError, "parameters['eta'] must be one", ""),
    "projection onto another size": (
        {"extra": (Population("other", 3, "dv/dt = (c - v)/(1*ms) : amp\nc : amp"),),
         "link": {"target": "other.c"}},
        ShapeError, "projection cell.x -> w -> other.c", "needs a 3 x 2 matrix, but w is 2 x 2"),
    # values
    "initial value not finite": (
        {"cell": {"initial": {"v": "inf mV"}}},
        ParameterError, "initial['v']: Fixed.value is inf V", "must be finite"),
    "parameter not finite": (parameters(tau="inf ms"), ParameterError, "'tau'", "must be finite"),
    "gate with a unit": ({"gates": {"learn": "1 ms"}}, ParameterError, "Circuit.gates['learn']", "without unit"),
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
        {"link": {"source": "cell.y"}},
        UnknownMemberError, "projection cell.y -> ", "unknown variable of population 'cell' 'y'"),
    "projection through no matrix": (
        {"link": {"matrix": "ww"}}, UnknownMemberError, "-> ww -> ", ": unknown matrix 'ww'; did you mean 'w'"),
    "projection without variable": ({"link": {"source": "cell"}}, SpecError, "population.variable", ""),
    "matrix onto nowhere": ({"weight": {"post": "cells"}}, UnknownMemberError, "'cells'", "'cell'"),
    "projection onto a state": (
        {"link": {"target": "cell.v"}}, SpecError, "cell.v cannot be the target", "declared variable"),
    "projection onto an input": ({"link": {"target": "cell.x"}}, SpecError, "cell.x cannot be the target", ""),
    "two objects of one name": (
        {"extra": (Population("w", 1, "dv/dt = -v/ms : 1"),)}, SpecError, "'w' names 2 objects", ""),
    "two populations of one name": (
        {"extra": (Population("cell", 1, "dv/dt = -v/ms : 1"),)}, SpecError, "'cell' names 2 objects", ""),
    "capital name": ({"cell": {"name": "Cell"}}, SpecError, "Population.name is 'Cell'", "lower case"),
    "name with a dot": ({"cell": {"name": "cell.a"}}, SpecError, "Population.name is 'cell.a'", ""),
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
    assert "make one of these variables a state" in str(raised.value)


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


@pytest.mark.parametrize("text", ["x = : 1", "dx/dt = : 1", "y : 1\nx =  : y : 1"])
def test_an_equation_without_right_hand_side_is_refused(text):
    with pytest.raises(
        EquationError, match="'x' has no right-hand side; write it between '=' and ':'"
    ):
        Population("cell", 1, text)
