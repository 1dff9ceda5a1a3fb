"""A run that is resumed with a program that had to be compiled again ends with the right numbers."""

import json
import shutil

import pytest
from comparisons import assert_identical
from interrupted_runs import interrupt

import dendrosim as ds
from dendrosim.engine.standalone.program import seal
from dendrosim.errors import ResumeError

STEPS = 600_000
DT = 1e-3


def charging(**parameters):
    """A capacitor whose voltage approaches b with time constant a: x(t) = b (1 - exp(-t/a))."""
    cell = ds.Population("cell", 1, "dx/dt = (b - x)/a : 1\ndy/dt = (c - y)/a : 1")
    circuit = ds.Circuit((cell,), parameters=parameters)
    block = ds.Block("run", (ds.Phase("on", f"{STEPS * DT!r} s"),))
    return ds.Protocol(circuit, (block,), dt=f"{DT!r} s")


@pytest.fixture
def stopped(empty_cache, tmp_path):
    """A run whose parameters are not in the order of the alphabet, in which they are stored."""
    protocol = charging(c=2.0, b=1.0, a="100 s")
    return interrupt(protocol, tmp_path / "out", step=1000)


def expected(target):
    """Return the value after STEPS forward Euler steps."""
    return target * (1 - (1 - DT / 100.0) ** STEPS)


def delete(cache, _):
    shutil.rmtree(cache)


def move(cache, _):
    cache.rename(cache.with_name("moved"))


def another(_, monkeypatch):
    monkeypatch.setenv("DENDROSIM_CACHE", str(_.with_name("another")))


def damage_program(cache, _):
    for path in cache.glob("programs/*/program"):
        path.write_bytes(path.read_bytes()[:1000])


def damage_manifest(cache, _):
    for path in cache.glob("programs/*/manifest.json"):
        path.write_text(path.read_text()[:-20])


@pytest.mark.parametrize("loss", [delete, move, another, damage_program, damage_manifest])
def test_a_program_that_is_compiled_again_has_the_same_order_of_arrays(
    stopped, empty_cache, monkeypatch, loss
):
    loss(empty_cache, monkeypatch)
    result = ds.run(resume=stopped)
    assert result.provenance["compiled"]
    assert result.final["cell.x"].item() == pytest.approx(expected(1.0), rel=1e-9)
    assert result.final["cell.y"].item() == pytest.approx(expected(2.0), rel=1e-9)
    again = ds.run(charging(a="100 s", b=1.0, c=2.0), "cpp")
    assert not again.provenance["compiled"]
    assert_identical(result, again)


def test_a_task_of_a_program_with_another_order_is_refused(stopped, empty_cache):
    """The program of the stored task is replaced by one that has other arrays under the same key."""
    (program,) = empty_cache.glob("programs/*/program")
    charge = ds.Population("cell", 1, "dx/dt = (b - x)/a : 1")
    block = ds.Block("run", (ds.Phase("on", "10 ms"),))
    ds.run(
        ds.Protocol(ds.Circuit((charge,), parameters={"b": 1.0, "a": "1 s"}), (block,), "1 ms"),
        "cpp",
    )
    (other,) = set(empty_cache.glob("programs/*/program")) - {program}
    shutil.copy(other, program)
    shutil.copy(other.with_name("manifest.json"), program.with_name("manifest.json"))
    seal(program.parent, program.parent.name)
    with pytest.raises(ResumeError, match=r"task\.bin is not the file that this version"):
        ds.run(resume=stopped)
    assert json.loads((stopped / "unfinished" / "run.json").read_text())
