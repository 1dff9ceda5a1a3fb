"""What `dendrosim show` prints of a sweep: its design, its table, and the points that have failed."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dendrosim.cli.console import Rows, emit, emit_error, emit_json, emit_table
from dendrosim.display.values import format_value

if TYPE_CHECKING:
    from xarray import Dataset

SHOWN_FAILURES = 20
"""Number of failed points that are printed; all of them are in the dataset."""

_SHOWN_VALUES = 8


def show_sweep(path: Path, as_json: bool) -> None:
    """Show what a sweep varies, its metrics, how its points have ended, and the command that repeats it."""
    from dendrosim.results.seed_statistics import SEED
    from dendrosim.study.summary import spread_table
    from dendrosim.study.sweep_file import read_sweep

    dataset = read_sweep(path)
    known, counts, failed = dataset.attrs, _counts(dataset), failed_points(dataset)
    seeds = dataset[SEED].values.tolist()
    if as_json:
        emit_json({"sweep": path, **_plain(dataset, seeds, counts, failed)})
        return
    emit(f"{path}: {known['title']}, {known['sampling']}\n")
    rows = [(n, _values(dataset, n), str(dataset[n].size)) for n in _varied(dataset)]
    emit_table(
        ("parameter", "values", "number"), [*rows, ("seed", _listed(seeds), str(len(seeds)))]
    )
    fixed: Rows = [(name, format_value(v)) for name, v in json.loads(known["parameters"]).items()]
    emit_table(("fixed parameter", "value"), fixed)
    emit_table(*spread_table(dataset))
    said = ", ".join(f"{n:,} {status}" for status, n in counts.items() if n)
    emit(f"{sum(counts.values()):,} points: {said}")
    if known.get("repeat"):
        emit(f"repeat  {known['repeat']}")
    print_failed(failed)


def print_failed(failed: list[dict[str, Any]]) -> None:
    """Print the first points that have failed, with their errors."""
    for point in failed[:SHOWN_FAILURES]:
        values = [f"{n}={format_value(v)}" for n, v in point["parameters"].items()]
        values.append(f"seed {point['seed']}")
        emit_error(f"failed at {', '.join(values)}: {point['error']}")
    if len(failed) > SHOWN_FAILURES:
        emit_error(f"... and at {len(failed) - SHOWN_FAILURES} other points")


def _counts(dataset: "Dataset") -> dict[str, int]:
    """Return the number of points by status."""
    from dendrosim.results.seed_statistics import STATUS
    from dendrosim.study.record import DIVERGED, DONE, FAILED, MISSING

    found = dataset[STATUS].values
    return {s: int((found == s).sum()) for s in (DONE, DIVERGED, FAILED, MISSING)}


def failed_points(dataset: "Dataset") -> list[dict[str, Any]]:
    """Return parameters, seed and error of each point that has failed."""
    from dendrosim.results.seed_statistics import SEED, STATUS
    from dendrosim.study.record import FAILED

    status, found = dataset[STATUS], []
    for place in zip(*(status.values == FAILED).nonzero(), strict=True):
        at = dict(zip(status.dims, map(int, place), strict=True))
        point = dataset.isel(at)
        values = {n: point[n].item() for n in _varied(dataset)}
        found.append(
            {
                "parameters": values,
                "seed": int(point[SEED].item()),
                "error": str(point["message"].item()),
            }
        )
    return found


def _varied(dataset: "Dataset") -> list[str]:
    """Return the names of the parameters that vary."""
    from dendrosim.results.seed_statistics import SEED, STATUS

    points = [d for d in dataset[STATUS].dims if d != SEED]
    return [str(n) for n, c in dataset.coords.items() if c.dims and c.dims[0] in points]


def _values(dataset: "Dataset", name: str) -> str:
    unit = dataset[name].attrs.get("units", "")
    return f"{_listed(dataset[name].values.tolist())} {unit}".rstrip()


def _listed(values: list[Any]) -> str:
    texts = [format_value(v) for v in values]
    few = texts if len(texts) <= _SHOWN_VALUES else [*texts[: _SHOWN_VALUES - 2], "...", texts[-1]]
    return ", ".join(few)


def _plain(
    dataset: "Dataset", seeds: list[int], counts: dict[str, int], failed: list[dict[str, Any]]
) -> dict[str, Any]:
    from dendrosim.results.seed_statistics import metric_names

    known = dataset.attrs
    return {
        "protocol": known["protocol"],
        "sampling": known["sampling"],
        "parameters": {n: dataset[n].values.tolist() for n in _varied(dataset)},
        "fixed": json.loads(known["parameters"]),
        "seeds": seeds,
        "settings": json.loads(known["settings"]),
        "points": sum(counts.values()),
        **{s: n for s, n in counts.items() if s != "failed"},
        "failed": failed,
        "metrics": metric_names(dataset),
        "repeat": known.get("repeat", ""),
    }
