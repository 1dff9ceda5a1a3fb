"""The vector field of every shipped model is what its compiled program steps along, with exact derivatives."""

import warnings

import field_examples as examples
import numpy as np
import pytest
import scipy.sparse as sp

import dendrosim as ds

CIRCUITS = dict(examples.all_circuits())
SMOOTH = [name for name in CIRCUITS if not any(p.spiking for p in CIRCUITS[name].populations)]
PLASTIC = [name for name in CIRCUITS if any(m.plasticity for m in CIRCUITS[name].matrices)]
STEP = 1e-30  # of a derivative by a complex step


def field_of(circuit, samples=1, seed=0, **settings):
    """The field at random inputs and gates."""
    settings.setdefault("inputs", examples.inputs(circuit, samples, seed))
    settings.setdefault("gates", examples.gates(circuit))
    return ds.vector_field(circuit, seed=seed, subthreshold=True, **settings)


def dense(matrix):
    return matrix.toarray() if sp.issparse(matrix) else matrix


def in_scale(flow, matrix):
    """A Jacobian in units of the spread of each state, where its entries can be compared."""
    scale = examples.spread(flow)
    return dense(matrix) * scale / scale[:, None]


def by_complex_step(flow, x):
    """The Jacobian, column by column, to rounding."""
    scale = examples.spread(flow)
    steps = 1j * STEP * np.diag(scale)
    return np.array([flow.f(x + step).imag for step in steps]).T / STEP / scale


def by_differences(flow, x, size=1e-5):
    """The Jacobian from central differences."""
    scale = size * examples.spread(flow)
    steps = np.diag(scale)
    return np.array([flow.f(x + s) - flow.f(x - s) for s in steps]).T / (2 * scale)


# -- one text, two uses -----------------------------------------------------------------------------------


def check_step(name, samples, backend):
    circuit = CIRCUITS[name]
    unfrozen = "*" if name in PLASTIC else ()
    flow = field_of(circuit, samples, unfrozen=unfrozen)
    x = examples.state(flow)
    states = flow.unpack(x)
    start = {**examples.weights(circuit), **states}
    drives = examples.inputs(circuit, samples)
    found = examples.one_step(circuit, start, drives, examples.gates(circuit), backend)
    for path, rate in flow.unpack(flow.f(x)).items():
        assert examples.gap(found[path].reshape(rate.shape), rate) < 1e-9, path


@pytest.mark.parametrize("name", CIRCUITS)
def test_one_step_is_dt_times_the_field(name):
    check_step(name, 3, "numpy")


@pytest.mark.parametrize("model", examples.MODELS)
def test_one_step_without_a_batch_is_dt_times_the_field(model):
    check_step(f"{model}()", 1, "numpy")


COMPILED = [
    pytest.param(m, b, marks=() if m in ("bmvr", "pyramidal_burst") else pytest.mark.slow)
    for m in examples.MODELS
    for b in ("cython", "cpp")
]


@pytest.mark.parametrize(("model", "backend"), COMPILED)
def test_one_compiled_step_is_dt_times_the_field(model, backend):
    check_step(f"{model}()", 3, backend)


# -- derivatives ------------------------------------------------------------------------------------------


def check_jacobian(flow):
    x = examples.state(flow)
    assert not flow.kinks(x)
    found = in_scale(flow, flow.jacobian(x))
    size = max(
        abs(found).max(), 1.0
    )  # per second, as learning rates: what is held may not learn at all
    assert abs(found - in_scale(flow, by_complex_step(flow, x))).max() < 1e-12 * size
    assert abs(found - in_scale(flow, by_differences(flow, x))).max() < 1e-6 * size


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("unfrozen", [False, True], ids=["frozen", "unfrozen"])
@pytest.mark.parametrize("name", CIRCUITS)
def test_jacobian_is_exact(name, unfrozen, samples):
    if unfrozen and name not in PLASTIC:
        pytest.skip("nothing in this circuit is plastic")
    check_jacobian(field_of(CIRCUITS[name], samples, unfrozen="*" if unfrozen else ()))


FEW = {f"{model}()" for model in examples.MODELS} | {
    "dynamical_tp(transfer=leaky_relu, inverse=transpose)"
}


def mostly_slow(names):
    """A few circuits of each model; the others take minutes, since every rate is a search of its own."""
    return [n if n in FEW else pytest.param(n, marks=pytest.mark.slow) for n in names]


@pytest.mark.parametrize("name", mostly_slow(PLASTIC))
def test_jacobian_of_plasticity_alone_is_exact(name):
    check_jacobian(field_of(CIRCUITS[name], unfrozen="*", slaved="*.*"))


SPARSE = {
    "passive cells": (ds.load_circuit("pyramidal_passive", cells=40), ()),
    "a deep chain": (ds.load_circuit("dynamical_tp", sizes=(5,) * 25), ()),
    "many weights": (ds.load_circuit("bmvr", inputs=40, hidden=3), ("w1", "b")),
}


@pytest.mark.parametrize("name", SPARSE)
def test_sparse_jacobian_is_exact(name):
    circuit, unfrozen = SPARSE[name]
    flow = field_of(circuit, unfrozen=unfrozen)
    assert sp.issparse(flow.jacobian(flow.start))
    check_jacobian(flow)


@pytest.mark.parametrize("name", mostly_slow(PLASTIC))
def test_derivatives_of_plasticity_alone_by_parameters_are_exact(name):
    check_parameters(CIRCUITS[name], unfrozen="*", slaved="*.*")


@pytest.mark.parametrize("name", CIRCUITS)
def test_derivatives_by_parameters_are_exact(name):
    check_parameters(CIRCUITS[name], unfrozen="*" if name in PLASTIC else ())


def check_parameters(circuit, **settings):
    inputs = {
        path: ds.Quantity(drive.value[0, 0], drive.dimension)
        for path, drive in examples.inputs(circuit, 1).items()
    }
    flow = field_of(circuit, inputs=inputs, **settings)
    x = examples.state(flow)
    scale = examples.spread(flow)
    assert set(inputs) <= set(flow.parameters)
    for parameter, value in flow.parameters.items():
        size = 1e-6 * (abs(value) or 1.0)
        up, down = (flow.at(parameter, value + s).f(x) for s in (size, -size))
        found = flow.parameter_derivative(x, parameter)
        expected = (up - down) / (2.0 * size)
        noise = 1e-15 * np.abs(flow.f(x) / scale).max() / size
        error = np.abs((found - expected) / scale).max()
        assert error < 1e-6 * np.abs(found / scale).max() + 100.0 * noise + 1e-9, parameter


def test_derivatives_that_are_whole_numbers_pass_without_a_warning():
    """SciPy warns of diagonals of integers, which the derivative of a linear transfer function is."""
    circuit = ds.load_circuit("dynamical_tp", sizes=(8, 8, 8))
    flow = ds.vector_field(circuit, inputs={"layer0.h": np.ones((8, 96))})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sp.issparse(flow.jacobian(flow.start))
