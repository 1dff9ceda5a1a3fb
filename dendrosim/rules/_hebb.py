"""Hebb's rule: weights grow with the product of both activities, and may decay.

    dw/dt = eta y x - decay w

With inputs of covariance-like matrix C = <x x^T> and a linear unit y = w x, the mean rate of change is
eta w C - decay w: the weights grow along the first eigenvector of C without bound if eta lambda_1 exceeds the
decay. Give the matrix bounds, or add a rule that limits weights.
"""

from typing import Any

from dendrosim.circuit.matrix_rule import MatrixRule
from dendrosim.circuit.validation import as_symbol
from dendrosim.rules.rule_values import as_learning_rate

SOURCES = """
Hebb (1949), The Organization of Behavior; as a differential equation with decay, for instance in Gerstner &
Kistler (2002), Biological Cybernetics 87:404.
"""


def hebb(
    pre: str = "x", post: str = "y", *, eta: Any = "1 Hz", decay: Any = None, unit: str = "1"
) -> MatrixRule:
    """Return Hebb's rule, with or without decay.

    Parameters
    ----------
    pre, post : str, optional
        Variables of the presynaptic and the postsynaptic population (default `x` and `y`).
    eta : quantity, optional
        Learning rate, at least 0, such that eta x y is a weight per time (default 1 Hz).
    decay : rate, optional
        Rate at which weights decay, at least 0 (default: they do not).
    unit : str, optional
        Unit of the weights (default no unit).

    Returns
    -------
    MatrixRule
        The rule; it is one outer product and a scaling of the matrix.

    Raises
    ------
    ParameterError
        If eta or the decay is negative.
    SpecError
        If a name is not a valid symbol.

    References
    ----------
    Hebb (1949), The Organization of Behavior.

    Examples
    --------
    >>> import dendrosim as ds
    >>> ds.rules.hebb("rate", "h", decay="0.1 Hz").plasticity
    'dw/dt = eta*h_post*rate_pre - decay*w : 1'
    """
    x, y = as_symbol("hebb: pre", pre), as_symbol("hebb: post", post)
    parameters = {"eta": as_learning_rate("hebb: eta", eta)}
    rate = f"eta*{y}_post*{x}_pre"
    if decay is not None:
        rate += " - decay*w"
        parameters["decay"] = as_learning_rate("hebb: decay", decay)
    return MatrixRule("hebb", f"dw/dt = {rate} : {unit}", parameters, sources=SOURCES)
