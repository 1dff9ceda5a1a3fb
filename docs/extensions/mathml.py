"""Typesets formulas as MathML while pages are built: browsers show it without scripts or a network."""

from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging

_log = logging.getLogger(__name__)


def _typeset(node: nodes.Element, as_block: bool = False) -> str:
    try:
        return tex2mathml(node.astext(), as_block=as_block)
    except MathError as error:
        _log.warning("cannot typeset %s: %s", node.astext(), error, location=node)
        return ""


def _inline(translator: Any, node: nodes.math) -> None:
    translator.body.append(_typeset(node))
    raise nodes.SkipNode


def _display(translator: Any, node: nodes.math_block) -> None:
    number = node["number"]
    label = f'<span class="eqno">({number})</span>' if number else ""
    # A formula that is a block of its own is centred, and its left end cannot be reached where pages are narrow.
    formula = _typeset(node, as_block=True)
    formula = formula.replace('display="block"', 'displaystyle="true"', 1)
    translator.body.append(f'<div class="formula">{label}{formula}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", (_inline, None), (_display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
