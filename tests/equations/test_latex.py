"""Equation text becomes LaTeX that says the same: order of terms, parentheses, names."""

import pytest

from dendrosim.equations.latex import (
    assignments_latex,
    equations_latex,
    expression_latex,
    formula_latex,
    name_latex,
)
from dendrosim.errors import EquationError


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("h", "h"),
        ("tau", r"\tau"),
        ("basal", r"\mathrm{basal}"),
        ("tau_soma", r"\tau_{\mathrm{soma}}"),
        ("eta_q", r"\eta_{q}"),
        ("w1", "w_{1}"),
        ("h_post", r"h^{\mathrm{post}}"),
        ("tau_q_pre", r"\tau_{q}^{\mathrm{pre}}"),
        ("post", r"\mathrm{post}"),
    ],
)
def test_names(name, latex):
    assert name_latex(name) == latex


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("a + b*c", r"a + b \, c"),
        ("(a + b)*c", r"\left(a + b\right) \, c"),
        ("a - (b - c)", r"a - \left(b - c\right)"),
        ("a - (b + c)", r"a - \left(b + c\right)"),
        ("(a - b) - c", "a - b - c"),
        ("a + (b - c)", "a + b - c"),
        ("a*(-b)", r"a \, \left(-b\right)"),
        ("-(a + b)", r"-\left(a + b\right)"),
        ("-a*b", r"-a \, b"),
        ("(-h + f)/tau", r"\frac{-h + f}{\tau}"),
        ("a/b/c", r"\frac{\frac{a}{b}}{c}"),
        ("a/(b*c)", r"\frac{a}{b \, c}"),
        ("(a/b)**2", r"\left(\frac{a}{b}\right)^{2}"),
        ("(-a)**2", r"\left(-a\right)^{2}"),
        ("-a**2", "-a^{2}"),
        ("a**-1", "a^{-1}"),
        ("(a**b)**c", r"\left(a^{b}\right)^{c}"),
        ("x*2", r"x \cdot 2"),
        ("t < dt/2", r"t < \frac{dt}{2}"),
        ("2*ms", r"2 \, \mathrm{ms}"),
        ("1e-3*x", r"0.001 \, x"),
        ("1e-9*x", r"1 \cdot 10^{-9} \, x"),
        ("s(v) + ds(v)*inv_s(h)", r"s\left(v\right) + s'\left(v\right) \, s^{-1}\left(h\right)"),
        ("sqrt(x)", r"\sqrt{x}"),
        ("abs(x)", r"\left|x\right|"),
        ("floor(x)", r"\lfloor x \rfloor"),
        ("int(v > 0)", r"\left[v > 0\right]"),
        ("a < b and not (c or d)", r"a < b \wedge \neg \left(c \vee d\right)"),
        ("a and (b or c)", r"a \wedge \left(b \vee c\right)"),
        ("clip(x, 0, 1)", r"\mathrm{clip}\left(x, 0, 1\right)"),
    ],
)
def test_expressions(text, latex):
    assert expression_latex(text) == latex


def test_states_are_derivatives_and_lines_without_equation_are_left_out():
    text = "dv/dt = (-v + f)/tau : volt   # soma\nf = s(x) : 1\nx : 1"
    assert equations_latex(text) == (
        "\\begin{aligned}\n"
        "\\frac{dv}{dt} &= \\frac{-v + f}{\\tau} \\\\\n"
        "f &= s\\left(x\\right)\n"
        "\\end{aligned}"
    )
    assert equations_latex("x : 1") == ""


def test_assignments():
    found = assignments_latex("v = e_leak; w += b - c\nu *= a + b  # recovery")
    assert found.splitlines()[1:-1] == [
        r"v &\leftarrow e_{\mathrm{leak}} \\",
        r"w &\leftarrow w + b - c \\",
        r"u &\leftarrow u \, \left(a + b\right)",
    ]
    assert assignments_latex("u -= a - b").splitlines()[1] == (
        r"u &\leftarrow u - \left(a - b\right)"
    )


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("dv/dt = -v/tau", r"\frac{dv}{dt} = \frac{-v}{\tau}"),
        ("w1_post = a", r"w_{1}^{\mathrm{post}} = a"),
        ("v += w", r"v \leftarrow v + w"),
        ("v -= a - b", r"v \leftarrow v - \left(a - b\right)"),
        ("v == 1", "v = 1"),
    ],
)
def test_formulas_in_one_line(text, latex):
    assert formula_latex(text) == latex


@pytest.mark.parametrize(
    "text",
    [
        "a +", "x[0]", "lambda: 1", "a.b", "'text'", "f(x=1)", "a & b", "a is b", "(" * 300, "1 +" * 2000 + "1",
    ],
)  # fmt: skip
def test_what_is_no_expression_is_refused(text):
    with pytest.raises(EquationError, match="cannot typeset"):
        expression_latex(text)


def test_what_is_no_assignment_is_refused():
    with pytest.raises(EquationError, match="is not an assignment"):
        assignments_latex("v")
