"""Metrics of a sweep against a parameter: mean and spread over seeds."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from dendrosim.arrays import AnyArray, Array
from dendrosim.errors import ParameterError, UnknownNameError
from dendrosim.plot.style import (
    INK,
    PALETTE,
    QUIET,
    legend_right,
    new_figure,
    plain_label,
    si_label,
    spread,
    styled,
)
from dendrosim.plot.style import (
    logarithmic as set_logarithmic,
)
from dendrosim.results.seed_statistics import SEED, STATUS, mean_and_spread, metric_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from xarray import DataArray, Dataset

MOST_PANELS = 12
"""Largest number of metrics that are drawn unless some are named."""

_COLUMNS, _MARKED = 3, 40
_ENDED_OTHERWISE = ("diverged", "failed")


@styled
def sweep(
    dataset: "Dataset",
    metrics: Sequence[str] | str | None = None,
    *,
    x: str | None = None,
    by: str | None = None,
) -> "AnyArray":
    """Draw metrics of a sweep against a parameter: the mean over seeds with a band of one standard deviation.

    A cross at the bottom marks values at which runs have diverged or failed; the mean is that of the others.

    Parameters
    ----------
    dataset : xarray.Dataset
        Dataset of a sweep, as `ds.sweep` returns it and its file `sweep.nc` contains it.
    metrics : sequence of str, optional
        Names of metrics, each of which gets a panel (default: all that are one number, at most twelve).
    x : str, optional
        Parameter on the x axis (default: the parameter with the most numbers as values).
    by : str, optional
        Parameter whose values have colours (default: the first other one). Curves that differ in further
        parameters have the same colour.

    Returns
    -------
    ndarray of Axes
        One for each metric.

    Raises
    ------
    UnknownNameError
        If there is no such metric or parameter.
    ParameterError
        If there is nothing to draw.

    Examples
    --------
    >>> found = ds.sweep("tp_student_teacher", {"mu": "0.05:0.45:9"}, seeds=5)   # doctest: +SKIP
    >>> ds.plot.sweep(found.dataset, "final_loss", x="mu")                       # doctest: +SKIP
    """
    known = metric_names(dataset)
    names = [metrics] if isinstance(metrics, str) else list(metrics or known[:MOST_PANELS])
    for name in names:
        if name not in known:
            raise UnknownNameError("metric", name, known)
    varied = _varied(dataset)
    if not names or not varied:
        raise ParameterError(
            f"sweep: the dataset has no {'parameter that varies' if names else 'metric that is one number'}"
        )
    for given in (x, by):
        if given is not None and given not in varied:
            raise UnknownNameError("parameter that varies", given, varied)
    along = x or max(varied, key=lambda n: (_is_numeric(dataset[n]), np.unique(dataset[n]).size))
    others = [n for n in varied if n != along]
    by = by or next(iter(others), None)
    axes = _panels(len(names))
    for ax, name in zip(axes, names, strict=True):
        _draw(ax, dataset, name, along, by if by != along else None)
    if axes[-1].get_legend_handles_labels()[1]:
        column = min(len(names), _COLUMNS) - 1
        legend_right(axes[column], _legend_title(dataset, by))
    said = _explain(dataset)
    if said:
        axes[0].figure.suptitle(said, fontsize=9, color=QUIET, x=0.01, ha="left")
    return axes


def _explain(dataset: "Dataset") -> str:
    """Return what bands and crosses mean."""
    count = dataset.sizes[SEED]
    parts = [f"mean ± standard deviation over {count} seeds"] * (count > 1)
    parts += ["×: runs that diverged or failed"] * bool(
        np.isin(dataset[STATUS], _ENDED_OTHERWISE).any()
    )
    return "; ".join(parts)


def _legend_title(dataset: "Dataset", by: str | None) -> str:
    if by is None:
        return ""
    unit = _unit(dataset, by)
    return plain_label(f"{by} ({unit})" if unit else by)


def _varied(dataset: "Dataset") -> list[str]:
    """Return the names of the parameters that vary."""
    points = [d for d in dataset[STATUS].dims if d != SEED]
    return [str(n) for n, c in dataset.coords.items() if c.dims and c.dims[0] in points]


def _is_numeric(values: "DataArray") -> bool:
    return values.dtype.kind in "iuf"


def _panels(count: int) -> "AnyArray":
    columns = min(count, _COLUMNS)
    rows = -(-count // columns)
    figure = new_figure((1.2 + 2.6 * columns, 0.5 + 2.1 * rows))
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes[count:]:
        ax.remove()
    return axes[:count]


def _draw(ax: "Axes", dataset: "Dataset", name: str, along: str, by: str | None) -> None:
    from matplotlib.ticker import MaxNLocator

    mean, wide = mean_and_spread(dataset, name)
    flags = dataset[name].dtype.kind == "b"
    ended = np.isin(dataset[STATUS].transpose(..., SEED).values, _ENDED_OTHERWISE).any(-1)
    positions, ticks = _positions(dataset[along])
    factor, label = si_label(along, _unit(dataset, along), positions)
    scale, title = si_label(name.replace("_", " "), _unit(dataset, name), mean)
    if flags:
        wide, title = np.zeros_like(wide), f"fraction {title}"
    logarithmic, is_grid = spread(scale * mean), along in dataset.dims
    labelled: set[str] = set()
    for where, text in _curves(dataset, along, by):
        at = factor * (positions if is_grid else positions[where])
        order = np.argsort(at, kind="stable")
        y, half = scale * mean[where][order], scale * wide[where][order]
        options = {"color": _colour(dataset, by, text)}
        if text and text not in labelled:
            options["label"] = plain_label(text)
            labelled.add(text)
        (_draw_curve if is_grid else _draw_points)(
            ax, at[order], y, *_band(y, half, logarithmic), options
        )
        lost = at[np.asarray(ended)[where]]
        ax.plot(
            lost, np.full(len(lost), 0.02), "x", color=INK, ms=4, transform=ax.get_xaxis_transform()
        )
    if flags:
        ax.set_ylim(-0.05, 1.05)
    if logarithmic:
        set_logarithmic(ax, "y")
    if ticks:
        ax.set_xticks(positions, [plain_label(t) for t in ticks])
        ax.margins(x=0.15)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.set(xlabel=plain_label(label), ylabel=plain_label(title))


def _unit(dataset: "Dataset", name: str) -> str:
    return str(dataset[name].attrs.get("units", ""))


def _positions(values: "DataArray") -> tuple[AnyArray, list[str]]:
    """Return the positions of values on the x axis, and their texts if they are no numbers."""
    if _is_numeric(values):
        return values.values.astype(float), []
    return np.arange(values.size, dtype=float), [str(v) for v in values.values]


def _curves(dataset: "Dataset", along: str, by: str | None) -> Iterator[tuple[Any, str]]:
    """Yield the places of each curve in an array over the points, and the value of the parameter with colours."""
    points = [str(d) for d in dataset[STATUS].dims if d != SEED]
    if along not in points:  # points are drawn: all of them are one cloud
        texts = [] if by is None else [_value(v) for v in dataset[by].values]
        if by is None or len(set(texts)) > len(PALETTE):
            yield slice(None), ""
        for text in dict.fromkeys(texts) if len(set(texts)) <= len(PALETTE) else ():
            yield np.array([t == text for t in texts]), text
        return
    others = [d for d in points if d != along]
    for place in product(*(range(dataset.sizes[d]) for d in others)):
        at = dict(zip(others, place, strict=True))
        where = tuple(slice(None) if d == along else at[d] for d in points)
        yield where, "" if by is None else _value(dataset[by].values[at[by]])


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _colour(dataset: "Dataset", by: str | None, text: str) -> Any:
    from matplotlib import colormaps

    if by is None or not text:
        return PALETTE[0]
    texts = list(dict.fromkeys(_value(v) for v in dataset[by].values))
    number = texts.index(text)
    if _is_numeric(dataset[by]) and len(texts) > 2:
        return colormaps["viridis"](0.9 * number / (len(texts) - 1))
    return PALETTE[number % len(PALETTE)]


def _band(y: Array, half: Array, logarithmic: bool) -> tuple[Array, Array]:
    """Return the limits of the band around a mean; on a logarithmic axis the lower one stays positive."""
    half = np.where(np.isfinite(half), half, 0.0)
    low = y - half
    if logarithmic:
        low = np.maximum(low, 0.1 * np.min(y, where=y > 0.0, initial=np.inf))
    return low, y + half


def _draw_curve(
    ax: "Axes", x: Array, y: Array, low: Array, high: Array, options: dict[str, Any]
) -> None:
    ax.fill_between(x, low, high, color=options["color"], alpha=0.2, lw=0, zorder=1)
    ax.plot(x, y, marker="o" if len(x) <= _MARKED else None, ms=3, **options)


def _draw_points(
    ax: "Axes", x: Array, y: Array, low: Array, high: Array, options: dict[str, Any]
) -> None:
    ax.errorbar(x, y, [y - low, high - y], fmt="o", ms=3, elinewidth=0.8, **options)
