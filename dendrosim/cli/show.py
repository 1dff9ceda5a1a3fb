"""The command `dendrosim show`."""

from typing import Annotated

import typer

from dendrosim.cli.console import emit, emit_json, emit_table
from dendrosim.cli.options import Json, read_path


def show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|RESULT.nc",
            help="A model or protocol, by name or by the path of its file; or the result of a run.",
        ),
    ],
    json: Json = False,
) -> None:
    """Show equations, parameters and sources of a model or protocol; or what a result has, and its origin."""
    if name.endswith(".nc"):
        from dendrosim.cli.show_result import show_result

        show_result(read_path("RESULT.nc")(name), json)
        return
    from dendrosim.circuit.summary import circuit_plain
    from dendrosim.cli.circuit_text import circuit_text
    from dendrosim.cli.summaries import description_plain, parameter_rows
    from dendrosim.library.description import describe
    from dendrosim.protocol.summary import METHODS

    description = describe(name)
    if json:
        emit_json(description_plain(description))
        return
    emit(f"{description.entry.name} ({description.entry.file_kind}, {description.entry.path})\n")
    emit(description.text)
    emit_table(("parameter", "default", "type", "meaning"), parameter_rows(description.parameters))
    if description.circuit is not None:
        emit(circuit_text(circuit_plain(description.circuit)))
    if description.method is not None:
        emit(f"\ntime steps: {METHODS[description.method]}")
    for title, text in description.sections.items():
        emit(f"\n{title}\n{'-' * len(title)}\n{text}")
