"""A run that is killed at any moment, by any signal that cannot be caught, loses no checkpoint and no bit."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from comparisons import identical
from long_runs import PROBLEMS

import dendrosim as ds
from campaigns.tally import Tally
from dendrosim.errors import ResumeError

TESTS = Path(__file__).parents[1]
RUN = """
import sys
sys.path.insert(0, sys.argv[1])
import dendrosim as ds
from dendrosim.engine import simulate
from long_runs import PROBLEMS

simulate.INTERVAL = float(sys.argv[4])
out = sys.argv[3]
if sys.argv[2] == "resume":
    ds.run(resume=out)
else:
    ds.run(PROBLEMS[sys.argv[2]](), "cpp", seed=3, threads=1, out=out)
"""
VICTIMS = ("process", "program", "both")


def children(pid):
    """Return the numbers of the processes that a process has started."""
    try:
        return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def start(what, out, interval, cache):
    command = [sys.executable, "-c", RUN, str(TESTS), what, str(out), str(interval)]
    environment = {**os.environ, "DENDROSIM_CACHE": str(cache)}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def kill(process, victim):
    """Kill a process, what it has started (a program, compilers), or both."""
    started = children(process.pid)
    if victim != "program":
        process.kill()
    if victim != "process":
        for pid in started:
            os.kill(pid, signal.SIGKILL)
    process.wait()


@pytest.fixture(scope="module", params=PROBLEMS)
def undisturbed(request, tmp_path_factory):
    """The name of a problem, its result, and the seconds that a process takes for it."""
    cache, out = os.environ["DENDROSIM_CACHE"], tmp_path_factory.mktemp("undisturbed") / "out"
    for _ in range(2):  # the first of them may have to compile the program
        shutil.rmtree(out, ignore_errors=True)
        begin = time.perf_counter()
        assert start(request.param, out, 20.0, cache).wait() == 0
        seconds = time.perf_counter() - begin
    return request.param, ds.open_result(out / "result.nc"), seconds


@pytest.mark.parametrize(
    "cases", [2, pytest.param(100, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_no_kill_loses_a_checkpoint_or_a_bit(undisturbed, cases, tmp_path, record_property):
    problem, expected, seconds = undisturbed
    tally, rng = Tally(f"runs killed at random moments ({problem})", 120.0), random.Random(cases)
    for case in range(cases):
        out, interval, victim = tmp_path / "out", rng.choice([20.0, 0.25, 0.0]), rng.choice(VICTIMS)
        compile_too = case % 10 == 9
        cache = tmp_path / "cache" if compile_too else Path(os.environ["DENDROSIM_CACHE"])
        what, kills = problem, rng.choice([1, 1, 2, 3])
        for _ in range(kills):
            process = start(what, out, interval, cache)
            time.sleep(rng.uniform(0.0, seconds + (6.0 if compile_too else 0.0)))
            kill(process, victim)
            what = "resume" if (out / "unfinished" / "checkpoint.bin").exists() else problem

        def finish(out=out):
            if (out / "result.nc").exists():
                return ds.open_result(out / "result.nc")
            kept = (out / "unfinished" / "checkpoint.bin").exists()
            try:
                return ds.run(resume=out)
            except ResumeError:
                assert not kept, "a checkpoint was lost"
                return ds.run(PROBLEMS[problem](), "cpp", seed=3, threads=1, out=out)

        label = f"case {case}: {kills} kills of {victim}, interval {interval}"
        if tally.judge(label, finish, lambda result: identical(result, expected)) == "typed":
            tally.failures.append(f"lost: {label}")
        # Killed between saving the result and deleting the files of the run, it leaves both.
        left = {name.partition("-")[0] for name in os.listdir(out)}
        assert {"result.nc"} <= left <= {"result.nc", "unfinished", ".dendrosim"}
        shutil.rmtree(out)
        if compile_too:
            shutil.rmtree(cache, ignore_errors=True)
    tally.conclude(record_property)
