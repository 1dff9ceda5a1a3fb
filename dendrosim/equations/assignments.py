"""Assignments, which say what a spike does, such as `v = v_reset` or `g_e_post += weight`."""

import re
from dataclasses import dataclass
from functools import lru_cache

from dendrosim.equations.declarations import find_identifiers
from dendrosim.equations.limits import read_lines
from dendrosim.errors import EquationError, abbreviate

_STATEMENT = re.compile(
    r"(?P<target>[A-Za-z_]\w*)\s*(?P<operator>[-+*/]?=)(?!=)\s*(?P<expression>.+)"
)


@dataclass(frozen=True)
class Assignment:
    """An assignment to `target`; `operator` is `=`, `+=`, `-=`, `*=` or `/=`."""

    target: str
    operator: str
    expression: str

    @property
    def symbols(self) -> frozenset[str]:
        """The identifiers on the right-hand side."""
        return find_identifiers(self.expression)

    def __str__(self) -> str:
        return f"{self.target} {self.operator} {self.expression}"


@lru_cache(maxsize=1024)
def parse_assignments(text: str) -> tuple[Assignment, ...]:
    """Return the assignments of a text in their order.

    Parameters
    ----------
    text : str
        Assignments, one per line or separated by semicolons; `#` starts a comment.

    Raises
    ------
    EquationError
        If a line is not an assignment, or the text exceeds a limit.
    """
    found = []
    for line in re.split(r"[\n;]", "\n".join(read_lines(text))):
        if not line.strip():
            continue
        match = _STATEMENT.fullmatch(line.strip())
        if match is None:
            raise EquationError(
                f"cannot read {abbreviate(line.strip())}: what happens at a spike is written 'x = ...', "
                "'x += ...', 'x -= ...', 'x *= ...' or 'x /= ...'"
            )
        found.append(
            Assignment(match["target"], match["operator"], " ".join(match["expression"].split()))
        )
    return tuple(found)
