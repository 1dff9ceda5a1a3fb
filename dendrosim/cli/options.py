"""Options that several commands share."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dendrosim.engine.backends import backends
from dendrosim.engine.names import AUTO
from dendrosim.errors import UnknownNameError, UsageError
from dendrosim.machine.file_paths import as_path

if TYPE_CHECKING:
    from dendrosim.library.catalogue import Entry
    from dendrosim.protocol.protocol import Protocol

BACKENDS = (AUTO, *backends())
COMPILED = tuple(name for name, backend in backends().items() if backend.compiles)
"""Back ends that compile a program."""


def read_path(where: str) -> Callable[[str], Path]:
    """Return the function that reads the path of an argument or option; its errors begin with `where`."""

    def read(text: str) -> Path:
        return as_path(where, text)

    return read


Name = Annotated[
    str, typer.Argument(help="A model or protocol, by name or by the path of its file.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Set a parameter; may be repeated."),
]
DrawnBy = Annotated[
    str | None,
    typer.Option(
        "--protocol",
        metavar="PROTOCOL",
        help="Protocol whose file draws the figures, by name or path (default: that of the result, if it is in "
        "the catalogue).",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        parser=read_path("--out"),
        help="Folder for results and figures (default: a new one in `runs`).",
    ),
]

Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="Replace a result or report of the same kind in --out, and its figures."
    ),
]

Formats = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="FORMATS",
        help="Format of figures: png, svg or pdf, or several, as in png,svg.",
    ),
]


def result_file(path: Path) -> Path:
    """Return the result in a folder, if the path is such a folder; else the path itself."""
    from dendrosim.experiments.output_folder import RESULT

    return path / RESULT if os.path.isfile(path / RESULT) else path


def pairs(option: str, given: list[str] | None, example: str) -> dict[str, str]:
    """Return the values of repeated options NAME=VALUE by name, or raise UsageError if one cannot be read."""
    found: dict[str, str] = {}
    for setting in given or []:
        name, equals, text = setting.partition("=")
        if not equals or not name.strip():
            raise UsageError(
                f"cannot read {option} {setting!r}: write NAME=VALUE, as in {option} {example}"
            )
        if name.strip() in found:
            raise UsageError(f"{option} gives {name.strip()!r} twice; give it once")
        found[name.strip()] = text
    return found


def load_protocol_with(
    name: str, settings: list[str] | None, seed: int | None = None
) -> "tuple[Entry, Protocol]":
    """Find a protocol, and load it with the values that `--set` gives to its parameters.

    The value of `--seed`, if it is given, is also that of a parameter `seed`.
    """
    from dendrosim.engine.settings import SEED
    from dendrosim.library.catalogue import find_entry
    from dendrosim.library.file_parameters import parameters_of_file
    from dendrosim.library.loading import build_protocol, read_settings

    entry = find_entry(name, "protocol")
    parameters = read_settings(entry, pairs("--set", settings, "samples=200"))
    if seed is not None and any(p.name == SEED for p in parameters_of_file(entry)):
        parameters.setdefault(SEED, seed)
    return entry, build_protocol(entry, parameters)


def check_choice(what: str, value: str, allowed: Sequence[str]) -> None:
    """Raise UnknownNameError unless the value of an option is allowed."""
    if value not in allowed:
        raise UnknownNameError(what, value, allowed)
