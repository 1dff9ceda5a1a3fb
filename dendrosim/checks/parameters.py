"""Checks that models and protocols call with their parameters by name."""

from typing import Any

import numpy as np

from dendrosim.errors import ParameterError
from dendrosim.units import Quantity, quantity

_LISTED = 12  # most elements of a list that a message quotes; for a longer list, it gives the shape


def positive(**values: Any) -> None:
    """Check that parameters of a model or protocol are positive and finite.

    Parameters
    ----------
    **values : quantity, text, number or list of these
        The values by name.

    Raises
    ------
    ParameterError
        If a value, or an element of a list, is not positive and finite; the message names the first such value.

    Examples
    --------
    >>> import dendrosim as ds
    >>> ds.positive(tau="20 ms", eta=0.1)
    """
    for name, given in values.items():
        value = quantity(given)
        if not (np.all(np.isfinite(value.value)) and np.all(np.asarray(value.value) > 0)):
            raise ParameterError(f"{name} is {_describe(given, value)} must be positive and finite")


def not_negative(**values: Any) -> None:
    """Check that parameters of a model or protocol are finite and not negative.

    Parameters
    ----------
    **values : quantity, text, number or list of these
        The values by name.

    Raises
    ------
    ParameterError
        If a value, or an element of a list, is negative or not finite; the message names the first such value.

    Examples
    --------
    >>> import dendrosim as ds
    >>> ds.not_negative(onset="0 s", weights=[0.0, 0.5])
    """
    for name, given in values.items():
        value = quantity(given)
        if not (np.all(np.isfinite(value.value)) and np.all(np.asarray(value.value) >= 0)):
            raise ParameterError(
                f"{name} is {_describe(given, value)} must be finite and not negative"
            )


def _describe(given: Any, value: Quantity) -> str:
    """Return a value (a short list in full), then `; it` or `; each`, with which the next clause begins."""
    if isinstance(given, (list, tuple)) and len(given) <= _LISTED:
        return f"[{', '.join(map(str, given))}]; each"
    return f"{value}; it"
