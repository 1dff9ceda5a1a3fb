"""A sweep on the workers of a Dask scheduler, one of which is killed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import counted_points
import pytest
import xarray

import dendrosim as ds
from dendrosim.errors import UsageError

pytest.importorskip("distributed")

TESTS = Path(__file__).parents[1]
GRID = {"level": "0:1:3", "tau": "5 ms:20 ms:2"}
WORKER = """
import sys
sys.path[:0] = [sys.argv[1], sys.argv[2]]
import counted_points
counted_points.replace_points()
from distributed import Worker
import asyncio

async def work():
    async with Worker(sys.argv[3], nthreads=1, dashboard_address=None) as worker:
        await worker.finished()

asyncio.run(work())
"""
SCHEDULER = """
import asyncio, sys
from distributed import Scheduler

async def schedule():
    async with Scheduler(host="127.0.0.1", port=0, dashboard=False, scheduler_file=sys.argv[1]) as scheduler:
        await scheduler.finished()

asyncio.run(schedule())
"""


@pytest.fixture
def cluster(counted, tmp_path):
    """The scheduler's file and the processes of two workers."""
    file = tmp_path / "scheduler.json"
    started = [
        subprocess.Popen([sys.executable, "-c", SCHEDULER, str(file)], stderr=subprocess.DEVNULL)
    ]
    until = time.monotonic() + 60
    while not file.exists() or not file.read_text().endswith("}"):
        assert time.monotonic() < until
        time.sleep(0.05)
    address = json.loads(file.read_text())["address"]
    for _ in range(2):
        command = [sys.executable, "-c", WORKER, str(TESTS), str(TESTS.parent), address]
        environment = {**os.environ, counted_points.SECONDS: "0.15"}
        started.append(subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL))
    yield file, started[1:]
    for process in started:
        process.kill()
        process.wait()


def test_a_killed_worker_of_a_cluster_loses_no_point(cluster, counted, tmp_path):
    file, workers = cluster
    out = tmp_path / "out"

    def kill_one():
        until = time.monotonic() + 60
        while len(list((out / "points").glob("*.json"))) < 3 and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(workers[0].pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    found = ds.sweep("relax", GRID, 2, backend="numpy", out=out, scheduler=file)
    killer.join()
    assert workers[0].wait() == -signal.SIGKILL
    assert found.counts == {"done": 12, "diverged": 0, "failed": 0, "missing": 0}
    assert 12 <= len(list(counted.iterdir())) <= 13  # the killed worker took one point with it
    alone = ds.sweep("relax", GRID, 2, backend="numpy", out=tmp_path / "alone")
    xarray.testing.assert_identical(found.dataset, alone.dataset)


def test_a_scheduler_that_does_not_answer_is_said(counted, tmp_path, monkeypatch):
    from dendrosim.study import cluster

    monkeypatch.setattr(cluster, "_PATIENCE", "0.5s")
    with pytest.raises(
        UsageError, match=r"the Dask scheduler tcp://127\.0\.0\.1:9 does not answer"
    ):
        ds.sweep(
            "relax", GRID, backend="numpy", out=tmp_path / "out", scheduler="tcp://127.0.0.1:9"
        )
    (tmp_path / "file.json").write_text("{}")
    with pytest.raises(UsageError, match=r"file\.json is no file of a Dask scheduler"):
        ds.sweep(
            "relax", GRID, backend="numpy", out=tmp_path / "out", scheduler=tmp_path / "file.json"
        )
    assert not (tmp_path / "out").exists()
