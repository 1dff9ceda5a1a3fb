"""HTML of values for notebooks: a line and tables, in the colours of the page around them.

Texts may come from files of other people, so every one of them is escaped. No colour is set, so that the tables
can be read on light and on dark pages.
"""

import html
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dendrosim.errors import printable

ROWS = 60
"""Number of rows of the longest table that is shown in full."""

OPEN = 12
"""Number of rows of the longest table that is unfolded at first."""

_CELL = "text-align:left;vertical-align:top;white-space:pre-wrap"


class Table(NamedTuple):
    """A table with a title; each row has one value per column, and a value may have several lines."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]


def as_html(name: str, line: str, tables: Iterable[Table]) -> str:
    """Return the HTML of a value.

    Parameters
    ----------
    name : str
        What the value is, such as `Circuit`.
    line : str
        The value in one sentence or line.
    tables : iterable of Table
        Tables below the line; those without rows are left out, and so are their empty columns.

    Returns
    -------
    str
        A `div` with the line and one table after the other, each of which can be folded.
    """
    shown = "".join(_table(table) for table in tables if table.rows)
    return f"<div><p><strong>{_text(name)}</strong> {_text(line)}</p>{shown}</div>"


def _table(table: Table) -> str:
    used = [i for i in range(len(table.columns)) if any(str(row[i]) for row in table.rows)]
    rows = list(table.rows[:ROWS])
    left = len(table.rows) - len(rows)
    body = "".join(_row("td", [row[i] for i in used]) for row in rows)
    more = f"<tr><td colspan={len(used)}>and {left} more</td></tr>" if left else ""
    head = _row("th", [table.columns[i] for i in used])
    return (
        f"<details{' open' if len(table.rows) <= OPEN else ''}><summary>{_text(table.title)} ({len(table.rows)})"
        f"</summary><table><thead>{head}</thead><tbody>{body}{more}</tbody></table></details>"
    )


def _row(tag: str, cells: Iterable[object]) -> str:
    inside = (f"<{tag} style='{_CELL}'>{_text(cell)}</{tag}>" for cell in cells)
    return f"<tr>{''.join(inside)}</tr>"


def _text(value: object) -> str:
    lines = str(value).split("\n")
    return html.escape("\n".join(map(printable, lines)))
