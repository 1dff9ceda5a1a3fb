"""What the command `sweep` prints and returns."""

import json

import counted_points
import pytest

from dendrosim.study import worker


@pytest.fixture(autouse=True)
def counted(monkeypatch, request):
    """Points that are computed in a moment, in a closed form; figures are drawn by one test."""
    monkeypatch.setattr(worker, "measure_point", counted_points.measure_point)
    if "json" not in request.node.name:
        monkeypatch.setattr("dendrosim.cli.sweep._draw", lambda found, formats: [])


def sweep(*arguments):
    return ("sweep", "relax", "--backend", "numpy", "--out", "out", *arguments)


def test_a_sweep_prints_mean_and_spread_over_seeds(call):
    code, out, err = call(*sweep("--set", "level=0:2:3", "--set", "tau=5 ms", "--seeds", "3,7"))
    assert code == 0
    rows = [line.split() for line in out.splitlines()]
    assert ["level", "sum", "tau", "(s)"] in rows
    # level + 100 seed: the mean over seeds 3 and 7 is 500 + level, and the standard deviation 400/sqrt(2).
    assert ["1", "501", "±", "2.8e+02", "0.005", "±", "0"] in rows
    assert "6 points: 6 done" in out
    assert "dataset is" in out
    assert "6 of 6 points" in err


def test_a_sweep_as_json_and_its_exit_code(call, tmp_path):
    code, out, _ = call(
        *sweep("--set", "level=-1,1,200", "--seeds", "3,", "--json", "--format", "png,svg")
    )
    assert code == 1
    plain = json.loads(out)
    failed = {
        "parameters": {"level": 200.0},
        "seed": 3,
        "error": "ZeroDivisionError: level is too large",
    }
    assert plain["failed"] == [failed]
    assert (plain["points"], plain["done"], plain["diverged"], plain["missing"]) == (3, 2, 1, 0)
    assert plain["dataset"] == str(tmp_path / "out" / "sweep.nc")
    figures = [tmp_path / "out" / f"sweep.{end}" for end in ("png", "svg")]
    assert plain["figures"] == [str(path) for path in figures]
    assert all(path.stat().st_size > 1000 for path in figures)
    assert not (tmp_path / "out" / "sweep.pdf").exists()


def test_seeds_alone_are_a_sweep_and_drawn_points_are_rows(call):
    code, out, _ = call(*sweep("--seeds", "2"))
    assert code == 0
    assert "51 ± 71" in out  # 1 and 101
    drawn = ("--sampling", "latin", "--points", "3", "--out", "drawn")
    code, out, _ = call("sweep", "relax", "--backend", "numpy", "--set", "level=0:1", *drawn)
    assert code == 0
    assert "3 points: 3 done" in out


def test_points_that_diverge_are_no_failure(call):
    code, out, _ = call(*sweep("--set", "level=-1,1"))
    assert code == 0
    assert "2 points: 1 done, 1 diverged" in out


def test_failed_points_are_listed_with_the_remedy(call):
    code, _, err = call(*sweep("--set", "level=1,200"))
    assert code == 1
    assert "failed at level=200, seed 0: ZeroDivisionError: level is too large" in err
    assert "--retry computes failed points again" in err


def test_the_status_of_a_sweep(call):
    assert call(*sweep("--set", "level=0:2:3", "--part", "1/3"))[0] == 0
    code, out, _ = call("sweep", "--status", "out")
    assert code == 1
    assert "3 points: 1 done, 2 missing" in out
    call(*sweep("--set", "level=0:2:3"))
    assert call("sweep", "--status", "out")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--set", "level=0:2"), 2, "START:STOP:COUNT"),
        (("--set", "levl=1,2"), 2, "did you mean 'level'"),
        (("--set", "tau=5,10 ms"), 3, "'5' has no unit"),
        (("--set", "level=1,1"), 3, "twice"),
        (("--set", "level=1,2", "--set", "level=3"), 2, "gives 'level' twice"),
        (("--seeds", "3,3"), 3, "seed 3 is given twice"),
        (("--part", "4/3"), 3, "there is no part 4 of 3"),
        (("--sampling", "sobol"), 2, "unknown sampling"),
        (("--record", "unit.w"), 2, "unknown recording"),
        (("--status", "out"), 2, "omit relax"),
        (("--scheduler", "missing.json"), 2, "there is no scheduler file missing.json"),
    ],
)
def test_what_is_no_sweep_is_refused_before_anything_is_written(
    call, tmp_path, arguments, code, message
):
    found, out, err = call(*sweep(*arguments))
    assert (found, out) == (code, "")
    assert message in err
    assert not (tmp_path / "out").exists()


def test_a_protocol_is_needed(call):
    assert call("sweep")[0] == 2
