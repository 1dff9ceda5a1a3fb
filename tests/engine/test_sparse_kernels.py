"""Products and updates of sparse matrices are those of linear algebra, in every shape and instruction set."""

import ctypes
from pathlib import Path

import numpy as np
import pytest
from kernel_library import INSTRUCTIONS, TOLERANCE, compile_library

# Rows and columns around the sizes of groups and tiles, the most rows with equal columns, and for locally
# connected layers how far columns are from the diagonal.
SHAPES = [
    *(
        (1, 1, 1, None),
        (7, 5, 1, None),
        (13, 33, 3, None),
        (70, 40, 70, None),
        (61, 129, 4, None),
        (40, 530, 8, None),
    ),
    *((200, 90, 20, 9), (500, 40, 70, 3), (60, 250, 1, 20)),
]
BATCHES = [1, 2, 8, 9, 17, 64, 257]


@pytest.fixture(scope="module", params=INSTRUCTIONS)
def kernels(request, tmp_path_factory):
    source = Path(__file__).with_name("sparse_kernels.cpp")
    return compile_library(source, request.param, tmp_path_factory.mktemp("kernels"))


def problem(shape, batch, density=0.3):
    """Connections with groups of rows that have the same columns, and random numbers."""
    rows, columns, most, near = shape
    rng = np.random.default_rng([rows, columns, batch])
    where = np.zeros((rows, columns), bool)
    row = 0
    while row < rows:
        end = row + int(rng.integers(1, most + 1))
        distance = abs(np.arange(columns) - row * columns // rows)
        where[row:end] = rng.random(columns) < density if near is None else distance <= near
        row = end
    w = rng.normal(size=shape[:2]) * where
    return where, w, rng.normal(size=(rows, batch)), rng.normal(size=(columns, batch))


def steps(code, where, w, post, pre, *, precision="double", threads=1, count=2, keep=1.0):
    """Let weights learn for some steps; return y, weights and the transposed product of the last."""
    dtype, real = (
        (np.float32, ctypes.c_float) if precision == "single" else (np.float64, ctypes.c_double)
    )
    starts = np.concatenate([[0], np.cumsum(where.sum(axis=1))]).astype(np.int64)
    others = np.nonzero(where)[1].astype(np.int32)
    weights, post, pre = (np.ascontiguousarray(a, dtype).copy() for a in (w[where], post, pre))
    rows, columns, batch = *where.shape, pre.shape[1]
    y, across = np.full((rows, batch), np.nan, dtype), np.full((columns, batch), np.nan, dtype)
    connections = (
        ctypes.c_int64(len(others)),
        *(ctypes.c_void_p(a.ctypes.data) for a in (starts, others)),
    )
    arrays = (ctypes.c_void_p(a.ctypes.data) for a in (weights, post, pre, y, across))
    getattr(code, f"steps_{precision}")(
        rows, columns, batch, threads, count, *connections, real(0.1), real(keep), *arrays
    )
    learned = np.zeros(where.shape)
    learned[where] = weights
    return y, learned, across


def loop(where, w, post, pre, count, keep):
    for _ in range(count):
        y, across = 2 * w @ pre, 2 * w.T @ post
        w = keep * w + 0.1 * (post @ pre.T) * where
    return y, w, across


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("shape", SHAPES)
def test_steps_are_those_of_masked_matrices(kernels, shape, batch, precision):
    given = problem(shape, batch)
    found = steps(kernels, *given, precision=precision, keep=0.9)
    for ours, theirs in zip(found, loop(*given, 2, 0.9), strict=True):
        scale = max(1.0, abs(theirs).max(initial=0))
        assert abs(ours - theirs).max(initial=0) < TOLERANCE[precision] * scale * batch**0.5


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize("near", [None, 40])
@pytest.mark.parametrize("batch", [1, 17, 64])
def test_the_number_of_threads_changes_no_bit(kernels, batch, near, precision):
    given = problem((1500, 700, 20, near), batch, density=0.6)
    one, two, three = (steps(kernels, *given, precision=precision, threads=n) for n in (1, 2, 3))
    for a, b, c in zip(one, two, three, strict=True):
        assert a.tobytes() == b.tobytes() == c.tobytes()


def test_a_closed_gate_leaves_weights_as_they_are(kernels):
    where, w, post, pre = problem((61, 129, 4, None), 9)
    _, learned, _ = steps(kernels, where, w, 0 * post, pre)
    assert np.array_equal(learned, w)
    _, learned, _ = steps(kernels, where, w, 0 * post, np.full_like(pre, np.inf))
    assert np.all(np.isnan(learned[where]))
