"""Initial weights that are the product of two other matrices."""

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.circuit.start_values import draw_start_value
from dendrosim.errors import ShapeError, SpecError, UnknownMemberError
from dendrosim.learning.same_start import with_drawn_weights

CELL = "dh/dt = (-h + fed)/(10*ms) : 1\nfed : 1"
NORMAL = ds.Normal(1.0)


def circuit(lateral, up=NORMAL, down=NORMAL):
    """A layer of 3 that sends up to 2 units, receives from them, and has lateral weights."""
    matrices = {"w": ("high", "low", up), "b": ("low", "high", down), "n": ("low", "low", lateral)}
    return ds.Circuit(
        (ds.Population("low", 3, CELL), ds.Population("high", 2, CELL)),
        [ds.Matrix(name, post, pre, initial) for name, (post, pre, initial) in matrices.items()],
        [ds.Projection(f"{pre}.h", name, f"{post}.fed") for name, (post, pre, _) in matrices.items()],
    )  # fmt: skip


def drawn(made, name, seed=4):
    return draw_start_value(made, name, made.shape(made.matrix(name)), seed)


@pytest.mark.parametrize("down", [NORMAL, ds.Transpose("w")], ids=["random", "transpose"])
def test_a_product_is_that_of_the_weights_of_the_same_run_also_in_a_joined_circuit(down):
    made = circuit(ds.Product("b", "w", scale=-0.5), down=down)
    assert ds.Circuit.from_json(made.to_json()) == made
    joined = ds.Circuit.join(a=made, c=made)
    assert joined.matrix("c_n").initial == ds.Product("c_b", "c_w", scale=-0.5)
    for one, prefix in ((made, ""), (joined, "c_"), (with_drawn_weights(made, 4), "")):
        b, w, n = (drawn(one, prefix + name) for name in ("b", "w", "n"))
        assert n.shape == (3, 3)
        assert n == pytest.approx(-0.5 * b @ w, abs=1e-14)


def test_a_vector_field_computes_products_of_given_weights():
    """Also of weights that are computed from given ones themselves."""
    made = circuit(ds.Product("b", "w"), down=ds.Transpose("w"))
    w = np.arange(6.0).reshape(2, 3)
    field = ds.vector_field(made, values={"w": w})
    assert 10e-3 * field.jacobian(field.start)[:3, :3] == pytest.approx(w.T @ w - np.eye(3))


@pytest.mark.parametrize(
    ("lateral", "error", "said"),
    [
        (ds.Product("w", "b"), ShapeError, "Product of 'w' and 'b' is 2 x 2.*3 x 3"),
        (ds.Product("b", "b"), ShapeError, "'b' is 3 x 2 and 'b' is 3 x 2"),
        (ds.Product("b", "v"), UnknownMemberError, "'v'"),
        (ds.Product("b", "n"), SpecError, "depends on itself through 'n'"),
    ],
)
def test_products_that_do_not_fit_are_refused(lateral, error, said):
    with pytest.raises(error, match=said):
        circuit(lateral)


def test_a_loop_through_the_second_factor_is_refused():
    with pytest.raises(SpecError, match="depends on itself through 'n'"):
        circuit(ds.Product("n", "n"))
    loop = ds.Product("b", "w")
    with pytest.raises(SpecError, match="depends on itself"):
        ds.Circuit(
            (ds.Population("low", 3, CELL),),
            [
                ds.Matrix("w", "low", "low", ds.Copy("n")), ds.Matrix("b", "low", "low", 1.0),
                ds.Matrix("n", "low", "low", loop),
            ],
            [ds.Projection("low.h", name, "low.fed") for name in ("w", "b", "n")],
        )  # fmt: skip


def test_a_product_is_for_matrices_only():
    with pytest.raises(ShapeError, match="for matrices"):
        ds.Population("cell", 3, CELL, initial={"h": ds.Product("b", "w")})
