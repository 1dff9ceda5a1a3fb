"""Fixed points against closed forms: linear, bistable, families of equilibria, large and sparse."""

import flows
import numpy as np
import pytest
import regression_examples as examples
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import dendrosim as ds
from dendrosim.analysis import regression
from dendrosim.errors import NotConvergedError, ParameterError, ShapeError
from dendrosim.stability.continuation.continuation import continuation
from dendrosim.stability.fixed_points import linear_solver
from dendrosim.stability.fixed_points.fixed_point import fixed_point
from dendrosim.stability.fixed_points.rows import mode_rows
from dendrosim.stability.spectrum.spectrum import Spectrum
from dendrosim.stability.stability_map import stability_map


def test_linear_flow_takes_one_factorisation():
    matrix = np.array([[-1.0, 0.5], [0.2, -2.0]])
    flow = flows.linear(matrix, np.ones(2), start=[3.0, 4.0])
    point = fixed_point(flow)
    assert flow.evaluations["jacobian"] == 2  # one for the step, and one for the verdict
    np.testing.assert_allclose(point.x, [2.5 / 1.9, 1.2 / 1.9], rtol=1e-14)
    assert point.converged
    assert point.stable
    assert point.iterations == 1
    assert point.state == {"x[0]": point.x[0], "x[1]": point.x[1]}
    assert point.condition == pytest.approx(2.5 * 2.2 / 1.9)  # |J|_1 |J^-1|_1
    assert "stable fixed point" in point.message


def test_bistable_circuit_shows_both_stable_points_and_the_saddle():
    point = fixed_point(flows.bistable(), deflate=2)
    found = [point, *point.others]
    assert [p.verdict for p in found] == ["stable", "stable", "unstable"]
    expected = [(5 / 6, 1 / 6), (-5 / 21, -10.9 / 21), (1 / 3, -0.7 / 3)]
    for each in found:
        assert min(np.max(np.abs(each.x - x)) for x in expected) < 1e-12
    assert found[2].eigenvalues[0].real == pytest.approx(-1.0 + np.sqrt(1.6), abs=1e-12)
    assert found[0].eigenvalues[0].real == pytest.approx(-0.6, abs=1e-12)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_points_of_one_symmetry_orbit_count_as_one(n):
    point = fixed_point(flows.sphere(n), starts=12)
    assert np.linalg.norm(point.x) == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(point.eigenvalues, [0.0] * (n - 1) + [-2.0], atol=1e-12)
    assert point.stable
    assert point.spectrum.symmetry_zeros == n - 1
    assert not point.others
    assert f"{n - 1} zero mode" in point.message


def test_starts_and_scales_of_the_wrong_shape_or_sign_are_refused():
    flow = flows.sphere(2)
    with pytest.raises(ShapeError, match="2 numbers"):
        fixed_point(flow, start=[1.0, 2.0, 3.0])
    with pytest.raises(ShapeError, match="scale"):
        fixed_point(flow, scale=[1.0, 2.0, 3.0])
    with pytest.raises(ParameterError, match="scale"):
        fixed_point(flow, scale=0.0)
    with pytest.raises(ParameterError, match="starts"):
        fixed_point(flow, starts=0)


def test_a_flow_without_a_fixed_point_reports_the_state_with_the_largest_residual():
    flow = flows.Formula(
        lambda x: np.array([-x[0], 1.0 + x[1] ** 2]),
        lambda x: np.array([[-1.0, 0.0], [0.0, 2.0 * x[1]]]),
        [1.0, 2.0],
        name="cell.v",
    )
    with pytest.raises(NotConvergedError, match=r"cell\.v\[1\]") as caught:
        fixed_point(flow, starts=3)
    assert caught.value.exit_code == 4
    assert caught.value.where == "cell.v[1]"
    assert caught.value.point.residual == pytest.approx(1.0, abs=0.01)
    assert len(caught.value.point.failures) == 3


@given(st.integers(2, 30), st.integers(0, 999))
@settings(max_examples=30)
def test_weakly_nonlinear_flow_needs_few_jacobians(n, seed):
    random = np.random.default_rng(seed)
    weights = 0.3 * random.standard_normal((n, n)) / np.sqrt(n)
    rest = random.standard_normal(n)
    bias = rest - np.tanh(weights @ rest)

    def jacobian(x):
        return (1.0 - np.tanh(weights @ x) ** 2)[:, None] * weights - np.eye(n)

    flow = flows.Formula(lambda x: np.tanh(weights @ x) + bias - x, jacobian, np.zeros(n))
    point = fixed_point(flow)
    np.testing.assert_allclose(point.x, rest, atol=1e-12)
    # Factors are kept while they contract; one Jacobian is for the relative residual.
    assert flow.evaluations["jacobian"] <= 5


def test_family_of_equilibria_is_reached_at_its_nearest_member():
    matrix = np.random.default_rng(2).standard_normal((3, 4))
    inverse = np.linalg.pinv(matrix)
    flow = flows.pseudo_inverse(matrix, inverse + 0.05 * matrix.T)
    point = fixed_point(flow)
    np.testing.assert_allclose(point.x.reshape(4, 3), inverse, atol=1e-9)
    # A 3 x 4 matrix of rank 3 has -1 nine times, and a family of three dimensions.
    assert (point.verdict, point.spectrum.further_zeros) == ("marginal", 3)
    np.testing.assert_allclose(point.eigenvalues[3:], -1.0, atol=1e-7)
    assert point.condition > 1e14
    assert "3 further zero eigenvalues" in point.message


def test_pseudo_inverse_is_unstable_where_rank_is_missing_on_both_sides():
    matrix = np.outer([1.0, 2.0, 0.5], [1.0, -1.0])
    point = fixed_point(flows.pseudo_inverse(matrix, np.linalg.pinv(matrix)))
    rates = [1.0, 1.0, 0.0, 0.0, 0.0, -1.0]  # (m - r)(n - r), r (m - r) + r (n - r), r^2
    np.testing.assert_allclose(point.eigenvalues, rates, atol=1e-9)
    assert (point.verdict, point.stable) == ("unstable", False)


def test_optimum_of_the_regression_circuit_comes_before_its_saddles():
    k, canonical = 2, np.array([0.9, 0.7, 0.5, 0.3, 0.2])
    cov = examples.population(canonical, 7, 5, seed=1)
    flow = flows.regression_flow(cov, k, seed=0)
    point = fixed_point(flow, starts=60, scale=0.5)
    w1, apical, q = flow.split(point.x)
    np.testing.assert_allclose(w1 @ cov.xx @ w1.T, np.eye(k), atol=1e-9)
    np.testing.assert_allclose(apical, w1 @ cov.xy, atol=1e-9)
    np.testing.assert_allclose(np.linalg.eigvalsh(q @ q.T), [0.49, 0.81], atol=1e-9)
    optimal = regression.optimal_weights(cov, k)[0]
    np.testing.assert_allclose(w1.T @ w1, optimal.T @ optimal, atol=1e-9)
    assert (point.verdict, point.spectrum.symmetry_zeros) == ("stable", k * (k - 1))
    assert point.condition > 1e14
    assert point.others
    assert all(other.verdict == "unstable" for other in point.others)
    abscissas = [other.spectrum.abscissa for other in point.others]
    assert abscissas == sorted(abscissas)


def test_many_sparse_states():
    flow, _ = flows.cells(33_334)
    point = fixed_point(flow)
    assert point.stable
    assert point.iterations == 1
    assert np.max(np.abs(flow.f(point.x))) < 1e-12


def test_singular_sparse_flow_takes_the_least_norm_step():
    n = 3000
    cycle = sp.diags_array([-np.ones(n), np.ones(n - 1)], offsets=[0, 1], format="lil")
    cycle[n - 1, 0] = 1.0
    drive = np.sin(2.0 * np.pi * np.arange(n) / n * 750)
    flow = flows.linear(sp.csc_array(cycle), drive)
    point = fixed_point(flow, tolerance=1e-8)
    assert point.residual < 1e-8
    assert abs(np.sum(point.x)) < 1e-6  # nothing along the zero mode


def test_states_of_very_different_size_are_each_found():
    sizes = np.array([1e-9, 1.0, 1e9])
    matrix = -np.diag([1.0, 2.0, 3.0]) + np.diag([0.5, 0.5], 1) * np.outer(sizes, 1.0 / sizes)
    rest = np.array([2.0, -1.0, 3.0])
    flow = flows.Formula(
        lambda x: matrix @ x - matrix @ (rest * sizes) - 0.1 * sizes * ((x / sizes) ** 3 - rest**3),
        lambda x: matrix - np.diag(0.3 * (x / sizes) ** 2),
        2.0 * sizes,
    )
    flow.units = ["A", "V", "1"]
    point = fixed_point(flow, start=1.2 * rest * sizes)
    np.testing.assert_allclose(point.x / sizes, rest, rtol=1e-12)


def test_steps_out_of_the_domain_are_shortened():
    flow = flows.Formula(
        lambda x: -np.log(x) + 1.0, lambda x: np.array([[-1.0 / x[0]]]), [20.0], name="rate"
    )
    point = fixed_point(flow)
    assert point.x[0] == pytest.approx(np.e, rel=1e-12)


def test_a_start_outside_of_the_domain_is_reported_as_a_failure():
    flow = flows.Formula(
        lambda x: 1.0 - np.sqrt(x), lambda x: np.array([[-0.5 / np.sqrt(x[0])]]), [2]
    )
    point = fixed_point(flow, start=[[-1.0], [2.0]])
    assert point.x[0] == pytest.approx(1.0)
    assert len(point.failures) == 1
    assert "not finite at the start" in point.failures[0]
    with pytest.raises(NotConvergedError, match="not finite at the start"):
        fixed_point(flow, start=[-1.0], method="newton")
    assert fixed_point(flow, start=[-1.0]).x[0] == pytest.approx(1.0)  # from a random start


def test_deflation_finds_all_roots_of_a_cubic():
    flow = flows.Formula(
        lambda x: x * (1.0 - x) * (x + 2.0),
        lambda x: np.array([[-3.0 * x[0] ** 2 - 2.0 * x[0] + 2.0]]),
        [0.9],
    )
    point = fixed_point(flow, deflate=2)
    found = sorted(float(p.x[0]) for p in (point, *point.others))
    np.testing.assert_allclose(found, [-2.0, 0.0, 1.0], atol=1e-10)
    assert point.x[0] == pytest.approx(-2.0)  # the rate is -6 there, -3 at 1
    assert "2 further points found" in point.message


def test_a_state_at_a_corner_is_named_in_the_message():
    flow = flows.linear(-np.eye(2), np.zeros(2))
    flow.kinks = lambda x: ["x[0]"]
    assert "on a corner of x[0]" in fixed_point(flow).message


def test_the_same_seed_gives_the_same_point():
    points = [
        fixed_point(flows.sphere(3), start=np.full(3, 0.1), starts=5, seed=4) for _ in range(2)
    ]
    np.testing.assert_array_equal(points[0].x, points[1].x)


@pytest.mark.parametrize("size", [1, 2, 40])
def test_sparse_flow_where_factors_do_not_fit(size, monkeypatch):
    matrix = sp.diags_array(
        [np.ones(size - 1), -2.5 - np.arange(size) / size, np.ones(size - 1)], offsets=[-1, 0, 1]
    )
    flow = flows.linear(sp.csc_array(matrix), np.ones(size))
    whole = fixed_point(flow)
    expected = -np.linalg.solve(matrix.toarray(), np.ones(size))
    np.testing.assert_allclose(whole.x, expected, rtol=1e-12)
    assert whole.condition >= 1.0
    monkeypatch.setattr(linear_solver, "FILL_LIMIT", 0)
    iterated = fixed_point(flow)
    np.testing.assert_allclose(iterated.x, expected, rtol=1e-9)
    assert np.isnan(iterated.condition)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": "x"}, "start is 'x'; give numbers"),
        ({"scale": "x"}, "scale is 'x'; give numbers"),
        ({"starts": 2.5}, "starts is 2.5; it must be an integer of at least 1"),
        ({"starts": [[1.0, 2.0]]}, "starts is .*; it must be an integer"),
        ({"deflate": -1}, "deflate is -1; it must be an integer of at least 0"),
        ({"seed": -1}, "seed is -1"),
        ({"tolerance": None}, "tolerance is None"),
    ],
)
def test_arguments_that_are_not_numbers_are_refused_by_name(options, message):
    flow = flows.linear(-np.eye(2), np.ones(2), start=[3.0, 4.0])
    with pytest.raises(ParameterError, match=message):
        fixed_point(flow, **options)


def test_objects_that_are_no_vector_field_are_refused():
    for analyse in (
        fixed_point,
        lambda flow: continuation(flow, "p", 0.0, 1.0),
        lambda flow: stability_map(flow, {"p": [1.0]}, {"q": [1.0]}),
    ):
        with pytest.raises(ParameterError, match=r"field is a dict; .* as ds.vector_field returns"):
            analyse({})


def test_weights_behind_a_closed_gate_are_named():
    cell = ds.Population("cell", 2, "dy/dt = (x - y)/tau : 1\nx : 1", inputs={"x": 1.0})
    learning = ds.Matrix(
        "w", "cell", "cell", 0.1, plasticity="dw/dt = learn*(y_post*y_pre - w)/tau : 1"
    )
    circuit = ds.Circuit((cell,), (learning,), parameters={"tau": "10 ms"}, gates={"learn": 0.0})
    closed = fixed_point(ds.vector_field(circuit, unfrozen=("w",)))
    assert "4 further zero eigenvalues; nothing changes w here" in closed.message
    open_ = fixed_point(ds.vector_field(circuit, unfrozen=("w",), gates={"learn": 1.0}))
    assert open_.stable
    assert "nothing changes" not in open_.message


@pytest.mark.parametrize(("tau", "shown"), [("20 ms", "20 ms"), ("90 s", "90 s")])
def test_time_constants_have_a_unit_of_their_size(tau, shown):
    cell = ds.Population("cell", 1, "dy/dt = -y/tau : 1")
    point = fixed_point(ds.vector_field(ds.Circuit((cell,), parameters={"tau": tau})))
    assert mode_rows(point.spectrum)[0][2] == shown


def spectrum_of(*rates: float) -> Spectrum:
    return Spectrum(
        -np.array(rates, dtype=complex), len(rates), 1e-9, 0, 1.0, np.diag(-np.array(rates))
    )


@pytest.mark.parametrize("count", [8, 9, 10])
def test_the_table_has_every_mode_up_to_two_more_than_its_usual_length(count: int) -> None:
    rows = mode_rows(spectrum_of(*range(1, count + 1)))
    assert [row[1] for row in rows] == [f"-{rate}" for rate in range(1, count + 1)]


def test_the_table_always_has_the_fastest_mode_and_counts_those_it_leaves_out() -> None:
    rows = mode_rows(spectrum_of(1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 10, 400, 400))
    assert [row[1] for row in rows[:8]] == [f"-{rate}" for rate in range(1, 9)]
    assert rows[8:] == [("and 3 more", "down to -10", "", ""), ("2", "-400", "2.5 ms", "")]
