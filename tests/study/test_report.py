"""The report of a result: formulas, a diagram of the circuit, and nothing from outside or from a stranger."""

import re
from xml.etree import ElementTree

import pytest
import result_examples
from matplotlib.figure import Figure

import dendrosim as ds
from dendrosim.circuit.summary import circuit_plain
from dendrosim.study.report.diagram import MOST, draw_circuit
from dendrosim.study.report.equations import equation_groups
from dendrosim.study.report.mathml import math
from dendrosim.study.report.report import write_report
from dendrosim.study.report.timeline import WIDTH, draw_timelines

EVIL = "<script>alert(1)</script>"


def flat(text):
    """MathML as a line: (a/b) for fractions, a^b for powers, a_b for subscripts."""

    def said(element):
        inner = [said(child) for child in element]
        match element.tag:
            case "mfrac":
                return f"({inner[0]}/{inner[1]})"
            case "msup":
                return f"{inner[0]}^{inner[1]}"
            case "msub":
                return f"{inner[0]}_{inner[1]}"
            case "msqrt":
                return f"sqrt[{''.join(inner)}]"
        return (element.text or "").strip() + "".join(inner)

    return said(
        ElementTree.fromstring(text.replace(' xmlns="http://www.w3.org/1998/Math/MathML"', ""))
    )


def test_formulas_are_those_that_are_written():
    assert flat(math("dv/dt = (-v + drive)/tau")) == "(dv/dt)=(−v+drive/τ)"
    assert flat(math("2.5e-9*sqrt(1 + x**2)")) == "2.5⋅10^−9sqrt[1+x^2]"


@pytest.mark.parametrize(
    "text",
    ["a.b", "__import__('os').system('true')", "x[0]", "a if b else c", "a = ", "'text'", "f(x=1)", "(" * 300],
)  # fmt: skip
def test_what_is_no_formula_is_refused_and_never_executed(text):
    with pytest.raises(ds.errors.EquationError, match="cannot typeset"):
        math(text)


@pytest.mark.parametrize("name", ["dynamical_tp", "burst_microcircuit", "bmvr", "pyramidal_ca"])
def test_every_equation_of_a_model_is_typeset(name):
    groups = equation_groups(circuit_plain(ds.load_circuit(name)))
    equations = [e for group in groups for e in group.equations]
    assert len(equations) > 8
    assert not [e for e in equations if "<code>" in e.formula]


def test_units_flags_and_comments_stand_beside_the_formula_and_open_lines_go_on():
    text = "dv/dt = (-v\n + x)/(1*ms) : volt (unless refractory)  # leak\nx : volt"
    fires = {"threshold": "v > 1*mV", "reset": "v = 0*mV", "refractory": "1*ms"}
    cell = ds.Population("cell", 2, text, inputs={"x": "0 mV"}, **fires)
    (group,) = equation_groups(circuit_plain(ds.Circuit((cell,))))
    first = group.equations[0]
    assert (first.unit, first.flags, first.comment) == ("volt", "unless refractory", "leak")
    assert flat(first.formula) == "(dv/dt)=(−v+x/1ms)"
    assert [e.comment for e in group.equations[-3:]] == ["threshold", "reset", "refractory"]


def boxes(drawing):
    root = ElementTree.fromstring(drawing.svg)
    return [g.findtext("title") for g in root if g.get("class") in ("population", "source")]


def test_the_diagram_has_every_population_once_and_feedback_below():
    plain = circuit_plain(ds.load_circuit("two_phase_dtp", sizes=(4, 3, 2)))
    drawing = draw_circuit(plain)
    assert boxes(drawing) == ["layer0", "layer1", "layer2", "pool1"]
    titles = [
        g.findtext("title")
        for g in ElementTree.fromstring(drawing.svg)
        if "link" in g.get("class", "")
    ]
    assert any(t.startswith("layer0 to layer1: w1") for t in titles)
    assert any(t.startswith("layer2 to layer1: q1") for t in titles)
    assert not drawing.note


def test_parts_that_are_alike_are_drawn_once_and_large_circuits_are_cut():
    one = result_examples.circuit()
    joined = circuit_plain(ds.Circuit.join(**{f"copy{k}": one for k in range(30)}))
    drawing = draw_circuit(joined)
    assert boxes(drawing) == ["copy0_source", "copy0_soma"]
    assert "is there 30 times" in drawing.note
    apart = [ds.Population(f"cell{k}", k + 1, "dv/dt = -v/(10*ms) : 1") for k in range(MOST + 5)]
    drawing = draw_circuit(circuit_plain(ds.Circuit(tuple(apart))))
    assert len(boxes(drawing)) == MOST
    assert f"The first {MOST} of {MOST + 5}" in drawing.note


def test_the_timeline_has_the_phases_of_each_block():
    (drawn,) = draw_timelines(result_examples.protocol(trials=2))
    space = "\N{NO-BREAK SPACE}"
    assert drawn.line == f"train: 2 trials, 0{space}s to 40{space}ms"
    assert [row[:2] for row in drawn.rows] == [
        ("free", f"5{space}ms"),
        ("learning", f"15{space}ms"),
    ]
    widths = [float(r.get("width")) + 2 for r in ElementTree.fromstring(drawn.svg).iter("rect")]
    assert widths == pytest.approx([WIDTH / 4, 3 * WIDTH / 4], abs=0.2)


def draw():
    figure = Figure((2, 2))
    ax = figure.subplots()
    ax.plot([0, 1], [0, 1])
    ax.set_title(EVIL)
    return figure


def test_a_report_has_all_parts_and_nothing_from_outside_or_from_a_stranger(tmp_path):
    known = {
        "seed": 3, "backend": EVIL, "files": [{"path": EVIL, "sha256": "00", "commit": None}], "repeat": EVIL,
        "versions": {EVIL: "1"},
    }  # fmt: skip
    result = result_examples.result(metrics={EVIL: 1.0, "b": 0.5}, provenance=known, message=EVIL)
    references = {"b": ds.Reference(0.25, 0.1, "statistical", reason=EVIL)}
    measurement = ds.Measurement(result.metrics, {"one": draw, "two": draw}, references=references)
    page = write_report(result, tmp_path / "report.html", measurement).read_text()
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 8
    for part in ("metrics", "figures", "circuit", "parameters", "protocol", "provenance"):
        assert f'<section id="{part}">' in page
    assert '<span class="differs">1 differ</span>' in page
    assert "1 metric differs from its reference by more than the tolerance: b" in page
    for link in re.findall(r'(?:href|src)="([^"]*)"|url\(([^)]*)\)', page):
        assert "".join(link).startswith(("#", "data:image/png")), link
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert "(prefers-color-scheme: dark)" in page
    assert "@media print" in page


def test_a_report_of_a_stored_result_has_general_figures_if_the_file_is_not_at_hand(tmp_path):
    path = result_examples.result(provenance={"seed": 1}).save(tmp_path / "result.nc")
    page = write_report(ds.open_result(path), tmp_path / "report.html").read_text()
    assert page.count("<figure") >= 1


def test_signals_and_gates_of_a_phase_are_shown_as_values():
    cell = ds.Population("cell", 2, "dy/dt = (gain*x - y)/tau : 1\nx : 1", inputs={"x": 0.0})
    circuit = ds.Circuit((cell,), parameters={"tau": "10 ms"}, gates={"gain": 0.0})
    both = (ds.Constant(1.0), ds.Step(amplitude=[1.0, 2.0], onset="1 ms"))
    phase = ds.Phase("on", "20 ms", gates={"gain": 0.5}, signals={"cell.x": both})
    (drawn,) = draw_timelines(ds.Protocol(circuit, (ds.Block("b", (phase,)),), dt="1 ms"))
    ((_, _, gates, signals),) = drawn.rows
    assert gates == "gain 0.5"
    assert signals.startswith("cell.x 1 + Step(amplitude 2 values by unit, onset 0.001 s")
