"""A table of a sweep: mean and standard deviation over seeds of each metric that is a number."""

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from dendrosim.results.seed_statistics import SEED, STATUS, mean_and_spread, metric_names
from dendrosim.study.record import MISSING

if TYPE_CHECKING:
    from xarray import Dataset

MOST_ROWS = 40
"""Largest number of rows; of a longer table the first and last rows are shown."""


def spread_table(dataset: "Dataset") -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the columns and rows of a table: the parameters, then `mean ± spread` over seeds of each metric."""
    names = metric_names(dataset)
    outer = [d for d in dataset[STATUS].dims if d != SEED]
    varied = [str(n) for n, c in dataset.coords.items() if n != SEED and set(c.dims) <= {*outer}]
    varied = [n for n in varied if dataset[n].dims and dataset[n].dims[0] in outer]
    cells = {name: mean_and_spread(dataset, name) for name in names}
    for name, (mean, wide) in cells.items():
        flags = dataset[name].dtype.kind == "b"  # the fraction of seeds says it all
        cells[name] = (
            np.asarray(mean),
            np.full(np.shape(wide), np.nan) if flags else np.asarray(wide),
        )
    rows = []
    for place in product(*(range(dataset.sizes[d]) for d in outer)):
        at = dict(zip(outer, place, strict=True))
        if (dataset[STATUS].isel(at) == MISSING).all():
            continue
        inner = ({d: at[d] for d in dataset[n].dims} for n in varied)
        values = [_text(dataset[n].isel(i).item()) for n, i in zip(varied, inner, strict=True)]
        rows.append((*values, *(_cell(mean[place], wide[place]) for mean, wide in cells.values())))
    if len(rows) > MOST_ROWS:
        half = MOST_ROWS // 2
        rows = [*rows[:half], ("...", *[""] * (len(rows[0]) - 1)), *rows[-half:]]
    return tuple(_title(dataset, name) for name in (*varied, *names)), rows


def _title(dataset: "Dataset", name: str) -> str:
    unit = dataset[name].attrs.get("units", "1")
    return name if unit == "1" else f"{name} ({unit})"


def _cell(mean: float, spread: float) -> str:
    if not np.isfinite(mean):
        return "-"
    return _text(mean) if not np.isfinite(spread) else f"{mean:.4g} ± {spread:.2g}"


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
