"""The figure of a spectrum shows each eigenvalue, and tells stable from unstable without colours."""

import flows
import numpy as np
import pytest
from drawing import drawn_legend, labelled

from dendrosim import plot
from dendrosim.errors import NotConvergedError
from dendrosim.stability.fixed_points.fixed_point import fixed_point
from dendrosim.stability.spectrum.spectrum import spectrum


def blocks(*values):
    """Return a real matrix with the given eigenvalues; a complex one comes with its conjugate."""
    size = sum(2 if np.imag(v) else 1 for v in values)
    matrix, i = np.zeros((size, size)), 0
    for v in values:
        if np.imag(v):
            matrix[i : i + 2, i : i + 2] = [[v.real, -v.imag], [v.imag, v.real]]
        else:
            matrix[i, i] = np.real(v)
        i += 2 if np.imag(v) else 1
    return matrix


def test_eigenvalues_lie_where_they_are_with_their_number():
    gains = [np.diag([1.0, 2.0, 3.0, 4.0])] * 2
    flow = flows.linear(flows.chain(gains, 0.1, tau=0.01), np.ones(12))
    ax = plot.spectrum(fixed_point(flow))
    assert drawn_legend(ax) == ["stable: 12"]
    marks = labelled(ax, "stable")
    np.testing.assert_allclose(
        np.sort(marks.get_xdata()), np.sort(flows.chain_rates(3, 0.1, tau=0.01)), rtol=1e-9
    )
    np.testing.assert_allclose(marks.get_ydata(), 0.0, atol=1e-9)
    assert [t.get_text() for t in ax.texts] == ["×4"] * 3
    assert ax.get_title(loc="left") == "stable: the slowest mode decays in 17.4 ms"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("real part (1/s)", "imaginary part (1/s)")
    assert ax.get_xlim()[1] > 0.0


def test_kinds_of_eigenvalues_differ_in_colour_and_marker():
    matrix = blocks(-2.0, -1 + 3j, 0.5, 0.0, 0.0)
    symmetric = np.eye(6)[:, [5]]
    ax = plot.spectrum(spectrum(matrix, symmetric))
    assert drawn_legend(ax) == ["stable: 3", "unstable", "zero mode of symmetries", "neutral"]
    marks = [labelled(ax, name) for name in ("stable", "unstable", "zero mode", "neutral")]
    assert len({m.get_marker() for m in marks}) == len({m.get_color() for m in marks}) == 4
    found = np.sort_complex(marks[0].get_xdata() + 1j * marks[0].get_ydata())
    np.testing.assert_allclose(found, [-2.0, -1 - 3j, -1 + 3j], rtol=1e-12)
    for mark, value in zip(marks[1:], (0.5, 0.0, 0.0), strict=True):
        assert list(mark.get_xdata()) == [value]
    assert ax.get_title(loc="left") == "unstable: 1 growing, the fastest in 2 s"


@pytest.mark.parametrize(
    ("values", "scales"),
    [
        ([-1.0, -50.0], ("linear", "linear")),
        ([-0.1, -500.0], ("symlog", "linear")),
        ([-1.0 + 1j, -2.0 + 1e4j], ("linear", "symlog")),
    ],
)
def test_rates_that_differ_much_are_drawn_on_a_logarithmic_axis(values, scales):
    ax = plot.spectrum(spectrum(blocks(*values)))
    assert (ax.get_xscale(), ax.get_yscale()) == scales
    drawn_legend(ax)
    places = ax.transAxes.inverted().transform(
        ax.transData.transform([(np.real(v), 0) for v in values])
    )
    assert np.all((places[:, 0] > 0.0) & (places[:, 0] < 1.0))
    assert len(ax.get_xticks()) < 10


def test_a_pair_on_the_imaginary_axis_is_marginal():
    ax = plot.spectrum(spectrum(blocks(50j)))
    assert ax.get_title(loc="left") == "marginal: 2 modes neither grow nor decay"
    assert drawn_legend(ax) == ["neutral: 2"]


def test_a_spectrum_in_parts_says_so():
    flow, _ = flows.cells(1000)
    ax = plot.spectrum(spectrum(flow.jacobian(flow.start), count=7))
    assert ax.get_title(loc="left").endswith("(rightmost 7 of 3000)")


def test_the_best_point_of_a_failed_search_is_not_shown_as_an_equilibrium():
    flow = flows.Formula(lambda x: 1.0 + x**2, lambda x: np.diag(2.0 * x), [1.0])
    with pytest.raises(NotConvergedError) as error:
        fixed_point(flow, max_iterations=5)
    ax = plot.spectrum(error.value.point)
    assert ax.get_title(loc="left").startswith("not a fixed point")


def test_a_spectrum_is_drawn_into_given_axes():
    ax = plot.spectrum(spectrum(-np.eye(2)))
    assert plot.spectrum(spectrum(np.eye(2)), ax=ax) is ax
