"""The attributes of a result's file, which say in short what it has, and the summary that is read from them.

They are for people (`ncdump -h`) and for lists of many results: only they are read, not the arrays and not the
checksum. `open_result` does not use them.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dendrosim.display.short import ShortRepr
from dendrosim.errors import DataError
from dendrosim.machine.hdf5_reading import Hdf5File, open_hdf5
from dendrosim.machine.json_text import parse_json
from dendrosim.results.measurement import compare
from dendrosim.results.reading import FORMAT, MARK
from dendrosim.results.result_data import ResultData

LONGEST = 16
"""Longest list of numbers that an attribute has; all metrics are in the variable `metrics`."""

_MOST_TEXT = 2**14  # characters of an attribute


@dataclass(frozen=True)
class RunSummary(ShortRepr):
    """What a list of results shows of one run.

    Parameters
    ----------
    path : Path
        The file of the result, or the folder of a run that has none yet.
    protocol : str
        Name of the protocol.
    status : str
        `done`, `diverged` or `interrupted`, or `running` for a run at which a process is at work.
    message : str
        A sentence on how the run ended.
    changed : mapping
        Parameters that differ from their defaults.
    seed : int or None
        Seed of the run.
    finished : str
        Date and time of the end, UTC; of an interrupted run without result, of its beginning.
    metrics : mapping
        Metrics that are short.
    differs : tuple of str
        Names of metrics that differ from their references.
    """

    path: Path
    protocol: str
    status: str
    message: str = ""
    changed: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    finished: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    differs: tuple[str, ...] = ()


def summary_attributes(result: ResultData) -> dict[str, str | int]:
    """Return the attributes of the file of a result: texts and whole numbers by name."""
    known, protocol = result.provenance, result.protocol
    verdicts = compare(result.metrics, result.references)
    texts: dict[str, Any] = {
        "title": f"dendrosim result of protocol {protocol.name or '(unnamed)'}: {result.status}",
        "protocol": protocol.name,
        "message": result.message,
        "changed_parameters": _json(known.get("changed", protocol.parameters)),
        "parameters": _json(protocol.parameters),
        "metrics": _json(dict(short_values(result.metrics))),
        "differs": ", ".join(name for name, verdict in verdicts.items() if verdict is False),
        "dt": str(protocol.dt),
        "method": protocol.method,
        "files": _json(known.get("files", [])),
        **{
            k: known.get(k)
            for k in ("backend", "precision", "finished", "platform", "git", "repeat")
        },
        **{f"version_{k}": v for k, v in dict(known.get("versions", {})).items()},
    }
    numbers = {"seed": known.get("seed"), "threads": known.get("threads")}
    counts = {**numbers, "batch": protocol.batch, "steps": protocol.total_steps}
    found: dict[str, str | int] = {n: v for n, v in texts.items() if v and isinstance(v, str)}
    return found | {n: v for n, v in counts.items() if isinstance(v, int)}


def short_values(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield names and values of metrics that are short; keys of mappings follow after dots."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from short_values(value, f"{prefix}{name}.")
            continue
        plain = value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
        size = len(plain) if isinstance(plain, (list, tuple)) else 0
        nested = size and any(isinstance(x, (list, tuple, Mapping)) for x in plain)
        if size <= LONGEST and not nested:
            yield f"{prefix}{name}", plain


def read_summary(path: Path) -> RunSummary | None:
    """Return the summary of a result from the attributes of its file; None if the file is no result of dendrosim.

    Raises
    ------
    DataError
        If the file cannot be read, is damaged, or was written by a newer version.
    """
    try:
        with open_hdf5(path) as file:
            version = file.attribute(MARK)
            if version is None:
                return None
            if int(version) > FORMAT:
                raise DataError(f"{path} has format {version}, which a newer dendrosim wrote")
            return _read(path, file)
    except DataError:
        raise
    except (OSError, RuntimeError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise DataError(f"{path} is truncated or damaged ({error})") from error


def _read(path: Path, file: Hdf5File) -> RunSummary:
    def text(name: str) -> str:
        return str(file.attribute(name) or "")

    known: dict[str, Any] = {name: text(name) for name in ("protocol", "message", "finished")}
    seed, given = file.attribute("seed"), text("changed_parameters")
    if given:
        changed, metrics = _mapping(given), _mapping(text("metrics"))
    else:  # a file of an earlier version, without these attributes
        record = _mapping(file.text("provenance"))
        known = {name: str(record.get(name, "")) for name in ("protocol", "finished")}
        known["message"] = file.text("message")
        changed, seed = dict(record.get("parameters", {})), record.get("seed")
        metrics = dict(short_values(_mapping(file.text("metrics"))))
    differs = tuple(filter(None, text("differs").split(", ")))
    return RunSummary(
        path,
        status=text("status"),
        changed=changed,
        seed=None if seed is None else int(seed),
        metrics=metrics,
        differs=differs,
        **known,
    )


def _mapping(text: str) -> dict[str, Any]:
    found = parse_json(text or "{}")
    return found if isinstance(found, dict) else {}


def _json(values: Any) -> str:
    """Return values as JSON text; entries from which on the text would be too long are left out."""
    values = dict(values) if isinstance(values, Mapping) else values
    text = json.dumps(values, default=str)
    while len(text) > _MOST_TEXT and isinstance(values, Mapping):
        values = dict(list(values.items())[: len(values) // 2])
        text = json.dumps(values, default=str)
    return text
