"""Equation text as MathML, which browsers show without scripts or a network."""

from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml

from dendrosim.equations.latex import formula_latex
from dendrosim.errors import EquationError


def math(text: str) -> str:
    """Return an expression, an assignment or a differential equation as a `math` element.

    Only the grammar of expressions is read, nothing is executed: the text may come from a file of anybody.

    Raises
    ------
    EquationError
        If the text is not one of these.
    """
    try:
        shown: str = tex2mathml(formula_latex(text))
    except MathError as error:
        raise EquationError(f"cannot typeset {text!r}: {error}") from None
    return shown.replace("<math ", '<math displaystyle="true" ', 1)
