"""A sweep whose processes are killed at any moment computes each point once, and ends with the same dataset."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import counted_points
import pytest
import xarray
from campaigns.test_kills import children

import dendrosim as ds
from dendrosim.study.sweep_folder import SweepFolder

TESTS = Path(__file__).parents[1]
DRIVER = """
import sys
sys.path.insert(0, sys.argv[1])
import counted_points
counted_points.replace_points()
import dendrosim as ds
ds.sweep("relax", {"level": "0:1:3", "tau": "5 ms:20 ms:2"}, 2, backend="numpy", jobs=2, out=sys.argv[2])
"""


def start(out, seconds):
    environment = {
        **os.environ,
        "PYTHONPATH": str(TESTS.parent),
        counted_points.SECONDS: str(seconds),
    }
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(TESTS), str(out)],
        env=environment,
        stderr=subprocess.DEVNULL,
    )


def records(out):
    """Files of the records by name, with the number of the inode: a file that is replaced gets another."""
    points = out / "points"
    found = points.glob("*.json") if points.is_dir() else ()
    return {path.name: path.stat().st_ino for path in found}


def wait_for(condition, seconds=60.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it takes too long"
        time.sleep(0.005)


def finish(out, killed):
    """Let the sweep end undisturbed; the records that there were before are still those files."""
    before = records(out)
    assert start(out, 0.0).wait() == 0
    after = records(out)
    assert len(after) == 12
    assert {name: after[name] for name in before} == before
    assert {p.suffix for p in (out / "points").iterdir()} == {".json"}
    assert len(before) < 12 or not killed


@pytest.fixture
def expected(counted, tmp_path):
    """The dataset of the sweep without any disturbance, computed by one process."""
    found = ds.sweep(
        "relax",
        {"level": "0:1:3", "tau": "5 ms:20 ms:2"},
        2,
        backend="numpy",
        out=tmp_path / "alone",
    )
    for note in counted.iterdir():
        note.unlink()
    return found.dataset


def same(out, expected):
    with xarray.open_dataset(out / "sweep.nc") as stored:
        xarray.testing.assert_identical(stored.load(), expected)


def test_a_worker_and_the_driver_are_killed(expected, counted, tmp_path):
    out = tmp_path / "out"
    driver = start(out, 0.15)
    wait_for(lambda: len(records(out)) >= 2)
    first = children(driver.pid)[0]
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: len(records(out)) >= 5)
    orphans = children(driver.pid)
    assert first not in orphans
    assert len(orphans) == 2  # another one has taken its place
    driver.kill()
    driver.wait()
    finish(out, killed=True)
    same(out, expected)
    # The worker took one point with it; the orphans ended theirs.
    computed = len(list(counted.iterdir()))
    assert 12 <= computed <= 13
    wait_for(
        lambda: not any(Path(f"/proc/{pid}/cmdline").exists() and _alive(pid) for pid in orphans)
    )


def _alive(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]
    except OSError:
        return False


def test_a_point_at_which_processes_die_fails_and_the_others_end(counted, tmp_path, monkeypatch):
    """The system kills a process that needs more memory than there is. Warnings of processes are passed on."""
    grid, out = {"level": [0.0, 0.5, 77.0]}, tmp_path / "out"
    monkeypatch.setenv(counted_points.DEADLY, "0.5")
    with pytest.warns(ds.errors.DendrosimWarning, match="level is 77"):
        found = ds.sweep("relax", grid, backend="numpy", jobs=2, out=out)
    assert found.counts == {"done": 2, "diverged": 0, "failed": 1, "missing": 0}
    assert found.failed[0].parameters == {"level": 0.5}
    said = found.failed[0].error
    assert "3 processes ended at this point (signal 9); it may need more memory" in said
    monkeypatch.delenv(counted_points.DEADLY)
    assert ds.sweep("relax", grid, backend="numpy", out=out, retry=True).complete


def test_processes_that_cannot_begin_are_said(counted, tmp_path, monkeypatch):
    from dendrosim.study import local_jobs

    monkeypatch.setattr(local_jobs, "_START", "import sys; sys.exit(3)")
    with pytest.raises(ds.errors.ProgramError, match=r"end before they begin \(exit code 3\)"):
        ds.sweep("relax", {"level": "0:1:3"}, backend="numpy", jobs=2, out=tmp_path / "out")


def test_another_sweep_of_the_same_points_waits_for_a_point_that_is_being_computed(
    counted, tmp_path
):
    out = tmp_path / "out"
    ds.sweep("relax", {"level": "0:1:3"}, backend="numpy", out=out, part=(1, 3))
    folder = SweepFolder(out)
    claimed = folder.claim(1)
    with claimed as mine:
        assert mine
        driver = subprocess.Popen(
            [
                sys.executable,
                "-c",
                DRIVER.replace('"0:1:3", "tau": "5 ms:20 ms:2"}, 2', '"0:1:3"}, 1').replace(
                    "jobs=2", "jobs=1"
                ),
                str(TESTS),
                str(out),
            ],
            env={**os.environ, "PYTHONPATH": str(TESTS.parent)},
        )
        wait_for(lambda: len(records(out)) == 2)
        time.sleep(0.3)
        assert driver.poll() is None
        assert len(records(out)) == 2
    assert driver.wait(30) == 0
    assert len(list(counted.iterdir())) == 3


STUDENTS = """
import sys
import dendrosim as ds
grid = {"model": "single", "mu": "0.05:0.45:40", "presentations": "500"}
ds.sweep("tp_student_teacher", grid, 5, backend="cpp", jobs=2, out=sys.argv[1])
"""


@pytest.mark.slow
def test_two_hundred_points_and_twenty_kills(tmp_path):
    """Drivers and workers are killed at random moments; the dataset is that of an undisturbed sweep."""
    rng, environment = random.Random(20), {**os.environ, "PYTHONPATH": str(TESTS.parent)}
    command = [sys.executable, "-c", STUDENTS]
    assert subprocess.run([*command, str(tmp_path / "alone")], env=environment).returncode == 0
    out, kills, driver, before = tmp_path / "out", [], None, {}
    while len(kills) < 20:
        if driver is None:
            driver = subprocess.Popen([*command, str(out)], env=environment)
        time.sleep(rng.uniform(0.5, 8.0))
        after = records(out)
        assert before.items() <= after.items()  # no record is lost or written again
        before = after
        workers = children(driver.pid)
        assert driver.poll() in (None, 0)
        if driver.poll() == 0 or not workers or rng.random() < 0.5:
            driver.kill()
            driver.wait()
            kills.append(("driver", len(after)))
            driver = None
        else:
            os.kill(rng.choice(workers), signal.SIGKILL)
            kills.append(("worker", len(after)))
    if driver is not None:
        driver.kill()
        driver.wait()
    print(kills)
    assert subprocess.run([*command, str(out)], env=environment).returncode == 0
    assert before.items() <= records(out).items()
    assert len(records(out)) == 200
    with xarray.open_dataset(tmp_path / "alone" / "sweep.nc") as expected:
        assert (expected["status"] == "done").all()
        same(out, expected.load())
