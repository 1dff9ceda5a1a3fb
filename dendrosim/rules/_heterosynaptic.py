"""Hebbian growth with heterosynaptic competition: what one synapse gains, the others of the unit lose.

    multiplicative   dw_j/dt = eta y (x_j - w_j X/total),   X = sum_j x_j
    subtractive      dw_j/dt = eta y (x_j - X/n)

With the multiplicative rule, the sum S of the weights of a unit follows dS/dt = eta y X (1 - S/total), so that
it tends to `total`; for a linear unit, weights become the eigenvector of the first eigenvalue of C = <x x^T>,
scaled to this sum, if C has no negative entries. The subtractive rule keeps the sum exactly; it has no stable
pattern of weights inside of bounds, and sorts synapses into weak and strong ones: give the matrix bounds.
"""

from typing import Any, Literal

from dendrosim.checks import one_of, whole
from dendrosim.circuit.matrix_rule import MatrixRule
from dendrosim.circuit.validation import as_symbol
from dendrosim.errors import ParameterError
from dendrosim.rules.matrix_values import as_level
from dendrosim.rules.rule_values import as_learning_rate

SOURCES = """
Miller & MacKay (1994), Neural Computation 6:100: multiplicative and subtractive constraints of the sum of weights.
Heterosynaptic competition: Fiete, Senn, Wang & Hahnloser (2010), Neuron 65:563.
"""


def heterosynaptic(
    variant: Literal["multiplicative", "subtractive"] = "multiplicative",
    pre: str = "x",
    post: str = "y",
    *,
    eta: Any = "1 Hz",
    total: Any = None,
    inputs: int | None = None,
    received: str = "received",
    unit: str = "1",
    activity: str = "1",
) -> MatrixRule:
    """Return Hebb's rule with a normalisation of the sum of the weights of each unit.

    The postsynaptic population needs the sum of presynaptic activity, X: `add_to` adds the variable `received`,
    which a projection with a fixed matrix of ones must feed.

    Parameters
    ----------
    variant : {"multiplicative", "subtractive"}, optional
        Whether a weight loses in proportion to itself (default), or all lose the same.
    pre, post : str, optional
        Variables of the presynaptic and the postsynaptic population (default `x` and `y`).
    eta : quantity, optional
        Learning rate, at least 0, such that eta x y is a weight per time (default 1 Hz).
    total : float or quantity, optional
        With `multiplicative`, the sum of the weights of a unit, above 0 (default 1).
    inputs : int, optional
        With `subtractive`, the number of presynaptic units, at least 1. It must be given.
    received : str, optional
        Name of X in the postsynaptic population (default `received`).
    unit : str, optional
        Unit of the weights (default no unit).
    activity : str, optional
        Unit of the presynaptic variable (default no unit).

    Returns
    -------
    MatrixRule
        The rule.

    Raises
    ------
    ParameterError
        If eta is negative, `total` not positive, or an argument has no effect with the variant or is missing.
    SpecError
        If a name is not a valid symbol.

    References
    ----------
    Miller & MacKay (1994), Neural Computation 6:100.

    Examples
    --------
    >>> import dendrosim as ds
    >>> ds.rules.heterosynaptic(total=2.0).plasticity
    'dw/dt = eta*y_post*(x_pre - w*received_post/total) : 1'
    """
    variant = one_of("multiplicative", "subtractive")("heterosynaptic: variant", variant)
    x, y, whole_sum = (
        as_symbol(f"heterosynaptic: {role}", name)
        for role, name in (("pre", pre), ("post", post), ("received", received))
    )
    parameters: dict[str, Any] = {"eta": as_learning_rate("heterosynaptic: eta", eta)}
    if variant == "multiplicative":
        if inputs is not None:
            raise ParameterError(
                "heterosynaptic: inputs has no effect with variant 'multiplicative'; leave it out"
            )
        loss = f"w*{whole_sum}_post/total"
        parameters["total"] = as_level("heterosynaptic: total", 1.0 if total is None else total)
    else:
        if total is not None or inputs is None:
            raise ParameterError(
                "heterosynaptic: with variant 'subtractive', weights keep their sum; give inputs, the number of "
                "presynaptic units, and leave total out"
            )
        loss = f"{whole_sum}_post/inputs"
        parameters["inputs"] = whole(1)("heterosynaptic: inputs", inputs)
    return MatrixRule(
        "heterosynaptic",
        f"dw/dt = eta*{y}_post*({x}_pre - {loss}) : {unit}",
        parameters,
        post_equations=f"{whole_sum} : {activity}   # sum of {x} over presynaptic units, by a matrix of ones",
        sources=SOURCES,
    )
