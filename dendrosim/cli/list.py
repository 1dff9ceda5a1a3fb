"""The command `dendrosim list`."""

from dendrosim.cli.console import emit, emit_columns, emit_json
from dendrosim.cli.options import Json


def list_(json: Json = False) -> None:
    """List models and protocols."""
    from dendrosim.library.catalogue import FILE_KINDS, list_entries

    found = list_entries()
    if json:
        emit_json(
            {
                f"{file_kind}s": [
                    {"name": e.name, "summary": e.summary, "path": e.path}
                    for e in found
                    if e.file_kind == file_kind
                ]
                for file_kind in FILE_KINDS
            }
        )
        return
    width = max((len(e.name) for e in found), default=0)
    for file_kind in FILE_KINDS:
        emit(f"{file_kind}s")
        emit_columns([(f"{e.name:<{width}}", e.summary) for e in found if e.file_kind == file_kind])
