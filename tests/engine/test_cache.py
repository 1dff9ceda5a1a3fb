"""What is compiled once is never compiled again, and damage to the cache is repaired."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from executables import executable
from reference_problems import chain, chain_protocol, leaky_protocol

from dendrosim.circuit.initial_values.normal import Normal
from dendrosim.engine.standalone import program as programs
from dendrosim.engine.standalone.program import seal
from dendrosim.errors import (
    DendrosimError,
    ProgramError,
    StorageError,
)
from dendrosim.experiments.run import run
from dendrosim.machine.cache import cache_folder
from dendrosim.protocol.phases import Block, Phase, Recording
from dendrosim.signals.step import Step

TESTS = Path(__file__).parents[1]


def compiled(protocol, **arguments):
    """Whether a run of a protocol had to compile."""
    return run(protocol, backend="cpp", **arguments).provenance["compiled"]


# -- once -------------------------------------------------------------------------------------------------


def test_other_numbers_need_no_compilation_and_another_structure_does(empty_cache):
    first = chain_protocol()
    circuit = first.circuit
    assert compiled(first)
    assert not compiled(first)
    layer2, v = circuit.population("layer2"), circuit.matrix("v")
    other_numbers = circuit.replace(
        parameters={"E": "-60 mV", "half": "-50 mV", "slope": "1 mV"},
        populations=(
            *circuit.populations[:2],
            layer2.replace(parameters={"R": "90 Mohm", "tau": "9 ms"}, initial={"v": "-80 mV"}),
        ),
        matrices=(circuit.matrix("w").replace(initial=Normal(0.3)), v.replace(initial="3 pA")),
    )
    changes = {
        "parameters and initial values": {"circuit": other_numbers},
        "time step": {"dt": "0.125 ms"},
        "trials and duration": {"blocks": (Block("more", (Phase("a", "1 ms"), Phase("b", "3 ms")), 4),)},
        "order": {"blocks": (Block("mixed", (Phase("a", "1 ms"),), 4, "shuffled"),)},
        "data": {"data": {"x": np.ones((2, 3))}},
        "a constant for a data set": {"signals": {"layer0.x": [1.0, 2.0, 3.0]}, "data": {}},
        "how often to record": {"recordings": (Recording(("layer*", "w", "v"), "phase"),)},
        "which units to record": {"recordings": (Recording("layer*", "1 ms", units=(1,)),)},
    }  # fmt: skip
    for what, change in changes.items():
        assert not compiled(first.replace(**change), seed=9), what
    middle = run(first, backend="numpy")
    assert not compiled(first, initial=middle, threads=2)
    assert compiled(first.replace(signals={"layer0.x": Step([1.0, 2.0, 3.0])}))
    assert not compiled(first.replace(signals={"layer0.x": Step(2.0, "1 ms")}))


def test_numbers_given_as_data_reach_the_program():
    for dt, resistance, current, steps in (("0.1 ms", 200, 50, 25), ("0.05 ms", 70, 90, 31)):
        protocol = leaky_protocol(dt=dt, signals={"cell.current": f"{current} pA"})
        circuit = protocol.circuit.replace(
            parameters={"E": "-70 mV", "R": f"{resistance} Mohm", "tau": "20 ms"}
        )
        step = float(protocol.dt.value)
        block = Block("run", (Phase("on", f"{steps} ms"),))
        state = run(protocol.replace(circuit=circuit, blocks=(block,)), "cpp").state["cell.v"]
        kept = (1 - step / 20e-3) ** round(steps * 1e-3 / step)
        expected = -70e-3 + resistance * current * 1e-6 * (1 - kept)
        assert state[0, 0] == pytest.approx(expected, rel=1e-12)


# -- other processes --------------------------------------------------------------------------------------

SCRIPT = """
import json, sys
sys.path.insert(0, sys.argv[1])
from reference_problems import leaky_protocol
from dendrosim.experiments.run import run
result = run(leaky_protocol(2, signals={"cell.current": "70 pA"}), backend="cpp", seed=3)
print(json.dumps({
    "compiled": result.provenance["compiled"],
    "state": result.state["cell.v"].tobytes().hex(),
    "trace": result.traces["cell.v"].values.tobytes().hex(),
    "loaded": [m for m in ("brian2", "sympy", "Cython", "xarray", "matplotlib") if m in sys.modules],
}))
"""


def start():
    """Start a process that runs a small circuit with the cache of this test."""
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(TESTS)], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def told(process):
    """What such a process found."""
    out, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    return json.loads(out)


def test_processes_with_an_empty_cache_compile_once_and_agree(empty_cache):
    results = [told(process) for process in [start() for _ in range(4)]]
    assert len({(r["state"], r["trace"]) for r in results}) == 1
    assert sum(r["compiled"] for r in results) == 1
    assert not list(empty_cache.glob("work/*"))
    warm = told(start())
    assert not warm["compiled"]
    assert warm["loaded"] == []
    assert warm["state"] == results[0]["state"]


# -- what may fail ----------------------------------------------------------------------------------------


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DENDROSIM_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(StorageError, match="set DENDROSIM_CACHE") as raised:
        run(leaky_protocol(), "cpp")
    assert str(tmp_path / "file" / "cache") in str(raised.value)
    assert raised.value.exit_code == 1
    assert run(leaky_protocol(), "numpy").status == "done"


def test_a_circuit_is_checked_and_run_without_any_cache(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DENDROSIM_CACHE", str(tmp_path / "file"))
    circuit = chain().replace(gates={})
    state = run(chain_protocol(circuit=circuit), "numpy").state
    assert np.all(np.isfinite(state["v"]))


@pytest.fixture
def program(ready, empty_cache, tmp_path, monkeypatch):
    """A compiled program in the cache, and a temporary folder of the test's own for its runs."""
    shutil.copytree(ready, empty_cache)
    runs = tmp_path / "runs"
    runs.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(runs))
    (path,) = empty_cache.glob("programs/*/program")
    return path, runs


DAMAGES = {
    "no program": lambda program: program.unlink(),
    "an empty program": lambda program: os.truncate(program, 0),
    "a program that is none": lambda program: program.write_bytes(b"\x00" * 100),
    "half a header": lambda program: os.truncate(program, 40),
    "half a program": lambda program: os.truncate(program, program.stat().st_size // 2),
    "a program that is not executable": lambda program: program.chmod(0o644),
    "no manifest": lambda program: program.with_name("manifest.json").unlink(),
    "half a manifest": lambda program: os.truncate(program.with_name("manifest.json"), 30),
    "an empty manifest": lambda program: os.truncate(program.with_name("manifest.json"), 0),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_to_the_cache_is_repaired_by_compiling_again(program, damage):
    path, runs = program
    expected = run(leaky_protocol(), "cpp")
    assert not expected.provenance["compiled"]
    new = path.with_name("new")  # not the file of the other tests
    shutil.copy2(path, new)
    new.replace(path)
    DAMAGES[damage](path)
    again = run(leaky_protocol(), "cpp")
    assert again.provenance["compiled"]
    assert np.array_equal(again.state["cell.v"], expected.state["cell.v"])
    assert not run(leaky_protocol(), "cpp").provenance["compiled"]
    assert list(runs.iterdir()) == []


def test_a_program_killed_in_mid_run_is_an_error_and_leaves_nothing(program):
    path, runs = program
    path.unlink()
    executable(
        path, "#!/bin/sh\nhead -c 100 /dev/zero > $1/trace0.bin\necho 'P 7 0'\nkill -KILL $$\n"
    )
    seal(path.parent, path.parent.name)
    with pytest.raises(ProgramError, match="-9") as raised:
        run(leaky_protocol(), "cpp")
    assert raised.value.exit_code == 1
    assert list(runs.iterdir()) == []


def test_a_program_that_ends_without_results_is_an_error(program):
    path, runs = program
    path.unlink()
    executable(path, "#!/bin/sh\nexit 0\n")
    seal(path.parent, path.parent.name)
    with pytest.raises(DendrosimError):
        run(leaky_protocol(), "cpp")
    assert list(runs.iterdir()) == []


def test_a_program_that_cannot_be_started_even_when_compiled_anew_is_an_error(program, monkeypatch):
    _, runs = program

    def refuse(*arguments, **options):
        raise OSError(8, "Exec format error")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(programs, "discard", lambda program: None)
    with pytest.raises(ProgramError, match="Exec format error"):
        run(leaky_protocol(), "cpp")
    assert list(runs.iterdir()) == []


def test_a_program_without_memory_says_so(program):
    path, _ = program
    path.unlink()
    executable(path, '#!/bin/sh\necho "what(): std::bad_alloc" >&2\nkill -ABRT $$\n')
    seal(path.parent, path.parent.name)
    with pytest.raises(ProgramError, match="more memory than the machine has"):
        run(leaky_protocol(), "cpp")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("file", ["trace0.bin", "final.bin"])
def test_a_full_disk_is_named(program, monkeypatch, tmp_path, file):
    full = tmp_path / "full"

    def folder(prefix, dir):
        full.mkdir()
        (full / file).symlink_to("/dev/full")
        return str(full)

    monkeypatch.setattr(tempfile, "mkdtemp", folder)
    with pytest.raises(StorageError, match="full"):
        run(leaky_protocol(), "cpp")
    assert not full.exists()


def test_a_temporary_folder_that_is_not_there_is_named(program, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/no/such/folder")
    with pytest.raises(StorageError, match="set TMPDIR"):
        run(leaky_protocol(), "cpp")


def test_a_run_leaves_nothing_in_the_temporary_folder(program):
    _, runs = program
    run(leaky_protocol(), "cpp")
    assert list(runs.iterdir()) == []


CYTHON = """
import json, sys
sys.path.insert(0, sys.argv[1])
from brian2 import prefs
from reference_problems import leaky_protocol
from dendrosim.experiments.run import run
before = prefs["codegen.runtime.cython.cache_dir"]
result = run(leaky_protocol(), backend="cython", progress=True)
after = prefs["codegen.runtime.cython.cache_dir"]
print(json.dumps([result.provenance["compiled"], before == after, result.state["cell.v"].tolist()]))
"""


def test_cython_keeps_its_extensions_in_the_cache_and_compiles_those_that_are_damaged(empty_cache):
    expected = run(leaky_protocol(), "numpy").state["cell.v"]
    for start, compiled in enumerate((True, False, True)):
        done = subprocess.run(
            [sys.executable, "-c", CYTHON, str(TESTS)], capture_output=True, text=True, check=True
        )
        *found, state = json.loads(done.stdout)
        assert found == [compiled, True]
        assert np.asarray(state) == pytest.approx(expected, rel=1e-12)
        extensions = sorted((empty_cache / "cython").glob("*.so"))
        content = bytearray(extensions[0].read_bytes())
        assert ("compiling the circuit (the next run" in done.stderr) == (start == 0)
        if not compiled:
            content[len(content) // 2] ^= 1
            extensions[0].write_bytes(content)
            extensions[-1].write_bytes(b"")


def test_the_tests_do_not_use_the_callers_own_cache():
    assert "dendrosim-tests-" in str(cache_folder())
    assert os.environ["DENDROSIM_CACHE"] == str(cache_folder())


def test_a_blas_starts_no_threads_of_its_own_in_a_program(monkeypatch):
    """They would look out for work, and take the processors from the program's threads."""
    counts, started, popen = [], [], subprocess.Popen

    def start(command, **options):
        process = popen(command, **options)
        started.extend([process.pid] if Path(command[0]).name == "program" else [])
        return process

    def at(self, step, segment):
        with suppress(FileNotFoundError):  # it has ended
            counts.append(len(os.listdir(f"/proc/{started[-1]}/task")))

    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    monkeypatch.setattr(subprocess, "Popen", start)
    monkeypatch.setattr("dendrosim.engine.progress.Progress.at", at)
    blocks = (Block("long", (Phase("on", "20 s"),)),)
    run(leaky_protocol().replace(blocks=blocks), backend="cpp", threads=1)
    assert counts
    assert set(counts) == {1}
