"""What is printed reaches any stream, in full, and tables and numbers read well."""

import io
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from fake_engine import RUN_CLI

import dendrosim as ds
from dendrosim.cli import main as cli
from dendrosim.cli.console import emit_table, to_json_value
from dendrosim.display.values import format_value
from dendrosim.results.metric_tables import disagreement_line, metric_tables


@pytest.fixture
def started(monkeypatch):
    """Run the command line in a process of its own and return exit code and stderr."""
    monkeypatch.chdir(Path(__file__).parents[2])

    def started(*arguments, shell=(), stdout=None):
        command = [*shell, *RUN_CLI, *arguments]
        done = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True)
        return done.returncode, done.stderr

    return started


def test_a_closed_pipe_is_no_traceback(started):
    reader, writer = os.pipe()
    os.close(reader)
    assert started("list", stdout=writer) == (1, "")
    assert started("show", "leaky", stdout=writer) == (1, "")
    os.close(writer)


def test_a_full_stdout_is_no_traceback(started):
    with open("/dev/full", "w") as full:
        code, err = started("list", stdout=full)
    assert (code, len(err.splitlines())) == (1, 1)
    assert "No space left on device" in err


def test_a_missing_stdout_is_no_traceback(started):
    for command in ("list", "show leaky", "check relax"):
        assert started(*command.split(), shell=("sh", "-c", '"$@" >&-', "sh")) == (0, "")


def test_a_terminal_without_greek_letters_is_served(call, monkeypatch, folder):
    path = folder / "models" / "leaky.py"
    path.write_text(path.read_text().replace("# eq. 1", "# τ"), encoding="utf-8")
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", stdout)
    assert cli.main(["show", "leaky"]) == 0
    stdout.seek(0)
    assert "# ?" in stdout.read()


def test_values_for_programs_and_for_people():
    assert to_json_value({"a": np.array([[1.0, np.nan]]), "b": np.int64(3), "c": (True, None)}) == {
        "a": [[1.0, None]],
        "b": 3,
        "c": [True, None],
    }
    assert format_value(np.float64(1 / 3)) == "0.333333"
    assert format_value(float("nan")) == format_value(np.float32("nan")) == "nan"
    assert format_value((1, np.nan)) == "[1, nan]"
    assert format_value(True) == "yes"
    assert format_value(None) == "-"
    assert format_value(np.array([1.0, 0.5])) == "[1, 0.5]"
    assert format_value(np.zeros((8, 3))) == "8 × 3 values"


def test_what_has_decayed_to_nothing_is_printed_as_zero():
    """Squares of rounding errors remain: they are the losses of exact solutions."""
    assert format_value([1.5, 8e-80, -1e-101, 3]) == "[1.5, 0, 0, 3]"
    assert format_value([1.0, 1e-31, np.nan, np.inf]) == "[1, 1e-31, nan, inf]"
    assert format_value([8e-80, 4e-80]) == "[8e-80, 4e-80]"
    assert format_value(8e-80) == "8e-80"
    assert format_value([1e-12, 2e-21]) == "[1e-12, 2e-21]"
    rates = np.array([[1e-101, 2e-90], [0.5, 1e-101]])
    ((_, rows),) = metric_tables(ds.Measurement({"rate": rates}))
    assert [text for _, text, *_ in rows] == ["[0, 0]", "[0.5, 0]"]


def test_small_tables_of_numbers_are_told_row_by_row():
    metrics = {
        "loss": np.float64(1 / 3),
        "small": np.array([[1.0, 1 / 3], [2.0, np.nan]]),
        "large": np.zeros((13, 2)),
        "none": np.zeros((0, 2)),
        "by": {"model": [[1, 2]]},
    }
    measurement = ds.Measurement(
        metrics,
        units={"small": "Hz"},
        references={
            "small": ds.Reference([[1, 2], [2, 4]], [[0, 2], [0, 0]]),
            "loss": ds.Reference(0.5, 0.1, "cited"),
        },
    )
    ((columns, rows),) = metric_tables(measurement)
    assert columns == ("metric", "value", "reference", "tolerance", "verdict")
    assert rows == [
        ("loss", "0.333333", "0.5", "0.1", "differs"),
        ("small[0]", "[1, 0.3333] Hz", "[1, 2]", "[0, 2]", "agrees"),
        ("small[1]", "[2, nan] Hz", "[2, 4]", "0", "open"),
        ("large", "13 × 2 values", "", "", ""),
        ("none", "[]", "", "", ""),
        ("by.model[0]", "[1, 2]", "", "", ""),
    ]
    assert disagreement_line(measurement) == (
        "1 metric differs from its reference by more than the tolerance: loss"
    )


def test_metrics_of_several_models_have_their_references_in_a_second_table():
    metrics = {"one": {"rate": 2.0, "known": 2.0}, "two": {"rate": 4.0, "known": 2.0}}
    references = {f"{n}.rate": ds.Reference(f"{n}.known", 0.5) for n in metrics}
    first, second = metric_tables(ds.Measurement(metrics, references=references))
    assert first == (("metric", "one", "two"), [("rate", "2", "4"), ("known", "2", "2")])
    assert second[1] == [
        ("one.rate", "2", "2", "0.5", "agrees"),
        ("two.rate", "4", "2", "0.5", "differs"),
    ]


def test_metrics_of_several_models_stand_side_by_side_entry_by_entry():
    metrics = {
        "one": {"loss": 0.25, "angle": np.array([10.0, 20.0])},
        "two": {"loss": 0.5, "range": "wide"},
    }
    first, (_, second) = metric_tables(ds.Measurement(metrics))
    assert not second
    assert first == (
        ("metric", "one", "two"),
        [
            ("loss", "0.25", "0.5"),
            ("angle[0]", "10", ""),
            ("angle[1]", "20", ""),
            ("range", "", "wide"),
        ],
    )


@pytest.mark.parametrize("width", [40, 80, 200])
def test_columns_that_do_not_fit_are_printed_below(width, monkeypatch, capsys):
    """No column is lost and no number is broken; rows without values are left out of a part of the table."""
    monkeypatch.setenv("COLUMNS", str(width))
    columns = ("metric", *(f"circuit_number_{k}" for k in range(9)))
    rows = [("period", *(f"{k}.2345e-10" for k in range(9))), ("last", *[""] * 8, "yes")]
    emit_table(columns, rows)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    for k in range(9):
        assert text.count(f"circuit_number_{k}") == text.count(f"{k}.2345e-10") == 1
    assert (text.count("last"), text.count("yes")) == (1, 1)
    assert text.count("metric") == text.count("period") == {40: 9, 80: 3, 200: 1}[width]


def test_a_row_with_a_name_alone_is_printed(capsys):
    emit_table(("name", "value"), [("one", "1"), ("nothing", "")])
    assert "nothing" in capsys.readouterr().out


@pytest.mark.parametrize("width", [20, 40, 60, 80])
def test_no_table_cuts_a_number(width, monkeypatch, capsys):
    """A first column that is wider than the terminal included; then each value has a line of its own."""
    monkeypatch.setenv("COLUMNS", str(width))
    name = "a_very_long_name_of_a_metric_with_many_words"
    tables = {
        ("metric", "value", "reference"): [
            ("x", "5.04123e-10 Hz", "5.04e-10"),
            (name, "-1.23456e-100", ""),
        ],
        ("bifurcation", "at", "interval"): [
            ("hopf", "tau = 11.2345678", "11.2345677 to 11.2345679")
        ],
        ("parameter", "default", "type"): [
            ("amplitudes", "[0.1 nA, 0.12345678901 nA]", "list of quantities")
        ],
    }
    for columns, rows in tables.items():
        emit_table(columns, rows)
        words = capsys.readouterr().out.split()
        numbers = {
            w for row in rows for cell in row for w in cell.split() if any(c.isdigit() for c in w)
        }
        assert numbers <= set(words)
        assert {row[0] for row in rows} | set(columns[1:]) <= set(words)
