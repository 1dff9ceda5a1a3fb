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
from dendrosim.machine import brian_import
from dendrosim.machine.cache import writable_folder
from dendrosim.machine.cache_entries import delete_sources_of_extensions
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
run(leaky_protocol(), backend=sys.argv[2])
"""


@pytest.fixture
def kill_while_compiling(tmp_path):
    """A function that starts a run and kills it with its compiler, which waits when its arguments match a pattern.

    The script is a file, since Brian2 copies scripts. The folder `tmp` is for temporary files.
    """
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    (tmp_path / "script.py").write_text(RUN)

    def kill(backend, pattern, begun):
        waits = f'case "$*" in {pattern}) echo $$ > "$TMPDIR/part.s"; exec sleep 600 ;; esac'
        compiler = executable(
            tmp_path / "c++", f'#!/bin/sh\n{waits}\nexec {find_compiler()} "$@"\n'
        )
        process = subprocess.Popen(
            [sys.executable, tmp_path / "script.py", TESTS, backend],
            env={**os.environ, "TMPDIR": str(temporary), "CXX": str(compiler), "CC": str(compiler)},
        )
        try:
            while not (found := begun()) or not found[0].read_text().strip():
                assert process.poll() is None
                time.sleep(0.02)
        finally:
            process.kill()
            process.wait()
        os.kill(int(found[0].read_text()), signal.SIGKILL)
        found[0].unlink()
        return list(temporary.iterdir())

    return kill


def test_a_process_killed_with_its_compilers_leaves_nothing_behind(cache, kill_while_compiling):
    def begun():
        return list(cache.glob("work/*/part.s"))

    assert kill_while_compiling("cpp", "*steps.cpp*", begun) == []
    assert not compiled()
    assert list((cache / "work").iterdir()) == []


def test_a_process_killed_while_brian2_tests_flags_leaves_nothing_behind(
    cache, tmp_path, kill_while_compiling
):
    def begun():
        return list(tmp_path.glob("tmp/part.s"))

    assert kill_while_compiling("cython", "*flag_test*", begun) == []
    assert [path.name[:7] for path in (cache / "work").iterdir()] == ["trying-"]
    toolchain.try_out()
    assert list((cache / "work").iterdir()) == []


def test_sources_of_killed_compilations_are_deleted_and_those_in_use_are_kept(empty_cache):
    home = writable_folder("cython")
    objects = home / str(home)[1:]
    objects.mkdir(parents=True)
    names = [f"_cython_magic_{digit * 32}" for digit in "abc"]
    for name in names:
        for path in (home / f"{name}.pyx", home / f"{name}.cpp", objects / f"{name}.o"):
            path.touch()
        (home / f"{name}.lock").touch()
    (home / "notes.pyx").touch()
    (home / f"{names[2]}.lock").unlink()  # no lock says that its compilation has ended
    brian_import.load()
    from brian2.utils.filelock import FileLock

    with FileLock(str(home / f"{names[0]}.lock")):
        delete_sources_of_extensions()
    kept = {path.name for path in [*home.iterdir(), *objects.iterdir()] if path.is_file()}
    assert kept == {
        f"{names[0]}.lock", f"{names[0]}.pyx", f"{names[0]}.cpp", f"{names[0]}.o", f"{names[1]}.lock",
        f"{names[2]}.pyx", f"{names[2]}.cpp", f"{names[2]}.o", "notes.pyx",
    }  # fmt: skip
