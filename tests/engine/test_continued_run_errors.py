"""What cannot be continued is refused by name before anything runs."""

import dataclasses
from functools import cache

import numpy as np
import pytest
from continued_runs import spiking

import dendrosim as ds
from dendrosim.cli.main import main
from dendrosim.errors import DataError, ParameterError, ResumeError, SpecError, UsageError

PIECE = (("a", 60),)


@cache
def run_with(backend):
    return ds.run(spiking(PIECE), backend, seed=4)


@pytest.fixture
def first():
    return run_with("numpy")


def again(result, protocol=None, **options):
    protocol = spiking((("b", 20),)) if protocol is None else protocol
    return ds.run(protocol, initial=result, continue_clock=True, **options)


def changed(**changes):
    """Return the protocol with changes of its circuit's first population or pathway."""
    protocol = spiking(PIECE)
    circuit = protocol.circuit
    group = changes.pop("group", "populations")
    part = getattr(circuit, group)[0].replace(**changes)
    return protocol.replace(circuit=circuit.replace(**{group: (part,)}))


def test_seed_precision_batch_and_back_end_are_those_of_the_result(first):
    result = again(first)
    taken = {n: result.provenance[n] for n in ("seed", "precision", "batch", "backend")}
    assert taken == {n: first.provenance[n] for n in taken}
    assert taken["seed"] == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": 5}, "seed is 5, but the initial result was computed with 4"),
        ({"precision": "single"}, "precision is 'single', but .* with 'double'"),
        ({"batch": 3}, "batch is 3, but .* with 2"),
    ],
)
def test_another_setting(first, options, message):
    with pytest.raises(ParameterError, match=message):
        again(first, **options)


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        (lambda: spiking(PIECE).replace(dt="0.05 ms"), "dt is 5e-05 s, but .* is 0.0001 s"),
        (lambda: changed(reset="v = 0"), "reset of Population 'cell' is 'v = 0', but in the"),
        (lambda: changed(size=7), "size of Population 'cell' is '7', but .* it is '6'"),
        (lambda: changed(delay="2 ms", group="pathways"), "delay of Pathway 'feed'"),
        (
            lambda: changed(delay="1.2 ms", group="projections"),
            "delay of projection cell.r .* '0.0012 s', but .* '0.0011 s'",
        ),
    ],
)
def test_another_circuit_or_time_step(first, protocol, message):
    with pytest.raises(ParameterError, match=message):
        again(first, protocol())


@pytest.mark.filterwarnings("ignore:the run that is continued")
def test_parameters_and_recordings_may_differ(first):
    protocol = spiking((("b", 20),)).replace(recordings=(), signals={"cell.x": 0.5})
    assert again(first, protocol).begin.step == 60


def test_results_without_a_clock(first):
    old = ds.Result(first.protocol, {}, first.state, provenance=first.provenance)
    with pytest.raises(DataError, match="no state of its clock"):
        again(old)
    stopped = ds.Result(first.protocol, {}, first.state, status="interrupted", message="5 of 60")
    with pytest.raises(ParameterError, match=r"not ended as planned \(5 of 60\)"):
        again(stopped)
    with pytest.raises(ParameterError, match="give the result as `initial`"):
        again(first.state)
    with pytest.raises(UsageError, match="give the result as `initial`"):
        ds.run(spiking(PIECE), "numpy", continue_clock=True)
    with pytest.raises(ResumeError, match="leave `continue_clock` out"):
        ds.run(resume="nowhere", continue_clock=True)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("cell.lastspike", None, "initial has no cell.lastspike"),
        ("cell.lastspike", np.zeros(3), r"shape \(3,\); this run needs \(12,\)"),
        ("cell.lastspike", np.full(12, np.nan), "cell.lastspike has something else than finite"),
        ("feed.ds_flying_pre", np.array([[31, 0]]), "cannot be on their way"),
        ("feed.ds_flying_pre", np.array([[1, 12]]), "there are 12 elements"),
        ("feed.ds_flying_pre", np.array([[1, 0], [2, 0]]), "cannot be on their way"),
        ("feed.ds_flying_pre", np.zeros((2, 3)), "needs"),
        ("ds_delayed0", np.zeros((3, 12)), r"needs \(11, 12\)"),
        ("feed.ds_own_a", np.zeros(1), "feed.ds_own_a has shape"),
    ],
)
@pytest.mark.parametrize("backend", ["numpy", "cpp"])
def test_a_clock_that_does_not_fit(name, value, message, backend):
    first = run_with(backend)
    carried = {k: v for k, v in first.carried.items() if k != name}
    carried |= {} if value is None else {name: value}
    other = ds.Result(
        first.protocol, {}, first.state, provenance=first.provenance,
        synapses=first.synapses, connections=first.connections, carried=carried,
    )  # fmt: skip
    with pytest.raises(ParameterError, match=message):
        again(other)


def test_back_ends_that_keep_synapses_in_different_forms(first):
    with pytest.raises(ParameterError, match="its back end, numpy, keeps it in another form"):
        again(first, backend="cpp")


def test_a_back_end_without_clock(first, monkeypatch):
    monkeypatch.setattr("dendrosim.engine.runtime.backend.Numpy.continues", False)
    with pytest.raises(SpecError, match="back end numpy cannot continue the clock"):
        again(first)


def test_the_command_needs_a_result(capsys):
    assert main(["run", "bac_firing", "--continue-clock"]) == 2
    assert "--initial" in capsys.readouterr().err


def test_a_beginning_is_read_as_it_was_written(first):
    end = first.begin.after(first.protocol)
    assert type(end).read(end.plain()) == end
    for wrong in (
        {"step": -1},
        {"step": 2**62},
        {"trials": {"a": True}},
        {"block_step": 61},
        {"other": 1},
    ):
        with pytest.raises(ValueError, match="not the beginning of a run"):
            type(end).read({**dataclasses.asdict(end), **wrong})
