"""The command `dendrosim check`."""

from typing import Annotated, Any

import typer

from dendrosim.cli.console import emit, emit_table
from dendrosim.cli.options import (
    COMPILED,
    Name,
    Settings,
    check_choice,
    load_protocol_with,
    pairs,
)
from dendrosim.engine.names import PRECISIONS
from dendrosim.errors import SpecError


def check(
    name: Name,
    settings: Settings = None,
    compile_it: Annotated[
        bool,
        typer.Option("--compile", help="Also compile the program; this needs no GPU."),
    ] = False,
    backend: Annotated[
        str,
        typer.Option(metavar="|".join(COMPILED), help="Back end whose program --compile makes."),
    ] = "cpp",
    precision: Annotated[
        str, typer.Option(metavar="|".join(PRECISIONS), help="Precision of the compiled program.")
    ] = "auto",
    thorough: Annotated[
        bool,
        typer.Option(
            "--thorough",
            help="Also check documentation, other values of each parameter, and short runs on numpy and cpp; "
            "exit with 3 if there are findings.",
        ),
    ] = False,
) -> None:
    """Validate a model or protocol without running it."""
    if thorough:
        _check_thoroughly(name, settings)
    from dendrosim.circuit.summary import circuit_line
    from dendrosim.library.catalogue import find_entry
    from dendrosim.library.loading import load_circuit, read_settings
    from dendrosim.protocol.summary import protocol_line

    check_choice("back end to compile for", backend, COMPILED)
    check_choice("precision", precision, PRECISIONS)
    entry = find_entry(name)
    loaded: Any
    if entry.file_kind == "protocol":
        loaded = load_protocol_with(str(entry.path), settings)[1]
        line = protocol_line(loaded)
    else:
        loaded = load_circuit(
            str(entry.path), **read_settings(entry, pairs("--set", settings, "samples=200"))
        )
        line = circuit_line(loaded)
    emit(f"{entry.name}: valid {entry.file_kind}: {line}")
    if compile_it:
        from dendrosim.engine.compilation import compile_without_run

        program = compile_without_run(loaded, backend, precision)
        how = f"in {program.seconds['compile']:.1f} s" if program.compiled else "from the cache"
        emit(
            f"{entry.name}: its program for {backend} compiles and links ({how}): {program.folder}"
        )


def _check_thoroughly(name: str, settings: list[str] | None) -> None:
    """Print what a thorough check finds and which parts do not apply; exit with 3 if there are findings."""
    from dendrosim.experiments.file_check.check_file import check_file
    from dendrosim.library.catalogue import find_entry
    from dendrosim.library.loading import read_settings

    texts = pairs("--set", settings, "samples=200")
    report = check_file(name, given=read_settings(find_entry(name), texts) if texts else {})
    emit_table(
        ("object", "field", "finding"), [(f.object, f.field, f.message) for f in report.findings]
    )
    for part, reason in report.not_applicable.items():
        emit(f"not applicable: {part}: {reason}")
    count = len(report.findings)
    emit(f"{report.object}: {count or 'no'} finding{'' if count == 1 else 's'}")
    if count:
        raise typer.Exit(SpecError.exit_code)
