"""The command line: parse, call, print.

What a command needs is imported when it runs, so that `--help` and `list` answer at once.
"""

import contextlib
import gc
import importlib
import io
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from dendrosim.cli import stability as cli_stability
from dendrosim.cli.console import emit_columns, emit_error, emit_json, emit_table
from dendrosim.cli.options import Json, Name, Out, Settings, pairs
from dendrosim.errors import (
    DataError,
    DendrosimError,
    DendrosimWarning,
    ResumeError,
    UnknownNameError,
    UsageError,
)
from dendrosim.experiments.output_folder import RESULT
from dendrosim.machine import brian_import as brian
from dendrosim.machine.packages import own_version

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dendrosim.experiments.output_folder import Output
    from dendrosim.library.catalogue import Entry
    from dendrosim.protocol.protocol import Protocol
    from dendrosim.results.measurement import Measurement
    from dendrosim.results.result import Result

BACKENDS = ("auto", "numpy", "cython", "cpp", "cuda")
PRECISIONS = ("auto", "single", "double")

# Typer 0.12 takes these classes from Click, later versions bring their own.
ParseError: Any = typer.BadParameter.__mro__[2]


class Commands(TyperGroup):
    """The group of commands; an unknown one is answered with the nearest."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            raise UnknownNameError("command", args[0], self.commands)
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="dendrosim",
    cls=Commands,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; never raises."""
    # Modules make many objects and hardly any garbage: imports are a fifth faster.
    gc.set_threshold(100_000)
    brian.alone = arguments is None  # as the command itself
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    as_json = "--json" in given
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # Greek letters on a terminal that has none
    try:
        command = typer.main.get_command(app)
        with (
            _ending_as_interrupt(),
            _warning_in_a_line(),
            command.make_context("dendrosim", given) as context,
        ):
            command.invoke(context)
        if sys.stdout is not None:
            sys.stdout.flush()
    except typer.Exit as end:
        return end.exit_code
    except (BrokenPipeError, SystemExit):  # Rich makes the first into the second
        _drop_stdout()
        return 1
    except BaseException as error:
        return _report(error, as_json)
    return 0


@contextlib.contextmanager
def _warning_in_a_line() -> Iterator[None]:
    """Print warnings of dendrosim like its errors, each once."""
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(message: Any, category: type[Warning], *rest: Any, **more: Any) -> None:
            if issubclass(category, DendrosimWarning):
                emit_error(f"warning: {message}")
            else:
                usual(message, category, *rest, **more)

        warnings.showwarning = show
        warnings.simplefilter("once", DendrosimWarning)
        yield


@contextlib.contextmanager
def _ending_as_interrupt() -> Iterator[None]:
    """Let the first request to end, or the closing of the terminal, do what Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ended = False

    def interrupt(number: int, frame: object) -> None:
        nonlocal ended
        if not ended:  # a second one must not cut short what the first one saves
            ended = True
            raise KeyboardInterrupt

    before = {s: signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGHUP)}
    taken = [s for s, handler in before.items() if handler is signal.SIG_DFL]  # nohup stays
    try:
        for s in taken:
            signal.signal(s, interrupt)
        yield
    finally:
        for s in taken:
            signal.signal(s, before[s])


def _report(error: BaseException, as_json: bool) -> int:
    """Say what went wrong and return the exit code."""
    kind, message, code = type(error).__name__, str(error), 1
    if isinstance(error, DendrosimError):
        code = error.exit_code
    elif isinstance(error, ParseError):
        kind, message, code = "UsageError", error.format_message(), error.exit_code
    elif isinstance(error, KeyboardInterrupt):
        kind, message = "RunInterruptedError", "interrupted"
    elif isinstance(error, MemoryError):
        why = f" ({message})" if message else ""
        message = (
            f"this needs more memory than the machine has{why}; "
            "try a smaller batch, fewer samples, or record less"
        )
    elif isinstance(error, OSError):
        kind = "StorageError"
    else:
        message = f"this is a bug in dendrosim: {kind}: {message} (DENDROSIM_DEBUG=1 shows where)"
    if os.environ.get("DENDROSIM_DEBUG") == "1":
        import traceback

        traceback.print_exception(error)
    try:
        if as_json:
            emit_json({"error": {"type": kind, "message": message}})
        else:
            emit_error(message)
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        _drop_stdout()
    return code


def _drop_stdout() -> None:
    """Let what is still buffered for a closed stdout go nowhere, also at interpreter exit."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_version(wanted: bool) -> None:
    if wanted:
        print(own_version())
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Dendritic circuits in continuous time: simulate, measure, plot."""


@app.command("list")
def list_(json: Json = False) -> None:
    """List models and protocols."""
    from dendrosim.library.catalogue import KINDS, entries

    found = entries()
    if json:
        emit_json(
            {
                f"{kind}s": [
                    {"name": e.name, "summary": e.summary, "path": e.path}
                    for e in found
                    if e.kind == kind
                ]
                for kind in KINDS
            }
        )
        return
    width = max((len(e.name) for e in found), default=0)
    for kind in KINDS:
        print(f"{kind}s")
        emit_columns([(f"{e.name:<{width}}", e.summary) for e in found if e.kind == kind])


@app.command()
def show(name: Name, json: Json = False) -> None:
    """Show equations, parameters and sources of a model or protocol."""
    from dendrosim.cli.circuit_text import circuit_text
    from dendrosim.cli.summaries import circuit_plain, description_plain, parameter_rows
    from dendrosim.library.loading import describe

    description = describe(name)
    if json:
        emit_json(description_plain(description))
        return
    print(f"{description.entry.name} ({description.entry.kind}, {description.entry.path})\n")
    print(description.text)
    emit_table(("parameter", "default", "type", "meaning"), parameter_rows(description.parameters))
    if description.circuit is not None:
        print(circuit_text(circuit_plain(description.circuit)))
    for title, text in description.sections.items():
        print(f"\n{title}\n{'-' * len(title)}\n{text}")


@app.command()
def check(
    name: Name,
    settings: Settings = None,
    compile_it: Annotated[
        bool,
        typer.Option("--compile", help="Also compile its program; cuda needs no GPU for that."),
    ] = False,
    backend: Annotated[
        str, typer.Option(metavar="cpp|cuda", help="For what --compile compiles.")
    ] = "cpp",
    precision: Annotated[str, typer.Option(metavar="|".join(PRECISIONS))] = "auto",
) -> None:
    """Validate a model or protocol without running it."""
    from dendrosim.cli.summaries import circuit_line, protocol_line
    from dendrosim.library.catalogue import find
    from dendrosim.library.loading import load_circuit, read_settings

    _among("back end to compile for", backend, ("cpp", "cuda"))
    _among("precision", precision, PRECISIONS)
    entry = find(name)
    loaded: Any
    if entry.kind == "protocol":
        loaded = _loaded_protocol(str(entry.path), settings, compile_it and backend == "cpp")[1]
        line = protocol_line(loaded)
    else:
        loaded = load_circuit(
            str(entry.path), **read_settings(entry, pairs("--set", settings, "samples=200"))
        )
        line = circuit_line(loaded)
    print(f"{entry.name}: valid {entry.kind}: {line}")
    if compile_it:
        from dendrosim.engine.compilation import compiled

        made = compiled(loaded, backend, precision)
        how = f"in {made.seconds['compile']:.1f} s" if made.compiled else "already"
        print(f"{entry.name}: its program for {backend} compiles and links ({how}): {made.folder}")


@app.command()
def run(
    context: typer.Context,
    protocol: Annotated[
        str | None, typer.Argument(help="A protocol, by name or by the path of its file.")
    ] = None,
    settings: Settings = None,
    backend: Annotated[
        str, typer.Option(metavar="|".join(BACKENDS), help="What computes.")
    ] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the cpp back end.")] = None,
    precision: Annotated[str, typer.Option(metavar="|".join(PRECISIONS))] = "auto",
    batch: Annotated[int | None, typer.Option(min=1, help="Samples side by side.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of all random numbers.")] = 0,
    initial: Annotated[
        Path | None, typer.Option(metavar="RESULT.nc", help="Start from its final state.")
    ] = None,
    check_end: Annotated[
        bool, typer.Option("--check-end", help="Compare the end with the nearest fixed point.")
    ] = False,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Go on with the interrupted run that has this --out."),
    ] = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Run a protocol, measure it, and write the result and its figures."""
    _among("back end", backend, BACKENDS)
    _among("precision", precision, PRECISIONS)
    with contextlib.redirect_stdout(sys.stderr) if json else contextlib.nullcontext():
        from dendrosim.experiments.output_folder import Output
        from dendrosim.experiments.run import go_on, run_into
        from dendrosim.results.result import open_result

        options: dict[str, Any] = {
            "backend": backend,
            "seed": seed,
            "precision": precision,
            "batch": batch,
            "threads": threads,
            "initial": None if initial is None else open_result(initial),
            "check_end": check_end,
        }
        if resume is not None:
            given = {k: v for k, v in options.items() if _is_given(context, k)}
            _check_resumed(resume, protocol, settings, out)
            loaded = None if protocol is None else _loaded_protocol(protocol, settings)[1]
            result, measurement = go_on(resume, loaded, given, progress=True)
            output = Output(resume, "")
        else:
            compiles = backend in ("auto", "cpp")
            entry, loaded = _loaded_protocol(_needed(protocol), settings, compiles)
            output = Output(out, entry.name)
            result, measurement = run_into(
                output, loaded, progress=True, meanwhile=_import_ahead(), **options
            )
        figures = _drawn_beside_result(output, measurement)
    if json:
        _print_run_as_json(result, measurement, output, figures)
    else:
        _print_run(result, measurement, output)


def _import_ahead() -> Iterator[None]:
    """Import what stores and draws results, step by step; as long as a program computes, that costs no time."""
    for name in ("h5netcdf", "matplotlib.figure", "matplotlib.backends.backend_agg", "xarray"):
        with contextlib.suppress(Exception):  # who needs it will say what is wrong
            importlib.import_module(name)
        yield


def _loaded_protocol(
    name: str, settings: list[str] | None, compiles: bool = False
) -> "tuple[Entry, Protocol]":
    """Find and load a protocol; if it is to be compiled, begin with what does not depend on it."""
    from dendrosim.library.catalogue import find
    from dendrosim.library.loading import load_protocol, read_settings

    entry = find(name, "protocol")
    parameters = read_settings(entry, pairs("--set", settings, "samples=200"))
    if compiles:
        from dendrosim.engine.cpp import toolchain

        toolchain.begin()
    return entry, load_protocol(name, **parameters)


def _needed(protocol: str | None) -> str:
    if protocol is None:
        raise UsageError("Missing argument 'PROTOCOL': only with --resume can it be left out")
    return protocol


def _is_given(context: typer.Context, option: str) -> bool:
    source = context.get_parameter_source(option)
    return source is not None and source.name != "DEFAULT"


def _check_resumed(
    folder: Path, protocol: str | None, settings: list[str] | None, out: Path | None
) -> None:
    if out is not None and out.absolute() != folder.absolute():
        raise ResumeError(f"a resumed run stays in its folder, {folder}: leave --out {out} out")
    if settings and protocol is None:
        raise ResumeError(
            f"{folder} has begun with its own parameters: leave --set {settings[0]} out"
        )


def _drawn_beside_result(output: "Output", measurement: "Measurement") -> list[Path]:
    from dendrosim.plot._save import save_all

    try:
        with output.filling() as folder:
            return [output.folder / path.name for path in save_all(measurement.figures, folder)]
    except BaseException:
        emit_error(f"the figures failed; the result is in {output.folder / RESULT}")
        raise


def _print_run(result: "Result", measurement: "Measurement", output: "Output") -> None:
    from dendrosim.cli.summaries import metric_table, run_line

    emit_table(*metric_table(measurement))
    print(run_line(result.provenance))
    print(f"result and figures are in {output.folder}")


def _print_run_as_json(
    result: "Result", measurement: "Measurement", output: "Output", figures: list[Path]
) -> None:
    from dendrosim.cli.summaries import run_plain
    from dendrosim.library.loading import parameters_in_si

    plain = run_plain(result, measurement, parameters_in_si(result.protocol))
    emit_json({**plain, "result": output.folder / RESULT, "figures": figures})


app.command()(cli_stability.stability)


@app.command()
def plot(
    file: Annotated[Path, typer.Argument(metavar="RESULT.nc", help="What a run wrote.")],
    out: Out = None,
) -> None:
    """Draw the figures of a result, by default beside it."""
    from dendrosim.experiments.output_folder import Output
    from dendrosim.plot._save import save_all
    from dendrosim.results.result import open_result

    result = open_result(file)
    output = Output(out or file.parent, file.stem)
    with output.filling() as folder:
        names = [path.name for path in save_all(_figures(result), folder)]
    for name in names:
        print(output.folder / name)


def _figures(result: "Result") -> "Mapping[str, Callable[[], Figure]]":
    """Return the figures of the result's protocol, or general ones where that has none."""
    from dendrosim import plot
    from dendrosim.library.loading import measuring

    try:
        measure = measuring(result.protocol)
    except (UnknownNameError, DataError) as error:
        emit_error(f"{error}; drawing general figures")
        return plot.overview(result)
    return measure(result).figures or plot.overview(result)


@app.command()
def doctor() -> None:
    """Say what works on this machine, and why the rest does not."""
    from dendrosim.engine.doctor import report

    rows = [("yes" if c.ok else "no", c.name, c.detail, "" if c.ok else c.hint) for c in report()]
    emit_table(("works", "what", "details", "what to do"), rows)


def _among(kind: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise UnknownNameError(kind, value, allowed)


if __name__ == "__main__":
    sys.exit(main())
