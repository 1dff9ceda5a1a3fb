"""Values can be copied, and sent to other processes by pickle: specifications, results, analyses and errors."""

import copy
import inspect
import multiprocessing
import pickle

import numpy as np
import pytest
from campaigns.test_specifications import EXAMPLES
from comparisons import assert_identical
from result_examples import result

import dendrosim as ds
from dendrosim import errors
from dendrosim.results.result_data import Spikes
from dendrosim.spec import Spec, thaw

COPIES = {
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


def arrays_in(value):
    """All arrays of a specification, at every depth."""
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, Spec | ds.Quantity):
        return arrays_in(vars(value))
    plain = thaw(value)
    parts = plain.values() if isinstance(plain, dict) else plain if isinstance(plain, tuple) else ()
    return [array for part in parts for array in arrays_in(part)]


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.__name__)
def test_copies_of_specifications_are_equal_and_cannot_be_changed(kind, how):
    original = kind(**EXAMPLES[kind])
    if kind is ds.Population:
        _ = original.equations_in_place  # a value that is computed once takes no part
    again = COPIES[how](original)
    assert type(again) is kind
    assert vars(again).keys() >= original._checks.keys()
    if isinstance(original, Spec):
        assert again == original
        assert hash(again) == hash(original)
        assert again.replace() == original
    assert not any(array.flags.writeable for array in arrays_in(again))


def test_mappings_of_copies_are_read_only():
    for again in (make(ds.Protocol(**EXAMPLES[ds.Protocol])) for make in COPIES.values()):
        with pytest.raises(TypeError):
            again.parameters["b"] = 3
        with pytest.raises(TypeError):
            again.circuit.gates["g"] = 0.0


@pytest.mark.parametrize("how", COPIES)
def test_copies_of_shipped_protocols_are_equal(how):
    for name in ("bmvr_digits", "burst_multiplexing", "bac_firing"):
        protocol = ds.load_protocol(name)
        assert COPIES[how](protocol) == protocol


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("value", [20.0, [1.0, 2.0]])
def test_copies_of_quantities_are_equal_and_cannot_be_changed(value, how):
    original = ds.Quantity(value, ds.quantity("1 mV").dimension)
    again = COPIES[how](original)
    assert again == original
    assert not any(array.flags.writeable for array in arrays_in(again))


class Constants(ds.Parameters):
    tau: ds.Quantity = ds.parameter("10 ms", "time constant")
    cell = ds.parameters_of("pv")


@pytest.mark.parametrize("how", COPIES)
def test_copies_of_declared_parameters_are_equal_and_cannot_be_changed(how):
    original = Constants(tau="20 ms")
    again = COPIES[how](original)
    assert again == original
    assert vars(again)["cell"]
    with pytest.raises(TypeError):
        again.cell["tau"] = 1.0


@pytest.mark.parametrize("how", COPIES)
def test_copies_of_results_are_equal(how):
    spikes = {"soma": Spikes(np.arange(3), np.arange(3) * 1e-3)}
    original = result(spikes=spikes, metrics={"a": np.arange(3.0)}, provenance={"seed": 1})
    again = COPIES[how](original)
    assert_identical(again, original)
    assert again.provenance == original.provenance
    assert again["soma.v"].identical(original["soma.v"])
    assert again.final["w"].identical(original.final["w"])
    with pytest.raises(errors.UnknownNameError):
        again.spikes["source"]


@pytest.mark.parametrize("how", COPIES)
def test_copies_of_analyses_compute_the_same(how):
    cell = ds.Population("cell", 1, "dv/dt = (mu*v - v**3)/tau : 1", initial={"v": 0.1})
    circuit = ds.Circuit((cell,), parameters={"mu": -1.0, "tau": "1 ms"})
    branch = ds.continuation(ds.vector_field(circuit), "mu", -1.0, 1.0)
    again = COPIES[how](branch)
    (pitchfork,) = again.bifurcations
    assert np.array_equal(again.states, branch.states)
    for one, other in zip(branch.switch(pitchfork), again.switch(pitchfork), strict=True):
        assert np.array_equal(one.states, other.states)
    point = ds.fixed_point(ds.vector_field(circuit))
    again = COPIES[how](point)
    assert np.array_equal(again.flow.jacobian(again.x), [[-1000.0]])
    assert again.message == point.message


KINDS = [k for k in vars(errors).values() if inspect.isclass(k) and issubclass(k, Exception)]


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_copies_of_errors_have_the_same_message_and_attributes(kind, how):
    needs_names = issubclass(kind, errors.UnknownNameError)
    error = kind("state", "w", ["v", "u"]) if needs_names else kind("a sentence")
    error.partial = "what was recorded"
    again = COPIES[how](error)
    assert type(again) is kind
    assert (str(again), again.args) == (str(error), error.args)
    assert repr(vars(again)) == repr(vars(error))  # as text, because a time may be NaN


def example(steps=50, start=1.0):
    cell = ds.Population("cell", 2, "dv/dt = -v/(10*ms) : 1", initial={"v": start})
    return ds.Protocol(
        ds.Circuit((cell,)),
        (ds.Block("only", (ds.Phase("on", f"{steps} ms"),)),),
        "1 ms",
        (ds.Recording("cell.v", every="1 ms"),),
    )


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_pool_runs_protocols(method):
    protocols = [example(), example(start=2.0)]
    with multiprocessing.get_context(method).Pool(1) as pool:
        for one, protocol in zip(pool.map(ds.run, protocols), protocols, strict=True):
            assert_identical(one, ds.run(protocol))


def test_a_pool_returns_errors_with_what_was_recorded():
    diverging = example(3000).replace(
        circuit=ds.Circuit((ds.Population("cell", 2, "dv/dt = v/ms : 1", initial={"v": 1.0}),))
    )
    with (
        multiprocessing.get_context("spawn").Pool(1) as pool,
        pytest.raises(errors.NonFiniteError) as caught,
    ):
        pool.map(ds.run, [diverging])
    assert caught.value.variable == "cell.v"
    assert len(caught.value.partial["cell.v"]) == 1024
