"""Tables of measurements, saved as JSON and Markdown together with the machine."""

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Table:
    """Rows of values under named columns, with a note on how to read them."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    note: str = ""
    machine: dict[str, Any] = field(default_factory=lambda: machine())


def machine() -> dict[str, Any]:
    """Return the processor, the number of cores, and versions of packages."""
    names = ("dendrosim", "brian2", "numpy", "scipy", "scipy-openblas32", "numba", "jax")
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        **{name: _version(name) for name in names},
    }


def save(name: str, table: Table) -> str:
    """Write a table to `benchmarks/results`, and return it as Markdown."""
    RESULTS.mkdir(exist_ok=True)
    text = markdown(table)
    (RESULTS / f"{name}.json").write_text(json.dumps(asdict(table), indent=1) + "\n")
    (RESULTS / f"{name}.md").write_text(text)
    return text


def markdown(table: Table) -> str:
    """Return a table as Markdown."""
    lines = [f"# {table.title}", "", "| " + " | ".join(table.columns) + " |"]
    lines += ["|" + "---|" * len(table.columns)]
    lines += ["| " + " | ".join(_cell(v) for v in row) + " |" for row in table.rows]
    made = ", ".join(f"{k} {v}" for k, v in table.machine.items())
    return "\n".join([*lines, "", table.note, "", f"Measured on: {made}.", ""])


def _cell(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "-"


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    return next(
        (x.split(":")[1].strip() for x in text.splitlines() if x.startswith("model name")), "?"
    )
