"""The command `dendrosim sweep`."""

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dendrosim.cli.console import emit, emit_error, emit_json, emit_table
from dendrosim.cli.options import BACKENDS, Formats, Json, check_choice, pairs, read_path
from dendrosim.cli.show_sweep import print_failed
from dendrosim.engine.names import PRECISIONS
from dendrosim.errors import UsageError
from dendrosim.plot.formats import DEFAULT, read_formats

if TYPE_CHECKING:
    from dendrosim.study.sweep_result import Sweep

SAMPLINGS = "grid|random|latin"


def sweep(
    protocol: Annotated[
        str | None, typer.Argument(help="A protocol, by name or by the path of its file.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUES",
            help="Values of a parameter: START:STOP:COUNT (both ends), values with commas between them, or one "
            "value; may be repeated.",
        ),
    ] = None,
    seeds: Annotated[
        str,
        typer.Option(metavar="N|LIST", help="Number of seeds (5 means 0 to 4), or a list (3,7)."),
    ] = "1",
    sampling: Annotated[
        str,
        typer.Option(
            metavar=SAMPLINGS,
            help="Combine each value with each other (grid), or draw --points combinations.",
        ),
    ] = "grid",
    points: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Number of combinations that are drawn.")
    ] = None,
    sampling_seed: Annotated[
        int, typer.Option(min=0, help="Seed with which combinations are drawn.")
    ] = 0,
    record: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Keep this recording, as in layer1.h; may be repeated."),
    ] = None,
    backend: Annotated[
        str,
        typer.Option(
            metavar="|".join(BACKENDS), help="Back end; auto is cpp if it works, else numpy."
        ),
    ] = "auto",
    precision: Annotated[
        str, typer.Option(metavar="|".join(PRECISIONS), help="Precision of all states.")
    ] = "auto",
    batch: Annotated[
        int | None,
        typer.Option(min=1, help="Number of samples side by side (default: as in the protocol)."),
    ] = None,
    threads: Annotated[
        int, typer.Option(min=1, help="Number of threads of each compiled program.")
    ] = 1,
    jobs: Annotated[
        int, typer.Option(min=1, metavar="N", help="Number of processes on this machine.")
    ] = 1,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS|FILE",
            help="Compute on the workers of this Dask scheduler, which share the file system.",
        ),
    ] = None,
    part: Annotated[
        str | None,
        typer.Option(metavar="K/N", help="Compute the K-th of N parts of the sweep, as in 3/50."),
    ] = None,
    retry: Annotated[
        bool, typer.Option("--retry", help="Compute points again that have failed.")
    ] = False,
    mix_code: Annotated[
        bool,
        typer.Option(
            "--mix-code", help="Go on although the code has changed since the sweep began."
        ),
    ] = False,
    status: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            parser=read_path("--status"),
            help="Show how far the sweep in this folder is; compute nothing.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            parser=read_path("--out"),
            help="Folder of the sweep (default: a new one in `runs`); the same sweep goes on there.",
        ),
    ] = None,
    formats: Formats = DEFAULT,
    json: Json = False,
) -> None:
    """Run a protocol over a grid of parameter values and seeds."""
    check_choice("back end", backend, BACKENDS)
    check_choice("precision", precision, PRECISIONS)
    suffixes = read_formats(formats)
    with contextlib.redirect_stdout(sys.stderr) if json else contextlib.nullcontext():
        if status is not None:
            if protocol is not None:
                raise UsageError(f"--status {status} shows a sweep that has begun: omit {protocol}")
            from dendrosim.study.sweep_result import sweep_status

            found = sweep_status(status)
        else:
            if protocol is None:
                raise UsageError(
                    "Missing argument 'PROTOCOL': it can be left out only with --status"
                )
            from dendrosim.study.sweep import sweep as run_sweep

            found = run_sweep(
                protocol, pairs("--set", settings, "mu=0.05:0.45:9"), seeds, sampling=sampling, points=points,
                sampling_seed=sampling_seed, recordings=record or (), backend=backend, precision=precision,
                batch=batch, threads=threads, jobs=jobs, part=part, scheduler=scheduler, retry=retry,
                mix_code=mix_code, out=out, progress=True,
            )  # fmt: skip
        figures = _draw(found, suffixes)
    if json:
        emit_json(_plain(found, figures))
    else:
        _print(found, figures)
    if not found.complete:
        raise typer.Exit(1)


def _draw(found: "Sweep", formats: Sequence[str]) -> list[Path]:
    """Draw the metrics that are numbers against the parameters, and return the paths of the files."""
    from dendrosim.results.seed_statistics import metric_names

    dataset = found.dataset
    if not (found.spec.axes and metric_names(dataset) and found.counts["done"]):
        return []
    from dendrosim.plot._save import save
    from dendrosim.plot._sweep import sweep

    return save(sweep(dataset), found.folder / "sweep", formats)


def _plain(found: "Sweep", figures: list[Path]) -> dict[str, Any]:
    counts = found.counts
    return {
        "points": found.points,
        "done": found.points - counts["failed"] - counts["missing"],
        "diverged": counts["diverged"],
        "missing": counts["missing"],
        "failed": [point._asdict() for point in found.failed],
        "dataset": found.path,
        "figures": figures,
    }


def _print(found: "Sweep", figures: list[Path]) -> None:
    from dendrosim.study.summary import spread_table

    columns, rows = spread_table(found.dataset)
    emit_table(columns, rows)
    counts = found.counts
    said = [f"{n:,} {status}" for status, n in counts.items() if n]
    all_, steps = found.seconds
    emit(
        f"{found.points:,} points: {', '.join(said)}; {all_:.3g} s, of which {steps:.3g} s are time steps"
    )
    emit(f"dataset is {found.path}")
    if figures:
        emit(f"figures are in {found.folder}")
    print_failed([point._asdict() for point in found.failed])
    if found.failed:
        emit_error("the same command with --retry computes failed points again")
