"""The command `dendrosim stability`."""

import contextlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dendrosim.cli_options import Json, Name, Out, Settings, pairs
from dendrosim.console import emit_json, emit_table
from dendrosim.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dendrosim.circuit import Circuit
    from dendrosim.library import Entry
    from dendrosim.protocol import Protocol
    from dendrosim.stability.branch import Branch
    from dendrosim.stability.fixed_point import FixedPoint

Patterns = list[str] | None
FILE = "stability.json"


def stability(
    name: Name,
    settings: Settings = None,
    inputs: Annotated[
        Patterns,
        typer.Option(
            "--input", metavar="NAME=VALUE", help="Set an input, 0 without; may be repeated."
        ),
    ] = None,
    gates: Annotated[
        Patterns, typer.Option("--gate", metavar="NAME=VALUE", help="Set a gate; may be repeated.")
    ] = None,
    phase: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of a protocol; its first by default.")
    ] = None,
    time: Annotated[
        str | None, typer.Option(metavar="TIME", help="A moment of the phase, such as '10 ms'.")
    ] = None,
    unfreeze: Annotated[
        Patterns,
        typer.Option(
            metavar="PATTERNS", help="Plastic matrices whose weights are states, as 'w*,b'."
        ),
    ] = None,
    slave: Annotated[
        Patterns,
        typer.Option(metavar="PATTERNS", help="States that follow the others without delay."),
    ] = None,
    subthreshold: Annotated[
        bool, typer.Option("--subthreshold", help="Leave out spikes, pathways and noise.")
    ] = False,
    transient: Annotated[
        bool, typer.Option("--transient", help="Compute transient growth as well.")
    ] = False,
    continue_: Annotated[
        str | None,
        typer.Option(
            "--continue", metavar="NAME=START:STOP", help="Follow the point through a parameter."
        ),
    ] = None,
    starts: Annotated[int, typer.Option(min=1, help="Starts of the search, random but one.")] = 1,
    initial: Annotated[
        Path | None, typer.Option(metavar="RESULT.nc", help="Take weights and start from its end.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of weights and random starts.")] = 0,
    out: Out = None,
    json: Json = False,
) -> None:
    """Find a fixed point, its spectrum and verdict, and follow it through a parameter."""
    with contextlib.redirect_stdout(sys.stderr) if json else contextlib.nullcontext():
        from dendrosim.outputs import Output
        from dendrosim.stability import report
        from dendrosim.stability.build import vector_field
        from dendrosim.stability.fixed_point import fixed_point

        entry, target, (values, units) = _loaded(name, settings)
        span = None if continue_ is None else _span(continue_)
        output = Output(out, f"{entry.name}-stability")
        flow = vector_field(
            target,
            inputs={n: _quantities(t) for n, t in pairs("--input", inputs, "layer0.h=0.5").items()},
            gates={n: _number(n, t) for n, t in pairs("--gate", gates, "learn=1").items()},
            values=_final(initial),
            unfrozen=_patterns(unfreeze),
            slaved=_patterns(slave),
            seed=seed,
            subthreshold=subthreshold,
            phase=phase,
            time=time,
        )
        point = fixed_point(flow, starts=starts, seed=seed)
        plain: dict[str, Any] = {
            "model": entry.name, "parameters": values, "units": units, **report.point_plain(point),
        }  # fmt: skip
        if transient:
            plain |= report.transient_plain(point)
        branch = None if span is None else _followed(point, *span)
        if branch is not None:
            plain |= report.branch_plain(branch)
        figures = _written(output, plain, _figures(point, branch, transient))
    if json:
        emit_json({**plain, "figures": figures})
    else:
        _print(point, branch, plain, transient, output.folder)


def _loaded(
    name: str, settings: list[str] | None
) -> "tuple[Entry, Circuit | Protocol, tuple[dict[str, Any], dict[str, str]]]":
    from dendrosim import library

    entry = library.find(name)
    given = library.read_settings(entry, pairs("--set", settings, "mu=0.2"))
    load: Any = library.load_protocol if entry.kind == "protocol" else library.load_circuit
    return entry, load(str(entry.path), **given), library.settings_in_si(entry, given)


def _patterns(given: Patterns) -> tuple[str, ...]:
    return tuple(p.strip() for text in given or [] for p in text.split(",") if p.strip())


def _quantities(text: str) -> Any:
    """Read a quantity, or a bracketed list of them."""
    from dendrosim.units import quantity

    inside = text.strip()
    if inside.startswith("[") and inside.endswith("]"):
        parts = [p.strip().strip("'\"") for p in inside[1:-1].split(",")]
        return quantity([quantity(p) for p in parts if p])
    return quantity(text)


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(
            f"cannot read --gate {name}={text}: a gate is a number, as in learn=1"
        ) from None


def _final(initial: Path | None) -> Mapping[str, Any]:
    if initial is None:
        return {}
    from dendrosim.results import open_result

    final = open_result(initial).final
    return {name: final[name] for name in final}


def _span(text: str) -> tuple[str, float, float]:
    """Read NAME=START:STOP."""
    name, equals, ends = text.partition("=")
    start, colon, stop = ends.partition(":")
    if not (name.strip() and equals and colon and start.strip() and stop.strip()):
        raise UsageError(
            f"cannot read --continue {text!r}: write NAME=START:STOP, as in --continue mu=0.02:0.5"
        )
    from dendrosim.units import quantity

    first, last = quantity(start), quantity(stop)
    if first.dimension != last.dimension:
        raise UsageError(
            f"cannot read --continue {text!r}: START is in {first.unit}, STOP in {last.unit}"
        )
    return name.strip(), float(first.value), float(last.value)


def _followed(point: "FixedPoint", name: str, start: float, stop: float) -> "Branch":
    from dendrosim.stability.continuation import continuation

    return continuation(point.flow, name, start, stop, point=point)


def _figures(
    point: "FixedPoint", branch: "Branch | None", transient: bool
) -> "dict[str, Callable[[], Figure]]":
    from dendrosim import plot

    axes: dict[str, Callable[[], Any]] = {"spectrum": lambda: plot.spectrum(point)}
    if transient and point.stable:
        axes["transient"] = lambda: plot.transient(point)
    if branch is not None:
        axes["branch"] = lambda: plot.branch(branch)
    return {name: lambda draw=draw: draw().figure for name, draw in axes.items()}  # type: ignore[misc]


def _written(output: Any, plain: Mapping[str, Any], figures: Mapping[str, Any]) -> list[Path]:
    """Write what was found and its figures; return the paths of the figures."""
    import json

    from dendrosim.console import jsonable
    from dendrosim.running import draw

    with output.filling() as folder:
        text = json.dumps(jsonable(plain), indent=2, allow_nan=False)
        (folder / FILE).write_text(text + "\n")
        drawn = [path.name for path in draw(figures, folder)]
    return [output.folder / name for name in drawn]


def _print(
    point: "FixedPoint",
    branch: "Branch | None",
    plain: Mapping[str, Any],
    transient: bool,
    out: Path,
) -> None:
    from dendrosim.stability import report

    print(f"{plain['model']}: {point.message}\n")
    emit_table(("state", "value"), report.state_rows(point))
    emit_table(("modes", "eigenvalue (1/s)", "time constant", "frequency"), report.mode_rows(point))
    step = point.spectrum.max_euler_step
    if 0 < step < float("inf"):
        print(f"forward Euler is stable for steps below {1e3 * step:.6g} ms")
    if transient:
        emit_table(("", ""), report.transient_rows(plain))
    if branch is not None:
        print(branch.message)
        columns = ("bifurcation", "at", "interval", "frequency", "modes")
        emit_table(columns, report.bifurcation_rows(branch))
    print(f"figures and {FILE} are in {out}")
