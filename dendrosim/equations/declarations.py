"""Declarations: the lines of a text of equations, which this module reads without Brian2.

`dendrosim.circuit.equation_check` checks every text once with Brian2's parser. After that, circuits can be loaded,
and their compiled programs run, without importing Brian2.
"""

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from dendrosim.equations.limits import read_lines
from dendrosim.errors import EquationError, abbreviate

_DECLARATION = re.compile(
    r"""
    \s*(?:d(?P<state>[A-Za-z_]\w*)\s*/\s*dt\s*=\s*(?P<rate>[^:]+?)
       |(?P<name>[A-Za-z_]\w*)(?:\s*=\s*(?P<expression>[^:]+?))?)
    \s*:\s*(?P<unit>[^\n]*?)(?:\s+\((?P<flags>[a-z_, -]*)\))?\s*(?:\n|$)
    """,
    re.VERBOSE,
)
_IDENTIFIER = re.compile(r"(?<![\w.])[A-Za-z_]\w*")


@dataclass(frozen=True)
class Declaration:
    """A line of a text of equations; it declares one variable.

    Parameters
    ----------
    name : str
        Name of the variable.
    kind : {"state", "subexpression", "parameter"}
        Whether the line is `dx/dt = ... : unit`, `x = ... : unit` or `x : unit`.
    expression : str
        The right-hand side, empty for a parameter.
    unit : str
        Text of the unit.
    flags : tuple of str, optional
        The words in parentheses at the end of the line, such as `unless refractory`.
    """

    name: str
    kind: str
    expression: str
    unit: str
    flags: tuple[str, ...] = ()

    @property
    def symbols(self) -> frozenset[str]:
        """The identifiers of the right-hand side."""
        return find_identifiers(self.expression)


@lru_cache(maxsize=4096)
def find_identifiers(expression: str) -> frozenset[str]:
    """Return the identifiers in an expression, including names of functions."""
    return frozenset(_IDENTIFIER.findall(expression))


@lru_cache(maxsize=1024)
def parse_declarations(text: str) -> tuple[Declaration, ...]:
    """Return the declarations of an equation text in their order.

    Parameters
    ----------
    text : str
        Declarations, one per line; `#` starts a comment.

    Raises
    ------
    EquationError
        If a line is not a declaration, a name is declared twice, or the text exceeds a limit.
    """
    code = "\n".join(read_lines(text))
    found: list[Declaration] = []
    position = 0
    while position < len(code):
        match = _DECLARATION.match(code, position)
        if match is None:
            line = code[position:].strip().splitlines()[0]
            raise EquationError(
                f"cannot read {abbreviate(line)}: an equation line is 'dx/dt = ... : unit', 'x = ... : unit' "
                "or 'x : unit'"
            )
        flags = tuple(f.strip() for f in (match["flags"] or "").split(",") if f.strip())
        if match["state"]:
            kind, name, expression = "state", match["state"], match["rate"]
        elif match["expression"]:
            kind, name, expression = "subexpression", match["name"], match["expression"]
        else:
            kind, name, expression = "parameter", match["name"], ""
        expression = " ".join(expression.split())
        if kind != "parameter" and not expression:
            raise EquationError(
                f"{name!r} has no right-hand side; write it between '=' and ':', as in 'x = 2*y : 1'"
            )
        found.append(Declaration(name, kind, expression, match["unit"], flags))
        position = match.end()
    for name, count in Counter(d.name for d in found).items():
        if count > 1:
            raise EquationError(f"{name!r} is declared {count} times; declare it once")
    return tuple(found)
