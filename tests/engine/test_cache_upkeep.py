"""The cache deletes what killed processes left, keeps to its size, and executes only what its owner made."""

import errno
import importlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from executables import executable
from reference_problems import leaky_protocol

from dendrosim.engine.cpp import toolchain
from dendrosim.engine.standalone.host_compiler import find_compiler
from dendrosim.errors import CompilationError, StorageError, UsageError
from dendrosim.experiments.run import run
from dendrosim.machine.working_folder import working_folder

TESTS = Path(__file__).parents[1]


@pytest.fixture
def cache(ready, empty_cache):
    shutil.copytree(ready, empty_cache, copy_function=shutil.copy2)
    return empty_cache


def compiled():
    return run(leaky_protocol(), backend="cpp").provenance["compiled"]


def test_folders_of_killed_processes_are_deleted_by_the_next_run(cache):
    left = [cache / "work" / name for name in ("making-abcd1234", "trying-abcd1234")]
    for folder in left:
        folder.mkdir()
        (folder / "steps.cpp").touch()
    with working_folder(cache / "work", "making-") as (used, _):
        assert not compiled()
        assert not left[0].exists()
        assert used.exists()
    toolchain.try_out()
    assert list((cache / "work").iterdir()) == []


def test_a_wrong_size_is_refused_before_anything_is_compiled(empty_cache, monkeypatch):
    monkeypatch.setenv("DENDROSIM_CACHE_SIZE", "big")
    with pytest.raises(UsageError, match="DENDROSIM_CACHE_SIZE"):
        run(leaky_protocol(), "cpp")
    assert list(empty_cache.glob("programs/*")) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
@pytest.mark.parametrize("what", ["program", "manifest.json", "seal", "."])
def test_a_program_of_another_user_is_not_executed(cache, what):
    (program,) = cache.glob("programs/*")
    executable(program / "new", "#!/bin/sh\ntouch $0.executed\n").replace(program / "program")
    os.chown(program / what, 12345, -1)
    assert compiled()
    assert not list(cache.glob("programs/*/*.executed"))


def test_a_program_that_others_can_write_is_not_executed(cache):
    (program,) = cache.glob("programs/*/program")
    program.chmod(0o777)
    assert compiled()
    assert program.stat().st_mode & 0o777 == 0o700


def test_a_program_can_be_used_whatever_the_umask(empty_cache):
    umask = os.umask(0o002)
    try:
        assert compiled()
    finally:
        os.umask(umask)
    assert not compiled()


# -- a full disk, and several processes ----------------------------------------------------------------------


def test_a_full_disk_is_named_wherever_it_is_met(empty_cache, monkeypatch):
    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    make = tempfile.mkdtemp
    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with toolchain.compile_ahead():
        pass
    with pytest.raises(StorageError, match=r"No space left.*set DENDROSIM_CACHE"):
        toolchain.check_toolchain()
    monkeypatch.setattr(tempfile, "mkdtemp", make)
    toolchain.check_toolchain()
    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with pytest.raises(StorageError, match=r"No space left.*set DENDROSIM_CACHE"):
        run(leaky_protocol(), "cpp")


def test_processes_that_compile_the_same_object_all_get_a_whole_one(
    empty_cache, tmp_path, monkeypatch
):
    # Each call of this compiler writes another content, piece by piece.
    script = 'for last; do :; done\nfor i in 1 2 3; do echo "$$ $i" >> "$last"; sleep 0.02; done\n'
    monkeypatch.setenv("CXX", str(executable(tmp_path / "c++", f"#!/bin/sh\n{script}")))
    found, errors = [], []

    def work():
        try:
            found.append(toolchain.shared_object("runtime").read_text().split())
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(found) == 6
    assert all(words[1::2] == ["1", "2", "3"] for words in found)


@pytest.mark.parametrize(("free", "kind"), [(0, StorageError), (2**30, CompilationError)])
def test_an_extension_that_does_not_compile_is_an_error_that_says_why(
    empty_cache, monkeypatch, free, kind
):
    from brian2.codegen.runtime.cython_rt import extension_manager

    def fail(*arguments, **options):
        raise importlib.import_module("distutils.errors").CompileError("gcc failed")

    monkeypatch.setattr(extension_manager.CythonExtensionManager, "_load_module", fail)
    monkeypatch.setattr(extension_manager.cython_extension_manager, "_code_cache", {})
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=free))
    with pytest.raises(kind, match=r"No space left|gcc failed"):
        run(leaky_protocol(), "cython")


# -- temporary files ---------------------------------------------------------------------------------------

RUN = """
import sys
sys.path.insert(0, sys.argv[1])
from reference_problems import leaky_protocol
from dendrosim.experiments.run import run
run(leaky_protocol(), backend="cpp")
"""


def test_a_process_killed_with_its_compilers_leaves_nothing_behind(cache, tmp_path):
    """The script is a file, since Brian2 copies scripts; the compiler writes a temporary file and waits."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    (tmp_path / "script.py").write_text(RUN)
    hangs = 'case "$*" in *steps.cpp*) touch "$TMPDIR/part.s"; exec sleep 600 ;; esac'
    compiler = executable(tmp_path / "c++", f'#!/bin/sh\n{hangs}\nexec {find_compiler()} "$@"\n')
    process = subprocess.Popen(
        [sys.executable, tmp_path / "script.py", TESTS], start_new_session=True,
        env={**os.environ, "TMPDIR": str(temporary), "CXX": str(compiler)},
    )  # fmt: skip
    try:
        while not list(cache.glob("work/*/part.s")):
            assert process.poll() is None
            time.sleep(0.02)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert list(temporary.iterdir()) == []
    assert not compiled()
    assert list((cache / "work").iterdir()) == []
