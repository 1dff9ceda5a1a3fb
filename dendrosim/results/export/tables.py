"""Recordings and spikes as tables of pandas."""

from typing import Any

from dendrosim.circuit.event import SPIKE
from dendrosim.errors import ShapeError, UnknownEntryError
from dendrosim.results.export.source import Source

NAME, VALUE = "recording", "value"
"""Columns of the long form."""


def make_table(result: Source, names: tuple[str, ...]) -> Any:
    """Return recordings or spikes as a table; see `Result.to_dataframe`."""
    import pandas

    if not names:
        tables = [_long(result, name) for name in result.names]
        return pandas.concat(tables, ignore_index=True) if tables else pandas.DataFrame()
    if len(names) == 1 and names[0] not in result:
        return _spikes(result, names[0])
    columns = {name: result[name].to_series().rename(name) for name in names}
    first = next(iter(columns.values()))
    for name, column in columns.items():
        if not column.index.equals(first.index):
            raise ShapeError(
                f"{names[0]!r} and {name!r} do not have the same times and units, so they cannot be columns of "
                "one table; make a table of each, or leave the names out for a long one"
            )
    return pandas.DataFrame(columns)


def _long(result: Source, name: str) -> Any:
    """Return a recording with one row for each number."""
    table = result[name].to_series().rename(VALUE).reset_index()
    table.insert(0, NAME, name)
    return table


def _spikes(result: Source, name: str) -> Any:
    import pandas

    event = name.removesuffix(f".{SPIKE}")
    if event not in result.spikes:
        known = [*result.names, *(f"{n}.{SPIKE}" if "." not in n else n for n in result.spikes)]
        raise UnknownEntryError("recording", name, known)
    spikes = result.spikes[event]
    parts = {"time": spikes.time, "unit": spikes.unit}
    return pandas.DataFrame(parts if spikes.sample is None else {**parts, "sample": spikes.sample})
