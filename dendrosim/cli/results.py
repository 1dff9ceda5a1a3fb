"""The command `dendrosim results`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dendrosim.cli.console import Rows, emit, emit_error, emit_json, emit_table
from dendrosim.cli.options import Json, read_path
from dendrosim.display.values import format_value

if TYPE_CHECKING:
    from dendrosim.results.run_summary import RunSummary

SHOWN = 4
"""Number of metrics of each protocol that the table shows; `--json` has all that are short."""


def results(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", parser=read_path("DIR"), help="A folder with results (default: runs)."
        ),
    ] = Path("runs"),
    json: Json = False,
) -> None:
    """List results: protocol, changed parameters, seed, metrics, date and status."""
    from dendrosim.experiments.listing import list_runs

    runs, damaged = list_runs(folder)
    if json:
        broken = [{"path": path, "error": error} for path, error in damaged.items()]
        emit_json({"folder": folder, "runs": [_plain(run) for run in runs], "damaged": broken})
        return
    for protocol in sorted({run.protocol for run in runs}):
        own = [run for run in runs if run.protocol == protocol]
        emit(f"{protocol or '(unnamed protocol)'}: {len(own)}")
        emit_table(*_table(folder, own))
    if not runs:
        emit(f"there are no results in {folder}")
    for error in damaged.values():
        emit_error(error)


def _table(folder: Path, runs: "list[RunSummary]") -> tuple[tuple[str, ...], Rows]:
    numbers = [
        name
        for run in runs
        for name, value in run.metrics.items()
        if isinstance(value, (int, float)) or value is None
    ]
    names = list(dict.fromkeys(numbers))[:SHOWN]
    rows: Rows = [
        (
            str(run.path.relative_to(folder)),
            ", ".join(f"{k}={format_value(v)}" for k, v in run.changed.items()),
            format_value(run.seed),
            ", ".join([run.status, *(f"{n} differs" for n in run.differs)]),
            run.finished[:16].replace("T", " "),
            *(format_value(run.metrics[n]) if n in run.metrics else "" for n in names),
        )
        for run in runs
    ]
    return ("run", "parameters", "seed", "status", "date (UTC)", *names), rows


def _plain(run: "RunSummary") -> dict[str, Any]:
    return {
        "path": run.path,
        "protocol": run.protocol,
        "parameters": dict(run.changed),
        "seed": run.seed,
        "metrics": dict(run.metrics),
        "finished": run.finished,
        "status": run.status,
        "message": run.message,
        "differs": list(run.differs),
    }
