"""Products and outer products are those of linear algebra, in every shape, precision and instruction set."""

import ctypes
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from kernel_library import INSTRUCTIONS, TOLERANCE, compile_library

# Rows and columns around the sizes of tiles and of blocks of columns, batches around those of vectors.
SHAPES = [(1, 1), (7, 5), (8, 16), (13, 33), (30, 530), (61, 29), (130, 1030)]
BATCHES = [1, 2, 8, 9, 17, 64, 257]


@pytest.fixture(scope="module", params=INSTRUCTIONS)
def kernels(request, tmp_path_factory):
    source = Path(__file__).with_name("dense_kernels.cpp")
    code = compile_library(source, request.param, tmp_path_factory.mktemp("kernels"))
    if request.param == "256 bits":
        assert code.kernels() in (0, 32)
    if request.param == "none":
        assert code.kernels() == 0
    return code


def steps(
    code, w, post, pre, *, precision="double", patient=True, threads=1, count=2, keep=1.0, alpha=0.1,
    kind="steps",
):  # fmt: skip
    """Let weights learn for some steps; return y, weights and the transposed product of the last."""
    dtype, real = (
        (np.float32, ctypes.c_float) if precision == "single" else (np.float64, ctypes.c_double)
    )
    w, post, pre = (np.ascontiguousarray(a, dtype).copy() for a in (w, post, pre))
    rows, columns, batch = *w.shape, pre.shape[1]
    y, across = np.full((rows, batch), np.nan, dtype), np.full((columns, batch), np.nan, dtype)
    arrays = (ctypes.c_void_p(a.ctypes.data) for a in (w, post, pre, y, across))
    getattr(code, f"{kind}_{precision}")(
        rows, columns, batch, int(patient), threads, count, real(alpha), real(keep), *arrays
    )
    return y, w, across


def loop(w, post, pre, count, keep):
    for _ in range(count):
        y = 2 * w @ pre
        w = keep * w + 0.1 * post @ pre.T
    return y, w, 2 * w.T @ post


def gap(found, expected):
    return np.max(np.abs(found - expected)) / max(1.0, np.max(np.abs(expected)))


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_steps_of_learning_are_those_of_the_definition(kernels, shape, batch, precision):
    rng = np.random.default_rng(1)
    w, post, pre = (rng.normal(size=s) for s in (shape, (shape[0], batch), (shape[1], batch)))
    for patient, threads, keep in product((True, False), (1, 2), (1.0, 0.9)):
        found = steps(
            kernels, w, post, pre, precision=precision, patient=patient, threads=threads, keep=keep
        )
        for value, expected in zip(found, loop(w, post, pre, 2, keep), strict=True):
            assert gap(value, expected) < TOLERANCE[precision]
        assert not kernels.diverged()


def heun_loop(w, post, pre, count, keep, alpha):
    for _ in range(count):
        once = keep * w + alpha * post @ pre.T
        y, across = 2 * once @ pre, 2 * once.T @ post
        w = (w + keep * once + alpha * y @ pre.T) / 2
    return y, w, across


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_steps_in_two_halves_are_those_of_the_definition(kernels, shape, batch, precision):
    rng = np.random.default_rng(6)
    w, post, pre = (rng.normal(size=s) for s in (shape, (shape[0], batch), (shape[1], batch)))
    alpha = 0.1 / np.linalg.norm(pre) ** 2
    for keep in (1.0, 0.9):
        options = {"precision": precision, "keep": keep, "alpha": alpha, "kind": "halves"}
        expected = heun_loop(w, post, pre, 3, keep, alpha)
        for patient in (True, False):
            found, other = (
                steps(kernels, w, post, pre, patient=patient, threads=n, count=3, **options)
                for n in (1, 2)
            )
            for value, again, wanted in zip(found, other, expected, strict=True):
                assert gap(value, wanted) < TOLERANCE[precision]
                if batch < 257 and precision == "double" and kernels.kernels():
                    assert np.array_equal(value, again)


@pytest.mark.parametrize("batch", [1, 9, 64])
def test_a_waiting_update_and_threads_change_no_bit(kernels, batch):
    rng = np.random.default_rng(2)
    w, post, pre = (rng.normal(size=s) for s in ((401, 333), (401, batch), (333, batch)))
    first = steps(kernels, w, post, pre, keep=0.9)
    if kernels.kernels():
        for patient, threads in product((True, False), (1, 2, 3)):
            again = steps(kernels, w, post, pre, keep=0.9, patient=patient, threads=threads)
            assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("batch", [1, 9])
def test_factors_of_zero_change_nothing_unless_they_meet_infinity(kernels, batch):
    rng = np.random.default_rng(3)
    w, pre = rng.normal(size=(20, 30)), rng.normal(size=(30, batch))
    zero = np.zeros((20, batch))
    assert np.array_equal(steps(kernels, w, zero, pre)[1], w)
    pre[7, 0] = np.inf
    learned = steps(kernels, w, zero, pre)[1]
    assert np.all(np.isnan(learned[:, 7]))
    assert np.array_equal(np.delete(learned, 7, 1), np.delete(w, 7, 1))


@pytest.mark.parametrize("batch", [1, 9])
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_patient_weights_notice_that_they_diverge(kernels, batch, value):
    rng = np.random.default_rng(4)
    w, post, pre = (rng.normal(size=s) for s in ((21, 37), (21, batch), (37, batch)))
    if not kernels.kernels():
        return  # such weights do not wait, and are looked at from outside
    for row in (0, 16, 20):
        wrong = post.copy()
        wrong[row, -1] = value
        steps(kernels, w, wrong, pre)
        assert kernels.diverged()
    for column in (0, 36):
        wrong = w.copy()
        wrong[3, column] = value
        steps(kernels, wrong, post, pre)
        assert kernels.diverged()
