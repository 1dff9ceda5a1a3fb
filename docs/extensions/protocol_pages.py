"""Pages of protocols: docstring, parameters, command, and figures of a run that is made while the site is built.

The file `run_times.json` has the processor time of each default run. Short ones are run as they are; the others
with the parameters in `gallery.json`, which make them shorter, and their pages say so; an empty list there is a
default run that has not been measured. What a run leaves is kept until the code changes.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from code_state import ROOT, code_state
from markdown_text import docstring_markdown, escape, parameter_table
from sphinx.util import logging

from dendrosim.library.catalogue import Entry, list_entries
from dendrosim.library.description import Description, describe

_log = logging.getLogger(__name__)

SHORT = 25.0  # seconds of processor time; longer runs would make the build of the site too long
TIMES = ROOT / "docs" / "run_times.json"
REDUCED = ROOT / "docs" / "gallery.json"
AT_ONCE = 2  # runs side by side, each with one thread

Kept = Mapping[str, Path]


def run_times() -> dict[str, float]:
    """Return the processor time of each default run in seconds; those not measured are left out."""
    return json.loads(TIMES.read_text("utf-8"))["seconds"]


def gallery_settings() -> dict[str, list[str]]:
    """Return the protocols that are run for the gallery, each with its values of `--set`."""
    reduced: dict[str, list[str]] = json.loads(REDUCED.read_text("utf-8"))
    short = {name: [] for name, seconds in run_times().items() if seconds <= SHORT}
    return {**short, **reduced}


def pages(kept: Path, figures: Path, run: bool) -> dict[str, str]:
    """Return the text of each page by its name, after the protocols have been run.

    Parameters
    ----------
    kept : Path
        Folder in which results are kept between builds.
    figures : Path
        Folder of the figures that pages show.
    run : bool
        Whether protocols are run; without it, pages have no figures.
    """
    entries = [entry for entry in list_entries() if entry.file_kind == "protocol"]
    times = run_times()
    settings = gallery_settings()
    found = _run_all(settings, kept / "gallery" / code_state()) if run else {}
    shutil.rmtree(figures, ignore_errors=True)
    for name, folder in found.items():
        (figures / name).mkdir(parents=True)
        for path in sorted(folder.glob("*.png")):
            shutil.copy(path, figures / name / path.name)
    made = {
        f"protocols/{e.name}": _page(
            describe(e.name), times.get(e.name), settings.get(e.name, []), found.get(e.name)
        )
        for e in entries
    }
    return {**made, "protocols": _list(entries, times), "gallery": _gallery(entries, found)}


def _run_all(settings: Mapping[str, list[str]], folder: Path) -> dict[str, Path]:
    """Run protocols of which nothing is kept; return the folder of each that has ended."""
    folder.mkdir(parents=True, exist_ok=True)
    for older in folder.parent.iterdir():
        if older != folder:
            shutil.rmtree(older)
    waiting = [name for name, given in settings.items() if not _is_done(folder / name, given)]
    if waiting:
        _log.info("running %d protocols for the gallery", len(waiting))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        errors = dict(
            zip(
                waiting,
                pool.map(lambda name: _run(name, settings[name], folder / name), waiting),
                strict=True,
            )
        )
    for name, error in errors.items():
        if error:
            _log.warning("protocol %s does not run: %s", name, error)
    return {name: folder / name for name in settings if not errors.get(name)}


def _is_done(folder: Path, given: list[str]) -> bool:
    """Return whether the figures of a run with these values are kept."""
    done = folder / "done"
    return done.exists() and done.read_text("utf-8") == json.dumps(given)


def _run(name: str, given: list[str], folder: Path) -> str:
    """Run a protocol with values of its parameters; return what went wrong, or an empty text."""
    command = [
        sys.executable,
        "-m",
        "dendrosim.cli",
        "run",
        name,
        "--out",
        str(folder),
        "--overwrite",
        "--json",
        *(part for text in given for part in ("--set", text)),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return done.stderr
    (folder / "report.json").write_text(done.stdout, "utf-8")
    (folder / "result.nc").unlink()  # pages need only the figures and numbers
    (folder / "done").write_text(json.dumps(given), "utf-8")
    return ""


def _page(
    description: Description, seconds: float | None, given: list[str], folder: Path | None
) -> str:
    entry, sections = description.entry, dict(description.sections)
    parts = [f"# {entry.name}\n", docstring_markdown(description.text), "## Run it\n"]
    parts += [f"```text\ndendrosim run {entry.name}\n```\n", _duration(seconds)]
    if folder is not None:
        parts += _results(entry.name, given, folder)
    parts += ["## Parameters\n", parameter_table(description.parameters)]
    parts += [f"## {title}\n\n{docstring_markdown(text)}" for title, text in sections.items()]
    return "\n".join(parts)


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "How long a run with default parameters takes has not been measured.\n"
    said = f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
    return (
        f"With default parameters and one thread, this takes about {said} of processor time, "
        "compilation and figures included.\n"
    )


def _results(name: str, given: list[str], folder: Path) -> Iterator[str]:
    report = json.loads((folder / "report.json").read_text("utf-8"))
    yield "## What it gives\n"
    if given:
        options = " ".join(f'--set "{text}"' for text in given)
        yield (
            "Numbers and figures of a smaller run, made while this page was built. They show the kind of "
            f"figure, not what the default run reaches:\n\n```text\ndendrosim run {name} {options}\n```\n"
        )
    else:
        yield "Numbers and figures of this run, made while this page was built.\n"
    yield "| metric | value | unit | reference | agrees |\n|---|---|---|---|---|"
    references, units = report.get("references", {}), report.get("units", {})
    for metric, value in report["metrics"].items():
        reference = references.get(metric)
        known = "" if reference is None else f"{_number(reference['value'])} ({reference['kind']})"
        agrees = (
            "" if reference is None else {True: "yes", False: "no"}.get(reference["agrees"], "")
        )
        unit = units.get(metric, "")
        yield f"| `{metric}` | {escape(_number(value))} | {unit} | {escape(known)} | {agrees} |"
    yield ""
    for path in sorted(folder.glob("*.png")):
        title = path.stem.replace("_", " ")
        yield f"```{{figure}} ../figures/{name}/{path.name}\n:alt: {title}\n\n{title}\n```\n"


def _number(value: Any) -> str:
    """Return a metric as short text; long lists are cut after their first numbers."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return str(value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_number(part)}" for key, part in value.items())
    if isinstance(value, list):
        shown = ", ".join(_number(part) for part in value[:6])
        return f"[{shown}, …]" if len(value) > 6 else f"[{shown}]"
    return f"{value:.4g}"


def _list(entries: list[Entry], times: Mapping[str, float | None]) -> str:
    rows = [
        f"| [`{e.name}`](protocols/{e.name}.md) | {escape(e.summary)} | {_short(times.get(e.name))} |"
        for e in entries
    ]
    return "\n".join(
        [
            "# Protocols\n",
            "`dendrosim run NAME` runs a protocol and writes its result and figures. Times are those of a run "
            "with default parameters and one thread, in seconds of processor time.\n",
            "| protocol | | time |",
            "|---|---|---|",
            *rows,
            "\n```{toctree}\n:hidden:\n:glob:\n\nprotocols/*\n```\n",
        ]
    )


def _short(seconds: float | None) -> str:
    return "not measured" if seconds is None else f"{seconds:.0f} s"


def _gallery(entries: list[Entry], found: Kept) -> str:
    lines = ["# Gallery\n", _GALLERY]
    if found:
        lines.append("::::{grid} 1 2 3 3\n:gutter: 2\n")
    for entry in entries:
        for path in sorted(found[entry.name].glob("*.png"))[:1] if entry.name in found else ():
            lines.append(
                f":::{{grid-item-card}} {entry.name}\n:link: protocols/{entry.name}\n:link-type: doc\n"
                f":img-top: figures/{entry.name}/{path.name}\n:::\n"
            )
    return "\n".join([*lines, "::::\n" if found else "", _CONTENTS])


_CONTENTS = "```{toctree}\n:hidden:\n\nprotocols\n```\n"

_GALLERY = """One figure of each protocol, made while this site was built; all figures, numbers and parameters are
on its page. Protocols whose default run takes long are shown with smaller parameters, as their pages say. The
[list of protocols](protocols.md) says what each is about and how long it takes.
"""
