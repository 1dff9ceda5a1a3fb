"""`results`, `show RESULT.nc` and `run --again`: results are found again, and repeated bit for bit."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from dendrosim.results.result import open_result


@pytest.fixture
def first(call, monkeypatch):
    """A run of the example on numpy with a value of its own; its figures are empty."""
    monkeypatch.setattr("dendrosim.plot.traces", lambda result, name: Figure((1, 1)))
    code, _, err = call(
        "run", "relax", "--backend", "numpy", "--set", "tau=5 ms", "--seed", 4, "--out", "runs/one"
    )
    assert code == 0, err
    return "runs/one/result.nc"


def test_provenance_names_the_files_and_the_command(first, folder):
    known = open_result(first).provenance
    paths = [folder / "protocols" / "relax.py", folder / "models" / "leaky.py"]
    assert known["files"] == [
        {"path": str(p), "sha256": hashlib.sha256(p.read_bytes()).hexdigest(), "commit": None}
        for p in paths
    ]
    assert known["changed"] == {"tau": "5 ms"}
    assert known["repeat"].startswith(
        "dendrosim run relax --set 'tau=5 ms' --seed 4 --backend numpy"
    )


def test_results_and_show_say_what_there_is(call, first):
    _, out, err = call("results")
    assert "relax: 1" in out
    assert "tau=5 ms" in out
    assert "one/result.nc" in out
    assert not err
    _, out, _ = call("results", "--json")
    (run,) = json.loads(out)["runs"]
    assert (run["protocol"], run["parameters"], run["seed"]) == ("relax", {"tau": "5 ms"}, 4)
    assert (run["status"], run["differs"]) == ("done", ["last"])
    _, out, _ = call("show", first)
    for text in ("relax, done", "changed", "unit.v", "sha256", "repeat", "1 metric differs"):
        assert text in out
    _, out, _ = call("show", first, "--json")
    shown = json.loads(out)
    assert shown["references"]["last"]["agrees"] is False
    assert shown["provenance"]["seed"] == 4


def test_a_run_is_repeated_bit_for_bit(call, first):
    code, out, err = call("run", "--again", first, "--out", "runs/two")
    assert code == 0
    assert f"the same numbers as {first}, bit for bit" in out
    assert "differs from" not in err
    one, two = open_result(first), open_result("runs/two/result.nc")
    assert np.array_equal(one["unit.v"], two["unit.v"])
    assert (two.provenance["seed"], two.protocol) == (4, one.protocol)


def test_what_differs_from_the_first_run_is_said(call, first, folder):
    protocol = folder / "protocols" / "relax.py"
    protocol.write_text(protocol.read_text().replace('"1 ms"', '"2 ms"'))
    again = ["run", "--again", first, "--json", "--out"]
    _, out, _ = call(*again, "runs/two")
    said = json.loads(out)["again"]
    assert said["same_numbers"] is True  # the stored protocol is run
    assert any("makes another protocol now" in d for d in said["differences"])
    assert any(d.startswith(f"{protocol} has changed") for d in said["differences"])
    _, out, _ = call(*again, "runs/three", "--set", "gain=2", "--seed", 5)
    said = json.loads(out)["again"]
    assert said["same_numbers"] is None
    assert {"gain is 2.0 and was 1.0", "seed is 5 and was 4"} <= set(said["differences"])
    made = open_result("runs/three/result.nc").protocol.parameters
    assert (made["tau"], made["gain"]) == ("5 ms", 2.0)


def test_a_start_state_must_be_given_again(call, fails, first):
    started = ["run", "relax", "--backend", "numpy", "--initial", first, "--out", "runs/two"]
    assert call(*started)[0] == 0
    again = ["run", "--again", "runs/two/result.nc", "--out", "runs/three"]
    assert "name its file with --initial" in fails(2, "UsageError", *again)
    code, out, _ = call(*again, "--initial", first)
    assert code == 0
    assert "the same numbers" in out
    wrong = ["run", "--again", first, "--initial", first, "--out", "runs/four"]
    assert "leave --initial out" in fails(2, "UsageError", *wrong)


def test_a_protocol_that_is_not_at_hand_is_still_repeated(
    call, fails, first, monkeypatch, tmp_path
):
    mine = tmp_path / "mine"
    monkeypatch.delenv("DENDROSIM_PATH")
    code, out, err = call("run", "--again", first, "--out", "runs/two")
    assert code == 0
    assert "the same numbers" in out
    assert "the file of protocol 'relax' is not at hand, so there are no metrics" in err
    refused = ["run", "--again", first, "--set", "gain=2", "--out", "runs/three"]
    assert "relax" in fails(2, "UnknownNameError", *refused)
    monkeypatch.setenv("DENDROSIM_PATH", str(mine))
    assert "give one" in fails(2, "UsageError", "run", "--again", first, "--resume", "runs/one")
    assert "no result" in fails(2, "DataError", "run", "--again", "none.nc", "--out", "runs/five")


def test_a_report_is_written_beside_the_result_and_replaces_only_reports(call, fails, first):
    code, out, _ = call("report", first)
    page = Path("runs/one/report.html")
    assert (code, out.strip()) == (0, str(page))
    text = page.read_text()
    assert "Relaxation to a constant input." in text
    assert "dendrosim run relax --set &#39;tau=5 ms&#39; --seed 4" in text
    assert call("report", first)[0] == 0
    page.write_text("notes of mine")
    code, out, err = call("report", first)
    assert (code, page.read_text()) == (1, "notes of mine")
    assert "was not written by dendrosim" in err
    Path("cut.nc").write_bytes(Path(first).read_bytes()[:1000])
    code, _, err = call("report", "cut.nc")
    assert code == 2
    assert "truncated or damaged" in err
    code, out, _ = call(
        "run", "relax", "--backend", "numpy", "--report", "--json", "--out", "runs/two"
    )
    assert json.loads(out)["report"] == "runs/two/report.html"
    assert Path("runs/two/report.html").exists()
