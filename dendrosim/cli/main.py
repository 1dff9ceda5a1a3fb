"""The application: its commands, its exit codes, and how signals and warnings are handled.

Each command has a file of its own, which imports what the command needs when it runs, so that `--help` and
`list` answer at once.
"""

import contextlib
import gc
import io
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from dendrosim.cli.cache import cache
from dendrosim.cli.check import check
from dendrosim.cli.console import emit, emit_error, emit_json
from dendrosim.cli.doctor import doctor
from dendrosim.cli.list import list_
from dendrosim.cli.plot import plot
from dendrosim.cli.report import report
from dendrosim.cli.results import results
from dendrosim.cli.run import run
from dendrosim.cli.show import show
from dendrosim.cli.stability import stability
from dendrosim.cli.sweep import sweep
from dendrosim.errors import DendrosimError, DendrosimWarning, UnknownNameError
from dendrosim.machine.memory import check_address_space
from dendrosim.machine.packages import own_version

COMMANDS: dict[str, Callable[..., None]] = {
    "list": list_,
    "show": show,
    "check": check,
    "run": run,
    "sweep": sweep,
    "stability": stability,
    "plot": plot,
    "results": results,
    "report": report,
    "cache": cache,
    "doctor": doctor,
}
"""The function of each command, in the order in which `--help` lists them."""

# Typer 0.12 imports this class from Click, and later versions define it themselves; in all versions it is the base
# class of BadParameter.
ParseError: Any = typer.BadParameter.__mro__[2]


class Commands(TyperGroup):
    """The group of commands. The error for an unknown command names the nearest one."""

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
    """Run the command line and return its exit code; raise no error."""
    # Imports make many objects and hardly any garbage. With rare collections the first figure of a run that finds
    # its program in the cache comes 8 to 10 % sooner (fi_curve, bmvr_gaussian).
    gc.set_threshold(100_000)
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    as_json = "--json" in given
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # for terminals that have no Greek letters
    try:
        check_address_space()
        command = typer.main.get_command(app)
        with (
            _signals_like_interrupts(),
            _warnings_like_errors(),
            command.make_context("dendrosim", given) as context,
        ):
            command.invoke(context)
        if sys.stdout is not None:
            sys.stdout.flush()
    except typer.Exit as end:
        return end.exit_code
    except (BrokenPipeError, SystemExit):  # Rich turns a BrokenPipeError into a SystemExit
        _drop_stdout()
        return 1
    except BaseException as error:
        return _print_error(error, as_json)
    return 0


@contextlib.contextmanager
def _warnings_like_errors() -> Iterator[None]:
    """Print each warning of dendrosim once, in one line, like an error."""
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
def _signals_like_interrupts() -> Iterator[None]:
    """Treat the first SIGTERM, or the SIGHUP of a terminal that closes, like Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ended = False

    def interrupt(number: int, frame: object) -> None:
        nonlocal ended
        if not ended:  # a second signal must not interrupt the saving of results
            ended = True
            raise KeyboardInterrupt

    before = {s: signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGHUP)}
    taken = [
        s for s, handler in before.items() if handler is signal.SIG_DFL
    ]  # under nohup SIGHUP stays ignored
    try:
        for s in taken:
            signal.signal(s, interrupt)
        yield
    finally:
        for s in taken:
            signal.signal(s, before[s])


def _print_error(error: BaseException, as_json: bool) -> int:
    """Print the message of an error and return the exit code."""
    name, message, code = type(error).__name__, str(error), 1
    if isinstance(error, DendrosimError):
        code = error.exit_code
    elif isinstance(error, ParseError):
        name, message, code = "UsageError", error.format_message(), error.exit_code
    elif isinstance(error, KeyboardInterrupt):
        name, message = "RunInterruptedError", "interrupted"
    elif isinstance(error, MemoryError):
        why = f" ({message})" if message else ""
        message = (
            f"this needs more memory than the machine has{why}; "
            "try a smaller batch, fewer samples, or record less"
        )
    elif isinstance(error, OSError):
        name = "StorageError"
    else:
        message = f"this is a bug in dendrosim: {name}: {message} (DENDROSIM_DEBUG=1 shows where)"
    if os.environ.get("DENDROSIM_DEBUG") == "1":
        import traceback

        traceback.print_exception(error)
    try:
        if as_json:
            emit_json({"error": {"type": name, "message": message}})
        else:
            emit_error(message)
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        _drop_stdout()
    return code


def _drop_stdout() -> None:
    """Discard the output that is buffered for a closed stdout; otherwise Python reports an error at its exit."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_version(wanted: bool) -> None:
    if wanted:
        emit(own_version())
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


for _name, _command in COMMANDS.items():
    app.command(_name)(_command)
