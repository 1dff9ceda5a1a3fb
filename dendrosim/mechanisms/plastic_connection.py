"""Plastic connections between layers, whose changes of weights may pass a low-pass filter.

With a rate of change X, weights W follow dW/dt = X or, with the filter,

    tau_low_pass dD/dt = X - D,  dW/dt = D

A second matrix holds what has been induced, but has not been expressed yet: V is the first, P the second, and the
dendrite receives both, with W = V - P. No rule reads the other matrix, so both are updated by matrix products:

    dV/dt = X,  dP/dt = X - P/tau_low_pass,  hence D = P/tau_low_pass
"""

from typing import Any

from dendrosim.circuit.initial_values.base import Initial
from dendrosim.circuit.initial_values.normal import Normal
from dendrosim.circuit.initial_values.uniform import Uniform
from dendrosim.circuit.matrix import Matrix, Projection

INDUCED, PENDING = "_induced", "_pending"


def drawn_weights(gain: float, inputs: int, *, dale: bool = False, sign: float = 1.0) -> Initial:
    """Return the distribution of the initial weights of units with a number of inputs.

    Parameters
    ----------
    gain : float
        Standard deviation of the weights times the root of `inputs`; with `dale`, their mean size times `inputs`.
    inputs : int
        Number of inputs of a unit.
    dale : bool, default False
        Whether all weights have one sign.
    sign : float, default 1.0
        This sign, 1 or -1.
    """
    if not dale:
        return Normal(gain / inputs**0.5)
    return Uniform(*sorted((0.0, sign * 2 * gain / inputs)))


def received(variable: str, comment: str, low_pass: bool) -> str:
    """Return the equations of a variable that a plastic connection feeds.

    Parameters
    ----------
    variable : str
        Name of the variable, without unit.
    comment : str
        What it is.
    low_pass : bool
        Whether changes of weights pass the filter.
    """
    if not low_pass:
        return f"{variable} : 1   # {comment}\n"
    return (
        f"{variable} = {variable}{INDUCED} - {variable}{PENDING} : 1   # {comment}\n"
        f"{variable}{INDUCED} : 1   # with all changes of weights\n"
        f"{variable}{PENDING} : 1   # with changes of weights that are still in the filter\n"
    )


def connect(
    name: str,
    source: str,
    target: str,
    initial: Any,
    rate: str | None,
    low_pass: bool,
    *,
    sign: Any = None,
    parameters: Any = None,
) -> tuple[list[Matrix], list[Projection]]:
    """Return matrices and projections of a plastic connection.

    Parameters
    ----------
    name : str
        Name of the matrix; that of its changes in the filter is `NAME_pending`.
    source, target : str
        Presynaptic and postsynaptic variable, `population.variable`; see `received` for the latter.
    initial : Initial
        Initial weights.
    rate : str or None
        Rate of change X, in Brian2's syntax, with the unit Hz; None for fixed weights.
    low_pass : bool
        Whether changes of weights pass the filter. Its time constant is the parameter `tau_low_pass`.
    sign : {"excitatory", "inhibitory"}, optional
        Sign of all weights (default: both).
    parameters : mapping, optional
        Values of symbols in `rate`.
    """
    (post, variable), pre = target.split("."), source.split(".")[0]
    if rate is None:
        matrix = Matrix(name, post, pre, initial, sign=sign)
        return [matrix], [Projection(source, name, target)]
    given: dict[str, Any] = {"parameters": parameters or {}}
    rule = f"dw/dt = {rate} : 1"
    matrix = Matrix(name, post, pre, initial, rule, sign=sign, **given)
    if not low_pass:
        return [matrix], [Projection(source, name, target)]
    filtered = f"dw/dt = {rate} - w/tau_low_pass : 1"
    pending = Matrix(f"{name}{PENDING}", post, pre, 0.0, filtered, **given)
    return [matrix, pending], [
        Projection(source, name, f"{post}.{variable}{INDUCED}"),
        Projection(source, pending.name, f"{post}.{variable}{PENDING}"),
    ]
