"""Writes the report of a sweep: points, metrics over parameters, figures, and the circuit of the first point."""

from pathlib import Path
from typing import Any

from dendrosim.display.values import format_value
from dendrosim.errors import DendrosimError
from dendrosim.library.catalogue import Entry, is_path
from dendrosim.library.loading import build_protocol
from dendrosim.library.parameter_types import to_text
from dendrosim.library.stored_names import find_stored_entry
from dendrosim.machine.atomic_file import write_file
from dendrosim.plot._sweep import sweep as draw_sweep
from dendrosim.results.seed_statistics import metric_names
from dendrosim.study.repeat import repeat_sweep
from dendrosim.study.report.figures import embed_figures
from dendrosim.study.report.page import render_page
from dendrosim.study.report.protocol_parts import describe_protocol
from dendrosim.study.specification import SweepSpec
from dendrosim.study.summary import spread_table
from dendrosim.study.sweep_folder import SweepFolder
from dendrosim.study.sweep_result import Sweep

MOST_FAILED, MOST_VALUES = 50, 12
"""Numbers of failed points, and of values of a parameter, that are shown."""


def write_sweep_report(folder: Path, path: Path, entry: Entry | None = None) -> Path:
    """Write the report of a sweep, as far as it has been computed, to an HTML file.

    Parameters
    ----------
    folder : Path
        Folder of the sweep, in which nothing is changed.
    path : Path
        The file.
    entry : Entry, optional
        The protocol's file (default: the one of the name that the sweep keeps, if it is in the catalogue).

    Raises
    ------
    DataError
        If it is not the folder of a sweep, or a newer version of dendrosim has begun the sweep.
    StorageError
        If the file cannot be written.
    """
    place = SweepFolder(folder)
    found = Sweep(place, place.records())
    page = render_page(describe_sweep(found, entry), "sweep.html")
    return write_file(path, page.encode())


def describe_sweep(found: Sweep, entry: Entry | None = None) -> dict[str, Any]:
    """Return what the page of a sweep shows, by the names that its template uses."""
    spec, dataset = found.spec, found.dataset
    drawable = spec.axes and metric_names(dataset) and found.counts["done"]
    figures = {"metrics over parameters": lambda: draw_sweep(dataset)} if drawable else {}
    failed = found.failed
    parts = _first_protocol(spec, entry)
    sections = [
        "points",
        "metrics",
        "figures",
        *(["circuit", "protocol"] if parts["diagram"] else []),
    ]
    return {
        "title": Path(spec.protocol).stem if is_path(spec.protocol) else spec.protocol,
        "parts": [*sections, "provenance"],
        "facts": _facts(found),
        "sizes": " × ".join(f"{name} {size}" for name, size in spec.dimensions.items()),
        "counts": ", ".join(f"{n:,} {status}" for status, n in found.counts.items() if n),
        "axes": [(a.name, _values(a.values), str(len(a.values))) for a in spec.axes],
        "fixed": [(name, to_text(value)) for name, value in spec.fixed.items()],
        "failed": [
            (_values(f"{n}={to_text(v)}" for n, v in f.parameters.items()), str(f.seed), f.error)
            for f in failed[:MOST_FAILED]
        ],
        "more_failed": max(0, len(failed) - MOST_FAILED),
        "metrics": spread_table(dataset),
        "figures": embed_figures(figures),
        **parts,
        **_origin(found),
        "repeat": repeat_sweep(spec),
    }  # fmt: skip


def _first_protocol(spec: SweepSpec, entry: Entry | None) -> dict[str, Any]:
    """Return circuit and timeline of the first point, or why they are not shown."""
    try:
        entry = entry or find_stored_entry(spec.protocol)
        protocol = build_protocol(entry, spec.point(0).parameters)
    except DendrosimError as error:
        why = f"The circuit is not shown: {error}"
        return {"diagram": None, "no_circuit": why, "summary": entry.summary if entry else ""}
    return {**describe_protocol(protocol), "no_circuit": "", "summary": entry.summary}


def _facts(found: Sweep) -> list[tuple[str, str]]:
    every, steps = found.seconds
    settings = found.spec.settings
    return [
        ("points", f"{found.points:,}"),
        ("seeds", _values(found.spec.seeds)),
        ("sampling", found.spec.sampling),
        (
            "computed by",
            f"{settings.get('backend', 'auto')}, {settings.get('precision', 'auto')} precision",
        ),
        ("time", f"{every:.3g} s, of which {steps:.3g} s are time steps"),
    ]


def _origin(found: Sweep) -> dict[str, Any]:
    """Return versions and files of the code that has computed the points."""
    codes = found.codes
    versions = [
        (f"code {code.digest()[:12]}", ", ".join(f"{k} {v}" for k, v in code.versions.items()))
        for code in codes
    ]
    files = {(path, digest) for code in codes for path, digest in code.files.items()}
    return {"origin": [("folder", str(found.folder)), *versions], "files": sorted(files)}


def _values(values: Any) -> str:
    shown = [value if isinstance(value, str) else format_value(value) for value in values]
    left = len(shown) - MOST_VALUES
    return ", ".join(
        shown if left <= 1 else [*shown[: MOST_VALUES - 1], f"… {left} more …", shown[-1]]
    )
