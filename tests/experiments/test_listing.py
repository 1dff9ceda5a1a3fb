"""Runs of a folder are listed from attributes of their files, also damaged, foreign and interrupted ones."""

import json

import h5py
import numpy as np
import pytest
import result_examples
from result_files import resealed

import dendrosim as ds
from dendrosim.engine.run_folder import begin_run, lock_folder
from dendrosim.engine.settings import RunSettings
from dendrosim.errors import DataError
from dendrosim.experiments.listing import list_runs
from dendrosim.results.run_summary import LONGEST, read_summary, short_values, summary_attributes


def saved(path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    return result_examples.result(**options).save(path)


def test_results_are_listed_by_date_with_what_their_attributes_say(tmp_path):
    late = {"changed": {"units": 3}, "seed": 7, "finished": "2026-02-01T00:00:00+00:00"}
    early = {"changed": {}, "seed": 1, "finished": "2026-01-01T00:00:00+00:00"}
    saved(
        tmp_path / "a" / "result.nc", provenance=late, metrics={"loss": 0.5, "all": np.zeros(99)},
        references={"loss": ds.Reference(0.25, 0.1)},
    )  # fmt: skip
    saved(
        tmp_path / "b" / "c" / "partial.nc", provenance=early, status="diverged", message="v is nan"
    )
    runs, damaged = list_runs(tmp_path)
    assert not damaged
    assert [run.path.parent.name for run in runs] == ["c", "a"]
    assert (runs[0].status, runs[0].message, runs[0].seed) == ("diverged", "v is nan", 1)
    assert (runs[1].protocol, runs[1].changed, runs[1].seed) == ("example", {"units": 3}, 7)
    assert (runs[1].metrics, runs[1].differs) == ({"loss": 0.5}, ("loss",))


def test_a_file_of_an_earlier_version_without_attributes_is_listed(tmp_path):
    record = {
        "protocol": "example",
        "parameters": {"units": 3},
        "seed": 2,
        "finished": "2025-01-01",
    }
    path = saved(tmp_path / "old.nc", provenance=record, metrics={"loss": 0.5})
    with resealed(path) as file:
        for name in set(file.attrs) - {"dendrosim_format", "status", "_NCProperties"}:
            del file.attrs[name]
    found = read_summary(path)
    assert (found.protocol, found.seed, found.finished) == ("example", 2, "2025-01-01")
    assert (found.metrics, found.changed, found.status) == ({"loss": 0.5}, {"units": 3}, "done")


def test_damaged_files_are_named_and_files_of_others_left_out(tmp_path):
    good = saved(tmp_path / "good.nc")
    (tmp_path / "cut.nc").write_bytes(good.read_bytes()[:2000])
    (tmp_path / "empty.nc").write_bytes(b"")
    with h5py.File(tmp_path / "foreign.nc", "w") as file:
        file["x"] = 1.0
    newer = saved(tmp_path / "newer.nc")
    with resealed(newer) as file:
        file.attrs["dendrosim_format"] = 99
    wrong = saved(tmp_path / "wrong.nc")
    with resealed(wrong) as file:
        file.attrs["changed_parameters"] = "{"
    runs, damaged = list_runs(tmp_path)
    assert [run.path.name for run in runs] == ["good.nc"]
    assert {path.name for path in damaged} == {"cut.nc", "empty.nc", "newer.nc", "wrong.nc"}
    assert "newer dendrosim" in damaged[newer]
    with pytest.raises(DataError, match="there is no folder"):
        list_runs(tmp_path / "nothing")


def test_runs_that_can_be_resumed_and_runs_at_work_are_listed(tmp_path):
    for name in ("stopped", "working", "broken"):
        folder = tmp_path / name / "unfinished"
        settings = RunSettings("numpy", 5, "double", 1, 1, False)
        with lock_folder(folder, new=True):
            begin_run(folder, result_examples.protocol(), settings, {"changed": {"units": 2}})
    (tmp_path / "broken" / "unfinished" / "run.json").write_text("{")
    saved(tmp_path / "stopped" / "partial.nc", status="interrupted")
    with lock_folder(tmp_path / "working" / "unfinished", new=False):
        runs, damaged = list_runs(tmp_path)
    assert {run.path.relative_to(tmp_path).as_posix(): run.status for run in runs} == {
        "stopped/partial.nc": "interrupted", "working": "running",
    }  # fmt: skip
    (working,) = (run for run in runs if run.status == "running")
    assert (working.protocol, working.seed, working.changed) == ("example", 5, {"units": 2})
    assert [path.parent.name for path in damaged] == ["broken"]
    (tmp_path / "stopped" / "partial.nc").unlink()
    left = {run.path.name: run for run in list_runs(tmp_path).runs}
    assert left["stopped"].message == f"resume with --resume {tmp_path / 'stopped'}"


def test_attributes_have_short_values_only():
    metrics = {
        "a": {"b": np.arange(LONGEST), "c": np.arange(LONGEST + 1)}, "d": [[1.0]], "e": True, "f": "text",
    }  # fmt: skip
    assert dict(short_values(metrics)) == {"a.b": list(range(LONGEST)), "e": True, "f": "text"}
    many = {f"metric{k}": "x" * 100 for k in range(1000)}
    text = summary_attributes(result_examples.result(metrics=many))["metrics"]
    assert len(text) < 2**14
    assert json.loads(text)["metric0"] == "x" * 100
