"""The spike rate of a population in time bins, over a run or around the beginnings of phases."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np

from dendrosim.analysis._trains import INSTANT
from dendrosim.arrays import AnyArray
from dendrosim.errors import ParameterError, UnknownNameError
from dendrosim.plot.run_time import time_unit
from dendrosim.plot.spikes import (
    chosen_units,
    index,
    of_sample,
    recorded_spikes,
    seconds,
)
from dendrosim.plot.style import PALETTE, QUIET, axes, legend_right, readable, si_label, styled
from dendrosim.results.result import Result
from dendrosim.results.result_data import PhaseSpan

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BINS = 10_000_000
"""Largest number of bins; a protocol can plan any duration."""


@styled
def psth(
    result: Result,
    population: str,
    ax: "Axes | None" = None,
    *,
    bin_width: str | float = 0.01,
    align: str | Sequence[str] | None = None,
    before: str | float | None = None,
    after: str | float | None = None,
    units: Sequence[int] | None = None,
    sample: int | None = None,
    label: str = "",
) -> "Axes":
    """Draw the peri-stimulus time histogram: spikes per second and unit, in bins.

    A bin includes its left edge and excludes its right one. The number of its spikes is divided by the number of
    units and samples, and by the time that the bin covers in all trials together. Therefore the rate is also right
    in a bin that is only partly within the run, or only in some trials. Several populations may be drawn into the
    same `ax`.

    Parameters
    ----------
    result : Result
    population : str
        A population whose spikes were recorded, or a recorded event such as `cell.burst`.
    ax : Axes, optional
        Axes to draw into (default: those of a new figure).
    bin_width : time, default 0.01
        Seconds, or text such as `5 ms`.
    align : str or sequence of str, optional
        Patterns of phases, as `name` or `block/name`. Time is counted from the beginning of each matching phase,
        and the rate is averaged over these (default: the time of the run).
    before, after : time, optional
        How far the histogram extends before and after the beginning of a matching phase; only with `align`
        (default: from the beginning to the end of the shortest matching phase).
    units : sequence of int, optional
        Indices of the units over which the rate is averaged (default: all).
    sample : int, optional
        Index of a sample of the batch (default: the rate is averaged over all samples).
    label : str, optional
        Name in the legend (default: the name of the population).

    Returns
    -------
    Axes

    Raises
    ------
    UnknownNameError
        If no spikes of the population were recorded, it has no such unit or sample, or no phase matches.
    UnitError
        If a time has a unit that is not one of time.
    ParameterError
        If a bin or the whole histogram has no width, or `before` or `after` is given without `align`.

    Examples
    --------
    >>> ds.plot.psth(result, "pyramidal", bin_width="5 ms", align="pulse", before="20 ms")
    """
    from matplotlib.patches import StepPatch

    spikes = recorded_spikes(result, population)
    if sample is not None:
        sample = index(f"sample of {population}", sample, result.protocol.batch)
    shown = chosen_units(result, population, units)
    starts, low, high = _windows(result, align, before, after)
    edges = _edges(low, high, seconds("psth: bin_width", bin_width))

    spikes = of_sample(spikes, sample)
    times = np.sort(spikes.time if units is None else spikes.time[np.isin(spikes.unit, shown)])
    samples = result.protocol.batch if sample is None else 1
    covered = len(shown) * samples * _covered(starts, edges, result.start, result.stop)
    counts = _counts(times, starts, edges)
    rates = np.divide(counts, covered, out=np.full(len(counts), np.nan), where=covered > 0)

    ax = axes(ax, (6.5, 2.8))
    x_scale, x_label = (
        time_unit(result) if align is None else si_label("time from onset", "s", edges)
    )
    earlier = sum(isinstance(p, StepPatch) for p in ax.patches) // 2
    colour = PALETTE[earlier % len(PALETTE)]
    name = label or readable(population)
    averaged = [(len(shown), "unit"), (samples, "sample"), (len(starts), "trial")]
    means = ", ".join(f"{n} {what}{'s' * (n > 1)}" for n, what in averaged if n > 1)
    ax.stairs(rates, x_scale * edges, fill=True, color=colour, alpha=0.2, lw=0)
    ax.stairs(rates, x_scale * edges, color=colour, lw=1.0, label=f"{name}\n{means}".strip())
    if low < 0:
        ax.axvline(0.0, color=QUIET, ls="--", lw=0.8, zorder=0)
    ax.set_xlim(x_scale * low, x_scale * high)
    ax.set_ylim(0.0, 1.05 * max(0.0, ax.dataLim.y1) or 1.0)
    ax.set_xlabel(x_label)
    ax.set_ylabel("rate (Hz)")
    legend_right(ax, "mean of")
    return ax


def _windows(
    result: Result,
    align: str | Sequence[str] | None,
    before: str | float | None,
    after: str | float | None,
) -> tuple[AnyArray, float, float]:
    """Return the times in the run at which the histogram's time is 0, and the histogram's first and last time."""
    if align is None:
        if before is not None or after is not None:
            raise ParameterError(
                "psth: before and after need align, the phase they are counted from"
            )
        return np.zeros(1), result.start, result.stop
    spans = _matching(result, align)
    low = 0.0 if before is None else -seconds("psth: before", before)
    shortest = min(s.stop - s.start for s in spans)
    high = shortest if after is None else seconds("psth: after", after)
    if not high > low:
        raise ParameterError(f"psth: the histogram must end after it begins, not at {high:g} s")
    return np.array([s.start for s in spans]), low, high


def _matching(result: Result, align: str | Sequence[str]) -> list[PhaseSpan]:
    spans = [(s, (s.phase, f"{s.block}/{s.phase}")) for s in result.phases()]
    patterns = [align] if isinstance(align, str) else list(align)
    for pattern in patterns:
        if not any(fnmatchcase(n, pattern) for _, names in spans for n in names):
            raise UnknownNameError("phase", pattern, {n for _, names in spans for n in names})
    return [s for s, names in spans if any(fnmatchcase(n, p) for p in patterns for n in names)]


def _edges(low: float, high: float, width: float) -> AnyArray:
    """Return bin edges at multiples of `width`; the first and last bin end where the range ends."""
    if not width > 0:
        raise ParameterError(f"psth: bin_width is {width:g} s; it must be positive")
    first = np.floor((low + INSTANT) / width)
    last = np.ceil((high - INSTANT) / width)
    if not last - first <= MOST_BINS:
        raise ParameterError(
            f"psth: bin_width is {width:g} s, which gives {last - first:.3g} bins; at most {MOST_BINS:,} are "
            "possible, so give a longer one"
        )
    edges = width * np.arange(first, last + 1)
    edges[[0, -1]] = low, high
    return edges


def _covered(starts: AnyArray, edges: AnyArray, begin: float, end: float) -> AnyArray:
    """Return how many seconds of the run, from `begin` to `end`, each bin covers in all trials together."""
    absolute = np.clip(starts[:, None] + edges, begin, end)
    return np.diff(absolute, axis=1).sum(axis=0)


def _counts(times: AnyArray, starts: AnyArray, edges: AnyArray) -> AnyArray:
    """Return the number of sorted spike times in each bin, in all trials together."""
    places = np.searchsorted(times, starts[:, None] + edges - INSTANT)
    return np.diff(places, axis=1).sum(axis=0)
