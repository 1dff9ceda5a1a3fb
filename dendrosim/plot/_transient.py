"""Growth of small perturbations of a fixed point before they decay."""

from typing import TYPE_CHECKING

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import ArrayLike

from dendrosim.arrays import Array
from dendrosim.errors import ParameterError
from dendrosim.plot.states import duration_text
from dendrosim.plot.style import INK, PALETTE, axes, legend_right, logarithmic, si_label, styled
from dendrosim.stability.fixed_points.fixed_point import fixed_point
from dendrosim.stability.fixed_points.point import FixedPoint
from dendrosim.stability.spectrum.spectrum import quotient
from dendrosim.stability.spectrum.transient_growth import numerical_abscissa, transient_growth
from dendrosim.stability.vector_field.flow import Flow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DRAWN = 3000
"""Largest number of states for which exp(J t) is drawn: each point of the curve takes a dense matrix product."""

SEARCHED = 200
"""Largest number of states for which the peak over all times is searched for; with more states, the highest drawn
point is marked."""

TIMES = 400
"""Number of points of the curve."""

CYCLE = 32
"""Number of points in half a cycle at which an oscillating norm is computed to find its largest value."""


@styled
def transient(
    point: FixedPoint | Flow,
    duration: float | None = None,
    *,
    scale: ArrayLike | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the norm of exp(J t), the largest factor by which a perturbation can have grown after the time t.

    The slope of its logarithm is the numerical abscissa at first and the spectral abscissa in the end; thin lines
    show both. Zero modes of symmetries are left out.

    Parameters
    ----------
    point : FixedPoint or Flow
        A fixed point with n states, or a flow, whose fixed point is then searched for from its start.
    duration : float, optional
        Seconds (default: five times the slowest time constant, but at most 20 times the time of the peak).
    scale : array_like, shape (n,), optional
        Amount of each state that counts as 1, as in `transient_growth` (default: the typical sizes of the states
        at the fixed point if their units differ, else 1 in their SI unit).
    ax : Axes, optional
        Axes to draw into (default: those of a new figure).

    Returns
    -------
    Axes

    Raises
    ------
    NotConvergedError
        If the flow has no fixed point near its start.
    ParameterError
        If `duration` or a number in `scale` is not positive, or there are more than `DRAWN` states.
    """
    if duration is not None and not (np.isfinite(duration) and duration > 0.0):
        raise ParameterError(f"duration must be positive, not {duration}")
    found = point if isinstance(point, FixedPoint) else fixed_point(point)
    matrix = _matrix(found, found.mixed_scale if scale is None else scale)
    start = numerical_abscissa(matrix)
    leading = complex(next(iter(found.spectrum.without_symmetries), 0.0))
    peak, when = 1.0, 0.0
    searched = len(matrix) <= SEARCHED
    if searched:
        growth = transient_growth(matrix)
        peak, when = growth.peak, growth.time
    times = np.linspace(0.0, duration or _duration(found, when), TIMES)
    norms = _norms(matrix, float(times[1]))
    if not searched and 0 < (highest := int(np.argmax(norms))) < TIMES - 1:
        peak, when = float(norms[highest]), float(times[highest])

    ax = axes(ax, (6.0, 3.4))
    factor, time_label = si_label("time", "s", times)
    low, high = 0.6 * float(np.min(norms)), 1.8 * float(np.max(norms))
    low = max(low, 1e-4 * high)  # a long decay would leave no room for the growth
    final, power = _asymptote(matrix, leading, times)
    factors = {0: "", 1: ", times t"}
    for line, rate, style, name, more in (
        (np.exp(np.clip(start * times, -500.0, 500.0)), start, ":", "numerical", ""),
        (final, leading.real, "--", "spectral", factors.get(power, f", times t^{power}")),
    ):
        label = f"{name} abscissa {rate:.3g}/s{more}".replace("-", "\N{MINUS SIGN}")
        ax.plot(factor * times, line, color=INK, lw=0.9, ls=style, label=label, zorder=1)
    ax.plot(factor * times, norms, color=PALETTE[0], lw=1.6, label="‖exp(J t)‖", zorder=2)
    if 0.0 < when <= times[-1]:
        ax.plot(
            [factor * when],
            [peak],
            ls="none",
            marker="o",
            markersize=6,
            color=PALETTE[1],
            markeredgecolor="white",
            label=f"peak {peak:.4g} at {duration_text(when)}",
            zorder=3,
        )
    if high > 8.0 * low:
        ax.set_ylim(low, high)
        logarithmic(ax, "y")
    else:
        ax.set_ylim(0.0, high)
    ax.set_xlim(0.0, factor * times[-1])
    ax.set_xlabel(time_label)
    ax.set_ylabel("growth of a perturbation")
    ax.set_title(_title(found, peak, when))
    legend_right(ax)
    return ax


def _matrix(point: FixedPoint, scale: ArrayLike | None) -> Array:
    """Return the Jacobian in units of `scale`, on the space orthogonal to the zero modes of symmetries."""
    if point.flow.size > DRAWN:
        raise ParameterError(
            f"transient: the flow has {point.flow.size} states, and exp(J t) is drawn for at most {DRAWN}; draw a "
            "smaller circuit, or ask transient_growth for the peak alone"
        )
    matrix = point.flow.jacobian(point.x)
    dense = np.array(matrix.toarray() if sp.issparse(matrix) else matrix, dtype=float)
    basis = point.flow.symmetries(point.x)
    if scale is not None:
        sizes = np.broadcast_to(np.asarray(scale, dtype=float), len(dense))
        if not np.all(np.isfinite(sizes) & (sizes > 0.0)):
            raise ParameterError("scale must be positive")
        dense, basis = dense * sizes / sizes[:, None], basis / sizes[:, None]
    return quotient(dense, np.linalg.qr(basis)[0]) if basis.shape[1] else dense


def _duration(point: FixedPoint, when: float) -> float:
    """Return the default duration in seconds, with the peak at the time `when`."""
    rates = np.abs(point.spectrum.without_symmetries.real)
    slowest = float(np.min(rates[rates > point.spectrum.tolerance], initial=np.inf))
    end = 5.0 / slowest if np.isfinite(slowest) else 1.0
    return min(end, 20.0 * when) if 0.0 < when < np.inf else end


def _norms(matrix: Array, step: float) -> Array:
    """Return the norm of exp(J t) at `TIMES` multiples of a time step."""
    once, now = scipy.linalg.expm(matrix * step), np.eye(len(matrix))
    norms = [1.0]
    for _ in range(TIMES - 1):
        now = once @ now
        norms.append(float(np.linalg.norm(now, 2)))
    return np.array(norms)


def _asymptote(matrix: Array, leading: complex, times: Array) -> tuple[Array, int]:
    """Return what the norm approaches, or its envelope if the leading eigenvalue is complex, and a power of time.

    If the leading eigenvalue is repeated and lacks eigenvectors, the exponential is multiplied by this power.
    """
    rate = leading.real
    # Late enough for all other modes to have decayed: at least 20 time constants of the leading mode.
    late = max(float(times[-1]), 20.0 / abs(rate) if rate else 0.0)
    once, twice = (_late_level(matrix, leading, k * late) for k in (1.0, 2.0))
    # A power grows by 2, 4, ... when the time doubles, and without one the level stays the same.
    power = round(np.log2(twice / once)) if 0.0 < once < np.inf and 0.0 < twice < np.inf else 0
    level = once * (times / late) ** power if power > 0 else max(once, 0.0) * np.ones_like(times)
    return level * np.exp(np.clip(rate * times, -500.0, 500.0)), max(power, 0)


def _late_level(matrix: Array, leading: complex, late: float) -> float:
    """Return the largest norm of exp(J t) in half a late cycle, over the exponential of the leading mode."""
    shifted = matrix - leading.real * np.eye(len(matrix))
    now, levels = scipy.linalg.expm(shifted * late), []
    once = scipy.linalg.expm(shifted * np.pi / (CYCLE * (abs(leading.imag) or 1.0)))
    for _ in range(CYCLE if leading.imag else 1):
        levels.append(float(np.linalg.norm(now, 2)))
        now = once @ now
    return max(levels)


def _title(point: FixedPoint, peak: float, when: float) -> str:
    if point.verdict != "stable":
        return f"{point.verdict}: perturbations do not all decay"
    if when == 0.0:
        return "stable: no perturbation grows"
    return f"stable: a perturbation grows up to {peak:.4g} times before it decays"
