"""Files are opened for writing only in the folder given as output, in the cache, and in the temporary folder."""

import os
import shutil
import subprocess
import sys

import pytest

from campaigns.disk_replay import logging_variables

LIBRARIES = ("__pycache__", "matplotlib", "/home/.config", "/home/.cache")
"""Parts of paths that Python and Matplotlib write for themselves: byte code, and the list of fonts."""

COMMANDS = {
    "run on cpp": ("run", "fi_curve", "--set", "duration=100 ms", "--backend", "cpp", "--out", "{out}"),
    "run on numpy": (
        "run", "fi_curve", "--set", "duration=20 ms", "--backend", "numpy", "--out", "{out}", "--overwrite",
    ),
    "plot": ("plot", "{out}/result.nc", "--out", "{out}/figures"),
    "stability": ("stability", "dynamical_tp", "--out", "{out}/stability"),
    "check": ("check", "fi_curve", "--compile"),
    "show": ("show", "fi_curve"),
    "list": ("list",),
    "doctor": ("doctor",),
}  # fmt: skip


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs LD_PRELOAD")
def test_no_file_is_opened_for_writing_elsewhere(tmp_path):
    folders = {name: tmp_path.resolve() / name for name in ("out", "cache", "tmp", "home", "work")}
    for name in ("tmp", "home", "work"):
        folders[name].mkdir()
    environment = os.environ | logging_variables(tmp_path.resolve(), "/")
    environment |= {
        "DENDROSIM_CACHE": str(folders["cache"]), "TMPDIR": str(folders["tmp"]),
        "HOME": str(folders["home"]),
    }  # fmt: skip
    log, allowed = tmp_path / "log", [str(folders[name]) for name in ("out", "cache", "tmp")]
    command = shutil.which("dendrosim", path=os.path.dirname(sys.executable))
    for label, arguments in COMMANDS.items():
        done = subprocess.run(
            [command, *(a.format(out=folders["out"]) for a in arguments)],
            env=environment, cwd=folders["work"], capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, (label, done.stderr)
        lines = [line.split("\t") for line in log.read_text().splitlines()]
        paths = {p for kind, *paths in lines for p in paths if kind not in ("sync", "sync_folder")}
        assert any(p.startswith(str(folders["out"])) for p in paths)
        own = (*allowed, "/dev/", "/proc/self/")
        elsewhere = [
            path
            for path in sorted(paths)
            if not path.startswith(own) and not any(part in path for part in LIBRARIES)
        ]
        assert not elsewhere, (label, elsewhere)
    assert [p.name for p in folders["tmp"].iterdir()] == []
    assert [p.name for p in folders["work"].iterdir()] == []
