"""Protocols of rate rules: place fields, delayed reward, homeostasis, receptive fields, two compartments."""

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.errors import ParameterError


def measured(name, **parameters):
    result = ds.run(ds.load_protocol(name, **parameters), backend="numpy")
    return ds.measure(result)


def test_one_plateau_makes_a_place_field_where_it_was():
    found = measured("btsp_place_field", inputs=40, dt="20 ms")
    m = found.metrics
    assert found.agrees["weight_error"]
    assert np.ptp(m["drive_before"]) < 1e-9
    assert m["field_height"] > 1
    assert abs(m["field_peak"] - 0.9) < 0.1
    assert 0.3 < m["field_width"] < 1.2
    weights, place = m["weights"], np.arange(40) / 40 * 1.87
    early, late = (np.interp(0.9 + shift, place, weights) for shift in (-0.5, 0.5))
    assert early > late + 0.3  # inputs that were active before the plateau gain more
    assert weights.max() < 4.1


@pytest.mark.slow
def test_a_second_plateau_weakens_the_first_field_where_they_overlap():
    one, both = (
        measured("btsp_place_field", inputs=24, dt="20 ms", positions=p).metrics["weights"]
        for p in (("0.6 m",), ("0.6 m", "1.1 m"))
    )
    place = np.arange(24) / 24 * 1.87
    assert both[np.argmin(abs(place - 1.1))] > one[np.argmin(abs(place - 1.1))] + 0.5
    assert both.max() <= 4.1


def test_an_eligibility_bridges_the_delay_of_a_reward():
    found = measured(
        "reward_learning", delays=("0 s", "0.3 s", "0.9 s"), trials=1, tau_eligibility="400 ms", pause="2.4 s"
    )  # fmt: skip
    assert all(found.agrees.values())
    assert found.metrics["half_delay"] == pytest.approx(0.4 * np.log(2), rel=0.02)


def test_rates_return_and_ratios_stay():
    found = measured("homeostasis", cells=3, inputs=8, duration="300 s", dt="200 ms")
    assert all(found.agrees.values())
    assert found.metrics["lowest"] < 0.7
    assert found.metrics["highest"] > 1.3
    with pytest.raises(ParameterError, match="above 4 tau_average"):
        ds.load_protocol("homeostasis", tau="10 s")


def test_oja_finds_the_first_component_of_patches():
    found = measured(
        "receptive_fields", rule="oja", width=3, units=2, patches=400, shown=3000, eta=0.01
    )
    assert np.all(found.metrics["alignment"] > 0.9)


@pytest.mark.slow
def test_bcm_finds_single_bars():
    found = measured("receptive_fields", width=4, units=3, patches=800, shown=10000, eta=0.002)
    assert np.all(found.metrics["alignment"] > 0.9)
    assert found.metrics["kurtosis"].min() > 1


def test_apical_synapses_follow_their_compartment_and_basal_ones_the_output():
    found = measured("compartment_rules", samples=30, dt="50 ms")
    m = found.metrics
    assert all(found.agrees.values())
    assert m["apical_output"] < 0.9
    assert m["basal_alone"] < 0.95
    assert m["residual"] < 1e-3


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("btsp_place_field", "tau_instructive"),
        ("reward_learning", "tau_modulator"),
        ("homeostasis", "tau_average"),
    ],
)
def test_a_time_step_above_a_time_constant_is_refused(name, named):
    given = {named: "10 ms", "dt": "20 ms"}
    with pytest.raises(ParameterError, match=f"dt is 20 ms, but {named} is 10 ms"):
        ds.load_protocol(name, **given)
