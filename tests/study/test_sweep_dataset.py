"""The dataset of a sweep: metrics of all forms, and what is missing."""

import numpy as np
import pytest
import xarray

from dendrosim.study.dataset import sweep_attributes, sweep_dataset, sweep_variables
from dendrosim.study.dataset_file import write_dataset
from dendrosim.study.record import Record, RecordedArray
from dendrosim.study.specification import Axis, SweepSpec
from dendrosim.study.worker import plain_metric

SPEC = SweepSpec(
    "p", {}, (Axis("size", (2, 3)), Axis("kind", ("a", "b"))), (4,), {}, recordings=("u.v",)
)


def record(index, metrics, recordings=None):
    plain = {name: plain_metric(value) for name, value in metrics.items()}
    return Record(index, 4, {}, "done", "", "", plain, {}, recordings or {}, "c", 0.1, 0.0)


def dataset(*metrics, **options):
    """The dataset with the records of the first points; the points after them are missing."""
    return sweep_dataset(SPEC, {i: record(i, m, **options) for i, m in enumerate(metrics)})


def test_numbers_flags_and_texts_are_variables():
    every = [{"x": k, "flag": k > 1, "word": f"w{k}"} for k in range(4)]
    data = dataset(*every)
    assert data["x"].dtype.kind == "i"
    assert np.array_equal(data["x"].values.ravel(), [0, 1, 2, 3])
    assert data["flag"].dtype == bool
    assert list(data["word"].values.ravel()) == ["w0", "w1", "w2", "w3"]
    assert data["x"].dims == ("size", "kind", "seed")


def test_missing_points_have_no_numbers():
    data = dataset({"x": 1, "flag": True, "word": "w"})
    assert np.array_equal(data["x"].values.ravel(), [1, np.nan, np.nan, np.nan], equal_nan=True)
    assert np.isnan(data["flag"].values.ravel()[1])
    assert list(data["word"].values.ravel()) == ["w", "", "", ""]
    assert list(data["status"].values.ravel()) == ["done", "missing", "missing", "missing"]


def test_lists_of_different_lengths_are_filled_up():
    data = dataset(
        {"loss": [1.0, 2.0]}, {"loss": [1.0, 2.0]}, {"loss": np.arange(3)}, {"loss": [5]}
    )
    assert data["loss"].dims == ("size", "kind", "seed", "loss_0")
    rows = data["loss"].values.reshape(4, 3)
    assert np.array_equal(
        rows, [[1, 2, np.nan], [1, 2, np.nan], [0, 1, 2], [5, np.nan, np.nan]], equal_nan=True
    )


def test_nested_metrics_have_names_with_dots_and_names_stay_apart():
    metrics = {"error": {"single": [1.0], "both": 2.0}, "size": 3, "status": 4, "error.single_0": 5}
    data = dataset(*[metrics] * 4)
    assert set(data.data_vars) == {
        "status", "message", "error.single", "error.both", "size_", "status_", "error.single_0_",
    }  # fmt: skip
    assert (data["error.single_0_"] == 5).all()


def test_what_is_no_array_is_json():
    data = dataset({"m": [[1.0], [2.0, 3.0]]}, {"m": "text"}, {"m": None}, {"m": 1.5})
    assert list(data["m"].values.ravel()) == ["[[1.0], [2.0, 3.0]]", "text", "null", "1.5"]


def test_recordings_with_different_times_and_units():
    def traces(count):
        time = 0.001 * np.arange(count)
        return {"u.v": RecordedArray(("time", "unit"), time, np.ones((count, 2)), "V")}

    same = sweep_dataset(SPEC, {i: record(i, {}, traces(3)) for i in range(4)})
    assert np.allclose(same["u.v.time"], [0, 1e-3, 2e-3])
    other = sweep_dataset(SPEC, {i: record(i, {}, traces(2 + i)) for i in range(2)})
    assert other["u.v"].sizes["u.v.time"] == 3
    assert np.array_equal(other["u.v.times"].values[0, 0, 0], [0, 1e-3, np.nan], equal_nan=True)
    assert np.isnan(other["u.v"].values[0, 0, 0, 2]).all()


@pytest.mark.parametrize("sampling", ["grid", "random"])
def test_the_file_has_everything(sampling, tmp_path):
    spec = SPEC.replace(sampling=sampling)
    metrics = {
        "x": 1.5,
        "flag": True,
        "word": "wörd",
        "list": [1.0, 2.0],
        "large": np.arange(3000.0),
    }
    records = {i: record(i, metrics) for i in range(2)}
    path = write_dataset(
        tmp_path / "sweep.nc", *sweep_variables(spec, records), sweep_attributes(spec)
    )
    with xarray.open_dataset(path) as stored:
        xarray.testing.assert_identical(stored.load(), sweep_dataset(spec, records))
