"""Look-up of transfer functions by name."""

from collections.abc import Mapping
from functools import cache

from dendrosim.discovery import modules_in
from dendrosim.equations.transfer.base import Transfer
from dendrosim.errors import ParameterError, UnknownMemberError


@cache
def transfer_functions() -> Mapping[str, Transfer]:
    """Return all transfer functions by name, in alphabetical order."""
    assert __package__ is not None
    modules = modules_in(__package__)
    return {name: m.TRANSFER for name, m in modules.items() if hasattr(m, "TRANSFER")}


def bijections() -> tuple[str, ...]:
    """Return the names of the transfer functions that have an inverse on the real line."""
    return tuple(n for n, texts in transfer_functions().items() if texts.inv_s is not None)


def find_transfer(name: str) -> Transfer:
    """Return the transfer function `name`.

    Raises
    ------
    UnknownMemberError
        If there is no transfer function of that name.
    """
    if name not in transfer_functions():
        raise UnknownMemberError("transfer function", name, transfer_functions())
    return transfer_functions()[name]


def bijection(name: str) -> None:
    """Check that a transfer function has an inverse, for a circuit that needs it.

    Parameters
    ----------
    name : str
        Name of the transfer function.

    Raises
    ------
    UnknownMemberError
        If there is no transfer function of that name.
    ParameterError
        If the function does not map the real line one to one onto itself.

    Examples
    --------
    >>> import dendrosim as ds
    >>> ds.bijection("smooth_leaky")
    """
    if find_transfer(name).inv_s is None:
        raise ParameterError(
            f"transfer is {name}, which has no inverse on the real line; targets are computed with the "
            f"inverse, so choose one of {', '.join(bijections())}"
        )
