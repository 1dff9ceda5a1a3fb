"""What `dendrosim show` says about connections and values, and `dendrosim check` about numbers of objects."""

import pytest

import dendrosim as ds
from dendrosim.circuit.summary import circuit_line, circuit_plain
from dendrosim.cli.circuit_text import circuit_text

CELL = ds.Population("cell", 9, "dv/dt = (x - v)/ms : 1\nx : 1", threshold="v > 1")


def circuit(rule, delay="1 ms"):
    return ds.Circuit(
        (CELL,),
        (ds.Matrix("w", "cell", "cell", connect=ds.LocalPatches(3, 3, 1, 1, 3)),),
        (ds.Projection("cell.v", "w", "cell.x"),),
        pathways=(ds.Pathway("kick", "cell", "cell", "v_post += 1", rule, delay=delay),),
    )


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (ds.AllToAll(), "AllToAll()"),
        (ds.AllToAll(self_connections=False), "AllToAll(self_connections=False)"),
        (ds.Probability(0.5), "Probability(0.5)"),
        (ds.Condition("i < k", {"k": 3}), "Condition(i < k, parameters={'k': 3.0})"),
        (ds.Pairings(range(5), range(5)), "Pairings(5 values, 5 values)"),
    ],
)
def test_rules_are_written_as_they_are_given(rule, said):
    assert f"pathway kick (cell to cell, {said}, delay 0.001 s)" in circuit_text(
        circuit_plain(circuit(rule))
    )


def test_expressions_and_sparse_matrices_are_said_without_what_is_as_usual():
    text = circuit_text(circuit_plain(circuit(ds.OneToOne(), ds.Expression("1 + i", "ms"))))
    assert "OneToOne(), delay Expression(1 + i, unit=ms))" in text
    assert "matrix w (9 × 9: cell from cell, sparse: LocalPatches(3, 3, 1, 1, 3))" in text


def test_one_object_is_named_in_the_singular():
    assert "1 matrix (0 plastic, 0 weights), 1 projection, 1 pathway" in circuit_line(
        circuit(ds.OneToOne())
    )


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ((0, None), "weights at least 0"),
        ((None, 2), "weights at most 2"),
        ((0, 2), "weights at least 0 and at most 2"),
    ],
)
def test_limits_of_weights_may_be_open_at_one_end(bounds, said):
    bounded = ds.Circuit((CELL,), (ds.Matrix("w", "cell", "cell", bounds=bounds),), (
        ds.Projection("cell.v", "w", "cell.x"),
    ))  # fmt: skip
    lines = [line.strip() for line in circuit_text(circuit_plain(bounded)).splitlines()]
    assert said in lines
