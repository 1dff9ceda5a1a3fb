"""Derivatives of expressions agree with those by a complex step."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dendrosim.errors import DifferentiationError
from dendrosim.stability.vector_field.expression import Expression

SMOOTH = ("sin", "cos", "tanh", "exp", "expm1", "exprel", "arctan", "sinh", "cosh", "tan")
POSITIVE = ("log", "log10", "sqrt")
LEAVES = st.sampled_from(["x", "y", "x", "y", "a", "0.7", "2.0", "pi"])
NUMBERS = st.floats(-1.5, 1.5).map(lambda v: round(v, 3))


def larger(part):
    """Return expressions made of smaller ones, in which no function leaves its domain."""
    return st.one_of(
        st.tuples(part, st.sampled_from("+-*"), part).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        st.tuples(part, part).map(lambda p: f"({p[0]}/(1.5 + ({p[1]})**2))"),
        st.tuples(st.sampled_from(SMOOTH), part).map(lambda p: f"{p[0]}(tanh({p[1]}))"),
        st.tuples(st.sampled_from(POSITIVE), part).map(lambda p: f"{p[0]}(0.3 + ({p[1]})**2)"),
        part.map(lambda p: f"log1p(({p})**2)"),
        part.map(lambda p: f"arcsin(0.9*tanh({p}))"),
        part.map(lambda p: f"arccos(0.9*tanh({p}))"),
        part.map(lambda p: f"abs({p})"),
        st.tuples(part, part).map(lambda p: f"sign({p[0]})*({p[1]})"),
        st.tuples(part, part).map(lambda p: f"clip({p[0]}, -0.5, 0.3 + ({p[1]})**2)"),
        st.tuples(part, part, part).map(lambda p: f"int({p[0]} > {p[1]})*({p[2]})"),
        st.tuples(part, part).map(lambda p: f"int({p[0]} > 0 and not {p[1]} < 1)*({p[1]})"),
    )


TEXTS = st.recursive(LEAVES, larger, max_leaves=6)


@pytest.mark.parametrize("text", ["abs(x - y)", "abs(x)", "abs(x + y - 2*a)", "clip(x - y, 0, 1)"])
def test_a_corner_that_variables_share_is_found(text):
    values = {"x": np.array([0.0, 0.5]), "y": np.array([0.0, 0.25]), "a": 0.0}
    found = Expression(text, ("x", "y"), "cell.v").at_corner(values)
    assert found.tolist() == [True, False]


@settings(max_examples=150)
@given(TEXTS, NUMBERS, NUMBERS, NUMBERS)
def test_partial_derivatives_are_exact(text, x, y, a):
    expression = Expression(text, ("x", "y"), "cell.v")
    values = {"x": np.array([x, x + 0.217]), "y": np.array([y, y - 0.311]), "a": a, "pi": np.pi}
    size = np.abs(expression.value(values))
    assume(np.all(size < 1e6))
    assume(not np.any(expression.at_corner(values)))
    for symbol in ("x", "y"):
        moved = {**values, symbol: values[symbol] + 1e-30j}
        expected = np.broadcast_to(np.imag(expression.value(moved)), 2) / 1e-30
        if symbol not in expression.symbols:
            assert not expression.depends_on(symbol)
            continue
        found = np.broadcast_to(expression.partial(symbol, values), 2)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11 * (1.0 + size.max()))


@pytest.mark.parametrize("text", ["exprel(x)", "log1p(x)", "expm1(x)", "abs(x)*x", "x**2*sign(x)"])
def test_derivatives_at_zero(text):
    expression = Expression(text, ("x",), "cell.v")
    slope = expression.partial("x", {"x": np.array([0.0])})
    np.testing.assert_allclose(
        slope, {"exprel(x)": 0.5, "log1p(x)": 1.0, "expm1(x)": 1.0}.get(text, 0.0)
    )


@pytest.mark.parametrize(
    "text", ["floor(x)", "x % 2", "int(x + 0.5)", "int(int(x) > 0)*0 + ceil(x)"]
)
def test_steps_have_no_derivative(text):
    with pytest.raises(DifferentiationError, match=r"^cell\.v: "):
        Expression(text, ("x",), "cell.v").check()
    Expression(text, (), "cell.v").check()
