"""What exports to Neo and NWB have in common."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from dendrosim.arrays import AnyArray
from dendrosim.results.export.source import Source


def describe(result: Source) -> dict[str, str]:
    """Return where a result comes from, as texts; mappings are JSON."""
    known, protocol = result.provenance, result.protocol
    found = {
        "protocol": protocol.name,
        "status": result.status,
        "message": result.message,
        "parameters": _json(protocol.parameters),
        "metrics": _json(result.metrics),
        "provenance": _json(known),
    }
    return {name: text for name, text in found.items() if text}


def session_start(result: Source) -> datetime:
    """Return when the run began, with its time zone; 1970 if the result does not say when it ended."""
    try:
        end = datetime.fromisoformat(result.provenance.get("finished", ""))
    except (TypeError, ValueError):
        return datetime(1970, 1, 1, tzinfo=UTC)
    seconds = result.provenance.get("seconds", {})
    return end - timedelta(seconds=sum(float(seconds.get(k, 0.0)) for k in ("compile", "run")))


def interval(time: AnyArray) -> float | None:
    """Return the distance of times in seconds if all are the same, up to rounding; else None."""
    if len(time) < 2:
        return None
    gaps = np.diff(time)
    middle = float(np.mean(gaps))
    rounding = 8 * np.finfo(float).eps * float(np.max(np.abs(time))) + 1e-9 * middle
    return middle if np.all(np.abs(gaps - middle) <= rounding) else None


def trains(result: Source, name: str) -> Iterator[tuple[int, int, AnyArray]]:
    """Yield unit, sample and times in seconds of each unit of a population in each sample, also without spikes."""
    spikes, protocol = result.spikes[name], result.protocol
    recording = protocol.recordings_by_name().get(name)
    size = protocol.circuit.event(name)[0].size
    units = getattr(recording, "units", None) or range(size)
    samples = getattr(recording, "samples", None) or range(protocol.batch)
    found = np.zeros(len(spikes.unit), int) if spikes.sample is None else spikes.sample
    place = np.asarray(spikes.unit, np.int64) * protocol.batch + found
    order = np.argsort(place, kind="stable")
    times, places = spikes.time[order], place[order]
    for unit in units:
        for sample in samples:
            first, last = np.searchsorted(places, unit * protocol.batch + sample + np.array([0, 1]))
            yield unit, sample, np.sort(times[first:last])


def _json(values: Any) -> str:
    def plain(value: Any) -> Any:
        return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else str(value)

    return json.dumps(dict(values), default=plain) if values else ""
