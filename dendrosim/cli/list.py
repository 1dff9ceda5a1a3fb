"""The command `dendrosim list`."""

from dendrosim.cli.console import emit_columns, emit_json
from dendrosim.cli.options import Json


def list_(json: Json = False) -> None:
    """List models and protocols."""
    from dendrosim.library.catalogue import KINDS, entries

    found = entries()
    if json:
        emit_json(
            {
                f"{kind}s": [
                    {"name": e.name, "summary": e.summary, "path": e.path}
                    for e in found
                    if e.kind == kind
                ]
                for kind in KINDS
            }
        )
        return
    width = max((len(e.name) for e in found), default=0)
    for kind in KINDS:
        print(f"{kind}s")
        emit_columns([(f"{e.name:<{width}}", e.summary) for e in found if e.kind == kind])
