"""A power loss at any moment of a run gives no wrong number, and no checkpoint is lost."""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from comparisons import identical

import dendrosim as ds
from campaigns.disk_replay import Replay, logging_variables
from campaigns.tally import Tally

TESTS = Path(__file__).parents[1]
STEPS = 3_000_000  # enough for several checkpoints, which take at most a twentieth of the time
RUN = """
import sys
sys.path.insert(0, sys.argv[1])
import dendrosim as ds
from dendrosim.engine import simulate
from campaigns.test_power_loss import protocol

simulate.INTERVAL = 0.0
ds.run(protocol(), "cpp", seed=3, threads=1, out=sys.argv[2])
"""


def protocol():
    """Return a run with a recording and recorded spikes."""
    cell = ds.Population(
        "cell", 3, "dv/dt = (drive - v)/(2*ms) : 1\ndrive : 1", inputs="drive",
        threshold="v > 1", reset="v = 0",
    )  # fmt: skip
    return ds.Protocol(
        ds.Circuit((cell,)),
        (ds.Block("run", (ds.Phase("on", f"{STEPS} ms"),)),),
        dt="1 ms",
        signals={"cell.drive": ds.OrnsteinUhlenbeck(1.5, 0.5, "5 ms")},
        recordings=(ds.Recording("cell.v", "1 s"), ds.Recording("cell.spike", every="spike")),
    )


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """The output folder of a whole run, the replay of its requests to the disk, and its result."""
    folder = tmp_path_factory.mktemp("power").resolve()
    log, root = folder / "log", folder / "disk"
    root.mkdir()
    expected = ds.run(protocol(), "cpp", seed=3, threads=1)
    environment = os.environ | logging_variables(folder, f"{root}/")
    subprocess.run(
        [sys.executable, "-c", RUN, str(TESTS), str(root / "out")], check=True, env=environment
    )
    return root, Replay(log), expected


@pytest.mark.parametrize(
    "cases", [8, pytest.param(2000, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_no_power_loss_gives_wrong_numbers_or_loses_a_checkpoint(
    logged, cases, tmp_path, record_property
):
    root, replay, expected = logged
    out, rng = root / "out", random.Random(cases)
    begun = replay.first_durable(str(out / "unfinished" / "checkpoint.bin"))
    tally = Tally("power losses during a run")
    for case in range(cases):
        event, copy = rng.randrange(replay.events), tmp_path / "copy"
        copy.mkdir()
        for path, content in replay.after(event, rng).items():
            target = copy / Path(path).relative_to(out)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

        def go_on(copy=copy):
            found = copy / "result.nc"
            return ds.open_result(found) if found.exists() else ds.run(resume=copy)

        outcome = tally.judge(
            f"case {case}, after event {event} of {replay.events}",
            go_on,
            lambda result: identical(result, expected),
        )
        if event >= begun and outcome != "right":
            tally.failures.append(
                f"lost: case {case}, after event {event}: {sorted(os.listdir(copy))}"
            )
        shutil.rmtree(copy)
    tally.conclude(record_property)
