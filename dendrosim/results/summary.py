"""The tables of a result that notebooks show."""

from collections.abc import Iterator, Mapping
from typing import Any

from dendrosim.circuit.paths import path_of
from dendrosim.display.html import Table
from dendrosim.display.values import format_value
from dendrosim.errors import DendrosimError
from dendrosim.results.result_data import ResultData


def result_tables(result: ResultData) -> Iterator[Table]:
    """Yield the tables of a result: metrics, recordings, spikes, the final state, and how it was made."""
    yield Table("metrics", ("metric", "value"), list(_metric_rows(result.metrics)))
    yield Table(
        "recordings",
        ("name", "times", "shape", "unit"),
        [
            (name, len(trace.time), _sides(trace.values.shape[1:]), _unit(result, name))
            for name, trace in result.traces.items()
        ],
    )
    yield Table(
        "spikes and events",
        ("population", "number"),
        [(n, len(s.unit)) for n, s in result.spikes.items()],
    )
    yield Table(
        "final state",
        ("name", "shape", "unit"),
        [(n, _sides(v.shape), _unit(result, n)) for n, v in result.state.items()],
    )
    made = {
        key: value
        for key, value in result.provenance.items()
        if value is None or isinstance(value, (str, bool, int, float))
    }
    yield Table("provenance", ("what", "value"), [(k, format_value(v)) for k, v in made.items()])


def _metric_rows(metrics: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            yield from _metric_rows(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", format_value(value)


def _sides(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def _unit(result: ResultData, name: str) -> str:
    try:
        found = result.protocol.circuit.unit_of(path_of(name))
    except DendrosimError:  # a state of the engine, such as the number of a random stream
        return ""
    return "" if found == "1" else found
