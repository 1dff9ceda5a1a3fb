"""Spikes of a population against time, with one row per unit."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dendrosim.analysis.bursts import BURST_THRESHOLD
from dendrosim.arrays import AnyArray
from dendrosim.errors import ParameterError
from dendrosim.plot.phases import shade_phases
from dendrosim.plot.run_time import time_range, time_unit
from dendrosim.plot.spikes import (
    chosen_units,
    in_bursts,
    index,
    of_sample,
    recorded_spikes,
    seconds,
)
from dendrosim.plot.style import INK, PALETTE, QUIET, axes, legend_right, note, readable, styled
from dendrosim.results.result import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

VECTORS = 10_000
"""Number of spikes above which SVG files show them as pixels, because the files would get large otherwise."""

SNAPPED = 60
"""Number of rows above which ticks are not moved to whole pixels: unequal gaps would look like stripes."""


@styled
def raster(
    result: Result,
    population: str,
    ax: "Axes | None" = None,
    *,
    units: Sequence[int] | None = None,
    sample: int = 0,
    start: str | float | None = None,
    stop: str | float | None = None,
    origin: str | float = 0.0,
    groups: Mapping[str, Sequence[int]] | None = None,
    bursts: bool | None = None,
    interval: str | float = BURST_THRESHOLD,
    count: int = 100,
) -> "Axes":
    """Draw a tick for each spike, in one row per unit; spikes in bursts have another colour.

    Parameters
    ----------
    result : Result
    population : str
        A population whose spikes were recorded, or a recorded event such as `cell.burst`.
    ax : Axes, optional
        Axes to draw into (default: those of a new figure).
    units : sequence of int, optional
        Indices of the units, from the bottom row to the top (default: all; if there are more than `count`, every
        n-th from unit 0 on, with the smallest n that leaves at most `count`).
    sample : int, default 0
        Index of the sample of the batch.
    start, stop : time, optional
        Range of the time axis: seconds, or text such as `20 ms` (default: the whole run).
    origin : time, default 0
        Time of the run from which the axis counts.
    groups : mapping of str to sequence of int, optional
        Indices of units by the name of their group or condition, the lowest group first. The names stand beside
        the rows in place of the indices, and `count` rows are divided evenly among the groups.
    bursts : bool, optional
        Whether spikes in bursts have another colour (default: if the population has an event `burst` or a
        dendrite, so that its model can burst).
    interval : time, default 16 ms
        A spike belongs to a burst if the previous or the next spike of its unit is closer than this, even if that
        spike is not drawn.
    count : int, default 100
        Largest number of rows if `units` is not given.

    Returns
    -------
    Axes

    Raises
    ------
    UnknownNameError
        If no spikes of the population were recorded, or it has no such unit or sample.
    UnitError
        If a time has a unit that is not one of time.
    ParameterError
        If `stop` is not after `start`.
    """
    spikes = recorded_spikes(result, population)
    sample = index(f"sample of {population}", sample, result.protocol.batch)
    size = result.circuit.event(population)[0].size
    shown, edges = _rows(result, population, units, groups, count)
    low, high = time_range("raster", result, start, stop)
    zero = seconds("raster: origin", origin)
    if bursts is None:
        bursts = _can_burst(result, population)

    spikes = of_sample(spikes, sample)
    row = np.full(size, -1)
    row[shown] = np.arange(len(shown))
    kept = (row[spikes.unit] >= 0) & (spikes.time >= low) & (spikes.time <= high)
    rows, times = row[spikes.unit[kept]], spikes.time[kept]

    ax = axes(ax, (7.0, float(np.clip(1.2 + 0.04 * len(shown), 1.8, 4.2))))
    scale, label = time_unit(result)
    member = np.zeros(len(times), dtype=bool)
    if bursts:
        member = in_bursts(spikes.unit, spikes.time, seconds("raster: interval", interval))[kept]
        legend_right(ax, "spikes", [_key(INK, "single"), _key(PALETTE[1], "in a burst")])
    # Ticks are thin if there are many spikes per row, so that they do not merge into a block.
    width = float(np.clip(300 * len(shown) / max(1, len(times)), 0.4, 1.0))
    common = {
        "linewidths": width,
        "rasterized": len(times) > VECTORS,
        "snap": None if len(shown) <= SNAPPED else False,
    }
    _ticks(ax, scale * (times[~member] - zero), rows[~member], edgecolors=INK, **common)
    if bursts:
        _ticks(ax, scale * (times[member] - zero), rows[member], edgecolors=PALETTE[1], **common)
    if not len(times):
        note(ax, "no spikes")
    ax.set_xlim(scale * (low - zero), scale * (high - zero))
    ax.set_xlabel(label)
    _name_rows(ax, shown)
    part = f" ({len(shown)} of {size})" if len(shown) < size else ""
    if groups:
        _name_groups(ax, list(groups), edges)
    ax.set_ylabel(f"{readable(population)}\nunit{part}")
    shade_phases(result, np.array([ax], dtype=object), scale, zero)
    return ax


def _rows(
    result: Result,
    population: str,
    units: Sequence[int] | None,
    groups: Mapping[str, Sequence[int]] | None,
    count: int,
) -> tuple[NDArray[np.int_], list[int]]:
    """Return the units of the rows, from the lowest on, and the row after the last one of each group."""
    if groups:
        if units is not None:
            raise ParameterError("raster: give units or groups, not both")
        share = max(1, count // len(groups))
        parts = [_thinned(chosen_units(result, population, u), share) for u in groups.values()]
        return np.concatenate(parts), np.cumsum([len(part) for part in parts]).tolist()
    shown = chosen_units(result, population, units)
    return (_thinned(shown, max(1, count)) if units is None else shown), []


def _thinned(units: NDArray[np.int_], most: int) -> NDArray[np.int_]:
    return units[:: max(1, -(-len(units) // most))]


def _can_burst(result: Result, population: str) -> bool:
    """Return whether the model of a population has bursts: an event of that name, or a dendrite."""
    found = result.circuit.event(population)[0]
    return "burst" in found.events or bool({"apical", "dendrite"} & set(found.variables))


def _name_groups(ax: "Axes", names: list[str], edges: list[int]) -> None:
    """Label the rows with the names of their groups, and separate the groups by thin lines."""
    begins = [0, *edges[:-1]]
    ax.set_yticks([(b + e - 1) / 2 for b, e in zip(begins, edges, strict=True)], names)
    ax.tick_params(axis="y", length=0)
    for edge in edges[:-1]:
        ax.axhline(edge - 0.5, color=QUIET, lw=0.5, zorder=1)


def _ticks(ax: "Axes", x: AnyArray, rows: AnyArray, **options: Any) -> None:
    """Draw a vertical tick, 0.8 rows high, for each spike.

    All ticks are copies of one path, which Matplotlib draws fast and scales with the axes.
    """
    from matplotlib.collections import PathCollection
    from matplotlib.path import Path
    from matplotlib.transforms import AffineDeltaTransform

    ticks = PathCollection(
        [Path([(0.0, -0.4), (0.0, 0.4)])],
        offsets=np.column_stack([x, rows]),
        offset_transform=ax.transData,
        facecolors="none",
        capstyle="butt",
        **options,
    )
    ticks.set_transform(AffineDeltaTransform(ax.transData))  # type: ignore[arg-type]
    ax.add_collection(ticks, autolim=False)


def _key(colour: str, label: str) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, marker="|", ls="none", ms=7, mew=1.2, label=label)


def _name_rows(ax: "Axes", shown: NDArray[np.int_]) -> None:
    """Label the rows with the indices of their units."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    def name(y: float, _: Any) -> str:
        k = round(y)
        return str(shown[k]) if 0 <= k < len(shown) else ""

    ax.set_ylim(-0.7, max(1, len(shown)) - 0.3)
    ax.yaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    ax.yaxis.set_major_formatter(FuncFormatter(name))
