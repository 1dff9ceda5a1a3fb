"""Writes the pages that are made from the program into the folder `generated`, before all others are read."""

from pathlib import Path

import api_pages
import model_pages
import protocol_pages
import rule_pages
from sphinx.application import Sphinx
from sphinx.util import logging

_log = logging.getLogger(__name__)


def _write_pages(app: Sphinx) -> None:
    """Write the pages whose text has changed, and delete those that are no longer made."""
    folder = Path(app.srcdir) / "generated"
    kept = Path(app.outdir).parent / "kept"
    pages = {**api_pages.pages(), **model_pages.pages()}
    pages |= protocol_pages.pages(kept, folder / "figures", app.config.run_gallery)
    pages |= rule_pages.pages(folder / "figures")
    for name, text in pages.items():
        path = folder / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
    made = {folder / f"{name}.md" for name in pages}
    for path in folder.rglob("*.md"):
        if path not in made:
            path.unlink()
    _log.info("%d pages made from the program", len(pages))


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_config_value("run_gallery", True, "")
    app.connect("builder-inited", _write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
