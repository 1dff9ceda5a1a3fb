"""The report of a sweep: counts, failed points, metrics over parameters, and the command that repeats it."""

import html
import json
import re
import shlex
from pathlib import Path

import pytest

import dendrosim as ds
from dendrosim.cli import main as cli
from dendrosim.errors import ResumeError
from dendrosim.study.repeat import repeat_sweep
from dendrosim.study.specification import Axis, SweepSpec


def report(folder, capsys):
    assert cli.main(["report", str(folder)]) == 0
    assert capsys.readouterr().out.strip() == str(folder / "report.html")
    return (folder / "report.html").read_text()


@pytest.mark.usefixtures("counted")
def test_a_report_of_a_sweep_says_what_has_become_of_every_point(tmp_path, capsys):
    grid = {"level": [-1.0, 1.0, 2.0, 101.0], "tau": "5 ms"}
    ds.sweep("relax", grid, seeds=2, backend="numpy", out=tmp_path / "sw", progress=False)
    before = sorted(path for path in (tmp_path / "sw").rglob("*"))
    page = report(tmp_path / "sw", capsys)
    assert sorted((tmp_path / "sw").rglob("*")) == sorted(
        [*before, tmp_path / "sw" / "report.html"]
    )
    assert "level 4 × seed 2: 4 done, 2 diverged, 2 failed." in page
    assert page.count("ZeroDivisionError: level is too large") == 2
    # level + 100 seed, for the seeds 0 and 1: mean 51, standard deviation 100/sqrt(2)
    assert "51 ± 71" in page
    assert "Relaxation to a constant input." in page
    for part in ("points", "metrics", "figures", "circuit", "protocol", "provenance"):
        assert f'<section id="{part}">' in page
    assert "<script" not in page
    assert not re.findall(r'(?:href|src)="(?!#)', page)


@pytest.mark.usefixtures("counted")
def test_the_command_of_a_report_computes_the_same_points(tmp_path, capsys):
    grid = {"level": "1:3:3", "tau": ["5 ms", "7.5 ms"], "gain": 2.0}
    made = ds.sweep("relax", grid, seeds=[3], backend="numpy", out=tmp_path / "sw", progress=False)
    page = report(tmp_path / "sw", capsys)
    command = html.unescape(re.search(r"<pre>(.*?)</pre>", page)[1])
    words = shlex.split(command)
    assert words[:3] == ["dendrosim", "sweep", "relax"]
    # The folder of another sweep would be refused.
    assert cli.main([*words[1:], "--out", str(tmp_path / "sw")]) == 0
    assert made.spec.seeds == (3,)


@pytest.mark.usefixtures("counted")
def test_the_command_draws_the_same_points(tmp_path, capsys):
    out, where = tmp_path / "sw", {"out": tmp_path / "sw", "progress": False}
    drawn = {"sampling": "latin", "points": 3, "sampling_seed": 5}
    grid = {"level": "0:1", "tau": ["5 ms", "7.5 ms"]}
    made = ds.sweep("relax", grid, backend="numpy", **drawn, **where)
    words = shlex.split(html.unescape(re.search(r"<pre>(.*?)</pre>", report(out, capsys))[1]))
    assert "level=0.0:1.0" in words
    assert cli.main([*words[1:], "--out", str(out)]) == 0  # another sweep would be refused
    with pytest.raises(ResumeError, match=r"its values were drawn from|its values of level are"):
        ds.sweep("relax", grid, backend="numpy", **{**drawn, "sampling_seed": 6}, **where)
    # A folder that an earlier version has begun does not say from what values were drawn.
    path = out / "sweep.json"
    content = json.loads(path.read_text())
    content["spec"] |= {"spans": {"kind": "mapping", "items": {}}, "sampling_seed": 0}
    path.write_text(json.dumps(content))
    assert ds.sweep("relax", grid, backend="numpy", **drawn, **where).spec.axes == made.spec.axes


def test_points_have_no_command_if_it_is_not_known_how_they_were_drawn():
    axis = Axis("level", (0.1, 0.7))
    spec = SweepSpec("relax", {}, (axis,), (0,), {}, sampling="latin")
    assert repeat_sweep(spec) == ""


@pytest.mark.usefixtures("library")
def test_a_folder_of_something_else_gets_no_report(tmp_path, capsys):
    assert cli.main(["report", str(tmp_path)]) == 2
    assert "sweep" in capsys.readouterr().err
    assert not Path(tmp_path / "report.html").exists()
