"""Spectra against closed forms: chains with multiplicities, blocks, symmetries, large sparse matrices."""

import flows
import numpy as np
import pytest
import scipy.linalg
import scipy.sparse as sp
from comparisons import eigenvalue_distance
from hypothesis import given, settings
from hypothesis import strategies as st

from dendrosim.errors import NonFiniteError, ShapeError
from dendrosim.stability.spectrum.arnoldi import rightmost_eigenvalues
from dendrosim.stability.spectrum.spectrum import quotient, spectrum


@given(
    depth=st.integers(1, 6),
    n=st.integers(1, 5),
    mu=st.floats(0.02, 0.98),
    tau=st.sampled_from([0.02, 1.0]),
    seed=st.integers(0, 99),
)
def test_chain_has_the_tridiagonal_spectrum_n_times(depth, n, mu, tau, seed):
    random = np.random.default_rng(seed)
    turns = [np.linalg.qr(random.standard_normal((n, n)))[0] for _ in range(depth - 1)]
    matrix = flows.chain(turns, mu, tau) if turns else -np.eye(n) / tau
    expected = flows.chain_rates(depth, mu, n, tau)
    found = spectrum(matrix)
    assert eigenvalue_distance(found.eigenvalues, expected) < 1e-10 / tau
    assert found.verdict == "stable"
    assert np.all(np.diff(found.eigenvalues.real) <= 0.0)
    np.testing.assert_allclose(found.time_constants[0], -1.0 / expected.max(), rtol=1e-9)
    assert found.max_euler_step == pytest.approx(-2.0 / expected.min(), rel=1e-9)
    sparse = spectrum(sp.csc_array(matrix))
    assert eigenvalue_distance(sparse.eigenvalues, expected) < 1e-10 / tau


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(0, 999))
@settings(max_examples=30)
def test_blocks_in_any_order_have_the_eigenvalues_of_the_whole(sizes, seed):
    random = np.random.default_rng(seed)
    blocks = [random.standard_normal((size, size)) for size in sizes]
    whole = scipy.linalg.block_diag(*blocks)
    starts = np.repeat(np.arange(len(sizes)), sizes)
    feed = random.standard_normal(whole.shape) * (starts[:, None] > starts)
    order = random.permutation(len(whole))
    mixed = (whole + feed)[np.ix_(order, order)]
    expected = np.concatenate([np.linalg.eigvals(block) for block in blocks])
    for matrix in (mixed, sp.csc_array(mixed), sp.csr_array(mixed)):
        assert (
            eigenvalue_distance(spectrum(matrix).eigenvalues, expected)
            < 1e-9 * np.abs(expected).max()
        )


def test_eigenvalues_are_sorted_by_real_then_by_imaginary_part():
    rotation = np.array([[-1.0, 2.0], [-2.0, -1.0]])
    found = spectrum(scipy.linalg.block_diag([[-3.0]], rotation, [[-0.5]]))
    np.testing.assert_allclose(found.eigenvalues, [-0.5, -1.0 + 2.0j, -1.0 - 2.0j, -3.0])
    np.testing.assert_allclose(found.time_constants, [2.0, 1.0, 1.0, 1.0 / 3.0])
    # 2/5 s for the rotation, which is below the 2/3 s of the fastest decay.
    assert found.max_euler_step == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("matrix", "verdict", "step"),
    [
        (np.diag([-1.0, -4.0]), "stable", 0.5),
        (np.diag([1.0, -4.0]), "unstable", 0.0),
        (np.diag([0.0, -4.0]), "marginal", 0.5),
        (np.array([[0.0, 1.0], [-1.0, 0.0]]), "marginal", 0.0),
        (np.zeros((2, 2)), "marginal", np.inf),
    ],
)
def test_verdict_and_euler_step(matrix, verdict, step):
    found = spectrum(matrix)
    assert found.verdict == verdict
    assert found.max_euler_step == pytest.approx(step)
    assert np.array_equal(np.isnan(found.time_constants), found.eigenvalues.real == 0.0)


@pytest.mark.parametrize("factor", [0.9, 0.999])
def test_euler_converges_up_to_the_largest_step(factor):
    matrix = np.array([[-0.1, 3.0, 0.0], [-3.0, -0.1, 0.0], [0.0, 1.0, -0.4]])
    step = spectrum(matrix).max_euler_step
    radius = [
        np.abs(np.linalg.eigvals(np.eye(3) + f * step * matrix)).max() for f in (factor, 1.001)
    ]
    assert radius[0] < 1.0 < radius[1]


def test_tolerance_decides_what_is_zero():
    matrix = np.diag([-1e-9, -1.0])
    assert spectrum(matrix).verdict == "marginal"
    assert spectrum(matrix, tolerance=1e-12).verdict == "stable"
    assert spectrum(matrix).further_zeros == 1


@given(st.integers(2, 12), st.integers(1, 3), st.integers(0, 999))
@settings(max_examples=40)
def test_zero_modes_of_symmetries_do_not_count(n, k, seed):
    random = np.random.default_rng(seed)
    k = min(k, n - 1)
    turn = np.linalg.qr(random.standard_normal((n, n)))[0]
    inner = -np.diag(np.arange(1.0, n - k + 1.0))
    upper = random.standard_normal((k, n - k))
    block = np.block([[np.zeros((k, k)), upper], [np.zeros((n - k, k)), inner]])
    matrix, basis = turn @ block @ turn.T, turn[:, :k]
    found = spectrum(matrix, basis)
    assert (found.verdict, found.symmetry_zeros, found.further_zeros) == ("stable", k, 0)
    expected = np.concatenate([np.zeros(k), np.diag(inner)])
    np.testing.assert_allclose(found.eigenvalues, expected, atol=1e-9)
    assert found.abscissa == pytest.approx(-1.0, abs=1e-9)
    assert np.count_nonzero(found.eigenvalues == 0.0) == k
    plain = spectrum(matrix)
    assert (plain.verdict, plain.further_zeros) == ("marginal", k)
    assert quotient(matrix, basis).shape == (n - k, n - k)


def test_the_zero_of_a_symmetry_is_distinguished_from_another_zero_that_is_coupled_to_it():
    # A double zero with one eigenvector: rounding alone would move it to +- sqrt(eps).
    turn = np.linalg.qr(np.random.default_rng(3).standard_normal((4, 4)))[0]
    block = np.array([[0, 1.0, 2, 0], [0, 0, 1, 5], [0, 0, -1, 2], [0, 0, 0, -2]])
    found = spectrum(turn @ block @ turn.T, turn[:, :1], tolerance=1e-12)
    assert (found.verdict, found.symmetry_zeros, found.further_zeros) == ("marginal", 1, 1)


def test_directions_with_a_growth_rate_do_not_count_as_zero_modes():
    found = spectrum(np.diag([0.5, -1.0]), np.eye(2)[:, :1])
    assert (found.symmetry_zeros, found.verdict) == (0, "unstable")


def test_eigenvectors_belong_to_their_eigenvalues():
    random = np.random.default_rng(0)
    small = random.standard_normal((12, 12))
    ring = sp.diags_array([np.full(500, -2.0), np.ones(499)], offsets=[0, 1], format="lil")
    ring[499, 0] = 1.0
    for matrix, count in ((small, None), (sp.csc_array(ring), 5), (ring.toarray(), 5)):
        found = spectrum(matrix)
        vectors = found.eigenvectors(count)
        values = found.eigenvalues[:count]
        np.testing.assert_allclose(matrix @ vectors, vectors * values, atol=1e-10)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=0), 1.0)
        assert np.linalg.matrix_rank(vectors) == len(values)


def test_a_hundred_thousand_uncoupled_states_have_all_their_eigenvalues():
    flow, cell = flows.cells(33_334)
    found = spectrum(flow.jacobian(flow.start), count=10)
    edge = np.linalg.eigvals(cell).real.max()
    np.testing.assert_allclose(found.eigenvalues, np.full(10, edge), rtol=1e-12)
    assert found.size == 100_002
    assert not found.complete
    whole = spectrum(flow.jacobian(flow.start))
    assert whole.complete
    assert whole.verdict == "stable"
    assert whole.max_euler_step == found.max_euler_step


def sheet(m, leak=20.0, coupling=100.0):
    """Diffusion on a square with closed edges and a leak: almost all eigenvalues are double; also return them."""
    line = sp.diags_array(
        [np.ones(m - 1), np.r_[-1.0, np.full(m - 2, -2.0), -1.0], np.ones(m - 1)],
        offsets=[-1, 0, 1],
    )
    rates = -2.0 * (1.0 - np.cos(np.arange(m) * np.pi / m))
    matrix = sp.csc_array(coupling * sp.kronsum(line, line) - leak * sp.eye_array(m * m))
    return matrix, np.sort((coupling * (rates[:, None] + rates) - leak).ravel())[::-1]


def test_rightmost_of_a_sheet_with_double_eigenvalues():
    matrix, expected = sheet(80)
    found = spectrum(matrix, count=8)
    np.testing.assert_allclose(found.eigenvalues, expected[:8], atol=1e-9)
    assert found.max_euler_step == pytest.approx(-2.0 / expected[-1], rel=1e-2)
    assert len(spectrum(matrix).eigenvalues) == 20  # too many coupled states for all of them


def test_rightmost_pair_far_off_the_real_axis_is_not_missed():
    matrix, expected = sheet(40)
    rotation = sp.csc_array([[-1.0, 3000.0], [-3000.0, -1.0]])
    joined = sp.lil_array(sp.block_diag([matrix, rotation]))
    joined[0, -1] = joined[-1, 0] = 1e-3
    found = rightmost_eigenvalues(sp.csr_array(joined), 6)[0]
    np.testing.assert_allclose(found[:2].real, -1.0, atol=1e-6)
    np.testing.assert_allclose(np.abs(found[:2].imag), 3000.0, rtol=1e-6)
    np.testing.assert_allclose(found[2:6].real, expected[:4], atol=1e-6)


def test_matrices_that_cannot_be_analysed_are_refused():
    with pytest.raises(ShapeError, match="square"):
        spectrum(np.zeros((2, 3)))
    with pytest.raises(ShapeError, match="symmetries"):
        spectrum(np.eye(3), np.eye(2))
    with pytest.raises(NonFiniteError):
        spectrum(np.array([[np.nan]]))
    assert spectrum(np.zeros((0, 0))).eigenvalues.size == 0
