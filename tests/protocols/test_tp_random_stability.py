"""`tp_random_stability`: linear circuits are stable, most not negative definite; nudged ones not always stable."""

from functools import cache

import numpy as np
import pytest
from scipy.linalg import expm

import dendrosim as ds
from dendrosim.analysis import random_stability
from dendrosim.analysis.random_stability import Draws, Networks
from dendrosim.analysis.target_propagation import spectrum
from dendrosim.engine.settings import RunSettings
from dendrosim.equations.transfer.numeric import numeric_transfer
from dendrosim.errors import ParameterError
from dendrosim.experiments.run import run_and_measure
from dendrosim.stability.spectrum.transient_growth import numerical_abscissa, transient_growth

TRANSFERS = ("linear", "smooth_leaky", "leaky_relu")
SMALL = {"cases": 4000, "layers": (2, 4), "units": (1, 3), "runs": 2}


@cache
def measured(backend="numpy", **parameters):
    return run_and_measure(
        ds.load_protocol("tp_random_stability", **parameters), RunSettings(backend)
    )


def field(networks, k, transfer):
    """The vector field of the shipped model with drawn weights, and the fixed point drawn with them."""
    layers, units = networks.layers, networks.output.shape[1]
    f, h = networks.fixed_point(transfer)
    circuit = ds.load_circuit(
        "dynamical_tp", sizes=(units,) * (layers + 1), mu=float(networks.mu[k]), tau="1 s",
        transfer=transfer, target="clamped",
    )  # fmt: skip
    made = ds.vector_field(
        circuit,
        inputs={
            "layer0.h": numeric_transfer(transfer).inv_s(f[k, 0]),
            f"layer{layers}.target": networks.target[k],
        },
        values={"w1": np.eye(units), **{f"w{i + 2}": w for i, w in enumerate(networks.weights[k])}},
    )
    return made, made.pack({f"layer{i + 1}.h": rates for i, rates in enumerate(h[k])})


@pytest.mark.parametrize("transfer", TRANSFERS)
@pytest.mark.parametrize(("layers", "units"), [(2, 1), (3, 4), (6, 2)])
def test_the_jacobians_are_those_of_the_shipped_model(transfer, layers, units):
    networks = Draws().networks(layers, units, 3)
    jacobians = networks.jacobians(transfer)
    for k in range(3):
        flow, x = field(networks, k, transfer)
        exact = flow.jacobian(x)
        exact = exact.toarray() if hasattr(exact, "toarray") else exact
        size = np.abs(exact).max()
        assert jacobians[k] == pytest.approx(exact, rel=1e-9, abs=1e-13 * size)
        assert np.abs(flow.f(x)).max() < 1e-12 * size * (1 + np.abs(x).max())


def test_a_drawn_circuit_has_its_abscissas_from_the_analysis_too():
    draws = Draws(layers=(3, 3), units=(2, 2))
    networks, found = draws.networks(3, 2, 4), random_stability.abscissas(draws, 4, "smooth_leaky")
    for k in range(4):
        flow, x = field(networks, k, "smooth_leaky")
        point = ds.fixed_point(flow, start=x)
        assert point.x == pytest.approx(x, rel=1e-9)
        assert point.eigenvalues[0].real == pytest.approx(found.spectral[k], abs=1e-9)
        assert numerical_abscissa(flow.jacobian(x)) == pytest.approx(found.numerical[k], rel=1e-9)


def test_linear_spectra_are_the_tridiagonal_one_whatever_the_blocks():
    """-1 + 2 sqrt(mu (1 - mu)) cos(k pi/(L + 1)), once per unit."""
    networks = Draws(mu=1.0).networks(4, 3, 20)
    for mu, jacobian in zip(networks.mu, networks.jacobians("linear"), strict=True):
        found = np.linalg.eigvals(jacobian)
        expected = np.repeat(spectrum.eigenvalues(float(mu), 4).real, 3)
        assert np.sort(found.real) == pytest.approx(np.sort(expected), abs=1e-4)
        assert found.real.mean() == pytest.approx(-1, abs=1e-9)


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_without_a_nudge_nonlinear_circuits_have_linear_spectra(transfer):
    drawn = Draws().networks(4, 2, 200)
    calm = Networks(drawn.mu, drawn.weights, drawn.output, drawn.output)
    f, h = calm.fixed_point(transfer)
    assert f == pytest.approx(h, rel=1e-6, abs=1e-9)
    found = np.linalg.eigvals(calm.jacobians(transfer)).real.max(axis=1)
    assert found == pytest.approx(random_stability.exact_abscissa(calm.mu, 4), abs=1e-5)


def test_the_unstable_point_of_two_leaky_units():
    """Slope 0.1, mu = 0.2, f_1 = 1, w_2 = 1, target -2.5: h = (1/3, -0.2333) has the eigenvalue 0.2649."""
    one = np.ones((1, 1, 1, 1))
    networks = Networks(np.array([0.2]), one, np.array([[1 / 3]]), np.array([[-2.5]]))
    f, h = networks.fixed_point("leaky_relu")
    assert f[0, :, 0] == pytest.approx([1.0, 1 / 3])
    assert h[0, :, 0] == pytest.approx([1 / 3, -0.7 / 3])
    found = np.linalg.eigvals(networks.jacobians("leaky_relu")[0])
    assert np.sort(found) == pytest.approx([-1 - np.sqrt(1.6), -1 + np.sqrt(1.6)])


def test_two_layers_of_one_leaky_unit_are_unstable_just_where_slopes_differ_the_wrong_way():
    """-1 + sqrt(mu (1 - mu) s'(up)/s'(down)) is positive if the ratio is 10 and mu (1 - mu) above 0.1."""
    networks = Draws().networks(2, 1, 2000)
    f, h = networks.fixed_point("leaky_relu")
    ratio = np.where(f[:, 1, 0] > 0, 1, 0.1) / np.where(h[:, 1, 0] > 0, 1, 0.1)
    expected = -1 + np.sqrt(networks.mu * (1 - networks.mu) * ratio)
    found = np.linalg.eigvals(networks.jacobians("leaky_relu")).real.max(axis=1)
    assert found == pytest.approx(expected, abs=1e-9)
    assert 0.05 < np.mean(expected > 0) < 0.15


def test_of_the_thesis_matrices_all_are_stable_and_87_percent_indefinite():
    """Within three standard errors of a count of 4000."""
    found = random_stability.abscissas(Draws(), 4000, "linear")
    assert found.spectral.max() < 0
    exact = random_stability.exact_abscissa(found.mu, found.layers)
    assert found.spectral == pytest.approx(exact, abs=1e-3)
    error = np.sqrt(0.87 * 0.13 / 4000)
    assert np.mean(found.numerical > 0) == pytest.approx(0.87, abs=3 * error)


def test_leaky_rates_scale_so_that_the_variance_changes_no_eigenvalue():
    found = [
        random_stability.abscissas(Draws(layers=(3, 3), variance=v), 300, "leaky_relu")
        for v in (0.5, 8.0)
    ]
    assert found[0].spectral == pytest.approx(found[1].spectral, rel=1e-4, abs=1e-4)
    assert not np.allclose(found[0].numerical, found[1].numerical, rtol=0.1)


def test_more_cases_begin_with_the_same_and_threads_change_nothing():
    draws = Draws(seed=3)
    few, many = (draws.networks(3, 2, n) for n in (5, 50))
    for name in ("mu", "weights", "output", "target"):
        assert np.array_equal(getattr(few, name), getattr(many, name)[:5])
    one, four = (random_stability.abscissas(draws, 300, "leaky_relu", w) for w in (1, 4))
    assert np.array_equal(one.spectral, four.spectral)
    assert len(one.spectral) == 300
    other = random_stability.abscissas(Draws(seed=4), 300, "leaky_relu")
    assert not np.array_equal(one.mu, other.mu)


def test_propagators_are_matrix_exponentials():
    networks = Draws(mu=1.0).networks(4, 2, 5)
    times = np.array([0.0, 0.3, 2.0, 9.0])
    for k, jacobian in enumerate(networks.jacobians("linear")):
        found = random_stability.propagators(float(networks.mu[k]), networks.weights[k], times)
        for time, carried in zip(times, found, strict=True):
            exact = expm(jacobian * time)
            assert carried == pytest.approx(exact, abs=1e-9 * np.abs(exact).max())


def test_the_numbers_of_the_protocol_are_those_of_the_drawn_circuits():
    metrics = measured(**SMALL)[1].metrics
    draws = Draws((2, 4), (1, 3), 4.0, 0.5, 0)
    for kind, transfer in (("linear", "linear"), ("nudged", "leaky_relu")):
        found = random_stability.abscissas(draws, 4000, transfer)
        stable, indefinite = found.spectral < 0, found.numerical >= 0
        assert metrics["stable"][kind] == stable.sum()
        assert metrics["indefinite"][kind] == indefinite.sum()
        assert metrics["stable_but_indefinite"][kind] == (stable & indefinite).sum()
        assert metrics["stable_fraction"][kind] == stable.mean()
        assert metrics["largest_real_part"][kind] == found.spectral.max()
        assert list(metrics["numerical_abscissa"][kind]) == sorted(
            metrics["numerical_abscissa"][kind]
        )
    assert metrics["stable_fraction"]["linear"] == 1.0
    assert 0.5 < metrics["indefinite_fraction"]["linear"] < 1.0
    assert 0.5 < metrics["stable_fraction"]["nudged"] < 0.95
    assert metrics["closed_form_error"] < 1e-3


def test_what_runs_grows_as_exp_jt_and_then_decays():
    _, measurement = measured(**SMALL)
    metrics = measurement.metrics
    references = {name: r.value for name, r in measurement.references.items()}
    assert np.all(metrics["growth"] > 1)
    assert metrics["growth"] == pytest.approx(references["growth"], rel=0.02)
    assert np.all(metrics["final"] < 0.1)
    assert metrics["linearity_error"] < 1e-6
    networks = Draws().networks(4, 3, 20)
    growing = [j for j in networks.jacobians("linear") if np.linalg.eigvalsh((j + j.T) / 2)[-1] > 0]
    for jacobian, peak, time in zip(
        growing, references["growth"], references["growth_time"], strict=False
    ):
        growth = transient_growth(jacobian)
        assert peak == pytest.approx(growth.peak, rel=1e-5)
        assert time == pytest.approx(growth.time, rel=0.02)


def test_an_unstable_nudged_point_is_left_at_the_rate_of_its_leading_mode():
    _, measurement = measured(**SMALL)
    rate = measurement.metrics["departure_rate"]
    expected = measurement.references["departure_rate"].value
    assert expected > 0
    assert rate == pytest.approx(expected, rel=1e-4)


def test_circuits_of_which_none_is_unstable_leave_the_rate_open():
    metrics = measured(cases=10, layers=(2, 2), units=(1, 1), runs=1, transfer="smooth_leaky")[
        1
    ].metrics
    assert np.isnan(metrics["departure_rate"])
    assert len(metrics["growth"]) == 1


def test_compiled_circuits_grow_the_same():
    compiled, interpreted = (measured(backend=b, **SMALL)[1].metrics for b in ("cpp", "numpy"))
    assert compiled["growth"] == pytest.approx(interpreted["growth"], rel=1e-9)
    assert compiled["stable"] == interpreted["stable"]


def test_figures_can_be_drawn():
    result, measurement = measured(**SMALL)
    assert list(measurement.figures) == ["abscissas", "transient"]
    for draw in ds.measure(result).figures.values():
        draw().canvas.draw()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"cases": 0}, "cases is 0"),
        ({"runs": 0}, "runs is 0"),
        (
            {"layers": (1, 4)},
            r"layers is \(1, 4\); give the smallest and the largest number, 2 or more",
        ),
        ({"layers": (2, 3, 4)}, "layers is .* give the smallest and the largest"),
        ({"units": (4, 2)}, r"units is \(4, 2\)"),
        ({"variance": 0.0}, "variance is 0"),
        ({"mu_max": 1.5}, "mu is 1.5"),
        ({"data_seed": -1}, "seed is -1"),
        ({"dt": "11 ms"}, "dt is 11 ms; it must be at most tau"),
        ({"duration": "0 ms"}, "duration is 0"),
        ({"tau": "0 ms"}, "tau is 0"),
    ],
)
def test_what_makes_no_sense_is_refused(given, said):
    with pytest.raises(ParameterError, match=said):
        ds.load_protocol("tp_random_stability", **given)


def test_draws_and_transfers_without_inverse_are_refused():
    with pytest.raises(ParameterError, match="bijection"):
        random_stability.abscissas(Draws(), 10, "tanh")
    with pytest.raises(ParameterError, match="count is 0"):
        random_stability.abscissas(Draws(), 0, "linear")
