"""What a measurement may contain."""

import numpy as np
import pytest
import xarray
from result_examples import result

import dendrosim as ds
from dendrosim.errors import SpecError


@pytest.mark.parametrize(
    "name",
    ["../../elsewhere", "a/b", "/etc/passwd", "", ".", "..", ".hidden", "a\0b", "x" * 300, 3, None, "\ud800"],
)  # fmt: skip
def test_a_figure_has_the_name_of_a_file_in_the_folder_of_the_result(name):
    with pytest.raises(SpecError, match="Measurement: a"):
        ds.Measurement({}, {name: lambda: None})


def test_a_figure_is_a_function_that_draws_it():
    with pytest.raises(SpecError, match="figure 'traces' is a str; it must be a function"):
        ds.Measurement({}, {"traces": "traces.png"})


def test_a_result_with_a_metric_of_lists_of_any_lengths_is_shown():
    shown = result(metrics={"modes": [1, [2, 3]], "table": ((1, 2), (3, 4))})
    assert "modes list of 2, table list of 2" in repr(shown)


@pytest.mark.parametrize("name", [3, None, b"rate", "\ud800"])
def test_a_metric_has_a_text_as_its_name(name):
    with pytest.raises(SpecError, match="Measurement: a name of a metric"):
        ds.Measurement({name: 1.0})


def test_numbers_of_labelled_arrays_are_metrics():
    course = xarray.DataArray([[1.0, 4.0], [2.0, 8.0]], dims=("time", "unit"))
    found = ds.Measurement(
        {"largest": course.max(), "mean": course.mean("time"), "by_unit": {"first": course[0, 0]}},
        references={"largest": ds.Reference(8.0, 1e-12, "closed form")},
    )
    assert found.metrics["largest"] == 8.0
    assert isinstance(found.metrics["largest"], np.floating)
    assert np.array_equal(found.metrics["mean"], [1.5, 6.0])
    assert found.metrics["by_unit"] == {"first": 1.0}
    assert found.agrees == {"largest": True}
