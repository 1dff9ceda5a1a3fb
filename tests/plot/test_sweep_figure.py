"""The figure of a sweep: mean over seeds with a band, one panel for each metric."""

import numpy as np
import pytest
import xarray
from drawing import drawn, labelled, legend_texts

from dendrosim import plot
from dendrosim.errors import ParameterError, UnknownNameError
from dendrosim.results.seed_statistics import mean_and_spread

TAU, LEVEL, SEEDS = np.array([0.005, 0.01, 0.02]), [1.0, 2.0], [3, 7]


def dataset(**more):
    """Losses tau*level*(seed - 2), and a metric that is linear in tau; one run has diverged."""
    tau, level, seed = np.meshgrid(TAU, LEVEL, SEEDS, indexing="ij")
    loss, status = tau * level * (seed - 2.0), np.full(tau.shape, "done", dtype=object)
    loss[1, 0, 1], status[1, 0, 1] = np.nan, "diverged"
    dims = ("tau", "level", "seed")
    coordinates = {"tau": ("tau", TAU, {"units": "s"}), "level": LEVEL, "seed": SEEDS}
    variables = {
        "loss": (dims, loss),
        "rate": (dims, -tau, {"units": "Hz"}),
        "status": (dims, status),
    }
    return xarray.Dataset({**variables, **more}, coordinates)


def test_mean_and_spread_over_seeds_leave_out_missing_values():
    mean, spread = mean_and_spread(dataset(), "loss")
    # Seeds 3 and 7 give 1 and 5: mean 3, standard deviation sqrt(8).
    assert mean[0] == pytest.approx(0.005 * np.array([3.0, 6.0]))
    assert spread[0] == pytest.approx(0.005 * np.sqrt(8.0) * np.array([1.0, 2.0]))
    assert mean[1, 0] == pytest.approx(0.01)  # one seed is left
    assert np.isnan(spread[1, 0])
    assert np.isfinite(spread[1, 1])


def test_a_panel_shows_a_metric_against_the_parameter_with_most_values():
    loss, rate = plot.sweep(dataset())
    assert legend_texts(loss) + legend_texts(rate) == ["1", "2"]
    line = labelled(loss, "2")
    assert line.get_xdata() == pytest.approx([5, 10, 20])  # ms
    assert line.get_ydata() == pytest.approx(TAU * 6)
    assert (loss.get_xlabel(), loss.get_ylabel(), rate.get_ylabel()) == (
        "tau (ms)",
        "loss",
        "rate (mHz)",
    )
    assert (loss.get_yscale(), rate.get_yscale()) == ("log", "linear")
    figure = drawn(loss)
    assert figure.get_suptitle() == (
        "mean ± standard deviation over 2 seeds; ×: runs that diverged or failed"
    )


def test_places_where_runs_diverged_are_marked():
    loss, _ = plot.sweep(dataset())
    crosses = [line for line in loss.lines if line.get_marker() == "x" and len(line.get_xdata())]
    assert [list(line.get_xdata()) for line in crosses] == [[10.0]]


def test_the_axis_and_the_colours_can_be_chosen():
    (ax,) = plot.sweep(dataset(), "loss", x="level", by="tau")
    assert legend_texts(ax) == ["0.005", "0.01", "0.02"]
    assert labelled(ax, "0.02").get_xdata() == pytest.approx([1, 2])
    drawn(ax)


def test_texts_on_the_axis_are_ticks():
    data = dataset().isel(tau=0, drop=True).assign_coords(level=["linear", "smooth_leaky"])
    (ax,) = plot.sweep(data, "loss")
    assert [t.get_text() for t in ax.get_xticklabels()] == ["linear", "smooth_leaky"]
    drawn(ax)


def test_drawn_points_are_points_with_error_bars():
    data = dataset().stack(point=("tau", "level")).reset_index("point").transpose("point", "seed")
    (ax,) = plot.sweep(data, "loss", x="tau")
    assert legend_texts(ax) == ["1", "2"]
    assert sorted(labelled_points(ax)) == pytest.approx(sorted(5 * k for k in (1, 1, 2, 2, 4, 4)))
    drawn(ax)


def labelled_points(ax):
    return [x for container in ax.containers for x in container.lines[0].get_xdata()]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"metrics": "los"}, UnknownNameError, "unknown metric 'los'; did you mean 'loss'"),
        (
            {"x": "mu"},
            UnknownNameError,
            "unknown parameter that varies 'mu'; there are: level, tau",
        ),
        ({"by": "seed"}, UnknownNameError, "unknown parameter that varies 'seed'"),
    ],
)
def test_unknown_names_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        plot.sweep(dataset(), **options)


def test_a_dataset_without_metrics_is_refused():
    with pytest.raises(ParameterError, match="no metric that is one number"):
        plot.sweep(dataset()[["status"]])
    with pytest.raises(ParameterError, match="no parameter that varies"):
        plot.sweep(dataset().isel(tau=0, level=0, drop=True))
