"""Oja's rule: Hebbian growth whose decay keeps the length of the weight vector, so that it finds a direction.

    dw/dt = eta y (x - alpha y w)

For a linear unit y = w x and inputs with C = <x x^T>, the mean flow eta (C w - alpha (w C w) w) has fixed points
w = 0 and w = v/sqrt(alpha) for each eigenvector v of C. Only the one of the largest eigenvalue lambda_1 is stable;
there, the eigenvalues are -2 eta lambda_1 along v_1 and eta (lambda_k - lambda_1) along the other v_k.
"""

from typing import Any

from dendrosim.circuit.matrix_rule import MatrixRule
from dendrosim.circuit.validation import as_symbol
from dendrosim.rules.matrix_values import as_level
from dendrosim.rules.rule_values import as_learning_rate

SOURCES = "Oja (1982), Journal of Mathematical Biology 15:267."


def oja(
    pre: str = "x", post: str = "y", *, eta: Any = "1 Hz", alpha: Any = 1.0, unit: str = "1"
) -> MatrixRule:
    """Return Oja's rule, by which a linear unit finds the first principal component of its inputs.

    Each row of the matrix, the weights of one unit, learns by itself; without inhibition between them, all linear
    units find the same direction.

    Parameters
    ----------
    pre, post : str, optional
        Variables of the presynaptic and the postsynaptic population (default `x` and `y`).
    eta : quantity, optional
        Learning rate, at least 0, such that eta x y is a weight per time (default 1 Hz).
    alpha : float or quantity, optional
        Strength of the decay, above 0; weights reach the length 1/sqrt(alpha) (default 1).
    unit : str, optional
        Unit of the weights (default no unit).

    Returns
    -------
    MatrixRule
        The rule.

    Raises
    ------
    ParameterError
        If eta is negative or alpha not positive.
    SpecError
        If a name is not a valid symbol.

    References
    ----------
    Oja (1982), Journal of Mathematical Biology 15:267.

    Examples
    --------
    >>> import dendrosim as ds
    >>> ds.rules.oja("rate", "h").plasticity
    'dw/dt = eta*h_post*(rate_pre - alpha*h_post*w) : 1'
    """
    x, y = as_symbol("oja: pre", pre), as_symbol("oja: post", post)
    return MatrixRule(
        "oja",
        f"dw/dt = eta*{y}_post*({x}_pre - alpha*{y}_post*w) : {unit}",
        {"eta": as_learning_rate("oja: eta", eta), "alpha": as_level("oja: alpha", alpha)},
        sources=SOURCES,
    )
