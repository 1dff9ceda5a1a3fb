"""Homotopy: a path of fixed points from a trivial flow to the flow itself.

The flow (1 - s) D (x0 - x) + s f(x) has the fixed point x0 at s = 0, and at s = 1 the fixed points of f. The curve
through x0 is followed round its folds. If f points inwards on the surface of a ball around x0, the curve cannot
leave the ball, so that it reaches s = 1 for almost all x0.

References
----------
Chow, Mallet-Paret and Yorke, "Finding zeroes of maps: homotopy methods that are constructive with probability
one", Mathematics of Computation 32, 1978.
"""

from collections.abc import Mapping

import numpy as np
import scipy.sparse as sp

from dendrosim.arrays import AnyArray, Array
from dendrosim.errors import DendrosimError
from dendrosim.stability.continuation.continuation import continuation
from dendrosim.stability.vector_field.flow import Flow, JacobianMatrix

SHARE = "share"
"""Name of the parameter of the homotopy, s."""

MOST_POINTS = 300
"""Largest number of points of the path: twenty points cross the range of the parameter once."""


class HomotopyFlow(Flow):
    """The flow (1 - s) D (x0 - x) + s f(x), with the parameter s from 0 to 1.

    Parameters
    ----------
    flow : Flow
        The flow f.
    start : array, shape (n,)
        The state x0.
    speeds : array, shape (n,)
        The diagonal of D, in 1/s.
    share : float
        The parameter s.
    """

    def __init__(self, flow: Flow, start: Array, speeds: Array, share: float = 0.0) -> None:
        self.flow, self.start, self.speeds, self.share = flow, start, speeds, share
        self.labels, self.units = flow.labels, flow.units

    @property
    def parameters(self) -> Mapping[str, float]:  # type: ignore[override]
        return {SHARE: self.share}

    def f(self, x: AnyArray) -> AnyArray:
        trivial = (1.0 - self.share) * self.speeds * (self.start - x)
        return trivial + (self.share * self.flow.f(x) if self.share else 0.0)

    def jacobian(self, x: Array) -> JacobianMatrix:
        matrix = self.share * self.flow.jacobian(x)
        own = (1.0 - self.share) * self.speeds
        if sp.issparse(matrix):
            return (matrix - sp.diags_array(own)).tocsc()
        return matrix - np.diag(own)

    def parameter_derivative(self, x: Array, name: str) -> Array:
        return np.asarray(self.flow.f(x) - self.speeds * (self.start - x))

    def at(self, name: str, value: float) -> "HomotopyFlow":
        return HomotopyFlow(self.flow, self.start, self.speeds, float(value))


def follow_homotopy(flow: Flow, start: Array) -> Array | None:
    """Return a state close to a fixed point of the flow, or None if the path does not reach s = 1."""
    matrix = flow.jacobian(start)
    speeds = np.asarray(np.abs(matrix).sum(axis=1)).ravel()
    if not np.all(np.isfinite(speeds)):
        return None
    # A state that does not decay by itself gets the speed of the fastest, so that D is regular.
    speeds = np.where(speeds > 0.0, speeds, max(float(np.max(speeds, initial=0.0)), 1e-300))
    try:
        path = continuation(
            HomotopyFlow(flow, start, speeds), SHARE, 0.0, 1.0, point=start,
            max_step=0.1, max_points=MOST_POINTS, events=(),
        )  # fmt: skip
    except DendrosimError:
        return None
    return np.asarray(path.states[-1]) if path.values[-1] >= 1.0 - 1e-9 else None
