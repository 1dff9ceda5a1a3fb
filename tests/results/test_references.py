"""References of metrics: when both agree, when that is open, and that a file keeps them."""

import ast
from pathlib import Path

import numpy as np
import pytest
from result_examples import result
from result_files import replace_text, resealed

import dendrosim as ds
from dendrosim.errors import DataError, SpecError, UnknownNameError
from dendrosim.results.reference import KINDS, part_of
from dendrosim.results.result import open_result

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("metric", "reference", "verdict"),
    [
        (1.0, ds.Reference(1.0), True),
        (1.5, ds.Reference(1.0, 0.5), True),  # the tolerance itself is allowed
        (0.75, ds.Reference(1.0, 0.25, relative=0.125), True),
        (0.5, ds.Reference(1.0, 0.25, relative=0.125), False),
        (1.25, ds.Reference(-1.0, relative=0.5), False),
        (INF, ds.Reference(INF), True),
        (INF, ds.Reference(1.0, 1e300), False),
        (np.float32(2.0), ds.Reference(2), True),
        (NAN, ds.Reference(1.0, 9.0), None),
        ("fast", ds.Reference(1.0, 9.0), None),
        (None, ds.Reference(1.0, 9.0), None),
        (True, ds.Reference(1.0, 9.0), None),
        (1.0, ds.Reference(1.0, NAN), None),  # the standard error of a single run
        ([1.0, 2.0], ds.Reference([1.0, 2.5], [0.0, 0.5]), True),
        ([1.0, 2.0], ds.Reference([1.0, 2.5], [0.5, 0.0]), False),
        ([1.0, 9.0], ds.Reference([1.0, NAN]), True),  # the second has no reference
        ([1.0, NAN], ds.Reference([1.0, 2.0]), None),
        ([5.0, NAN], ds.Reference([1.0, 2.0]), False),
        ([[1.0, 2.0], [3.0, 4.0]], ds.Reference(2.5, 1.5), True),
        ([1.0, 2.0, 3.0], ds.Reference([1.0, 2.0]), None),  # of another length
        ({"a": 1.0, "b": [2.0, 3.0]}, ds.Reference({"b": [2.0, 3.5]}, relative=1 / 7), True),
        ({"a": 1.0, "b": 2.0}, ds.Reference({"a": 1.0, "b": 3.0}, {"a": 0.0, "b": 0.5}), False),
        ({"a": 1.0}, ds.Reference({"a": 1.0, "b": 2.0}), None),
        (1.0, ds.Reference({"a": 1.0}), None),
    ],
)
def test_a_metric_agrees_within_the_tolerance_and_is_open_where_it_is_no_number(
    metric, reference, verdict
):
    assert reference.agrees(metric) is verdict


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((1.0, -0.1), "tolerance is -0.1; it must not be negative"),
        ((1.0, 0.1, "exact"), "kind"),
        ((None,), "value is None; it must be a number"),
        (({"a": "fast"},), r"value\['a'\] is 'fast'"),
        (([1.0, 2.0], [0.1, 0.1, 0.1]), r"tolerance has the shape \(3,\)"),
        (
            ({"a": 1.0}, {"b": 0.1}),
            "tolerance has b; it must be a number, or have one for each of a",
        ),
        (([],), "it must have a number"),
        ((True,), "value is True"),
        ((1.0, 0.1, "cited", -1.0), "must not be negative"),
    ],
)
def test_a_reference_that_cannot_be_compared_is_refused(arguments, said):
    with pytest.raises(SpecError, match=said):
        ds.Reference(*arguments)


def test_a_reference_may_be_the_metric_beside_it():
    metrics = {"rate": 2.0, "expected": 4.0, "flow.a": {"rate": [1.0, 2.0], "expected": [1.0, 4.0]}}
    half = {"relative": 0.5, "kind": "statistical"}
    found = ds.Measurement(
        metrics,
        references={
            "rate": ds.Reference("expected", **half),
            "flow.a.rate": ds.Reference("flow.a.expected", **half),
        },
    )
    assert found.agrees == {"rate": True, "flow.a.rate": True}
    assert found.references["rate"].value == 4.0
    assert np.array_equal(found.references["flow.a.rate"].tolerance, [0.5, 2.0])
    assert part_of(metrics, "flow.a.rate") == [1.0, 2.0]


@pytest.mark.parametrize(
    ("references", "error", "said"),
    [
        ({"speed": ds.Reference(1.0)}, UnknownNameError, "'speed'"),
        ({"rate": ds.Reference("expectd")}, UnknownNameError, "'expectd'.*did you mean 'expected'"),
        ({"rate": 1.0}, SpecError, "reference of 'rate' is 1.0; give the value with its tolerance"),
        ({"rate": {"value": 1.0}}, SpecError, "give the value with its tolerance"),
    ],
)
def test_a_reference_of_nothing_and_one_without_tolerance_are_refused(references, error, said):
    with pytest.raises(error, match=said):
        ds.Measurement({"rate": 2.0, "expected": 4.0}, references=references)


def test_a_reference_may_be_given_as_a_mapping_of_its_fields():
    given = {"value": 1.0, "tolerance": 0.5, "kind": "cited"}
    assert ds.Measurement({"rate": 1.25}, references={"rate": given}).agrees == {"rate": True}


def test_a_file_keeps_references_with_every_number(tmp_path):
    references = {
        "a": ds.Reference(1 / 3, relative=1e-9, reason="rounding"),
        "b": ds.Reference(
            {"x": np.array([1.0, NAN]), "y": INF}, {"x": [0.1, 0.2], "y": 0}, KINDS[3]
        ),
    }
    metrics = {"a": 1 / 3, "b": {"x": [1.05, 7.0], "y": 1.0}}
    kept = result(metrics=metrics, references=references)
    read = open_result(kept.save(tmp_path / "result.nc"))
    assert list(read.references) == list(references)
    for name, reference in references.items():
        again = read.references[name]
        assert (again.kind, again.reason) == (reference.kind, reference.reason)
        assert repr(again.plain()) == repr(reference.plain())  # in which nan equals nan
        assert again.agrees(metrics[name]) is reference.agrees(metrics[name])


def test_a_file_with_a_forged_reference_is_refused(tmp_path):
    path = result(metrics={"a": 1.0}).save(tmp_path / "result.nc")
    with resealed(path) as file:
        replace_text(file, "references", '{"a": {"value": 1, "kind": "proved", "tolerance": 0}}')
    with pytest.raises(DataError, match="kind"):
        open_result(path)


def test_every_reference_of_a_shipped_protocol_says_why_its_tolerance_has_its_size():
    calls = [
        (path.name, node)
        for path in (Path(__file__).parents[2] / "protocols").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "ds.Reference"
    ]
    assert len(calls) > 20
    for name, call in calls:
        assert {k.arg for k in call.keywords} & {"reason", None}, f"{name}, line {call.lineno}"
