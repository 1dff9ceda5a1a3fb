"""Fills the template of a report."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dendrosim.errors import printable

if TYPE_CHECKING:
    from jinja2 import Template


def render_page(content: Mapping[str, Any], template: str = "run.html") -> str:
    """Return a page as HTML; every text in the content is escaped, and only drawings and formulas are HTML."""
    return _template(template).render(content)


@lru_cache
def _template(name: str) -> "Template":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    found = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_printable,
    )  # fmt: skip
    return found.get_template(name)


def _printable(value: Any) -> Any:
    """Write out control characters of texts, which may come from a file of anybody."""
    return "\n".join(map(printable, value.split("\n"))) if type(value) is str else value
