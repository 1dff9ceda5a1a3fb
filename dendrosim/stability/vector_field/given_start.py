"""The state at which an analysis begins and the scale of states, as users give them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.arrays import Array
from dendrosim.errors import ParameterError, ShapeError
from dendrosim.stability.vector_field.flow import Flow
from dendrosim.stability.vector_field.number_arguments import read_numbers
from dendrosim.stability.vector_field.typical_scales import scales_by_unit


def read_start(flow: Flow, start: Any) -> Array:
    """Return one start, shape (n,), or several, shape (m, n), in SI units; `flow.start` if `start` is None.

    A mapping gives states by name, a result its final state, and a fixed point its state.
    """
    if start is None:
        return flow.start
    final = getattr(start, "final", None)
    if isinstance(
        final, Mapping
    ):  # a result; its final state also has variables that are not states here
        names = {label.partition("[")[0] for label in flow.labels}
        start = {name: final[name] for name in final if name in names}
    if isinstance(start, Mapping):
        return flow.pack(start)
    return read_numbers("start", getattr(start, "x", start))


def read_scale(flow: Flow, start: Array, scale: ArrayLike | None) -> Array:
    """Return the typical size of each state, shape (n,): as given, or from the start."""
    if scale is not None:
        given = read_numbers("scale", scale)
        if given.shape not in ((), (flow.size,)):
            raise ShapeError(f"scale must be one number or {flow.size}, not shape {given.shape}")
        if not np.all(np.isfinite(given) & (given > 0.0)):
            raise ParameterError("scale must be positive")
        return np.broadcast_to(given, flow.size).copy()
    return scales_by_unit(flow.units, np.abs(start))
