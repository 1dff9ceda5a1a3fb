"""The command `dendrosim cache`."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from dendrosim.cli.console import emit, emit_columns, emit_json, emit_table
from dendrosim.cli.options import Json, check_choice
from dendrosim.errors import SpecError
from dendrosim.machine.cache import cache_folder
from dendrosim.machine.cache_entries import KINDS, Entry, clear, list_entries, size_limit


def cache(
    action: Annotated[
        str,
        typer.Argument(
            metavar="[show|verify|clear]",
            help="show: what the cache contains. verify: look for damage; exit with 3 if there is any. clear: "
            "delete everything that is not in use.",
        ),
    ] = "show",
    json: Json = False,
) -> None:
    """Show, verify or clear the cache of compiled programs."""
    actions = {"show": _show, "verify": _verify, "clear": _clear}
    check_choice("action", action, list(actions))
    actions[action](json)


def _show(json: bool) -> None:
    limit, entries = size_limit(), list_entries()
    kinds = {folder: [e for e in entries if e.folder == folder] for folder in KINDS}
    if json:
        emit_json(
            {
                "folder": cache_folder(),
                "size": _size(entries),
                "limit": limit,
                "kinds": [
                    {
                        "folder": folder,
                        "contents": KINDS[folder][0],
                        "entries": len(found),
                        "size": _size(found),
                        "last_use": _last_use(found) or None,
                    }
                    for folder, found in kinds.items()
                ],
            }
        )
        return
    emit_table(
        ("contents", "entries", "size", "last use"),
        [
            (KINDS[folder][0], str(len(found)), format_size(_size(found)), _last_use(found)[:10])
            for folder, found in kinds.items()
        ],
    )
    emit(
        f"{cache_folder()}: {format_size(_size(entries))} of at most {format_size(limit)} "
        "(DENDROSIM_CACHE_SIZE); what was not used for longest is deleted first"
    )


def _verify(json: bool) -> None:
    from dendrosim.engine.cache_check import find_damage

    entries = list_entries()
    damaged = find_damage(entries)
    if json:
        emit_json({"entries": len(entries), "damaged": [e.path for e in damaged]})
    else:
        emit_columns([(str(e.path), KINDS[e.folder][0]) for e in damaged], indent="")
        more = "; a run that needs them makes them anew" if damaged else ""
        emit(f"{cache_folder()}: {len(entries)} entries, {len(damaged)} damaged{more}")
    if damaged:
        raise typer.Exit(SpecError.exit_code)


def _clear(json: bool) -> None:
    deleted, left = clear()
    if json:
        emit_json({"deleted": len(deleted), "freed": _size(deleted), "left": len(left)})
        return
    more = f"; {len(left)} are left, which are in use or belong to other users" if left else ""
    emit(
        f"{cache_folder()}: {len(deleted)} entries deleted, {format_size(_size(deleted))} freed{more}"
    )


def _size(entries: list[Entry]) -> int:
    return sum(entry.size for entry in entries)


def _last_use(entries: list[Entry]) -> str:
    """Return the time of the latest use of entries as text, empty if there are none."""
    last = max((entry.last_use for entry in entries), default=None)
    return "" if last is None else datetime.fromtimestamp(last, UTC).isoformat(timespec="seconds")


def format_size(size: int) -> str:
    """Return a number of bytes as short text, such as `2.1 GB`."""
    for unit, power in (("GB", 9), ("MB", 6), ("kB", 3)):
        if size >= 10**power:
            return f"{size / 10**power:.1f} {unit}"
    return f"{size} B"
