"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from dendrosim.errors import UsageError

Name = Annotated[
    str, typer.Argument(help="A model or protocol, by name or by the path of its file.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Set a parameter; may be repeated."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Out = Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for results and figures.")]


def pairs(option: str, given: list[str] | None, example: str) -> dict[str, str]:
    """Return what repeated options NAME=VALUE say, by name; raises UsageError."""
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
