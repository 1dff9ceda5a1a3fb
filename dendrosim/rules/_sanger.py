"""Sanger's rule: each unit learns by Oja's rule from what the units before it have not explained.

    dw_k/dt = eta y_k r_k,   r_k = x - sum_{m <= k} y_m w_m

In the mean, w_k becomes the eigenvector of C = <x x^T> with the k-th largest eigenvalue. Written for a whole
matrix this is dW/dt = eta (y x^T - LT(y y^T) W), where LT keeps the lower triangle. The sum over m is not local
to a synapse, but the inputs can compute it if activity returns to them: r_k = r_{k-1} - y_k w_k, where the
transpose of the weights of unit k delivers y_k w_k. So each unit is a population of its own, and r_k are
variables of the inputs.
"""

from typing import Any

from dendrosim.checks import whole
from dendrosim.circuit.matrix_rule import MatrixRule
from dendrosim.circuit.validation import as_symbol
from dendrosim.rules.rule_values import as_learning_rate

SOURCES = "Sanger (1989), Neural Networks 2:459."


def sanger(
    order: int = 1, pre: str = "x", post: str = "y", *, eta: Any = "1 Hz", unit: str = "1"
) -> MatrixRule:
    """Return Sanger's rule for the unit that finds the principal component of a given order.

    The rule is for a population of one unit. Its `pre_equations` give the inputs the variables `explained1` and
    `residual1`, and so on; a projection by the transpose of the weights must feed `explained1`. The inputs need
    the variables of all smaller orders as well.

    Parameters
    ----------
    order : int, optional
        Which component the unit finds, from 1 (default 1).
    pre, post : str, optional
        Variables of the presynaptic and the postsynaptic population (default `x` and `y`).
    eta : quantity, optional
        Learning rate, at least 0, such that eta x y is a weight per time (default 1 Hz).
    unit : str, optional
        Unit of the weights and of the inputs (default no unit).

    Returns
    -------
    MatrixRule
        The rule; it is one outer product.

    Raises
    ------
    ParameterError
        If eta is negative or the order below 1.
    SpecError
        If a name is not a valid symbol.

    References
    ----------
    Sanger (1989), Neural Networks 2:459.

    Examples
    --------
    Two units that find the first two principal components:

    >>> import dendrosim as ds
    >>> inputs = ds.Population("input", 5, "x : 1", inputs="x")
    >>> rules = {k: ds.rules.sanger(k) for k in (1, 2)}
    >>> for rule in rules.values():
    ...     inputs = rule.add_to(inputs, "pre")
    >>> circuit = ds.Circuit(
    ...     (inputs, *(ds.Population(f"unit{k}", 1, "y : 1") for k in rules)),
    ...     [ds.Matrix(f"w{k}", f"unit{k}", "input", ds.Normal(0.1), rule=r) for k, r in rules.items()],
    ...     [ds.Projection("input.x", f"w{k}", f"unit{k}.y") for k in rules]
    ...     + [ds.Projection(f"unit{k}.y", f"w{k}", f"input.explained{k}", transpose=True) for k in rules],
    ... )
    """
    x, y = as_symbol("sanger: pre", pre), as_symbol("sanger: post", post)
    order = whole(1)("sanger: order", order)
    before = x if order == 1 else f"residual{order - 1}"
    equations = (
        f"residual{order} = {before} - explained{order} : {unit}\n"
        f"explained{order} : {unit}   # fed from {y} by the transpose of this matrix\n"
    )
    return MatrixRule(
        "sanger",
        f"dw/dt = eta*{y}_post*residual{order}_pre : {unit}",
        {"eta": as_learning_rate("sanger: eta", eta)},
        pre_equations=equations,
        sources=SOURCES,
    )
