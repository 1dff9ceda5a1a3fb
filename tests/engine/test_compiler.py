"""A compiler that is missing, broken or interrupted: what is said, what is left, and what runs instead."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from executables import executable
from reference_problems import leaky_protocol

from dendrosim.engine.cpp import toolchain
from dendrosim.engine.standalone.host_compiler import find_compiler
from dendrosim.errors import BackendMissingError, CompilationError, StorageError
from dendrosim.experiments.run import run

TESTS = Path(__file__).parents[1]
RUN = """
import sys
sys.path.insert(0, sys.argv[1])
from reference_problems import leaky_protocol
from dendrosim.experiments.run import run
run(leaky_protocol(), backend="cpp")
"""
WORKS_FOR_THE_TEST = 'grep -q dnrm2 program.cpp && exec $COMPILER "$@"'


@pytest.fixture
def use_compiler(tmp_path, monkeypatch):
    """Return a function that makes a shell script the compiler; `$COMPILER "$@"` in it calls the real one."""
    real = find_compiler()

    def use(text):
        path = executable(tmp_path / "c++", f"#!/bin/sh\nCOMPILER={real}\n{text}\n")
        monkeypatch.setenv("CXX", str(path))

    return use


def falls_back(caplog, reason):
    """Whether `auto` means numpy here, and says why in one line."""
    caplog.clear()
    chosen = run(leaky_protocol(), "auto", progress=False).provenance["backend"]
    (record,) = caplog.records
    return chosen == "numpy" and record.levelname == "WARNING" and reason in record.getMessage()


def test_with_a_compiler_auto_means_cpp():
    assert run(leaky_protocol(), "auto").provenance["backend"] == "cpp"


def test_without_a_compiler_cpp_is_missing_and_auto_means_numpy(empty_cache, monkeypatch, caplog):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CXX", "")
    for backend in ("cpp", "cython"):
        with pytest.raises(
            BackendMissingError, match=f"back end {backend} needs.*install one"
        ) as e:
            run(leaky_protocol(), backend)
        assert e.value.exit_code == 5
    assert falls_back(caplog, "needs a C++ compiler and there is none")


BROKEN = {
    "exit 1": "ended with code 1: it gave no message",
    "echo 'error: no such luck' >&2; exit 1": "error: no such luck",
    "exit 0": "left no program",
    "echo 'exit 3' > program; chmod +x program": "do not start",
    "printf '#!/bin/sh\nexit 3\n' > program; chmod +x program": "ended with code 3",
}


@pytest.mark.parametrize(("does", "reason"), BROKEN.items())
def test_with_a_compiler_that_does_not_work_cpp_is_missing_and_auto_means_numpy(
    empty_cache, use_compiler, caplog, does, reason
):
    use_compiler(does)
    assert falls_back(caplog, reason)
    with pytest.raises(BackendMissingError) as raised:
        run(leaky_protocol(), "cpp")
    assert reason in str(raised.value)
    assert list(empty_cache.glob("programs/*")) + list(empty_cache.glob("work/*")) == []


def test_a_compiler_is_tested_once_and_again_after_it_failed(
    empty_cache, use_compiler, tmp_path, caplog
):
    calls, off = tmp_path / "calls", tmp_path / "off"
    use_compiler("exit 1")
    assert falls_back(caplog, "does not work")
    use_compiler(f'echo call >> {calls}\n[ -e {off} ] || exec $COMPILER "$@"\nexit 1')
    off.touch()
    assert falls_back(caplog, "does not work")
    off.unlink()
    calls.unlink()
    results = [run(leaky_protocol(), "auto").provenance for _ in range(2)]
    assert [r["backend"] for r in results] == ["cpp", "cpp"]
    assert [r["compiled"] for r in results] == [True, False]
    # The test program is compiled and linked; so is the program, in two parts and one that all programs share.
    assert len(calls.read_text().split()) == 2 + 4


def test_a_compiler_that_leaves_no_program_publishes_nothing(empty_cache, use_compiler):
    use_compiler(f"{WORKS_FOR_THE_TEST}\nexit 0")
    with pytest.raises(CompilationError, match="left no"):
        run(leaky_protocol(), "cpp")
    assert all(path.is_file() for path in empty_cache.glob("programs/*"))


def test_a_compiler_that_is_not_there_is_named(empty_cache, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler -O2")
    with pytest.raises(BackendMissingError, match="no-such-compiler"):
        run(leaky_protocol(), "cpp")
    assert run(leaky_protocol(), "auto").provenance["backend"] == "numpy"


@pytest.mark.parametrize("blank", ["", "  "])
def test_a_blank_compiler_is_none_given(monkeypatch, blank):
    found = find_compiler()
    monkeypatch.setenv("CXX", blank)
    assert find_compiler() == found


def test_a_failed_compilation_tells_what_the_compiler_said(empty_cache, use_compiler):
    use_compiler(f"{WORKS_FOR_THE_TEST}\necho 'x.cpp:1: error: no such luck' >&2\nexit 1")
    with pytest.raises(CompilationError, match="no such luck") as raised:
        run(leaky_protocol(), "cpp")
    assert raised.value.exit_code == 1
    assert not list(empty_cache.glob("programs/*/program"))
    assert not list(empty_cache.glob("work/*"))


def test_a_full_disk_is_no_fault_of_the_compiler(empty_cache, use_compiler):
    use_compiler(f"{WORKS_FOR_THE_TEST}\necho 'error: x.o: No space left on device' >&2\nexit 1")
    with pytest.raises(StorageError, match="DENDROSIM_CACHE"):
        run(leaky_protocol(), "cpp")


def test_an_interrupt_ends_the_compilers(empty_cache, use_compiler, tmp_path):
    pids = tmp_path / "pids"
    hang = f"[ -e steps.cpp ] && echo $$ >> {pids} && exec sleep 600"
    use_compiler(f'case "$*" in *steps.cpp*|*program.cpp*) {hang} ;; esac\nexec $COMPILER "$@"')
    process = subprocess.Popen([sys.executable, "-c", RUN, str(TESTS)], stderr=subprocess.PIPE)
    try:
        while not (pids.exists() and len(pids.read_text().split()) == 2):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)  # not to the compilers, as a terminal would
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode
    assert not [pid for pid in pids.read_text().split() if Path(f"/proc/{pid}").exists()]
    assert not list(empty_cache.glob("work/*"))


# -- what all programs share --------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", [b"not an object", pytest.param(b"", marks=pytest.mark.slow)])
def test_what_programs_share_is_compiled_again_if_it_is_damaged(empty_cache, damage):
    path = toolchain.shared_object("runtime")
    whole = path.read_bytes()
    path.write_bytes(damage)
    assert toolchain.shared_object("runtime").read_bytes() == whole
    assert len(list(path.parent.glob("runtime-*.o"))) == 1


def test_what_is_compiled_ahead_is_not_compiled_again(empty_cache, use_compiler, tmp_path):
    calls = tmp_path / "calls"
    use_compiler(f'echo "$*" >> {calls}\nexec $COMPILER "$@"')
    with toolchain.compile_ahead():
        assert run(leaky_protocol(), "cpp").provenance["compiled"]
    with toolchain.compile_ahead():
        toolchain.shared_object("runtime")
    assert calls.read_text().count("runtime.cpp") == 1


def test_what_fails_ahead_fails_when_it_is_needed(empty_cache, use_compiler):
    fails = "echo 'error: no luck' >&2; exit 1"
    use_compiler(f'case "$*" in *runtime.cpp*) {fails} ;; esac\nexec $COMPILER "$@"')
    with toolchain.compile_ahead():
        pass
    with toolchain.compile_ahead(), pytest.raises(CompilationError, match="no luck"):
        run(leaky_protocol(), "cpp")


def test_a_compiler_that_is_not_needed_any_more_keeps_nobody_waiting(empty_cache, use_compiler):
    """A compiler is a chain of processes; all end, and those that would keep its output open."""
    use_compiler("sleep 60 & wait")
    begin = time.monotonic()
    with toolchain.compile_ahead():
        assert toolchain._ahead.runtime
    assert time.monotonic() - begin < 20


def test_a_thread_does_not_take_the_compiler_that_another_has_started(empty_cache):
    def compile_and_leave():
        with toolchain.compile_ahead():
            left.append(toolchain._ahead.runtime)

    left = []
    with toolchain.compile_ahead():
        other = threading.Thread(target=compile_and_leave)
        other.start()
        other.join()
        assert left[0] is not toolchain._ahead.runtime
        assert toolchain._ahead.runtime().suffix == ".o"
