"""Continuation of a shipped circuit around corners of its equations."""

import pytest

import dendrosim as ds


@pytest.mark.parametrize(("start", "stop"), [(-4.0, 0.0), (0.0, -4.0)])
def test_the_bistable_range_of_a_leaky_circuit_ends_in_two_folds(start, stop):
    """F2's circuit has three equilibria for targets between -3.2 (h2 = 0) and -2 (h1 = 0)."""
    circuit = ds.load_circuit(
        "dynamical_tp", sizes=(1, 1, 1), mu=0.2, target="clamped", transfer="leaky_relu"
    )
    flow = ds.vector_field(
        circuit,
        inputs={"layer0.h": 1.0, "layer2.target": start},
        values={"w1": [[1.0]], "w2": [[1.0]]},
    )
    branch = ds.continuation(flow, "layer2.target", start, stop)
    expected = (-2.0, -3.2) if start < stop else (-3.2, -2.0)
    assert [b.kind for b in branch.bifurcations] == ["fold", "fold"]
    assert [b.value for b in branch.bifurcations] == pytest.approx(expected, abs=1e-6)
    for bifurcation in branch.bifurcations:
        low, high = bifurcation.interval
        assert low <= bifurcation.value <= high
        assert high - low < 1e-5
    assert branch.message == f"reached layer2.target = {stop:g}"
    assert sorted(set(branch.unstable)) == [0, 1]
