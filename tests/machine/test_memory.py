"""The free memory is what machine, limits of the process and control groups leave, whichever is least."""

import resource
import subprocess
import sys

import pytest

from dendrosim.machine import memory
from dendrosim.machine.memory import available_memory

GIB = 2**30
VERSION_1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
VERSION_2 = ("memory.max", "memory.current", "inactive_file")


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """A function that makes the control groups of this process; other limits are out of the way."""
    monkeypatch.setattr(memory, "_GROUPS", tmp_path)
    monkeypatch.setattr(memory, "_OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(memory, "_of_machine", lambda: float("inf"))
    monkeypatch.setattr(memory, "_of_limits", lambda: iter(()))

    def make(own, folders, names):
        (tmp_path / "own").write_text(own)
        for folder, (most, now, cache) in folders.items():
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / names[0]).write_text(f"{most}\n")
            (tmp_path / folder / names[1]).write_text(f"{now}\n")
            (tmp_path / folder / "memory.stat").write_text(f"anon 7\n{names[2]} {cache}\nslab 3\n")

    return make


@pytest.mark.parametrize(
    ("folders", "left"),
    [
        ({"": (100, 30, 5)}, 75),
        ({"": ("max", 30, 5)}, float("inf")),
        ({"": ("max", 30, 0), "job/step": (50, 20, 0)}, 30),
        ({"job": (40, 25, 0), "job/step": ("max", 20, 0)}, 15),
        ({"job": (40, 25, 1), "job/step": (30, 20, 2)}, 12),
        ({"job/step": (10, 20, 0)}, 0),
        ({}, float("inf")),
        ({"job/step": ("nonsense", 20, 0)}, float("inf")),
    ],
)
def test_groups_of_version_2_and_those_around_them_count(groups, folders, left):
    groups("0::/job/step\n", folders, VERSION_2)
    assert available_memory() == left


@pytest.mark.parametrize(
    ("folders", "left"),
    [
        ({"memory/job": (60, 20, 10), "memory": (2**63 - 4096, 30, 0)}, 50),
        ({"memory": (60, 20, 0)}, 40),  # in a container, where the path is that outside of it
        ({"cpu/job": (10, 5, 0)}, float("inf")),
    ],
)
def test_groups_of_version_1_count(groups, folders, left):
    groups("9:name=systemd:/job\n4:cpu,memory:/job\n3:cpuset:/\n", folders, VERSION_1)
    assert available_memory() == left


def test_without_control_groups_the_machine_counts(groups, monkeypatch):
    monkeypatch.setattr(memory, "_of_machine", lambda: 5.0)
    assert available_memory() == 5


LIMITED = """
import dendrosim as ds
from dendrosim.machine.memory import available_memory
ds.Protocol, ds.run
assert 0 < available_memory() < 2 * 2**30, available_memory()
cell = ds.Population("cell", 2**29, "dv/dt = -v/ms : 1")
protocol = ds.Protocol(ds.Circuit((cell,)), (ds.Block("b", (ds.Phase("p", "1 ms"),)),), dt="1 ms")
try:
    ds.run(protocol, BACKEND)
except ds.errors.MemoryLimitError as error:
    print(error)
"""


@pytest.mark.parametrize("limit", ["RLIMIT_AS", "RLIMIT_DATA"])
@pytest.mark.parametrize("backend", ["numpy", "cpp"])
def test_a_run_that_a_limit_of_the_process_does_not_let_in_is_refused(limit, backend):
    limits = (2 * GIB, resource.RLIM_INFINITY)
    done = subprocess.run(
        [sys.executable, "-c", f"BACKEND = {backend!r}\n{LIMITED}"], capture_output=True, text=True, timeout=100,
        preexec_fn=lambda: resource.setrlimit(getattr(resource, limit), limits),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "population 'cell': " in done.stdout
    assert "are free" in done.stdout
