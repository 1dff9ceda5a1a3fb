"""The command `dendrosim check`."""

from typing import Annotated, Any

import typer

from dendrosim.cli.options import (
    COMPILED,
    Name,
    Settings,
    check_choice,
    load_protocol_with,
    pairs,
)
from dendrosim.engine.names import PRECISIONS


def check(
    name: Name,
    settings: Settings = None,
    compile_it: Annotated[
        bool,
        typer.Option("--compile", help="Also compile its program; cuda needs no GPU for that."),
    ] = False,
    backend: Annotated[
        str, typer.Option(metavar="|".join(COMPILED), help="For what --compile compiles.")
    ] = "cpp",
    precision: Annotated[str, typer.Option(metavar="|".join(PRECISIONS))] = "auto",
) -> None:
    """Validate a model or protocol without running it."""
    from dendrosim.cli.summaries import circuit_line, protocol_line
    from dendrosim.library.catalogue import find_entry
    from dendrosim.library.loading import load_circuit, read_settings

    check_choice("back end to compile for", backend, COMPILED)
    check_choice("precision", precision, PRECISIONS)
    entry = find_entry(name)
    loaded: Any
    if entry.file_kind == "protocol":
        loaded = load_protocol_with(str(entry.path), settings, compile_it and backend == "cpp")[1]
        line = protocol_line(loaded)
    else:
        loaded = load_circuit(
            str(entry.path), **read_settings(entry, pairs("--set", settings, "samples=200"))
        )
        line = circuit_line(loaded)
    print(f"{entry.name}: valid {entry.file_kind}: {line}")
    if compile_it:
        from dendrosim.engine.compilation import compile_without_run

        program = compile_without_run(loaded, backend, precision)
        how = f"in {program.seconds['compile']:.1f} s" if program.compiled else "already"
        print(
            f"{entry.name}: its program for {backend} compiles and links ({how}): {program.folder}"
        )
