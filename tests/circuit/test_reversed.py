"""`Reversed` connects the same pairs as its rule, in the opposite direction."""

import json

import numpy as np
import pytest
import sparse_layer as layer
from hypothesis import given
from hypothesis import strategies as st

import dendrosim as ds
from dendrosim.errors import ShapeError, SpecError
from dendrosim.spec import Spec

PATCHES = ds.LocalPatches(height=4, width=4, channels=2, filters=3, kernel=3, stride=2)
POST, PRE = PATCHES.shape


def circuit(feedback):
    """An image, cells that see patches of it, and feedback from cells to the image by another matrix."""
    image = ds.Population(
        "image", PRE, "dx/dt = (back - x)/(5*ms) : 1\nback : 1", initial={"x": ds.Normal(1.0)}
    )
    cell = ds.Population("cell", POST, "dh/dt = (tanh(sum) - h)/(10*ms) : 1\nsum : 1")
    return ds.Circuit(
        (image, cell),
        (
            ds.Matrix("w", "cell", "image", ds.Normal(0.3), connect=PATCHES),
            ds.Matrix(
                "r", "image", "cell", ds.Normal(0.3), "dw/dt = 20*Hz*h_pre*x_post - 3*Hz*w : 1", connect=feedback
            ),
        ),
        (ds.Projection("image.x", "w", "cell.sum"), ds.Projection("cell.h", "r", "image.back")),
    )  # fmt: skip


@given(seed=st.integers(0, 99), post=st.integers(1, 9), pre=st.integers(1, 9), p=st.floats(0, 1))
def test_pairs_are_those_of_the_rule_exchanged(seed, post, pre, p):
    rule = ds.Probability(p)
    found = ds.Reversed(rule).draw(post, pre, False, np.random.default_rng(seed))
    expected = rule.draw(pre, post, False, np.random.default_rng(seed))
    assert np.array_equal(found, expected[::-1])
    assert ds.Reversed(ds.Reversed(rule)).expected(post, pre) == rule.expected(post, pre)


@pytest.mark.parametrize("backend", ["numpy", pytest.param("cpp", marks=pytest.mark.slow)])
def test_feedback_reaches_the_patch_that_a_unit_sees(backend):
    """Forward Euler with dense masked matrices; feedback weights learn only where there are connections."""
    made = circuit(ds.Reversed(PATCHES))
    assert Spec.from_json(json.loads(json.dumps(made.to_json()))).to_json() == made.to_json()
    protocol = ds.Protocol(
        made, (ds.Block("run", (ds.Phase("run", "30 ms"),)),), "1 ms",
        recordings=(ds.Recording(("image.x", "w", "r"), every="1 ms"),),
    )  # fmt: skip
    result = ds.run(protocol, backend=backend, seed=2, progress=False)
    mask = layer.mask(PATCHES)
    w, r = np.zeros((POST, PRE)), np.zeros((PRE, POST))
    for name, full in (("w", w), ("r", r)):
        full[result[name].post.values, result[name].pre.values] = result[name].values[0]
    assert np.array_equal(r != 0, mask.T == 1)
    x, h = result["image.x"].values[0], np.zeros(POST)
    for _ in range(30):
        rates = (r @ h - x) / 5e-3, (np.tanh(w @ x) - h) / 10e-3
        learned = (20 * np.outer(x, h) - 3 * r) * mask.T
        x, h, r = x + 1e-3 * rates[0], h + 1e-3 * rates[1], r + 1e-3 * learned
    assert result.final["image.x"].values == pytest.approx(x, abs=1e-12)
    final = result.final["r"]
    assert final.values == pytest.approx(r[final.post.values, final.pre.values], abs=1e-12)


def test_the_vector_field_is_that_of_the_step():
    made = circuit(ds.Reversed(PATCHES))
    field = ds.vector_field(made, unfrozen="r")
    mask = layer.mask(PATCHES).T == 1
    r, full = field.start[-mask.sum() :], np.zeros((PRE, POST))
    full[mask] = r
    h, x = np.linspace(-1, 1, POST), np.linspace(1, 2, PRE)
    found = field.f(np.concatenate([x, h, r]))
    assert found[:PRE] == pytest.approx((full @ h - x) / 5e-3, rel=1e-12)
    rule = (20 * np.outer(x, h) - 3 * full)[mask]
    assert found[PRE + POST :] == pytest.approx(rule, rel=1e-12)


@pytest.mark.parametrize(
    ("make", "kind", "said"),
    [
        (
            lambda: ds.Reversed("patches"),
            SpecError,
            "Reversed.rule is 'patches'; it must be one of AllToAll",
        ),
        (
            lambda: circuit(PATCHES.replace(filters=2)),
            ShapeError,
            "LocalPatches needs 8 units in the post population",
        ),
        (
            lambda: circuit(ds.Reversed(PATCHES.replace(filters=2))),
            ShapeError,
            "Reversed exchanges post and pre of its rule, and that: LocalPatches needs 8 units in the post",
        ),
    ],
)
def test_rules_that_do_not_fit_are_refused(make, kind, said):
    with pytest.raises(kind, match=said):
        make()
