"""The command `dendrosim show`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from dendrosim.cli.console import emit, emit_json, emit_table
from dendrosim.cli.options import Json, read_path, result_file
from dendrosim.errors import DataError


def show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|RESULT.nc|SWEEP_DIR",
            help="A model or protocol, by name or by the path of its file; a plasticity rule; the result of a "
            "run; or a sweep, by its folder or its dataset.",
        ),
    ],
    json: Json = False,
) -> None:
    """Show a model, protocol or rule, what a result has and where it comes from, or a sweep and its metrics."""
    if name.endswith(".nc") or _names_folder(name):
        _show_file(read_path("RESULT.nc|SWEEP_DIR")(name), json)
        return
    from dendrosim.cli.show_rule import is_rule, show_rule

    if is_rule(name):
        show_rule(name, json)
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


def _names_folder(name: str) -> bool:
    """Return whether a name is that of a folder, which must have a sweep or a result, and not of the catalogue."""
    from dendrosim.library.catalogue import list_entries
    from dendrosim.study.sweep_file import sweep_folder_of

    folder = Path(name)
    if not os.path.isdir(name) or any(entry.name == name for entry in list_entries()):
        return False
    if sweep_folder_of(folder) is None and result_file(folder) == folder:
        raise DataError(f"{name} is a folder that has neither the result of a run nor a sweep")
    return True


def _show_file(path: Path, json: bool) -> None:
    from dendrosim.study.sweep_file import is_sweep

    if is_sweep(path):
        from dendrosim.cli.show_sweep import show_sweep

        show_sweep(path, json)
        return
    from dendrosim.cli.show_result import show_result

    show_result(result_file(path), json)
