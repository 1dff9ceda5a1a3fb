"""Eigenvalues of a fixed point in the complex plane."""

from typing import TYPE_CHECKING, Any

import numpy as np

from dendrosim.arrays import AnyArray, Array, Integers
from dendrosim.plot.states import duration_text
from dendrosim.plot.style import INK, PALETTE, QUIET, TINTS, axes, legend_right, styled
from dendrosim.stability.fixed_points.point import FixedPoint
from dendrosim.stability.spectrum.spectrum import Spectrum

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDE = 100.0
"""Ratio of the largest to the smallest rate above which an axis is logarithmic on either side of zero."""

NARROWEST = 1e-10
"""A rate counts as zero if it is below this fraction of the largest rate: rounding errors of eigenvalues are
smaller."""

ALIKE = 1e-6
"""Relative difference up to which eigenvalues are drawn as one mark.

The computed values of one multiple eigenvalue of a non-normal Jacobian differ by far more than rounding errors.
"""

LOOKS: dict[str, dict[str, Any]] = {
    "stable": {"color": PALETTE[0], "marker": "o", "markersize": 5.5},
    "unstable": {"color": PALETTE[1], "marker": "^", "markersize": 6.5},
    "zero mode of symmetries": {
        "color": PALETTE[2],
        "marker": "s",
        "markersize": 9,
        "markerfacecolor": "white",
        "markeredgewidth": 1.6,
    },
    "neutral": {"color": INK, "marker": "D", "markersize": 5, "markerfacecolor": "white"},
}


@styled
def spectrum(point: FixedPoint | Spectrum, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the eigenvalues of a fixed point in the complex plane, in 1/s; modes in the shaded half grow.

    Eigenvalues that are equal to within a millionth share one mark, with their number beside it, such as `×4`. An
    axis on which the rates differ by more than a factor of 100 is logarithmic on either side of zero.

    Parameters
    ----------
    point : FixedPoint or Spectrum
        Result of `ds.fixed_point`, or its attribute `spectrum`.
    ax : Axes, optional
        Axes to draw into (default: those of a new figure).

    Returns
    -------
    Axes
    """
    modes = point.spectrum if isinstance(point, FixedPoint) else point
    values, counts = _merged(modes.without_symmetries, modes.tolerance)
    groups = np.where(values.real > modes.tolerance, "unstable", "stable")
    groups[np.abs(values.real) <= modes.tolerance] = "neutral"
    if modes.symmetry_zeros:
        values, counts = np.append(values, 0.0), np.append(counts, modes.symmetry_zeros)
        groups = np.append(groups.astype(object), "zero mode of symmetries")

    ax = axes(ax, (5.8, 3.6))
    ax.axhline(0.0, color=QUIET, lw=0.6, zorder=1)
    ax.axvline(0.0, color=INK, lw=1.0, zorder=1)
    for name, look in LOOKS.items():
        chosen = values[groups == name]
        if len(chosen):
            number = int(np.sum(counts[groups == name]))
            label = f"{name}: {number}" if number > 1 else name
            ax.plot(chosen.real, chosen.imag, ls="none", label=label, clip_on=False, **look)
    ax.margins(0.1)
    for axis, part in (("x", values.real), ("y", values.imag)):
        _scale(ax, axis, part, modes.tolerance)
    ax.set_xlim(ax.get_xlim())
    ax.axvspan(0.0, ax.get_xlim()[1], color=TINTS[1], lw=0, zorder=0)
    _annotate(ax, values, counts)
    ax.set_xlabel("real part (1/s)")
    ax.set_ylabel("imaginary part (1/s)")
    ax.set_title(_title(point, modes))
    if len(values):
        legend_right(ax, "eigenvalues")
    return ax


def _merged(values: AnyArray, tolerance: float) -> tuple[AnyArray, Integers]:
    """Return the mean and the size of each cluster of equal eigenvalues."""
    centres, counts = np.zeros(len(values), dtype=complex), np.zeros(len(values), dtype=np.int64)
    used = 0
    for value in values:
        near = np.abs(centres[:used] - value) <= tolerance + ALIKE * abs(value)
        k = int(np.argmax(near)) if near.any() else used
        used = max(used, k + 1)
        counts[k] += 1
        centres[k] += (value - centres[k]) / counts[k]
    return centres[:used], counts[:used]


def _scale(ax: "Axes", axis: str, values: Array, tolerance: float) -> None:
    """Make an axis logarithmic if rates differ much; an axis on which all rates are zero has only the tick 0."""
    sizes = np.abs(values)
    sizes = sizes[sizes > max(tolerance, NARROWEST * np.max(sizes, initial=0.0))]
    if not len(sizes):
        ax.set(**{f"{axis}lim": (-1.0, 1.0), f"{axis}ticks": [0.0]})
        return
    if sizes.max() <= WIDE * sizes.min():
        return
    from matplotlib.ticker import FixedLocator, NullLocator

    low = int(np.floor(np.log10(sizes.min())))
    high = int(np.ceil(np.log10(sizes.max())))
    side = ax.xaxis if axis == "x" else ax.yaxis
    getattr(ax, f"set_{axis}scale")("symlog", linthresh=10.0**low, linscale=0.6)
    decades = 10.0 ** np.arange(high, low - 1, -max(1, -(-(high - low) // 4)))
    signs = [s for s in (-1.0, 1.0) if np.any(s * values > 0.0)]
    ticks = np.concatenate([[0.0], *(s * decades for s in signs)])
    side.set_major_locator(FixedLocator(sorted(ticks.tolist())))
    side.set_minor_locator(NullLocator())


def _annotate(ax: "Axes", values: AnyArray, counts: Integers) -> None:
    """Write beside each mark how often its eigenvalue occurs, if there is room; begin with the largest numbers."""
    points = 72.0 / ax.figure.dpi
    places = ax.transData.transform(np.column_stack([values.real, values.imag])) * points
    centres, halves = [*places], [np.array([4.0, 4.0])] * len(places)
    for k in np.argsort(-counts, kind="stable"):
        if counts[k] == 1:
            return
        text = f"×{counts[k]}"
        half = np.array([2.7 * len(text), 4.5])
        beside = half[0] + 6.0
        for shift in ((0.0, 11.0), (beside, 0.0), (0.0, -11.0), (-beside, 0.0), (0.0, 20.0)):
            gaps = np.abs(np.array(centres) - places[k] - shift) - np.array(halves) - half
            gaps[k] = 0.0
            if np.all(gaps.max(axis=1) >= 0.0):
                centres.append(places[k] + shift)
                halves.append(half)
                ax.annotate(
                    text,
                    (values[k].real, values[k].imag),
                    xytext=shift,
                    textcoords="offset points",
                    ha="center",
                    va="center",
                    fontsize=8,
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.3, "alpha": 0.8},
                )
                break


def _title(point: FixedPoint | Spectrum, modes: Spectrum) -> str:
    text: str = modes.verdict
    rate = modes.abscissa
    if modes.verdict == "marginal":
        number = int(np.sum(np.abs(modes.without_symmetries.real) <= modes.tolerance))
        text += f": {number} {'mode neither grows nor decays' if number == 1 else 'modes neither grow nor decay'}"
    elif modes.verdict == "unstable":
        text += f": {modes.unstable_count} growing, the fastest in {duration_text(1.0 / rate)}"
    elif np.isfinite(rate):
        text += f": the slowest mode decays in {duration_text(-1.0 / rate)}"
    if not modes.complete:
        text += f" (rightmost {len(modes.eigenvalues)} of {modes.size})"
    if isinstance(point, FixedPoint) and not point.converged:
        text = f"not a fixed point; {text}"
    return text
