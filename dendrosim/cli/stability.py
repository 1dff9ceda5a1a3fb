"""The command `dendrosim stability`."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dendrosim.cli.console import emit, emit_json, emit_table
from dendrosim.cli.options import Formats, Json, Name, Out, Overwrite, Settings, pairs, read_path
from dendrosim.errors import UnknownMemberError, UnknownNameError, UsageError
from dendrosim.experiments.output_folder import REPORT
from dendrosim.machine.packages import own_version
from dendrosim.plot.formats import DEFAULT, read_formats

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dendrosim.circuit.circuit import Circuit
    from dendrosim.library.catalogue import Entry
    from dendrosim.protocol.protocol import Protocol
    from dendrosim.stability.continuation.branch import Branch
    from dendrosim.stability.cycles.cycle_branch import CycleBranch
    from dendrosim.stability.fixed_points.point import FixedPoint
    from dendrosim.stability.vector_field.flow import Flow
    from dendrosim.units import Quantity

Patterns = list[str] | None


def stability(
    name: Name,
    settings: Settings = None,
    inputs: Annotated[
        Patterns,
        typer.Option(
            "--input",
            metavar="NAME=VALUE",
            help="Set an input (default: as in the file, or 0); may be repeated.",
        ),
    ] = None,
    gates: Annotated[
        Patterns, typer.Option("--gate", metavar="NAME=VALUE", help="Set a gate; may be repeated.")
    ] = None,
    phase: Annotated[
        str | None, typer.Option(metavar="NAME", help="Phase of a protocol (default: the first).")
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Time in the phase at which inputs are taken, as in '10 ms'."
        ),
    ] = None,
    unfreeze: Annotated[
        Patterns,
        typer.Option(
            metavar="PATTERNS",
            help="Plastic matrices whose weights belong to the state, as in 'w*,b'.",
        ),
    ] = None,
    slave: Annotated[
        Patterns,
        typer.Option(
            metavar="PATTERNS", help="States that follow all others without delay, as in '*.g'."
        ),
    ] = None,
    subthreshold: Annotated[
        bool, typer.Option("--subthreshold", help="Leave out spikes, pathways and noise.")
    ] = False,
    transient: Annotated[
        bool, typer.Option("--transient", help="Also compute transient growth.")
    ] = False,
    continue_: Annotated[
        str | None,
        typer.Option(
            "--continue",
            metavar="NAME=START:STOP",
            help="Follow the fixed point while a parameter goes from START to STOP.",
        ),
    ] = None,
    with_cycles: Annotated[
        bool,
        typer.Option("--cycles", help="Follow the oscillations from each Hopf point (--continue)."),
    ] = False,
    starts: Annotated[
        int,
        typer.Option(
            min=1, help="Number of starting points of the search; all but the first are random."
        ),
    ] = 1,
    initial: Annotated[
        Path | None,
        typer.Option(
            metavar="RESULT.nc",
            parser=read_path("--initial"),
            help="Take the weights and the starting point of the search from the final state of this result.",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of weights and random starting points.")
    ] = 0,
    out: Out = None,
    overwrite: Overwrite = False,
    formats: Formats = DEFAULT,
    json: Json = False,
) -> None:
    """Find a fixed point, analyse its stability, and follow it as a parameter changes."""
    with contextlib.redirect_stdout(sys.stderr) if json else contextlib.nullcontext():
        from dendrosim.cli import stability_report as report
        from dendrosim.experiments.output_folder import Output
        from dendrosim.stability.continuation.continuation import continuation
        from dendrosim.stability.fixed_points.fixed_point import fixed_point
        from dendrosim.stability.vector_field.vector_field import vector_field

        entry, target, (values, units) = _load_target(name, settings)
        span = None if continue_ is None else _split_range(continue_)
        if with_cycles and span is None:
            raise UsageError(
                "--cycles needs --continue NAME=START:STOP, on which Hopf points are found"
            )
        suffixes = read_formats(formats)
        driven = pairs("--input", inputs, "layer0.h=0.5")
        output = Output(out, f"{entry.name}-stability")
        output.check_free(overwrite, report=True)
        if phase is not None and entry.file_kind == "model":
            raise UsageError(
                f"--phase {phase}: {entry.name!r} is a model, and only a protocol has phases"
            )
        with _blame_names():
            flow = vector_field(
                target,
                inputs={n: _read_quantities(f"--input {n}={t}", t) for n, t in driven.items()},
                gates={n: _read_gate(n, t) for n, t in pairs("--gate", gates, "learn=1").items()},
                values=_read_final(initial),
                unfrozen=_split_patterns(unfreeze),
                slaved=_split_patterns(slave),
                seed=seed,
                subthreshold=subthreshold,
                phase=phase,
                time=None if time is None else _read_quantities(f"--time {time}", time),
            )
        ends = None if span is None else _read_range(entry, flow, settings, *span)
        point = fixed_point(flow, starts=starts, seed=seed)
        plain: dict[str, Any] = {
            "model": entry.name, "parameters": values, "units": units, **report.point_plain(point),
        }  # fmt: skip
        if transient:
            plain |= report.transient_plain(point)
        branch = None if ends is None else continuation(flow, *ends, point=point)
        if branch is not None:
            plain |= report.branch_plain(branch)
        oscillations = report.follow_cycles(branch, ends) if with_cycles and branch and ends else []
        if with_cycles:
            plain |= report.cycles_plain(oscillations)
        figures = _write(output, plain, _figures(point, branch, transient), suffixes)
    if json:
        emit_json({**plain, "figures": figures})
    else:
        _print(point, branch, plain, transient)
        if with_cycles:
            _print_cycles(oscillations)
        emit(f"figures and {REPORT} are in {output.folder}")


def _load_target(
    name: str, settings: list[str] | None
) -> "tuple[Entry, Circuit | Protocol, tuple[dict[str, Any], dict[str, str]]]":
    from dendrosim.library import loading as library
    from dendrosim.library.catalogue import find_entry

    entry = find_entry(name)
    given = library.read_settings(entry, pairs("--set", settings, "mu=0.2"))
    return entry, _load(entry, given), library.settings_in_si(entry, given)


def _load(entry: "Entry", given: Mapping[str, Any]) -> "Circuit | Protocol":
    from dendrosim.library import loading as library

    load: Any = library.load_protocol if entry.file_kind == "protocol" else library.load_circuit
    return load(str(entry.path), **given)  # type: ignore[no-any-return]


def _split_patterns(given: Patterns) -> tuple[str, ...]:
    return tuple(p.strip() for text in given or [] for p in text.split(",") if p.strip())


@contextlib.contextmanager
def _blame_option(option: str) -> Iterator[None]:
    """Turn the error of a text that is not a quantity into a UsageError that begins with the option."""
    from dendrosim.errors import UnitError

    try:
        yield
    except UnitError as error:
        raise UsageError(f"{option}: {error}") from None


@contextlib.contextmanager
def _blame_names() -> Iterator[None]:
    """Turn the error of a name that an option gives and the circuit does not have into that of a wrong command."""
    try:
        yield
    except UnknownMemberError as error:
        raise UnknownNameError(error.what, error.name, error.allowed) from None


def _read_quantities(option: str, text: str) -> "Quantity":
    """Read a quantity, or a list of quantities in brackets."""
    from dendrosim.units import quantity

    inside = text.strip()
    with _blame_option(option):
        if inside.startswith("[") and inside.endswith("]"):
            parts = [p.strip().strip("'\"") for p in inside[1:-1].split(",")]
            return quantity([quantity(p) for p in parts if p])
        return quantity(text)


def _read_gate(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(
            f"cannot read --gate {name}={text}: a gate is a number, as in learn=1"
        ) from None


def _read_final(initial: Path | None) -> Mapping[str, Any]:
    if initial is None:
        return {}
    from dendrosim.results.result import open_result

    final = open_result(initial).final
    return {name: final[name] for name in final}


def _split_range(text: str) -> tuple[str, str, str]:
    """Split the text NAME=START:STOP into its parts."""
    name, equals, ends = text.partition("=")
    start, colon, stop = ends.partition(":")
    if not (name.strip() and equals and colon and start.strip() and stop.strip()):
        raise UsageError(
            f"cannot read --continue {text!r}: write NAME=START:STOP, as in --continue mu=0.02:0.5"
        )
    return name.strip(), start.strip(), stop.strip()


def _read_range(
    entry: "Entry", flow: "Flow", settings: list[str] | None, name: str, *texts: str
) -> tuple[str, float, float]:
    """Return the name of a parameter of the equations and both ends of its range in SI units.

    If the file has a parameter of that name, the file is loaded once with each end of the range, so that it can
    refuse the value.
    """
    from dendrosim.errors import UnitError
    from dendrosim.library import loading as library
    from dendrosim.library.file_parameters import parameters_of_file
    from dendrosim.units import be_in, is_in, quantity

    if name not in flow.parameters:
        raise UnknownNameError("parameter of the equations", name, flow.parameters)
    option, expected = f"--continue {name}={':'.join(texts)}", flow.parameter_unit(name)
    with _blame_option(option):
        ends = [quantity(text) for text in texts]
    for text, end in zip(texts, ends, strict=True):
        if end.unit != expected and end.value != 0:
            raise UnitError(f"{option}: {text!r} {is_in(end.unit)}; it must {be_in(expected)}")
    if name in {p.name for p in parameters_of_file(entry)}:
        for text in texts:
            given = pairs("--set", settings, "") | {name: text}
            _load(entry, library.read_settings(entry, given))
    start, stop = (float(end.value) for end in ends)
    return name, start, stop


def _figures(
    point: "FixedPoint", branch: "Branch | None", transient: bool
) -> "dict[str, Callable[[], Figure]]":
    from dendrosim import plot
    from dendrosim.plot._transient import DRAWN

    axes: dict[str, Callable[[], Any]] = {}
    if not point.no_spectrum:
        axes["spectrum"] = lambda: plot.spectrum(point)
    if transient and point.stable and point.flow.size <= DRAWN:
        axes["transient"] = lambda: plot.transient(point)
    if branch is not None:
        units = {branch.parameter: point.flow.parameter_unit(branch.parameter)}
        axes["branch"] = lambda: plot.branch(branch, units=units)
    return {name: lambda draw=draw: draw().figure for name, draw in axes.items()}  # type: ignore[misc]


def _write(
    output: Any, plain: Mapping[str, Any], figures: Mapping[str, Any], formats: Sequence[str]
) -> list[Path]:
    """Write the report and its figures, and return the paths of the figures."""
    import json

    from dendrosim.cli.console import to_json_value
    from dendrosim.plot._save import save_all

    with output.write_files(*output.old_figures()) as folder:
        named = {"dendrosim": own_version(), **plain}
        text = json.dumps(to_json_value(named), indent=2, allow_nan=False)
        (folder / REPORT).write_text(text + "\n", "utf-8")
        file_names = [path.name for path in save_all(figures, folder, formats)]
    return [output.folder / name for name in file_names]


def _print(
    point: "FixedPoint",
    branch: "Branch | None",
    plain: Mapping[str, Any],
    transient: bool,
) -> None:
    from dendrosim.cli import stability_report as report
    from dendrosim.stability.continuation.branch import BIFURCATIONS, bifurcation_rows
    from dendrosim.stability.fixed_points.rows import MODES, mode_rows, state_rows, time_text

    emit(f"{plain['model']}: {point.message}\n")
    emit_table(("state", "value"), state_rows(point.flow, point.x))
    if not point.no_spectrum:
        emit_table(MODES, mode_rows(point.spectrum))
        step = point.spectrum.max_euler_step
        if 0 < step < float("inf"):
            emit(f"forward Euler is stable for steps below {time_text(step)}")
    if transient:
        emit_table(("", ""), report.transient_rows(plain))
    if branch is not None:
        emit(branch.message)
        emit_table(BIFURCATIONS, bifurcation_rows(branch))


def _print_cycles(oscillations: "list[CycleBranch]") -> None:
    from dendrosim.stability.cycles.cycle_branch import EVENTS, event_rows

    for one in oscillations:
        period = f"{one.periods[0]:.6g} to {one.periods[-1]:.6g} s"
        emit(
            f"oscillations of period {period}, {len(one)} orbits ({int(one.stable.sum())} stable):"
        )
        emit(one.message)
        if one.events:
            emit_table(EVENTS, event_rows(one))
    if not oscillations:
        emit("no Hopf point on the branch, so no oscillations were followed")
