"""What a notebook shows: short texts, tables, figures, progress and completions."""

import os
import re

import nbformat
import pytest
from nbclient import NotebookClient

CIRCUIT = """
import dendrosim as ds
cell = ds.Population("cell", 2, "dv/dt = (drive - v)/tau : 1\\ndrive : 1", inputs={"drive": 0}, transfer=None)
circuit = ds.Circuit((cell,), parameters={"tau": "10 ms"})
protocol = ds.Protocol(
    circuit, (ds.Block("only", (ds.Phase("on", "50 ms"),)),), "0.1 ms",
    (ds.Recording("cell.v", every="1 ms"),), {"cell.drive": ds.Constant([1.0, 2.0])}, name="inline",
)
"""

CELLS = {
    "circuit": CIRCUIT + "circuit",
    "protocol": "protocol",
    "result": "result = ds.run(protocol, backend='numpy')\nresult",
    "figure": "ds.plot.traces(result, 'cell.v');",
    "several": "ds.plot.traces(result, 'cell.v')\nax = ds.plot.traces(result, 'cell.v')",
    "overview": "drawn = ds.plot.overview(result)['traces_cell']()",
    "measured": "drawn",
    "point": "point = ds.fixed_point(ds.vector_field(circuit, inputs={'cell.drive': 1.0}))\npoint",
    "branch": "branch = ds.continuation(point.flow, 'tau', 0.005, 0.02)\nbranch",
    "figures": "ds.plot.spectrum(point)\nds.plot.branch(branch)",
    "completions": (
        "shell = get_ipython()\n"
        "def offered(text):\n"
        "    return list(shell.kernel.do_complete(text, len(text))['matches'])\n"
        "print(offered('ds.plot.'), offered('result[\"'), sep='\\n')"
    ),
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """The outputs of each cell, by its name."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(text, id=name) for name, text in CELLS.items()]
    )
    folder = tmp_path_factory.mktemp("notebook")
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": folder}})
    client.execute(env={n: v for n, v in os.environ.items() if n != "MPLBACKEND"})
    return {cell.id: cell.outputs for cell in notebook.cells}


def images(cell):
    return [o for o in cell if "image/png" in o.get("data", {})]


def html(cell):
    return "".join(o["data"].get("text/html", "") for o in cell if "data" in o)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["circuit", "protocol", "result", "point", "branch"])
def test_values_are_shown_as_tables_and_as_short_texts(outputs, name):
    shown = [o["data"] for o in outputs[name] if "data" in o]
    assert len(shown) == 1
    assert "<table>" in shown[0]["text/html"]
    assert not re.search(r"color|background", shown[0]["text/html"])
    assert len(shown[0]["text/plain"]) < 400


@pytest.mark.slow
def test_tables_name_what_the_values_hold(outputs):
    assert "dv/dt = (drive - v)/tau : 1\ndrive : 1" in html(outputs["circuit"])
    assert "Constant(&lt;(2,) array&gt;)" in html(outputs["protocol"])
    assert "cell.v" in html(outputs["result"])
    assert "-100" in html(outputs["point"])  # the eigenvalue is -1/tau


@pytest.mark.slow
def test_figures_appear_once_and_by_themselves(outputs):
    counts = {name: len(images(cell)) for name, cell in outputs.items()}
    assert counts["figure"] == 1
    assert counts["several"] == 2
    assert counts["overview"] == 0
    assert counts["measured"] == 1
    assert counts["figures"] == 2


@pytest.mark.slow
def test_progress_is_one_line(outputs):
    written = "".join(o["text"] for o in outputs["result"] if o.output_type == "stream")
    assert "simulated" in written
    assert written.count("\n") == 1


@pytest.mark.slow
def test_completion_offers_figures_and_variables(outputs):
    import dendrosim as ds

    text = "".join(o["text"] for o in outputs["completions"] if o.output_type == "stream")
    figures, recorded = (set(re.findall(r"'([^']*)'", line)) for line in text.splitlines())
    assert {name.rpartition(".")[2] for name in figures} == set(ds.plot.__all__)
    assert {name.strip('"]') for name in recorded} == {"cell.v"}
