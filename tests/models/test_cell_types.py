"""`cell_types` against an independent Jacobian and integrator, closed forms and cited eigenvalues."""

from functools import cache

import numpy as np
import pytest
from cell_type_equations import TAU, W, connected, rates, settle, starts

import dendrosim as ds

NAMES = (
    "pyramidal.soma[0]", "pyramidal.dendrite[0]", "pv.r[0]", "sst.r[0]", "vip.r[0]", "ndnf.r[0]",
    "ndnf.spilled[0]", "sst.release[0]",
)  # fmt: skip


def jacobian(b):
    """Derivatives of `rates` at rates of 1."""
    j = np.zeros((8, 8))
    j[:6, :6] = connected()
    j[1, 6], j[1, 5] = -W["DN"], 0.0
    j[[1, 5], 7] = -np.array([W["DS"], W["NS"]]) / (1 - b)
    j[6, 5], j[7, 6] = 1.0, -b
    return (j - np.eye(8)) / TAU[:, None]


@cache
def field(seed=0, **given):
    return ds.vector_field(ds.load_circuit("cell_types", **given), seed=seed)


@pytest.mark.parametrize(
    ("b", "cited"), [(0.0, -4.103), (0.4, -2.535), (0.5, -1.929), (0.6, -1.139)]
)
def test_eigenvalues_are_those_of_the_jacobian_by_hand(b, cited):
    point = ds.fixed_point(field(b=b))
    assert point.x == pytest.approx(
        np.where(np.array(point.flow.labels) == "sst.release[0]", 1 - b, 1)
    )
    expected = np.linalg.eigvals(jacobian(b))
    found = point.eigenvalues
    assert np.sort_complex(found) == pytest.approx(np.sort_complex(expected), rel=1e-9)
    assert np.max(found.real) == pytest.approx(cited, abs=6e-4)


def test_one_evaluation_is_that_of_the_equations_by_hand():
    flow, rng = field(b=0.6), np.random.default_rng(0)
    order = [flow.labels.index(name) for name in NAMES]
    for _ in range(20):
        y = rng.uniform(0, 3, 8)
        x = np.zeros(8)
        x[order] = y
        assert flow.f(x)[order] == pytest.approx(rates(y, 0.6), rel=1e-12, abs=1e-12)


def test_the_critical_strength_is_that_of_the_closed_form():
    """b/(1 - b) = -1/(v^T A^-1 u), where everything is at its steady state; no time constant matters."""
    a = connected() - np.eye(6)
    u = np.array([0, W["DS"], 0, 0, 0, W["NS"]])
    gain = -1 / np.linalg.solve(a, u)[5]
    critical = gain / (1 + gain)
    assert gain == pytest.approx(2.35365, abs=5e-6)
    assert critical == pytest.approx(0.701817, abs=5e-7)
    for slow in ({}, {"tau_spilled": "50 ms", "tau_release": "300 ms", "tau_ndnf": "5 ms"}):
        branch = ds.continuation(field(b=0.3, **slow), "b", 0.3, 0.9)
        (found,) = branch.bifurcations
        assert found.kind == "branch point"
        assert found.value == pytest.approx(critical, abs=1e-6)


def test_there_are_two_states_above_and_somewhat_below_the_critical_strength():
    """With shut terminals (p = 0) rates follow from linear equations; the state exists if NDNF cells suffice."""
    a = connected()
    background = 1 - a.sum(axis=1)
    shut = a.copy()
    shut[[1, 5], 3] = 0
    high = np.linalg.solve(np.eye(6) - shut, background)
    least = 1 / high[5]
    assert least == pytest.approx(0.6316, abs=5e-5)
    for b, number in ((least - 0.02, 1), (least + 0.02, 2), (0.75, 2)):
        flow = field(b=b)
        order = [flow.labels.index(name) for name in NAMES]
        ends = []
        for start in starts():
            end = settle(start, b)
            x = np.zeros(8)
            x[order] = end
            point = ds.fixed_point(flow, x)
            assert point.stable
            assert point.x[order] == pytest.approx(end, abs=1e-3)
            ends.append(point.x[order])
        assert (np.max(np.abs(ends[1] - ends[0])) > 0.1) == (number == 2)
        if number == 2:
            assert ends[1][:6] == pytest.approx(high, rel=1e-9)


def test_rates_of_one_are_a_fixed_point_with_any_weights():
    given = {
        "b": 0.3,
        "p_low": 0.2,
        "dendrite_from_sst": 0.9,
        "soma_from_dendrite": 0.4,
        "pv_from_vip": 0.0,
    }
    flow = field(**given)
    assert flow.f(flow.start) == pytest.approx(0, abs=1e-13)


def test_a_network_of_equal_cells_contains_the_mean_field():
    """Where all cells have equally many inputs, rates of 1 and all eigenvalues of the mean field remain."""
    flow = field(form="network", connect="in_degree", pyramidal_cells=12, interneurons_per_type=5)
    assert flow.f(flow.start) == pytest.approx(0, abs=1e-12)
    found = np.linalg.eigvals(flow.jacobian(flow.start))
    for value in np.linalg.eigvals(jacobian(0.5)):
        assert np.min(np.abs(found - value)) < 1e-6 * abs(value)


def test_networks_have_the_stated_sizes_and_connections_and_obey_dale():
    circuit = ds.load_circuit("cell_types", form="network")
    assert {p.name: p.size for p in circuit.populations} == {
        "pyramidal": 70, "pv": 10, "sst": 10, "vip": 10, "ndnf": 10,
    }  # fmt: skip
    signs = {m.pre: {n.sign for n in circuit.matrices if n.pre == m.pre} for m in circuit.matrices}
    assert signs["pyramidal"] == {"excitatory"}
    assert all(signs[k] == {"inhibitory"} for k in ("pv", "sst", "vip", "ndnf"))
    short = {"soma": "E", "dendrite": "D", "pv": "P", "sst": "S", "vip": "V", "ndnf": "N"}
    between = [m for m in circuit.matrices if m.connect is not None]
    assert len(between) == len(W)
    for m in between:
        post, pre = m.name.split("_from_")
        partners = circuit.population(m.pre).size - (m.pre == m.post)
        weight = W[short[post] + short[pre]] * (1 if pre == "soma" else -1)
        expected = weight / (m.connect.probability * partners)
        assert float(m.initial.value.value) == pytest.approx(expected)


@pytest.mark.slow  # 182 states, five networks
def test_random_networks_are_near_the_mean_field():
    """Cells differ, so rates and eigenvalues do; the slowest eigenvalue is that of the mean field within 20 %."""
    found = [
        np.max(ds.fixed_point(field(seed=seed, form="network")).eigenvalues.real)
        for seed in range(5)
    ]
    assert np.mean(found) == pytest.approx(-1.929, rel=0.2)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ndnf_from_sst": -0.7}, "ndnf_from_sst is -0.7; it must not be negative"),
        ({"b": 1.0}, "b is 1.0; it must be"),
        ({"b": 0.7, "p_low": 0.4}, "p_low is 0.4 and b is 0.7; p_low must be at most 1 - b = 0.3"),
        ({"pyramidal_cells": 20}, "pyramidal_cells is 20, but form is mean_field"),
        ({"connect": "in_degree"}, "connect is in_degree, but form is mean_field"),
        ({"form": "network", "interneurons_per_type": 1}, "interneurons_per_type is 1"),
    ],
)
def test_what_cannot_be_is_refused(given, said):
    with pytest.raises(ds.errors.ParameterError, match=said):
        ds.load_circuit("cell_types", **given)
