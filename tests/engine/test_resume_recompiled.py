"""A run that is resumed with a program that had to be compiled again ends with the right numbers."""

import json
import re
import shutil

import pytest
from brian2.core.names import Nameable
from comparisons import assert_identical
from interrupted_runs import interrupt

import dendrosim as ds
from dendrosim.engine.cpp.backend import Cpp
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


@pytest.mark.parametrize(
    "loss",
    [
        delete,
        another,
        *(pytest.param(f, marks=pytest.mark.slow) for f in (move, damage_program, damage_manifest)),
    ],
)
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


def rich():
    """Cells with event-driven synapses, delays at both ends and a delayed projection."""
    cell = ds.Population(
        "cell", 3, "dv/dt = (1.3 - v + fed)/(10*ms) : 1\nfed : 1", threshold="v > 1", reset="v = 0"
    )
    path = ds.Pathway(
        "q", "cell", "cell", "a += 1; v_post += 0.001*weight*a", weight=0.1, delay="1 ms",
        equations="da/dt = -a/(20*ms) : 1 (event-driven)", on_post="weight = 0.9*weight + 0.01*a",
        post_delay="0.5 ms",
    )  # fmt: skip
    circuit = ds.Circuit(
        (cell,), (ds.Matrix("w", "cell", "cell", 0.01),),
        (ds.Projection("cell.v", "w", "cell.fed", delay="1 ms"),), pathways=(path,),
    )  # fmt: skip
    blocks = (ds.Block("a", (ds.Phase("p", "80 ms"),)),)
    return ds.Protocol(circuit, blocks, "0.1 ms", (ds.Recording("q.a", "1 ms"),))


def test_a_program_does_not_depend_on_other_objects_of_the_process(tmp_path):
    """Brian2 adds numbers to names that other objects have, such as those of a run on numpy."""

    def sources(name):
        folder = tmp_path / name
        folder.mkdir()
        Cpp().generate(rich(), "double", folder)
        names = ("steps.cpp", "program.cpp", "ds_glue.cpp", "manifest.json")
        return {n: (folder / n).read_text() for n in names}

    first = sources("first")
    used = set(re.findall(r"_run_(\w+)\(", first["steps.cpp"]))
    held = [Nameable(name) for name in used]
    assert len(held) > 5
    assert sources("second") == first


@pytest.mark.parametrize("clock", [False, True])
def test_a_run_from_a_result_with_all_kinds_of_files_is_resumed(clock, tmp_path):
    first = ds.run(rich(), "cpp", 1)
    given = {"seed": 1, "initial": first, "continue_clock": clock}
    whole = ds.run(rich(), "cpp", **given)
    out = interrupt(rich(), tmp_path / "out", step=100, **given)
    assert list(out.glob("unfinished/synapses0.post_delay.bin"))
    assert_identical(ds.run(resume=out), whole)
    assert not (out / "unfinished").exists()
    ds.run(rich(), "numpy", 1, initial=first, out=out, overwrite=True)
    assert not (out / "unfinished").exists()
