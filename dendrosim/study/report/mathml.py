"""Equation text as MathML: fractions, powers, subscripts and Greek letters, in the order in which it is written.

Only the grammar of expressions is read, nothing is executed: the text may come from a file of anybody. Texts that
have no formula, such as a call of a method, raise ValueError.
"""

import ast
import html
import re

_GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eps": "ε", "zeta": "ζ", "eta": "η",
    "theta": "θ", "iota": "ι", "kappa": "κ", "lambda": "λ", "lam": "λ", "mu": "μ", "nu": "ν", "xi": "ξ",
    "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω",
}  # fmt: skip
_COMPARISONS = {
    ast.Lt: "<", ast.LtE: "≤", ast.Gt: ">", ast.GtE: "≥", ast.Eq: "=", ast.NotEq: "≠",
}  # fmt: skip
_OPERATORS = {ast.Add: ("+", 2), ast.Sub: ("−", 2), ast.Mult: ("·", 3), ast.Mod: ("mod", 3)}
_UNARY, _POWER, _ATOM = 4, 5, 6
"""How tightly operators bind; an operand that binds less tightly gets parentheses."""

_DERIVATIVE = re.compile(r"d(\w+)/dt")
_ASSIGNMENT = re.compile(r"(?P<left>[\w/]+)\s*(?P<sign>[-+*/]?=)(?!=)\s*(?P<right>.+)", re.DOTALL)
_LONGEST = 4000  # characters; nested more deeply than this allows, no person reads a formula


def math(text: str) -> str:
    """Return an expression, an assignment or a differential equation as a `math` element.

    Raises
    ------
    ValueError
        If the text is not one of these.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"a text of {len(text)} characters is no formula")
    found = _ASSIGNMENT.fullmatch(text.strip())
    body = _expression(text)[0] if found is None else _assignment(**found.groupdict())
    return f'<math displaystyle="true">{_row(body)}</math>'


def _assignment(left: str, sign: str, right: str) -> str:
    rate = _DERIVATIVE.fullmatch(left)
    if rate:
        name = name_element(rate[1])
        shown = f"<mfrac>{_row(f'<mi>d</mi>{name}')}{_row('<mi>d</mi><mi>t</mi>')}</mfrac>"
    else:
        shown = name_element(left)
    arrow = {"=": "=", "+=": "←", "-=": "←", "*=": "←", "/=": "←"}[sign]
    before = "" if sign == "=" else f"{shown}<mo>{sign[0].replace('-', '−').replace('*', '·')}</mo>"
    value = _expression(right)[0]
    return f"{shown}<mo>{arrow}</mo>{before}{_row(value)}"


def name_element(name: str) -> str:
    """Return a name such as `tau_basal`: a Greek letter or a name, with what follows as subscript."""
    if not name.isidentifier():
        raise ValueError(f"{name!r} is no name")
    base, *rest = [part for part in name.split("_") if part] or [name]
    letters = re.fullmatch(r"([A-Za-z]+?)(\d+)", base)
    if letters:
        base, rest = letters[1], [letters[2], *rest]
    main = f"<mi>{html.escape(_GREEK.get(base, base))}</mi>"
    if not rest:
        return main
    below = ", ".join(_GREEK.get(part, part) for part in rest)
    return f"<msub>{main}<mtext>{html.escape(below)}</mtext></msub>"


def _expression(text: str) -> tuple[str, int]:
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"{text!r} is no formula") from error
    return _node(tree.body)


def _node(node: ast.AST) -> tuple[str, int]:
    """Return the elements of a part of an expression, and how tightly it binds."""
    match node:
        case ast.Constant(value=bool(value)):
            return f"<mi>{str(value).lower()}</mi>", _ATOM
        case ast.Constant(value=int() | float() as value):
            return _number(value), _ATOM
        case ast.Name(id=name):
            return name_element(name), _ATOM
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return f"<mo>−</mo>{_inside(inner, _UNARY)}", _UNARY
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return f"<mo>¬</mo>{_inside(inner, _UNARY)}", _UNARY
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return f"<mfrac>{_row(_node(left)[0])}{_row(_node(right)[0])}</mfrac>", _POWER
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            base, power = _row(_inside(left, _ATOM)), _row(_node(right)[0])
            return f"<msup>{base}{power}</msup>", _POWER
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            sign, level = _OPERATORS[type(op)]
            return f"{_inside(left, level)}<mo>{sign}</mo>{_inside(right, level + 1)}", level
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
            return (
                f"{_inside(left, 2)}<mo>{html.escape(_COMPARISONS[type(op)])}</mo>{_inside(right, 2)}",
                1,
            )
        case ast.BoolOp(op=op, values=values):
            word = "∧" if isinstance(op, ast.And) else "∨"
            return f"<mo>{word}</mo>".join(_inside(value, 1) for value in values), 0
        case ast.Call(func=ast.Name(id=name), args=inner, keywords=[]):
            return _call(name, inner), _ATOM
    raise ValueError(f"{type(node).__name__} is no part of a formula")


def _call(name: str, inner: list[ast.expr]) -> str:
    shown = [_node(x)[0] for x in inner]
    if name == "sqrt" and len(shown) == 1:
        return f"<msqrt>{_row(shown[0])}</msqrt>"
    if name == "abs" and len(shown) == 1:
        return _row(f"<mo>|</mo>{shown[0]}<mo>|</mo>")
    if name == "inv_s":
        function = "<msup><mi>s</mi><mrow><mo>−</mo><mn>1</mn></mrow></msup>"
    elif name == "ds":
        function = "<mi>s′</mi>"
    else:
        function = name_element(name)
    between = "<mo>,</mo>".join(map(_row, shown))
    return f"{function}<mo>&#x2061;</mo>{_brackets(between)}"


def _inside(node: ast.AST, level: int) -> str:
    shown, own = _node(node)
    return shown if own >= level else _brackets(shown)


def _brackets(inside: str) -> str:
    """Return a part in parentheses, which are larger only around fractions."""
    large = "" if "<mfrac>" in inside else ' stretchy="false"'
    return _row(f"<mo{large}>(</mo>{inside}<mo{large}>)</mo>")


def _number(value: float) -> str:
    digits, _, power = f"{value:.12g}".partition("e")
    if not power:
        return f"<mn>{digits}</mn>"
    return f"<mn>{digits}</mn><mo>·</mo><msup><mn>10</mn><mn>{int(power)}</mn></msup>".replace(
        "-", "−"
    )


def _row(inside: str) -> str:
    return f"<mrow>{inside}</mrow>"
