"""The commands `show`, `plot`, `report` and `run --again` of a sweep, by its folder or its dataset."""

import json
import shlex
import shutil
from pathlib import Path

import counted_points
import pytest

from dendrosim.study import worker


@pytest.fixture(autouse=True)
def swept(monkeypatch, call):
    """A sweep of the protocol `relax` whose last point has failed; its points are computed in a moment."""
    monkeypatch.setattr(worker, "measure_point", counted_points.measure_point)
    monkeypatch.setattr("dendrosim.cli.sweep._draw", lambda found: [])
    given = ("--set", "level=1,2,200", "--set", "tau=5 ms", "--seeds", "3,7")
    assert call("sweep", "relax", "--backend", "numpy", "--out", "out", *given)[0] == 1
    shutil.copy("out/sweep.nc", "copy.nc")


@pytest.mark.parametrize("path", ["out", "out/sweep.nc", "copy.nc"])
def test_a_sweep_is_shown_with_its_design_its_table_and_its_failures(call, path):
    code, out, err = call("show", path)
    assert code == 0
    rows = [line.split() for line in out.splitlines()]
    assert ["level", "1,", "2,", "200", "3"] in rows
    assert ["seed", "3,", "7", "2"] in rows
    assert ["tau", "5", "ms"] in rows
    assert ["1", "501", "±", "2.8e+02", "0.005", "±", "0"] in rows
    assert "6 points: 4 done, 2 failed" in out
    assert "dendrosim sweep relax --set 'level=1.0, 2.0, 200.0' --set 'tau=5 ms' --seeds 3,7" in out
    assert err.count("ZeroDivisionError: level is too large") == 2
    assert "failed at level=200, seed 7" in err


def test_a_sweep_is_shown_as_json(call):
    plain = json.loads(call("show", "out", "--json")[1])
    assert plain["parameters"] == {"level": [1.0, 2.0, 200.0]}
    assert (plain["points"], plain["done"], plain["missing"]) == (6, 4, 0)
    assert [point["seed"] for point in plain["failed"]] == [3, 7]
    assert "sum" in plain["metrics"]


def test_metrics_of_a_sweep_are_drawn(call):
    assert call("plot", "out", "--metric", "sum", "--x", "level")[0] == 0
    assert Path("out/sweep.png").stat().st_size > 1000
    code, _, err = call("plot", "copy.nc", "--metric", "sun", "--out", "figures")
    assert code == 2
    assert "did you mean 'sum'" in err


def test_the_report_of_a_sweep_is_found_by_its_dataset(call):
    assert call("report", "out/sweep.nc")[:2] == (0, "out/report.html\n")
    code, _, err = call("report", "copy.nc")
    assert code == 2
    assert "is the dataset of a sweep, not the result of a run" in err


def test_a_point_is_repeated_by_a_run(call):
    code, _, err = call("run", "--again", "out")
    assert code == 2
    words = shlex.split(err.partition("the first one is")[2])
    assert words[:5] == ["dendrosim", "run", "relax", "--set", "tau=5 ms"] or "level=1.0" in words
    assert words[-6:] == ["--seed", "3", "--backend", "numpy", "--threads", "1"]
    code, out, _ = call(*words[1:], "--out", "again")
    assert code == 0
    assert "result" in out
    assert call("show", "again")[0] == 0  # the folder of a run
    assert call("plot", "again", "--x", "level")[0] == 2


def test_a_folder_of_something_else_is_not_shown(call):
    Path("empty").mkdir()
    code, _, err = call("show", "empty")
    assert code == 2
    assert "empty is a folder that has neither the result of a run nor a sweep" in err


def test_a_dataset_of_a_newer_version_is_refused(call):
    import h5py

    with h5py.File("copy.nc", "a") as file:
        file.attrs["dendrosim_sweep"] = 99
    code, _, err = call("show", "copy.nc")
    assert code == 2
    assert "has format 99, which a newer dendrosim wrote" in err
