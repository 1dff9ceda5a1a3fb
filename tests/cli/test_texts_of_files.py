"""Texts of a file, which can be anybody's, change neither what a terminal shows nor what a figure means."""

import ast
import io
import json
from pathlib import Path

import numpy as np
import pytest
import result_examples
from result_files import replace_text, resealed

import dendrosim as ds
from dendrosim.cli import console
from dendrosim.errors import DataError, DendrosimError, DendrosimWarning, printable
from dendrosim.results.result import open_result

CONTROLS = "\x1b[2J\x1b]0;title\x07 \x9b31m\x00\x08\r\x7f \u202eevil\u2066 \ud800"
CLI = Path(console.__file__).parent


def is_plain(text):
    return all(c.isprintable() or c in "\n\t" for c in text)


def test_control_characters_are_written_out_and_all_others_stay():
    assert is_plain(printable(CONTROLS))
    assert printable("\x1b[2J") == r"\x1b[2J"
    assert printable("\ud800\u202e") == r"\ud800\u202e"
    for text in ("µ-rule × 3 → é", "two\nlines\tand a tab", "日本語", ""):
        assert printable(text) == text


def test_errors_and_warnings_are_printable():
    for kind in (DendrosimError, DataError, DendrosimWarning):
        assert is_plain(str(kind(f"a name: {CONTROLS}")))


def test_only_the_console_prints():
    for path in CLI.glob("*.py"):
        calls = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)]
        printing = [
            n.lineno for n in calls if isinstance(n.func, ast.Name) and n.func.id == "print"
        ]
        assert path.name == "console.py" or not printing, f"{path}, lines {printing}"


def test_tables_columns_texts_and_json_are_printable(capsys):
    console.emit(CONTROLS)
    console.emit_table((CONTROLS, "b"), [(CONTROLS, "1")])
    console.emit_columns([(CONTROLS, CONTROLS)])
    console.emit_error(CONTROLS)
    console.emit_json({CONTROLS: CONTROLS})
    said = capsys.readouterr()
    assert is_plain(said.out)
    assert is_plain(said.err)
    console.emit_json({"name": CONTROLS})
    assert json.loads(capsys.readouterr().out) == {"name": CONTROLS}


@pytest.fixture
def stranger():
    """A file with the worst text that dendrosim accepts in each place."""
    path = result_examples.result().save("result.nc")
    with resealed(path) as file:
        protocol = json.loads(file["protocol"][()])
        protocol["name"] = CONTROLS.replace("\ud800", "")
        protocol["blocks"][0]["phases"][0]["name"] = r"evil $\alpha$" + "y" * 150
        protocol["blocks"][0]["phases"][1]["name"] = r"$\frac{" + "x" * 190
        replace_text(file, "protocol", json.dumps(protocol))
        replace_text(file, "metrics", json.dumps({CONTROLS: CONTROLS}))
        replace_text(file, "message", CONTROLS.replace("\x00", "").replace("\ud800", ""))
    return path


@pytest.mark.parametrize("name", [CONTROLS, "x" * 10**6])
def test_a_phases_name_with_control_characters_or_without_end_is_refused(name):
    path = result_examples.result().save("result.nc")
    with resealed(path) as file:
        protocol = json.loads(file["protocol"][()])
        protocol["blocks"][0]["phases"][0]["name"] = name
        replace_text(file, "protocol", json.dumps(protocol))
    with pytest.raises(DataError, match="at most 200 printable characters on one line") as raised:
        open_result(path)
    assert is_plain(str(raised.value))


def test_a_strangers_result_is_shown_and_drawn(stranger, call):
    result = open_result(stranger)
    assert "evil" in repr(result)
    assert is_plain(repr(result))
    code, out, err = call("plot", stranger, "--out", "figures", "--format", "png,svg")
    assert code == 0
    assert is_plain(out)
    assert is_plain(err)
    assert "Warning" not in err
    drawing = Path("figures/traces_soma.svg").read_text()
    assert is_plain(drawing)


def test_a_phases_name_in_a_legend_is_one_short_line_without_mathematics(stranger):
    figure = ds.plot.overview(open_result(stranger))["traces_soma"]()
    labels = [
        t.get_text() for a in figure.axes for g in [a.get_legend()] if g for t in g.get_texts()
    ]
    names = [label for label in labels if "evil" in label or "frac" in label]
    assert len(names) == 2
    assert all(is_plain(n) and len(n) < 70 and "$" not in n.replace(r"\$", "") for n in names)
    figure.savefig(io.BytesIO())


def test_a_plan_of_any_length_makes_no_array_of_bins():
    spikes = {"soma": ds.results.result_data.Spikes(np.array([0]), np.array([0.1]))}
    result = result_examples.result(spikes=spikes)
    blocks = [b.replace(trials=10**12) for b in result.protocol.blocks]
    result.protocol = result.protocol.replace(blocks=blocks)
    with pytest.raises(ds.errors.ParameterError, match="psth: bin_width"):
        ds.plot.psth(result, "soma")
