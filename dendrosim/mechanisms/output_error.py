"""Errors of output units: minus the derivative of a loss with respect to their voltage.

With the voltage h_i, the target y_i, and p_i = exp(h_i)/(exp(h_1) + exp(h_2) + ...), for linear outputs:

    squared   1/2 sum_i (y_i - h_i)^2                                error_i = y_i - h_i
    softmax   -sum_i y_i log p_i, where the y_i add up to 1          error_i = y_i - p_i
    hinge     sum_i (y_i max(1 - h_i, 0) + balance (1 - y_i) max(1 + h_i, 0)), where y_i is 1 for the class of the
              sample and 0 for the others
              error_i = 1 if y_i = 1 and h_i <= 1, -balance if y_i = 0 and h_i >= -1, otherwise 0

The errors of squared and hinge are local to each unit. Softmax needs the sum over all units, for which a unit
`pool` receives the exponentials and sends their sum back. (A voltage above 709 overflows, and the run ends with an
error.) Outputs that pass the transfer function s have the squared loss of s(h_i), so that
error_i = s'(h_i) (y_i - s(h_i)).

Sources
-------
Amit (2021), Deep learning with asymmetric connections and Hebbian updates, section 3.2, eq. 4-6.
"""

from typing import Literal

from dendrosim.circuit.declaration import parameter
from dendrosim.circuit.matrix import Matrix, Projection
from dendrosim.circuit.population import Population
from dendrosim.errors import ParameterError

Loss = Literal["squared", "softmax", "hinge"]

ERRORS: dict[Loss, str] = {
    "squared": """
error = target - basal                                  : 1
""",
    "softmax": """
error = target - exponential/total                      : 1
exponential = exp(basal)                                : 1
total                                                   : 1   # fed back by the pool
""",
    "hinge": """
error = target*int(basal <= 1) - balance*(1 - target)*int(basal >= -1) : 1
""",
}
TRANSFERRED = """
error = ds(basal)*(target - s(basal))                   : 1
"""
POOL = "total : 1   # fed by ones: summed over the outputs"


class OutputError:
    """Parameters of the error of output units."""

    loss: Loss = parameter("squared", "loss of the outputs")
    output: Literal["linear", "transfer"] = parameter(
        "linear", "output of the last layer (the same with transfer=linear)"
    )
    balance: float | None = parameter(
        None, "weight of the wrong classes, with loss=hinge (default: 0.5)", above=0
    )


def error_equations(loss: Loss, output: Literal["linear", "transfer"] = "linear") -> str:
    """Return the equations of `error`, a function of the voltage `basal` and the input `target`.

    Parameters
    ----------
    loss : {"squared", "softmax", "hinge"}
    output : {"linear", "transfer"}
        Whether outputs pass the transfer function of their population.

    Raises
    ------
    ParameterError
        If outputs pass a transfer function and the loss is not squared.
    """
    if output == "transfer" and loss != "squared":
        raise ParameterError(
            f"output is transfer, but loss is {loss}, which is for linear outputs; choose output=linear or "
            "loss=squared"
        )
    formula = ERRORS[loss] if output == "linear" else TRANSFERRED
    return formula + "target                                                  : 1   # input\n"


def error_pool(
    loss: str, layer: str, units: int
) -> tuple[list[Population], list[Matrix], list[Projection]]:
    """Return the unit that adds up over the outputs, with its matrix and projections, if the loss needs it.

    Parameters
    ----------
    loss : str
        A key of `ERRORS`.
    layer : str
        Name of the population of output units.
    units : int
        Number of output units.

    Raises
    ------
    ParameterError
        If the loss is softmax and there is a single output.
    """
    if loss != "softmax":
        return [], [], []
    if units < 2:
        raise ParameterError(
            "loss is softmax, but the last layer has one unit, whose probability is always 1; choose "
            "loss=hinge or loss=squared, or give each class an output"
        )
    ones = Matrix("ones", post="pool", pre=layer, initial=1.0)
    there = Projection(f"{layer}.exponential", "ones", "pool.total")
    back = Projection("pool.total", "ones", f"{layer}.total", transpose=True)
    return [Population("pool", 1, POOL)], [ones], [there, back]
