"""Pseudo-transient continuation: implicit Euler steps whose length grows as the flow slows down.

References
----------
Kelley and Keyes, "Convergence analysis of pseudo-transient continuation", SIAM Journal on Numerical Analysis 35,
1998 (the step grows as the norm of the rates falls).
"""

import numpy as np
import scipy.sparse as sp

from dendrosim.arrays import Array
from dendrosim.stability.fixed_points.linear_solver import factorise
from dendrosim.stability.vector_field.flow import Flow

STEPS = 100
"""Largest number of steps: from a step of one time constant, thirty steps that double reach a billion of them."""

FIRST_STEP = 0.1
"""Length of the first step, in units of the fastest time constant at the start."""

LONG = 1e3
"""Length of a step, in units of the fastest time constant, below which a short correction does not end the search:
the step itself may be what keeps the correction short."""

CLOSE = 1e-6
"""Length of a correction, in units of the scale, below which Newton's method takes over."""


def pseudo_transient(flow: Flow, start: Array) -> Array:
    """Return the state that implicit Euler steps of growing length reach, in units of the typical sizes.

    The state is finite; Newton's method may or may not converge from it.
    """
    x, rates = start, np.asarray(flow.f(start), dtype=float)
    length = 0.0
    for _ in range(STEPS):
        matrix = flow.jacobian(x)
        values = matrix.data if sp.issparse(matrix) else matrix
        size = float(np.linalg.norm(rates))
        if not (np.isfinite(size) and np.all(np.isfinite(values))):
            return x
        speed = float(np.max(np.abs(matrix).sum(axis=1), initial=0.0))
        length = length or FIRST_STEP / max(speed, 1e-300)
        one = sp.eye_array(len(x), format="csc") if sp.issparse(matrix) else np.eye(len(x))
        step = factorise(one / length - matrix).solve(rates)
        trial = x + step
        trial_rates = np.asarray(flow.f(trial), dtype=float)
        after = float(np.linalg.norm(trial_rates))
        if not np.isfinite(after):
            length /= 4.0
            if length * speed < 1e-6:  # no step is short enough
                return x
            continue
        x, rates = trial, trial_rates
        short = np.max(np.abs(step) / (1.0 + np.abs(x)), initial=0.0) <= CLOSE
        if after == 0.0 or (short and length * speed >= LONG):
            return x
        # The factor is bounded, so that one lucky step does not end the relaxation; while the flow slows down at
        # all it is at least 2, because one fast state may decide about the norm.
        factor = float(np.clip(size / after, 0.25, 10.0))
        length *= max(factor, 2.0) if factor > 0.9 else factor
    return x
