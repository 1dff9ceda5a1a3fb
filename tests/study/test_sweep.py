"""A sweep computes each point once, whatever ends it, and says what has failed."""

import errno
import json
import os
import threading

import counted_points
import numpy as np
import pytest
import xarray
from library_examples import MODEL

import dendrosim as ds
from dendrosim.errors import (
    DataError,
    ParameterError,
    ResumeError,
    RunInterruptedError,
    StorageError,
    UsageError,
)
from dendrosim.study import sweep_folder, worker
from dendrosim.study.sweep_folder import SweepFolder
from dendrosim.study.sweep_result import sweep_status

GRID = {"level": "0:1:3", "tau": "5 ms:20 ms:2"}


def run(tmp_path, grid=GRID, seeds=(3, 7), **options):
    return ds.sweep("relax", grid, seeds, backend="numpy", out=tmp_path / "out", **options)


def notes(counted):
    """The points that were computed: level, tau and seed, once for each time."""
    return sorted(tuple(map(float, name.split("_")[:3])) for name in os.listdir(counted))


EVERY = sorted((x, t, s) for x in (0.0, 0.5, 1.0) for t in (0.005, 0.02) for s in (3.0, 7.0))


def test_the_dataset_has_a_dimension_for_each_parameter_and_the_seed(counted, tmp_path):
    found = run(tmp_path, recordings=("unit.v",))
    assert found.complete
    assert notes(counted) == EVERY
    data = found.dataset
    assert dict(data.sizes) == {"level": 3, "tau": 2, "seed": 2, "unit.v.time": 3, "unit.v.unit": 2}
    expected = data.level + 100.0 * data.seed + 0.0 * data.tau
    assert np.array_equal(data["sum"], expected.transpose("level", "tau", "seed"))
    assert (data["tau_"] == data.tau).all()  # a metric of the name of a parameter
    assert data.tau.attrs["units"] == data["tau_"].attrs["units"] == "s"
    trace = data["unit.v"].sel(level=0.5, tau=0.02, seed=7, method="nearest")
    assert np.allclose(trace, np.outer([0, 1e-3, 2e-3], [0.5, 7.0]))
    assert (data.status == "done").all()


def test_the_file_is_the_dataset(counted, tmp_path):
    found = run(
        tmp_path, {"level": [-1.0, 1.0, 200.0], "tau": "5 ms,20 ms"}, recordings=("unit.v",)
    )
    with xarray.open_dataset(found.path) as stored:
        xarray.testing.assert_identical(stored.load(), found.dataset)


def test_a_value_that_does_not_vary_is_no_dimension(counted, tmp_path):
    data = run(tmp_path, {"level": "0:1:3", "tau": "7 ms"}, seeds=1).dataset
    assert dict(data.sizes) == {"level": 3, "seed": 1}
    assert data.attrs["parameters"] == '{"tau": "7 ms"}'
    assert (data["tau"] == 7e-3).all()


def test_points_that_are_drawn_are_one_dimension(counted, tmp_path):
    found = run(tmp_path, {"level": "0:1", "tau": "5 ms,20 ms"}, sampling="latin", points=5)
    data = found.dataset
    assert dict(data.sizes) == {"point": 5, "seed": 2}
    assert np.allclose(data["sum"], data.level + 100.0 * data.seed)
    with xarray.open_dataset(found.path) as stored:
        xarray.testing.assert_identical(stored.load(), data)


def test_diverging_and_failing_points_end_no_others_and_are_computed_again_on_demand(
    counted, tmp_path, monkeypatch
):
    grid = {"level": [-1.0, 1.0, 200.0], "tau": "5 ms"}
    found = run(tmp_path, grid)
    assert found.counts == {"done": 2, "diverged": 2, "failed": 2, "missing": 0}
    assert not found.complete
    assert [(p.parameters, p.seed) for p in found.failed] == [
        ({"level": 200.0}, 3),
        ({"level": 200.0}, 7),
    ]
    assert found.failed[0].error == "ZeroDivisionError: level is too large"
    data = found.dataset
    assert list(data.status.sel(seed=7).values) == ["diverged", "done", "failed"]
    assert data.message.sel(seed=3, level=-1).item() == "NonFiniteError: v of unit became infinite"
    assert np.isnan(data["sum"].sel(level=[-1, 200])).all()
    assert len(notes(counted)) == 6
    run(tmp_path, grid)
    assert len(notes(counted)) == 6  # neither the one nor the other is computed again

    def mended(loaded, parameters, *rest):
        return counted_points.measure_point(loaded, {**parameters, "level": 2.0}, *rest)

    monkeypatch.setattr(worker, "measure_point", mended)
    found = run(tmp_path, grid, retry=True)
    assert found.counts == {"done": 4, "diverged": 2, "failed": 0, "missing": 0}
    assert notes(counted).count((2.0, 0.005, 3.0)) == 1
    assert found.complete


def test_an_interrupted_sweep_goes_on_with_the_other_points(counted, tmp_path, monkeypatch):
    computed = []

    def interrupted(loaded, parameters, seed, *rest):
        if len(computed) == 5:
            raise KeyboardInterrupt
        computed.append(seed)
        return counted_points.measure_point(loaded, parameters, seed, *rest)

    monkeypatch.setattr(worker, "measure_point", interrupted)
    with pytest.raises(
        RunInterruptedError,
        match=r"interrupted; 5 of 12 points are kept in .*out, and the same call",
    ):
        run(tmp_path)
    monkeypatch.setattr(worker, "measure_point", counted_points.measure_point)
    status = sweep_status(tmp_path / "out")
    assert status.counts == {"done": 5, "diverged": 0, "failed": 0, "missing": 7}
    assert int((status.dataset.status == "missing").sum()) == 7
    assert run(tmp_path).complete
    assert notes(counted) == EVERY
    left = os.listdir(tmp_path / "out" / "points")
    assert sorted(left) == [f"{k:07d}.json" for k in range(12)]


def test_a_full_disk_ends_the_sweep_and_loses_no_record(counted, tmp_path, monkeypatch):
    write, full = sweep_folder.write_later_synced, [False]

    def write_or_fail(path, content):
        if full[0] and path.parent.name == "points":
            raise StorageError(f"cannot write {path}: No space left on device; free some space")
        full[0] = path.name == "0000004.json"
        return write(path, content)

    monkeypatch.setattr(sweep_folder, "write_later_synced", write_or_fail)
    with pytest.raises(StorageError, match="No space left"):
        run(tmp_path)
    kept = SweepFolder(tmp_path / "out").ended()
    assert kept
    monkeypatch.undo()
    monkeypatch.setenv("DENDROSIM_PATH", str(tmp_path / "mine"))
    monkeypatch.setattr(worker, "measure_point", counted_points.measure_point)
    before = {i: SweepFolder(tmp_path / "out").record_path(i).stat().st_ino for i in kept}
    assert run(tmp_path).complete
    after = SweepFolder(tmp_path / "out")
    assert all(after.record_path(i).stat().st_ino == inode for i, inode in before.items())


def test_parts_compute_all_points_once(counted, tmp_path):
    for number in (3, 1, 2):
        found = run(tmp_path, part=(number, 3))
        assert found.complete  # its own part is
    assert notes(counted) == EVERY
    assert found.counts["done"] == 12


def test_threads_and_processes_that_ask_for_a_point_at_once_compute_it_once(
    counted, tmp_path, monkeypatch
):
    monkeypatch.setenv(counted_points.SECONDS, "0.02")
    run(tmp_path, part=(1, 12))
    sweep = worker.open_sweep(
        tmp_path / "out", SweepFolder(tmp_path / "out").spec.digest(), "relax"
    )
    barrier = threading.Barrier(8)

    def compute():
        barrier.wait()
        for number in range(12):
            worker.run_point(sweep, number)

    threads = [threading.Thread(target=compute) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert notes(counted) == EVERY


def test_a_record_that_is_damaged_is_computed_again(counted, tmp_path):
    found = run(tmp_path)
    path = tmp_path / "out" / "points" / "0000004.json"
    whole = path.read_text()
    path.write_text(whole[: len(whole) // 2])
    assert sweep_status(tmp_path / "out").counts["missing"] == 1
    again = run(tmp_path)
    xarray.testing.assert_identical(again.dataset, found.dataset)
    assert path.read_text() != whole[: len(whole) // 2]
    assert len(notes(counted)) == 13


@pytest.mark.parametrize(
    ("grid", "options", "message"),
    [
        (
            {**GRID, "level": "0:1:4"},
            {},
            r"its values of level are 0.0,0.5,1.0, not 0.0,0.3333333333333333,",
        ),
        ({"level": "0:1:3"}, {}, "it varies level, tau, and not level"),
        ({**GRID, "gain": 2.0}, {}, "gain is not given there, not 2.0"),
        (GRID, {"seeds": 3}, "its seeds are 3, 7, not 0, 1, 2"),
        (GRID, {"threads": 2}, "setting threads has 1 there, not 2"),
        (GRID, {"recordings": ("unit.v",)}, "it keeps the recordings nothing, not unit.v"),
    ],
)
def test_the_folder_of_another_sweep_is_refused(counted, tmp_path, grid, options, message):
    run(tmp_path, part=(1, 12))
    with pytest.raises(ResumeError, match=f"out has another sweep: {message}"):
        run(tmp_path, grid, **options)


def test_a_folder_with_other_files_is_refused(counted, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "result.nc").touch()
    with pytest.raises(UsageError, match=r"out has no sweep, but 'result.nc'; name another folder"):
        run(tmp_path)
    with pytest.raises(DataError, match=r"is not the folder of a sweep: it has no sweep\.json"):
        sweep_status(tmp_path / "out")
    with pytest.raises(DataError, match="there is no such folder"):
        sweep_status(tmp_path / "missing")


def test_a_folder_of_a_newer_version_is_refused(counted, tmp_path):
    run(tmp_path)
    path = tmp_path / "out" / "sweep.json"
    path.write_text(path.read_text().replace('"dendrosim_sweep": 1', '"dendrosim_sweep": 2'))
    for call in (lambda: run(tmp_path), lambda: sweep_status(tmp_path / "out")):
        with pytest.raises(DataError, match="was written by a newer version of dendrosim"):
            call()


def test_changed_code_is_said_and_not_mixed_silently(counted, library, tmp_path):
    run(tmp_path, part=(1, 2))
    model = library / "models" / "leaky.py"
    model.write_text(MODEL + "# changed\n")
    with pytest.raises(
        ResumeError, match=r"code has changed since .*leaky\.py has changed.*--mix-code"
    ):
        run(tmp_path, part=(2, 2))
    assert len(notes(counted)) == 6
    found = run(tmp_path, part=(2, 2), mix_code=True)
    assert found.counts["done"] == 12
    code = found.dataset["code"]
    assert set(np.unique(code)) == set(json.loads(found.dataset.attrs["code"]))
    assert len(np.unique(code)) == 2


def test_code_that_changes_during_the_sweep_is_noticed(counted, library, tmp_path, monkeypatch):
    def change(loaded, parameters, seed, *rest):
        (library / "models" / "leaky.py").write_text(MODEL + "# changed\n")
        return counted_points.measure_point(loaded, parameters, seed, *rest)

    monkeypatch.setattr(worker, "measure_point", change)
    with pytest.raises(ResumeError, match=r"leaky\.py has changed"):
        run(tmp_path)
    assert len(notes(counted)) == 1


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (
            {"level": "0:1:3", "duration": "10 ms,0 ms"},
            "no protocol can be built with duration=0 ms: .*duration is 0 s",
        ),
        ({"duration": "0 ms", "level": "1,2"}, "duration is 0 s"),
    ],
)
def test_a_value_with_which_no_protocol_can_be_built_is_refused_before_anything_runs(
    counted, tmp_path, grid, message
):
    with pytest.raises(ParameterError, match=message):
        run(tmp_path, grid)
    assert notes(counted) == []
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", [{"part": "1/2"}, {"retry": True}, {"mix_code": True}])
def test_what_belongs_to_a_folder_needs_one(counted, options):
    with pytest.raises(
        UsageError, match=f"{next(iter(options))} is for a sweep with a folder of its own"
    ):
        ds.sweep("relax", GRID, backend="numpy", **options)


def test_a_value_that_goes_with_some_others_only_is_no_mistake(counted, library, tmp_path):
    """Of four points, one cannot be built; the sweep begins nevertheless."""
    path = library / "protocols" / "relax.py"
    check = '    if level == 0 and gain == 2.0:\n        raise ValueError("not together")\n    return ds.Protocol('
    text = path.read_text().replace("    return ds.Protocol(", check).replace(
        "**circuit: ds.parameters_of(\"leaky\", without=(\"size\",))", "gain: float = 1.0"
    ).replace("size=3, **circuit", "size=3, gain=gain")  # fmt: skip
    path.write_text(text)
    found = ds.sweep(
        "relax", {"level": [0.0, 1.0], "gain": [1.0, 2.0]}, backend="numpy", out=tmp_path / "out"
    )
    assert found.counts["missing"] == 0


def test_recordings_that_are_kept_must_exist(counted, tmp_path):
    with pytest.raises(ds.errors.UnknownNameError, match=r"unknown recording 'unit\.w'"):
        run(tmp_path, recordings=("unit.w",))


def test_a_sweep_in_a_notebook(counted, tmp_path):
    found = run(tmp_path, {"level": [1.0, 200.0]})
    assert repr(found) == "<Sweep of relax: level 2 × seed 2; 2 done, 2 failed>"
    shown = found._repr_html_()
    assert "level=200.0, seed 3" in shown
    assert "level is too large" in shown
    assert "xr-wrap" in shown


def test_points_by_the_engine_have_the_numbers_of_single_runs(library, tmp_path):
    found = run(tmp_path, {"level": "0.5,2.0", "tau": "5 ms"}, seeds=(3,), recordings=("unit.v",))
    # Forward Euler of dv/dt = (level - v)/tau with steps of 0.1 ms.
    steps = np.arange(0, 100, 10)
    for level in (0.5, 2.0):
        trace = found.dataset["unit.v"].sel(level=level, seed=3)
        exact = level * (1.0 - (1.0 - 0.1 / 5) ** steps)
        assert np.allclose(trace, exact[:, None], rtol=1e-12)
        assert np.allclose(found.dataset["last"].sel(level=level), exact[-1])
    assert found.dataset["last"].attrs["units"] == "V"


def test_a_record_that_does_not_reach_the_disk_ends_the_sweep(counted, tmp_path, monkeypatch):
    """Disks in a network say only when a file is flushed that they are full."""
    from dendrosim.study import later_sync

    def fail(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(later_sync.os, "fsync", fail)
    with pytest.raises(
        StorageError, match=r"cannot write .*json: No space left on device; free some"
    ):
        run(tmp_path)
