"""Vector fields with sparse matrices: the same field as with dense masked ones, and sparse derivatives."""

import numpy as np
import pytest
import scipy.sparse as sp
import sparse_layer as layer

import dendrosim as ds
from dendrosim.engine.plan.state_arrays import initial_state
from dendrosim.errors import ParameterError, ShapeError

SMALL = ds.LocalPatches(height=4, width=4, channels=1, filters=2, kernel=3)
CASES = [(None, ()), (layer.HEBB, "w"), (layer.MIXED, "w")]


def dense(matrix):
    return matrix.toarray() if sp.issparse(matrix) else matrix


def masked(rule):
    """The circuit with a dense matrix that starts from the same weights."""
    where, start = layer.mask(SMALL), initial_state(layer.protocol(rule, connect=SMALL), 0)
    weights = np.zeros_like(where)
    weights[where == 1] = start["w"]
    return layer.circuit(rule, connect=None, initial=weights)


@pytest.mark.parametrize(("rule", "unfrozen"), CASES)
@pytest.mark.parametrize("samples", [1, 3])
def test_the_field_is_that_of_the_masked_matrix(rule, unfrozen, samples):
    drive = np.linspace(0.2, 1.0, 16 * samples).reshape(16, samples)
    pair = (layer.circuit(rule, connect=SMALL), masked(rule))
    sparse, full = (
        ds.vector_field(c, inputs={"image.drive": drive}, unfrozen=unfrozen) for c in pair
    )
    kept = np.ones(full.size, bool)
    if unfrozen:
        kept[-512:] = layer.mask(SMALL).ravel() == 1
    assert [label for label, k in zip(full.labels, kept, strict=True) if k] == list(sparse.labels)
    assert np.array_equal(full.start[kept], sparse.start)
    x = np.where(kept, full.start + 0.1 * np.random.default_rng(0).normal(size=full.size), 0)
    assert abs(full.f(x)[kept] - sparse.f(x[kept])).max() < 1e-12
    expected = dense(full.jacobian(x))[np.ix_(kept, kept)]
    assert abs(expected - dense(sparse.jacobian(x[kept]))).max() < 1e-12


def test_the_fixed_point_is_that_of_the_masked_matrix():
    fields = [
        ds.vector_field(c, inputs={"image.drive": 0.5})
        for c in (layer.circuit(connect=SMALL), masked(None))
    ]
    points = [ds.fixed_point(f) for f in fields]
    assert np.allclose(points[0].x, points[1].x, atol=1e-10)


@pytest.mark.parametrize(("rule", "unfrozen"), CASES)
def test_a_step_follows_the_field(rule, unfrozen):
    protocol = layer.protocol(rule, steps=1, connect=SMALL)
    field = ds.vector_field(protocol, unfrozen=unfrozen)
    after = ds.run(protocol, backend="numpy").final
    step = field.pack({name: after[name] for name in field.shapes}) - field.start
    assert abs(step - layer.DT * field.f(field.start)).max() < 1e-15


def test_weights_stay_sparse():
    large = ds.LocalPatches(height=32, width=32, channels=3, filters=4, kernel=5)
    field = ds.vector_field(layer.circuit(connect=large), inputs={"image.drive": 0.5})
    jacobian = field.jacobian(field.start)
    assert sp.issparse(jacobian)
    # Each state depends on itself, and by each connection in both directions.
    assert jacobian.nnz == field.size + 2 * large.count


def test_one_to_one_has_a_diagonal_derivative():
    size = 50_000
    circuit = ds.Circuit(
        (ds.Population("a", size, "dx/dt = (y - 2*x)/ms : 1\ny : 1"),),
        (ds.Matrix("w", "a", "a", 0.5, connect=ds.OneToOne()),),
        (ds.Projection("a.x", "w", "a.y"),),
    )
    jacobian = ds.vector_field(circuit).jacobian(np.zeros(size))
    assert jacobian.nnz == size
    assert np.allclose(jacobian.diagonal(), -1500)


def test_given_weights():
    circuit = layer.circuit(layer.HEBB, connect=ds.Probability(0.1))
    result = ds.run(layer.protocol(layer.HEBB, connect=ds.Probability(0.1)), backend="numpy")
    fields = [
        ds.vector_field(circuit, inputs={"image.drive": 0.5}, values={"w": w})
        for w in (result.final["w"], result.state["w"], result.sparse("w"))
    ]
    rates = [field.f(field.start) for field in fields]
    assert np.array_equal(rates[0], rates[1])
    assert np.array_equal(rates[0], rates[2])
    with pytest.raises(ParameterError, match="other connections"):
        ds.vector_field(circuit, values={"w": result.final["w"]}, seed=1)
    with pytest.raises(ShapeError, match="values: w"):
        ds.vector_field(circuit, values={"w": np.ones(4)})
