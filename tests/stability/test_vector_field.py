"""Every shipped model: a step of its compiled program follows the vector field, and derivatives are exact."""

import warnings

import field_examples as examples
import numpy as np
import pytest
import scipy.sparse as sp
from comparisons import gap

import dendrosim as ds
from dendrosim.equations.declarations import find_identifiers
from dendrosim.experiments.file_check.report import Report
from dendrosim.experiments.file_check.runs import compare_step

STEP = 1e-30
"""Length of a complex step: without any rounding error it may be this small."""

MANY_CHOICES = ("dendritic_error", "dendritic_predictive", "error_neurons")
"""Models with so many circuits that all of them are tested only with slow tests; others test their defaults."""

MODELS = [
    pytest.param(m, marks=pytest.mark.slow) if m in MANY_CHOICES else m for m in examples.MODELS
]


MOST = pytest.mark.parametrize("most", [2, pytest.param(None, marks=pytest.mark.slow)])
"""How many circuits of a model are tested, about; with slow tests, all of them."""


def some(circuits, most):
    """Return all circuits, or about `most` of them, from the first on."""
    return circuits[:: max(1, len(circuits) // most) if most else 1]


def for_each(model, check, most=None):
    """Check the small circuits of a model, or some of them; a failure names the circuit."""
    for name, circuit in some(examples.circuits(model), most):
        try:
            check(circuit)
        except AssertionError as error:
            error.add_note(f"in {name}")
            raise


def default(model):
    """The small circuit of a model with all choices at their defaults."""
    return dict(examples.circuits(model))[f"{model}()"]


def plastic(circuit):
    """Return the pattern of all plastic matrices, or nothing if a circuit has none."""
    return "*" if any(m.plasticity for m in circuit.matrices) else ()


def has_states(circuit):
    """Return whether a circuit has states besides its weights."""
    return any(p.states for p in circuit.populations)


def field_of(circuit, samples=1, seed=0, **settings):
    """Return the vector field at random inputs and gates."""
    settings.setdefault("inputs", examples.inputs(circuit, samples, seed))
    settings.setdefault("gates", examples.gates(circuit))
    return ds.vector_field(circuit, seed=seed, subthreshold=True, **settings)


def dense(matrix):
    return matrix.toarray() if sp.issparse(matrix) else matrix


def in_scale(flow, matrix):
    """Return a Jacobian in units of the spread of each state, so that its entries can be compared."""
    scale = examples.spread(flow)
    return dense(matrix) * scale / scale[:, None]


def by_complex_step(flow, x):
    """Return the Jacobian by complex steps, exact to rounding."""
    scale = examples.spread(flow)
    steps = 1j * STEP * np.diag(scale)
    return np.array([flow.f(x + step).imag for step in steps]).T / STEP / scale


def by_differences(flow, x, size=1e-5):
    """Return the Jacobian by central differences."""
    scale = size * examples.spread(flow)
    steps = np.diag(scale)
    return np.array([flow.f(x + s) - flow.f(x - s) for s in steps]).T / (2 * scale)


# -- one text, two uses -----------------------------------------------------------------------------------


def check_step(circuit, samples, backend):
    flow = field_of(circuit, samples, unfrozen=plastic(circuit))
    x = examples.state(flow)
    states = flow.unpack(x)
    start = {**examples.weights(circuit), **states}
    drives = examples.inputs(circuit, samples)
    found = examples.one_step(circuit, start, drives, examples.gates(circuit), backend)
    for path, rate in flow.unpack(flow.f(x)).items():
        assert gap(found[path].reshape(rate.shape), rate) < 1e-9, path


@pytest.mark.parametrize("most", [1, pytest.param(None, marks=pytest.mark.slow)])
@pytest.mark.parametrize("model", MODELS)
def test_one_step_is_dt_times_the_field(model, most):
    """In circuits with two choices, or other sizes; tests of shipped files take each choice by itself."""
    report = Report(model)
    chosen = [c for c in examples.circuits(model) if c[0].count("=") > 1 or "sizes" in c[0]]
    for name, circuit in some(chosen, most):
        compare_step(circuit, report, f" in {name}")
    assert not report.findings
    assert not report.not_applicable


@pytest.mark.slow
@pytest.mark.parametrize("model", examples.MODELS)
def test_one_step_on_cython_is_dt_times_the_field(model):
    circuit = default(model)
    flow = field_of(circuit, 3, unfrozen=plastic(circuit))
    x = examples.state(flow)
    start = {**examples.weights(circuit), **flow.unpack(x)}
    drives = examples.inputs(circuit, 3)
    found = examples.one_step(circuit, start, drives, examples.gates(circuit), "cython")
    for path, rate in flow.unpack(flow.f(x)).items():
        assert gap(found[path].reshape(rate.shape), rate) < 1e-9, path


# -- derivatives ------------------------------------------------------------------------------------------


def check_jacobian(flow):
    states = (examples.state(flow, seed) for seed in range(1, 10))
    x = next(x for x in states if not flow.kinks(x))  # units above a silent layer are at their kink
    found = in_scale(flow, flow.jacobian(x))
    # At least 1 per second, the size of learning rates: all weights may be at rest.
    size = max(abs(found).max(), 1.0)
    assert abs(found - in_scale(flow, by_complex_step(flow, x))).max() < 1e-12 * size
    assert abs(found - in_scale(flow, by_differences(flow, x))).max() < 1e-6 * size


@MOST
@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("unfrozen", [False, True], ids=["frozen", "unfrozen"])
@pytest.mark.parametrize("model", MODELS)
def test_jacobian_is_exact(model, unfrozen, samples, most):
    def check(circuit):
        if plastic(circuit) if unfrozen else has_states(circuit):
            check_jacobian(field_of(circuit, samples, unfrozen="*" if unfrozen else ()))

    for_each(model, check, most)


OTHERS = (
    "backprop", "bmvr", "bmvr_deep", "burst_ccn", "burst_cell_types", "burst_rate", "deep_feedback_control",
    "dendritic_error", "dendritic_predictive", "error_neurons", "feedback_alignment", "gauss_newton",
    "node_perturbation", "reciprocal_feedback", "segregated_dendrites", "somatodendritic", "target_propagation",
)  # fmt: skip
LEARNING = [m for m in examples.MODELS if m in OTHERS or m.endswith(("_tp", "_dtp"))]
"""The models with states and plastic matrices; the next test fails for a model that is missing here."""


def test_every_model_that_learns_is_known():
    circuits = {m: [c for _, c in examples.circuits(m)] for m in examples.MODELS}
    found = {m for m, made in circuits.items() if any(plastic(c) and has_states(c) for c in made)}
    assert found == set(LEARNING)


@pytest.mark.parametrize("model", LEARNING)
def test_jacobian_of_plasticity_alone_is_exact(model):
    check_jacobian(field_of(default(model), unfrozen="*", slaved="*.*"))


def test_jacobian_of_plasticity_alone_is_exact_with_kinks():
    circuit = dict(examples.circuits("dynamical_tp"))[
        "dynamical_tp(transfer=leaky_relu, inverse=transpose)"
    ]
    check_jacobian(field_of(circuit, unfrozen="*", slaved="*.*"))


@pytest.mark.slow  # each rate needs a search for the fixed point of the slaved states
@pytest.mark.parametrize("model", LEARNING)
def test_jacobians_of_plasticity_alone_are_exact(model):
    for_each(model, lambda c: check_jacobian(field_of(c, unfrozen="*", slaved="*.*")))


SPARSE = {
    "passive cells": ("pyramidal_passive", {"cells": 40}, ()),
    "a deep chain": ("dynamical_tp", {"sizes": (5,) * 25}, ()),
    "many weights": ("bmvr", {"inputs": 40, "hidden": 3}, ("w1", "b")),
}


@pytest.mark.parametrize("name", SPARSE)
def test_sparse_jacobian_is_exact(name):
    model, sizes, unfrozen = SPARSE[name]
    flow = field_of(ds.load_circuit(model, **sizes), unfrozen=unfrozen)
    assert sp.issparse(flow.jacobian(flow.start))
    check_jacobian(flow)


@pytest.mark.parametrize("model", LEARNING)
def test_derivatives_of_plasticity_alone_by_parameters_are_exact(model):
    check_parameters(default(model), unfrozen="*", slaved="*.*")


@pytest.mark.slow
@pytest.mark.parametrize("model", LEARNING)
def test_all_derivatives_of_plasticity_alone_by_parameters_are_exact(model):
    for_each(model, lambda c: check_parameters(c, unfrozen="*", slaved="*.*"))


@MOST
@pytest.mark.parametrize("model", MODELS)
def test_derivatives_by_parameters_are_exact(model, most):
    for_each(model, lambda c: check_parameters(c, unfrozen=plastic(c)), most)


def without_effect(circuit):
    """Return the inputs that no rate of change reads: those of thresholds, events and synapses alone."""
    sent = {projection.source for projection in circuit.projections}
    rules = [find_identifiers(m.plasticity) for m in circuit.matrices if m.plasticity]
    learned = {name.rpartition("_")[0] for names in rules for name in names}
    found = set()
    for p in circuit.populations:
        read = {n for n in p.variables if n in p.states or n in learned or f"{p.name}.{n}" in sent}
        while (
            more := {
                s
                for name in read & set(p.variables)
                for s in find_identifiers(p.variables[name].expression or "")
            }
            - read
        ):
            read |= more
        found |= {f"{p.name}.{name}" for name in p.inputs if name not in read}
    return found


def check_parameters(circuit, **settings):
    inputs = {
        path: ds.Quantity(drive.value[0, 0], drive.dimension)
        for path, drive in examples.inputs(circuit, 1).items()
    }
    flow = field_of(circuit, inputs=inputs, **settings)
    x = examples.state(flow)
    scale = examples.spread(flow)
    assert set(inputs) - without_effect(circuit) <= set(flow.parameters)
    for parameter, value in flow.parameters.items():
        size = 1e-6 * (abs(value) or 1.0)
        up, down = (flow.at(parameter, value + s).f(x) for s in (size, -size))
        found = flow.parameter_derivative(x, parameter)
        expected = (up - down) / (2.0 * size)
        noise = 1e-15 * np.abs(flow.f(x) / scale).max() / size
        error = np.abs((found - expected) / scale).max()
        assert error < 1e-6 * np.abs(found / scale).max() + 100.0 * noise + 1e-9, parameter


def test_derivatives_that_are_whole_numbers_pass_without_a_warning():
    """SciPy warns of diagonals of integers, such as the derivative of a linear transfer function."""
    circuit = ds.load_circuit("dynamical_tp", sizes=(8, 8, 8))
    flow = ds.vector_field(circuit, inputs={"layer0.h": np.ones((8, 96))})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sp.issparse(flow.jacobian(flow.start))
