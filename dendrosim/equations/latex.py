"""Equation text as LaTeX, for pages and reports: terms keep the order in which the file has them."""

import ast
import re
from collections.abc import Iterator

from dendrosim.equations.declarations import Declaration, parse_declarations
from dendrosim.errors import EquationError, abbreviate

GREEK = frozenset({
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu",
    "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega", "Gamma", "Delta", "Theta",
    "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega",
})  # fmt: skip
_ENDS = {"pre", "post"}
_FUNCTIONS = {
    "exp": r"\exp", "log": r"\ln", "sin": r"\sin", "cos": r"\cos", "tan": r"\tan", "tanh": r"\tanh",
    "sinh": r"\sinh", "cosh": r"\cosh", "s": "s", "ds": "s'", "inv_s": "s^{-1}",
}  # fmt: skip
_BINARY = {
    ast.Add: (" + ", 1),
    ast.Sub: (" - ", 1),
    ast.Mult: (r" \, ", 2),
    ast.Mod: (r" \bmod ", 2),
}
_COMPARED = {
    ast.Lt: "<", ast.LtE: r"\le", ast.Gt: ">", ast.GtE: r"\ge", ast.Eq: "=", ast.NotEq: r"\ne",
}  # fmt: skip
_LOGIC, _SUM, _PRODUCT, _SIGN, _POWER, _ATOM = -1, 1, 2, 3, 4, 5
LONGEST = 4000
"""Largest number of characters of an expression; a longer one is no formula that a person reads."""

_RATE = re.compile(r"\s*d(\w+)/dt\s*=(?!=)\s*(.+?)\s*\Z", re.DOTALL)
_ASSIGNMENT = re.compile(r"\s*(\w+)\s*([-+*/]?)=(?!=)\s*(.+?)\s*\Z", re.DOTALL)


def name_latex(name: str) -> str:
    r"""Return a name as LaTeX: Greek letters, subscripts after `_`, and `pre` or `post` as a superscript.

    Parameters
    ----------
    name : str
        A name as in equations, such as `tau_soma` or `h_post`.

    Returns
    -------
    str
        LaTeX such as ``\tau_{\mathrm{soma}}`` or ``h^{\mathrm{post}}``.
    """
    head, *rest = [part for part in name.split("_") if part] or [name]
    end = ""
    if rest and rest[-1] in _ENDS:
        end = rf"^{{\mathrm{{{rest.pop()}}}}}"
    digits = re.fullmatch(r"([A-Za-z]+)(\d+)", head)
    if digits:
        head, rest = digits[1], [digits[2], *rest]
    below = r",\,".join(_word(part) for part in rest)
    return _word(head) + (f"_{{{below}}}" if below else "") + end


def _word(word: str) -> str:
    if word in GREEK:
        return f"\\{word}"
    return word if len(word) == 1 or word.isdigit() or word == "dt" else rf"\mathrm{{{word}}}"


def expression_latex(expression: str) -> str:
    """Return an expression of an equation as LaTeX.

    Parameters
    ----------
    expression : str
        An expression in the syntax of equations, such as `(-h + mu*g)/tau`.

    Returns
    -------
    str
        LaTeX without a surrounding environment. `int(condition)` becomes the condition in square brackets, which
        are 1 where it holds and 0 elsewhere.

    Raises
    ------
    EquationError
        If the expression cannot be read.
    """
    try:
        if len(expression) > LONGEST:
            raise ValueError
        return _latex(ast.parse(expression.strip(), mode="eval").body)[0]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise EquationError(
            f"cannot typeset {abbreviate(expression)}: it is not an expression as in equations"
        ) from None


def formula_latex(text: str) -> str:
    r"""Return a differential equation, an equation, an assignment or an expression as LaTeX.

    Parameters
    ----------
    text : str
        Such as `dx/dt = -x/tau`, `x += w` or `x > 1`, without unit.

    Returns
    -------
    str
        LaTeX in one line, with ``=`` for equations and ``\leftarrow`` for assignments that change a value.

    Raises
    ------
    EquationError
        If the text is none of these.
    """
    rate = _RATE.match(text)
    if rate:
        name, value = rate.groups()
        return rf"\frac{{d{name_latex(name)}}}{{dt}} = {expression_latex(value)}"
    found = _ASSIGNMENT.match(text)
    if found is None:
        return expression_latex(text)
    name, operator, value = found.groups()
    arrow = r"\leftarrow" if operator else "="
    return f"{name_latex(name)} {arrow} {expression_latex(_in_full(name, operator, value))}"


def equations_latex(text: str) -> str:
    r"""Return the equations of an equation text as aligned LaTeX, one line for each.

    Parameters
    ----------
    text : str
        Declarations as a population, matrix or pathway has them. Lines that only declare a unit (`x : 1`) have no
        equation and are left out.

    Returns
    -------
    str
        An `aligned` environment; empty if no line has an equation.
    """
    lines = [_declaration_latex(d) for d in parse_declarations(text) if d.expression]
    return _aligned(lines)


def assignments_latex(text: str) -> str:
    r"""Return the assignments of a reset or of the effect of a spike as aligned LaTeX.

    Parameters
    ----------
    text : str
        Statements such as `v = e_leak; adaptation += jump`, separated by semicolons or lines.

    Returns
    -------
    str
        An `aligned` environment with one ``\leftarrow`` for each statement; empty if there is none.

    Raises
    ------
    EquationError
        If a statement is not an assignment.
    """
    lines = []
    for statement in re.split(r"[;\n]", text):
        code = statement.partition("#")[0].strip()
        if not code:
            continue
        found = _ASSIGNMENT.match(code)
        if found is None:
            raise EquationError(f"cannot typeset {abbreviate(code)}: it is not an assignment")
        name, operator, value = found.groups()
        whole = expression_latex(_in_full(name, operator, value))
        lines.append(rf"{name_latex(name)} &\leftarrow {whole}")
    return _aligned(lines)


def _in_full(name: str, operator: str, value: str) -> str:
    return f"{name} {operator} ({value})" if operator else value


def _aligned(lines: list[str]) -> str:
    if not lines:
        return ""
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def _declaration_latex(declaration: Declaration) -> str:
    name, value = name_latex(declaration.name), expression_latex(declaration.expression)
    left = rf"\frac{{d{name}}}{{dt}}" if declaration.kind == "state" else name
    return f"{left} &= {value}"


def _latex(node: ast.expr) -> tuple[str, int]:
    """Return an expression as LaTeX, and how strongly its outermost operator binds."""
    match node:
        case ast.Name():
            return name_latex(node.id), _ATOM
        case ast.Constant(value=bool() | int() | float()):
            return _number(node.value), _ATOM
        case ast.Call(func=ast.Name(id=function), keywords=[]):
            return _call(function, node.args), _ATOM
        case ast.BinOp(
            op=ast.Pow()
            | ast.Div()
            | ast.FloorDiv()
            | ast.Add()
            | ast.Sub()
            | ast.Mult()
            | ast.Mod()
        ):
            return _operation(node)
        case ast.UnaryOp(op=ast.USub()):
            return "-" + _within(node.operand, _PRODUCT), _SUM
        case ast.UnaryOp(op=ast.UAdd()):
            return _latex(node.operand)
        case ast.UnaryOp(op=ast.Not()):
            return r"\neg " + _within(node.operand, _SIGN), _SIGN
        case ast.Compare(ops=ops) if all(type(op) in _COMPARED for op in ops):
            return "".join(_comparison(node)), 0
        case ast.BoolOp():
            word = r" \wedge " if isinstance(node.op, ast.And) else r" \vee "
            return word.join(_within(value, 0) for value in node.values), _LOGIC
    raise EquationError(f"cannot typeset {abbreviate(ast.unparse(node))}")


def _within(node: ast.expr, least: int) -> str:
    """Return an expression as LaTeX, in parentheses if it binds less strongly than its place needs."""
    text, binds = _latex(node)
    return text if binds >= least else rf"\left({text}\right)"


def _comparison(node: ast.Compare) -> Iterator[str]:
    yield _within(node.left, _SUM)
    for operator, value in zip(node.ops, node.comparators, strict=True):
        yield f" {_COMPARED[type(operator)]} {_within(value, _SUM)}"


def _operation(node: ast.BinOp) -> tuple[str, int]:
    if isinstance(node.op, ast.Pow):
        return f"{_within(node.left, _ATOM)}^{{{_latex(node.right)[0]}}}", _POWER
    if isinstance(node.op, ast.Div):
        # A fraction is put into parentheses only where it has an exponent.
        return rf"\frac{{{_latex(node.left)[0]}}}{{{_latex(node.right)[0]}}}", _SIGN
    if isinstance(node.op, ast.FloorDiv):
        parts = _latex(node.left)[0], _latex(node.right)[0]
        return rf"\lfloor \frac{{{parts[0]}}}{{{parts[1]}}} \rfloor", _ATOM
    sign, binds = _BINARY[type(node.op)]
    # What stands on the right of a minus sign, or begins with a sign itself, keeps its parentheses.
    right = _within(node.right, binds + isinstance(node.op, ast.Sub))
    if right.startswith("-"):
        right = rf"\left({right}\right)"
    if isinstance(node.op, ast.Mult) and right[:1].isdigit():
        sign = r" \cdot "
    signed = isinstance(node.left, ast.UnaryOp) and isinstance(node.left.op, ast.USub)
    left = _latex(node.left)[0] if signed else _within(node.left, binds)
    return f"{left}{sign}{right}", binds


def _call(name: str, arguments: list[ast.expr]) -> str:
    inside = [_latex(argument)[0] for argument in arguments]
    if not inside or (name in ("sqrt", "abs", "int", "floor", "ceil") and len(inside) != 1):
        return rf"\mathrm{{{name.replace('_', ' ')}}}\left({', '.join(inside)}\right)"
    if name == "sqrt":
        return rf"\sqrt{{{inside[0]}}}"
    if name == "abs":
        return rf"\left|{inside[0]}\right|"
    if name == "int":
        return rf"\left[{inside[0]}\right]"
    if name in ("floor", "ceil"):
        return rf"\l{name} {inside[0]} \r{name}"
    function = _FUNCTIONS.get(name, rf"\mathrm{{{name.replace('_', ' ')}}}")
    return rf"{function}\left({', '.join(inside)}\right)"


def _number(value: object) -> str:
    if isinstance(value, bool):
        return rf"\mathrm{{{str(value).lower()}}}"
    mantissa, _, exponent = repr(value).partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa
