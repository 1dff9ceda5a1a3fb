"""What `dendrosim show RESULT.nc` prints."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dendrosim.cli.console import Rows, emit, emit_columns, emit_json, emit_table
from dendrosim.display.values import format_value

if TYPE_CHECKING:
    from dendrosim.results.measurement import Measurement
    from dendrosim.results.result import Result


def show_result(path: Path, json: bool) -> None:
    """Show where a result comes from, what it has, and its metrics."""
    from dendrosim.results.measurement import Measurement
    from dendrosim.results.metric_tables import disagreement_line, metric_tables
    from dendrosim.results.result import open_result

    result = open_result(path)
    kept = {"units": result.provenance.get("units", {}), "references": result.references}
    measurement = Measurement(result.metrics, **kept)
    if json:
        emit_json({"result": path, **_plain(result, measurement)})
        return
    emit(f"{path}: {result.protocol.name or '(unnamed protocol)'}, {_ended(result)}\n")
    emit_table(("parameter", "value", ""), _parameter_rows(result))
    for table in metric_tables(measurement):
        emit_table(*table)
    emit_table(("recording", "shape", "unit"), _recording_rows(result))
    emit_columns(list(_origin(result).items()), indent="")
    if line := disagreement_line(measurement):
        emit(line)


def _ended(result: "Result") -> str:
    span = f"{result.start:.6g} s to {result.stop:.6g} s"
    return f"{result.status}{f': {result.message}' if result.message else ''} ({span})"


def _parameter_rows(result: "Result") -> Rows:
    from dendrosim.library.parameter_types import to_text

    changed = result.provenance.get("changed", {})
    return [
        (name, to_text(value), "changed" if name in changed else "")
        for name, value in result.protocol.parameters.items()
    ]


def _recording_rows(result: "Result") -> Rows:
    units = result.circuit.unit_of
    rows: Rows = [
        (name, " × ".join(map(str, np.shape(trace.values))), units(name.partition("/")[2] or name))
        for name, trace in result.traces.items()
    ]
    return rows + [(f"{n}.spike", f"{len(s.unit)} spikes", "") for n, s in result.spikes.items()]


def _origin(result: "Result") -> dict[str, str]:
    """Return where a result comes from, as texts by name."""
    known = result.provenance
    versions = ", ".join(f"{k} {v}" for k, v in known.get("versions", {}).items())
    found = {
        name: format_value(known.get(name)) for name in ("seed", "backend", "precision", "threads")
    }
    found["batch"] = str(result.protocol.batch)
    found |= {name: str(known.get(name) or "-") for name in ("finished", "platform", "git")}
    found["versions"] = versions or "-"
    for file in known.get("files", []):
        commit = file.get("commit") or "no commit"
        found[Path(file["path"]).name] = f"{file['path']} ({commit}, sha256 {file['sha256']})"
    if "initial" in known:
        found["initial"] = ", ".join(f"{k} {v}" for k, v in known["initial"].items())
    found["repeat"] = known.get("repeat") or "-"
    return found


def _plain(result: "Result", measurement: "Measurement") -> dict[str, Any]:
    from dendrosim.cli.summaries import references_plain

    return {
        "protocol": result.protocol.name,
        "status": result.status,
        "message": result.message,
        "parameters": dict(result.protocol.parameters),
        "metrics": dict(result.metrics),
        "references": references_plain(measurement),
        "recordings": {name: list(np.shape(t.values)) for name, t in result.traces.items()},
        "spikes": {name: len(s.unit) for name, s in result.spikes.items()},
        "provenance": dict(result.provenance),
    }
