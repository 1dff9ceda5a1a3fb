"""Runs the code blocks of pages that are not notebooks: a block that fails is a warning of the build.

The blocks of a page are run in their order, in an empty folder of their own:

    ```python title=models/mine.py    becomes this file; `DENDROSIM_PATH` names its folder
    ```python                         is run; all blocks of a page share their names
    ```sh                             is run by a shell in the folder, where `dendrosim` is the command
    ```text                           is not code
"""

import contextlib
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import matplotlib
from code_state import code_state
from sphinx.application import Sphinx
from sphinx.util import logging

_log = logging.getLogger(__name__)
_BLOCK = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INFO = re.compile(r"(\w*)(?: title=(\S+))?")
_NOTEBOOK = "file_format: mystnb"
_COMMAND = "dendrosim"


def code_blocks(text: str) -> list[tuple[str, str, str]]:
    """Return language, title and code of each block of a page that is code."""
    blocks = []
    for match in _BLOCK.finditer(text):
        info = _INFO.fullmatch(match[1].strip())
        if info is not None and info[1] != "text":  # others are directives, such as {math}
            blocks.append((info[1] or "sh", info[2] or "", match[2]))
    return blocks


def _run_pages(app: Sphinx, env: object, docnames: list[str]) -> None:
    kept = Path(app.outdir).parent / "kept" / "blocks"
    kept.mkdir(parents=True, exist_ok=True)
    for name in docnames:
        path = Path(app.env.doc2path(name))
        text = path.read_text("utf-8")
        blocks = code_blocks(text) if path.suffix == ".md" and "generated/" not in name else []
        if not blocks or _NOTEBOOK in text[:200] or not app.config.run_code_blocks:
            continue
        stamp = kept / hashlib.sha256(f"{code_state()} {blocks}".encode()).hexdigest()[:32]
        if stamp.exists():
            continue
        _log.info("running %d code blocks of %s", len(blocks), name)
        error = run_blocks(blocks)
        if error:
            _log.warning("a code block fails: %s", error, location=name)
        else:
            stamp.touch()


def run_blocks(blocks: list[tuple[str, str, str]]) -> str:
    """Run the blocks of a page; return what went wrong, or an empty text."""
    names: dict[str, object] = {}
    with _empty_folder():
        for language, title, code in blocks:
            try:
                if title:
                    path = Path("mine") / title
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(code, "utf-8")
                elif language == "python":
                    exec(compile(code, "a page", "exec"), names)
                elif language in ("sh", "bash"):
                    _shell(code)
                else:
                    return f"the language {language!r} is not run; mark the block as text"
            except Exception as error:
                output = getattr(error, "stderr", "") or ""
                return f"{type(error).__name__}: {error} {output}\n{code}"
    return ""


def _shell(code: str) -> None:
    # The command of this environment, also if the environment is not activated.
    start = f'{_COMMAND}() {{ "{sys.executable}" -m dendrosim.cli "$@"; }}\n'
    subprocess.run(["bash", "-ec", start + code], check=True, capture_output=True, text=True)


@contextlib.contextmanager
def _empty_folder() -> Iterator[None]:
    before = os.environ.get("DENDROSIM_PATH")
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        os.environ["DENDROSIM_PATH"] = str(Path(folder) / "mine")
        Path("mine/models").mkdir(parents=True)
        Path("mine/protocols").mkdir()
        try:
            with matplotlib.rc_context({"backend": "agg"}):
                yield
        finally:
            if before is None:
                del os.environ["DENDROSIM_PATH"]
            else:
                os.environ["DENDROSIM_PATH"] = before


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_config_value("run_code_blocks", True, "")
    app.connect("env-before-read-docs", _run_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
