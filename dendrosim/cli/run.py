"""The command `dendrosim run`."""

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dendrosim.cli.again import Repeated, print_differences, repeat
from dendrosim.cli.console import emit, emit_error, emit_json, emit_table
from dendrosim.cli.options import (
    BACKENDS,
    Formats,
    Json,
    Out,
    Overwrite,
    Settings,
    check_choice,
    load_protocol_with,
    pairs,
    read_path,
)
from dendrosim.cli.report import write_run_report
from dendrosim.engine.backends import prepare
from dendrosim.engine.names import PRECISIONS
from dendrosim.errors import DendrosimError, ResumeError, UsageError
from dendrosim.experiments.output_folder import RESULT
from dendrosim.plot.formats import DEFAULT, read_formats

if TYPE_CHECKING:
    from dendrosim.experiments.output_folder import Output
    from dendrosim.library.catalogue import Entry
    from dendrosim.protocol.protocol import Protocol
    from dendrosim.results.measurement import Measurement
    from dendrosim.results.result import Result


def run(
    context: typer.Context,
    protocol: Annotated[
        str | None, typer.Argument(help="A protocol, by name or by the path of its file.")
    ] = None,
    settings: Settings = None,
    backend: Annotated[
        str,
        typer.Option(
            metavar="|".join(BACKENDS), help="Back end; auto is cpp if it works, else numpy."
        ),
    ] = "auto",
    threads: Annotated[
        int | None,
        typer.Option(
            min=1, help="Number of threads of a compiled program (default: by the circuit's size)."
        ),
    ] = None,
    precision: Annotated[
        str,
        typer.Option(
            metavar="|".join(PRECISIONS),
            help="Precision of all states; auto is what the back end prefers, in most cases double.",
        ),
    ] = "auto",
    batch: Annotated[
        int | None,
        typer.Option(min=1, help="Number of samples side by side (default: as in the protocol)."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random streams.")] = 0,
    initial: Annotated[
        Path | None,
        typer.Option(
            metavar="RESULT.nc",
            parser=read_path("--initial"),
            help="Start from the final state of this result.",
        ),
    ] = None,
    continue_clock: Annotated[
        bool,
        typer.Option(
            "--continue-clock",
            help="Continue the clock of --initial: time, random numbers, spikes on their way.",
        ),
    ] = False,
    check_end: Annotated[
        bool,
        typer.Option("--check-end", help="Compare the final state with the nearest fixed point."),
    ] = False,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            parser=read_path("--resume"),
            help="Resume the interrupted run whose --out is this folder.",
        ),
    ] = None,
    again: Annotated[
        Path | None,
        typer.Option(
            metavar="RESULT.nc",
            parser=read_path("--again"),
            help="Repeat the run of this result; --set and other options change it.",
        ),
    ] = None,
    report: Annotated[
        bool,
        typer.Option("--report", help="Also write report.html, one file with all there is to see."),
    ] = False,
    out: Out = None,
    overwrite: Overwrite = False,
    formats: Formats = DEFAULT,
    json: Json = False,
) -> None:
    """Run a protocol, measure it, and write the result and its figures."""
    check_choice("back end", backend, BACKENDS)
    check_choice("precision", precision, PRECISIONS)
    suffixes = read_formats(formats)
    if continue_clock and initial is None:
        raise UsageError(
            "--continue-clock continues the clock of a result: name its file with --initial RESULT.nc"
        )
    with (
        contextlib.redirect_stdout(sys.stderr) if json else contextlib.nullcontext(),
        contextlib.nullcontext() if resume or again else prepare(backend),
    ):
        from dendrosim.engine.settings import RunSettings
        from dendrosim.experiments.output_folder import Output
        from dendrosim.experiments.run import resume_run, run_and_save
        from dendrosim.library.measuring import load_measure
        from dendrosim.results.result import open_result

        run_settings = RunSettings(backend, seed, precision, batch, threads, check_end)
        state, repeated = None if initial is None else open_result(initial), None
        given = [f.name for f in fields(RunSettings) if _is_given(context, f.name)]
        if again is not None:
            if resume is not None:
                raise UsageError("--again begins a new run and --resume goes on with one: give one")
            repeated = repeat(
                again, protocol, settings, {name: getattr(run_settings, name) for name in given},
                state, out, overwrite, continue_clock,
            )  # fmt: skip
            result, measurement, entry, output = repeated[:4]
        elif resume is not None:
            _check_resumed(resume, protocol, settings, out, overwrite)
            entry, loaded = _load_resumed(resume, protocol, settings)
            result, measurement = resume_run(
                resume, loaded, run_settings, given, state, progress=True
            )
            output = Output(resume, "")
        else:
            own = seed if _is_given(context, "seed") else None
            entry, loaded = load_protocol_with(_require_protocol(protocol), settings, own)
            _announce_length(entry, loaded)
            output, measure = Output(out, entry.name), load_measure(entry.path)
            result, measurement = run_and_save(
                output, loaded, measure, run_settings, state, progress=True, overwrite=overwrite,
                continue_clock=continue_clock,
            )  # fmt: skip
        figures = _draw_figures(output, measurement, suffixes)
        page = _write_report(result, output, measurement) if report else None
    if json:
        _print_run_as_json(result, measurement, entry, output, figures, page, repeated)
        return
    _print_run(result, measurement, output)
    if repeated is not None and again is not None:
        print_differences(repeated, again)


LONG = 1_000_000
"""A run with fewer time steps is not announced."""

LONGER = 10
"""Nor is one with fewer than this many times the steps of the protocol's default."""


def _announce_length(entry: "Entry", protocol: "Protocol") -> None:
    """Say before a run that it is much longer than with the default values of all parameters."""
    from dendrosim.library.loading import build_protocol

    steps = protocol.total_steps
    if steps < LONG:
        return
    try:
        usual = build_protocol(entry, {}).total_steps
    except DendrosimError:  # a parameter without default, or a default that this machine refuses
        return
    if steps >= LONGER * usual:
        emit_error(
            f"this run has {steps:,} steps ({steps * protocol.time_step:.6g} s), {steps / usual:,.0f} times as "
            "many as with the default values; Ctrl-C ends it, and --resume goes on"
        )


def _require_protocol(protocol: str | None) -> str:
    if protocol is None:
        raise UsageError("Missing argument 'PROTOCOL': it can be left out only with --resume")
    return protocol


def _is_given(context: typer.Context, option: str) -> bool:
    source = context.get_parameter_source(option)
    return source is not None and source.name != "DEFAULT"


def _check_resumed(
    folder: Path,
    protocol: str | None,
    settings: list[str] | None,
    out: Path | None,
    overwrite: bool,
) -> None:
    if overwrite:
        raise ResumeError(
            "a resumed run ends with the result that it was begun for: omit --overwrite"
        )
    if out is not None and out.absolute() != folder.absolute():
        raise ResumeError(f"a resumed run stays in its folder, {folder}: omit --out {out}")
    if settings and protocol is None:
        raise ResumeError(f"{folder} was begun with its own parameters: omit --set {settings[0]}")


def _load_resumed(
    folder: Path, name: str | None, settings: list[str] | None
) -> "tuple[Entry | None, Protocol | None]":
    """Load the protocol named for a resumed run; parameters that are not given have their values in that run."""
    from dendrosim.engine.run_folder import read_run
    from dendrosim.experiments.output_folder import UNFINISHED
    from dendrosim.library.catalogue import find_entry
    from dendrosim.library.loading import build_protocol, read_settings

    if name is None:
        return None, None
    entry = find_entry(name, "protocol")
    given = read_settings(entry, pairs("--set", settings, "samples=200"))
    stored, _ = read_run(folder / UNFINISHED)
    known = stored.parameters if Path(stored.name).stem == entry.name else {}
    return entry, build_protocol(entry, {**known, **given})


def _draw_figures(
    output: "Output", measurement: "Measurement", formats: Sequence[str]
) -> list[Path]:
    from dendrosim.plot._save import save_all

    try:
        with output.write_files() as folder:
            files = save_all(measurement.figures, folder, formats)
            return [output.folder / path.name for path in files]
    except BaseException:
        emit_error(f"the figures failed; the result is in {output.folder / RESULT}")
        raise


def _write_report(result: "Result", output: "Output", measurement: "Measurement") -> Path:
    from dendrosim.study.report.report import REPORT

    return write_run_report(result, output.folder / REPORT, measurement=measurement)


def _print_run(result: "Result", measurement: "Measurement", output: "Output") -> None:
    from dendrosim.cli.summaries import run_line
    from dendrosim.results.metric_tables import disagreement_line, metric_tables

    for table in metric_tables(measurement):
        emit_table(*table)
    emit(run_line(result.provenance))
    emit(f"result and figures are in {output.folder}")
    if line := disagreement_line(measurement):
        emit(line)


def _print_run_as_json(
    result: "Result",
    measurement: "Measurement",
    entry: "Entry | None",
    output: "Output",
    figures: list[Path],
    page: Path | None,
    repeated: Repeated | None,
) -> None:
    from dendrosim.cli.summaries import run_plain
    from dendrosim.library.loading import parameters_in_si

    plain = run_plain(result, measurement, parameters_in_si(result.protocol, entry))
    if page is not None:
        plain["report"] = page
    if repeated is not None:
        plain["again"] = {"differences": repeated.differences, "same_numbers": repeated.same}
    emit_json({**plain, "result": output.folder / RESULT, "figures": figures})
