"""The command `dendrosim doctor`."""

from dendrosim.cli.console import emit_table


def doctor() -> None:
    """Say what works on this machine, and why the rest does not."""
    from dendrosim.engine.doctor import report

    rows = [("yes" if c.ok else "no", c.name, c.detail, "" if c.ok else c.hint) for c in report()]
    emit_table(("works", "what", "details", "what to do"), rows)
