"""Tables of metrics with their references, and what is said of those that disagree."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from dendrosim.display.values import SHOWN_ELEMENTS, Rows, format_value, shape, without_negligible
from dendrosim.results.measurement import Measurement
from dendrosim.results.reference import Reference, agrees, part_of

# In the name of an entry, such as `name[0]` or `name.key`, the name of the metric ends here.
_STEM = re.compile(r"[.\[]")

VERDICTS = {True: "agrees", False: "differs", None: "open"}
"""What tables say of a metric and its reference; open if the metric, or the tolerance, is not a number."""

COLUMNS = ("metric", "value", "reference", "tolerance", "verdict")


def metric_tables(measurement: Measurement) -> list[tuple[tuple[str, ...], Rows]]:
    """Return columns and rows of tables of metrics, their values and their references.

    A small array has one row per entry of its outer axis: `name[0]`, `name[1]` and so on. If all metrics are
    mappings, such as one number per model, each has a column, in which numbers have three digits; a second table
    has the metrics that have references.
    """
    metrics = measurement.metrics
    if not metrics or not all(isinstance(v, Mapping) for v in metrics.values()):
        return [(COLUMNS, _rows(measurement, metrics))]
    groups = [_spread(_flat(group), 1) for group in metrics.values()]
    inner = list(dict.fromkeys(name for group in groups for name in group))
    rows: Rows = [
        (name, *(format_value(g[name], 3) if name in g else "" for g in groups)) for name in inner
    ]
    compared = {name: part_of(metrics, name) for name in measurement.references}
    return [(("metric", *metrics), rows), (COLUMNS, _rows(measurement, compared))]


def disagreement_line(measurement: Measurement) -> str:
    """Return the line that names the metrics that disagree with their references; empty if there are none."""
    names = [name for name, verdict in measurement.agrees.items() if verdict is False]
    if not names:
        return ""
    differ = "1 metric differs from its reference"
    if len(names) > 1:
        differ = f"{len(names)} metrics differ from their references"
    return f"{differ} by more than the tolerance: {', '.join(names)}"


def _rows(measurement: Measurement, metrics: Mapping[str, Any]) -> Rows:
    compared: dict[str, tuple[Any, Any]] = {}
    for name, reference in measurement.references.items():
        compared |= dict(_compared(name, reference))
    return [
        (
            name,
            f"{_short_text(value)} {measurement.units.get(_STEM.split(name)[0], '')}".strip(),
            *_comparison(value, compared.get(name) or compared.get(name.partition("[")[0])),
        )
        for name, value in _spread(_flat(metrics), 2).items()
    ]


def _compared(name: str, reference: Reference) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Yield name, value and tolerance of each row that a reference has."""
    tolerances = _flat({name: reference.tolerance})
    for key, value in _flat({name: reference.value}).items():
        rows = _spread({key: value}, 2)
        tolerance = np.broadcast_to(tolerances[key], shape(value))
        if key in rows:
            yield key, (value, tolerance)
        else:
            yield from ((row, (rows[row], tolerance[k])) for k, row in enumerate(rows))


def _comparison(metric: Any, compared: tuple[Any, Any] | None) -> tuple[str, str, str]:
    """Return reference, tolerance and verdict as texts."""
    if compared is None:
        return "", "", ""
    value, tolerance = compared
    few = np.unique(tolerance)
    shown = format_value(few[0] if len(few) == 1 else tolerance, 3)
    return _short_text(value), shown, VERDICTS[agrees(metric, value, tolerance)]


def _short_text(value: Any) -> str:
    """Return a number with six digits, or a list in which each number has four digits."""
    return format_value(value, 4 if shape(value) else 6)


def _spread(values: Mapping[str, Any], least: int) -> dict[str, Any]:
    """Return values by name; an array that is small enough is split along its outer axis.

    Such an array has at least `least` and at most two dimensions, and no side is longer than SHOWN_ELEMENTS.
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        sides = shape(value)
        if least <= len(sides) <= 2 and min(sides) > 0 and max(sides) <= SHOWN_ELEMENTS:
            rows = enumerate(without_negligible(value))
            found |= {f"{name}[{k}]": entry for k, entry in rows}
        else:
            found[name] = value
    return found


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by name; values of nested mappings are named `name.key`."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        inner = _flat(value) if isinstance(value, Mapping) else {"": value}
        flat |= {f"{name}.{key}".rstrip("."): v for key, v in inner.items()}
    return flat
