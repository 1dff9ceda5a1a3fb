"""Errors of vector fields name the object, what is allowed, and the remedy."""

import warnings

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.errors import (
    DifferentiationError,
    MemoryLimitError,
    NotConvergedError,
    ParameterError,
    ShapeError,
    SpecError,
    UnitError,
    UnknownMemberError,
    UnknownNameError,
)


@pytest.fixture(autouse=True)
def _no_warnings():
    """Require that refusals are errors, and that nothing else warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield


@pytest.fixture(scope="module")
def chain():
    return ds.load_circuit("dynamical_tp", sizes=(3, 2, 2))


@pytest.fixture(scope="module")
def cell():
    return ds.load_circuit("pyramidal_passive")


def unit_of(text, size=2, **settings):
    return ds.Circuit((ds.Population("cell", size, text, **settings),))


def driven(signal, duration="100 ms"):
    circuit = unit_of("dx/dt = (u - x)/(5*ms) : 1\nu : 1", inputs=["u"])
    block = ds.Block("trial", (ds.Phase("on", duration),))
    return ds.Protocol(circuit, (block,), "1 ms", signals={"cell.u": signal})


# -- functions without derivative ----------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["pv", "sst", "pyramidal_burst", "pyramidal_ca"])
def test_spikes_have_no_derivative(model):
    name = ds.load_circuit(model).populations[0].name
    with pytest.raises(DifferentiationError, match=rf"'{name}' has a threshold.*subthreshold=True"):
        ds.vector_field(ds.load_circuit(model))


def test_point_above_threshold_is_no_resting_state():
    circuit = unit_of(
        "dv/dt = (u - v)/(5*ms) : 1\nu : 1", inputs=["u"], threshold="v > 1", reset="v = 0"
    )
    below, above = (
        ds.vector_field(circuit, inputs={"cell.u": u}, subthreshold=True)
        for u in ([0.5, 0.9], [0.5, 1.5])
    )
    assert ds.fixed_point(below).stable
    with pytest.raises(
        DifferentiationError, match=r"unit 1 of 'cell' is above its threshold \(v > 1\)"
    ):
        ds.fixed_point(above)


def test_events_that_act_are_left_out_like_spikes_and_others_do_not_matter():
    text, inputs = "dv/dt = (u - v)/(5*ms) : 1\nu : 1", ["u"]
    acts = unit_of(text, inputs=inputs, events={"high": ds.Event("v > 1", "v = 0")})
    with pytest.raises(
        DifferentiationError, match=r"'cell' has the event 'high'.*subthreshold=True"
    ):
        ds.vector_field(acts, inputs={"cell.u": 0.5})
    below, above = (
        ds.vector_field(acts, inputs={"cell.u": u}, subthreshold=True) for u in (0.5, 1.5)
    )
    assert ds.fixed_point(below).stable
    with pytest.raises(DifferentiationError, match=r"unit 0 of 'cell' .* event 'high' \(v > 1\)"):
        ds.fixed_point(above)
    sends = ds.Pathway("path", "cell", "cell", on_pre={"high": "v_post += 1"})
    cell = ds.Population("cell", 2, text, inputs=inputs, events={"high": ds.Event("v > 1")})
    with pytest.raises(DifferentiationError, match="the event 'high'"):
        ds.vector_field(ds.Circuit((cell,), pathways=(sends,)), inputs={"cell.u": 0.5})
    watches = unit_of(text, inputs=inputs, events={"high": ds.Event("v > 1")})
    np.testing.assert_allclose(
        ds.fixed_point(ds.vector_field(watches, inputs={"cell.u": 1.5})).x, 1.5, rtol=1e-9
    )


def test_random_thresholds_are_left_out_as_other_noise():
    circuit = unit_of(
        "dv/dt = (u - v)/(5*ms) : 1\nu : 1", inputs=["u"], threshold="rand() < v", reset="v = 0"
    )
    assert ds.fixed_point(
        ds.vector_field(circuit, inputs={"cell.u": 0.5}, subthreshold=True)
    ).stable


@pytest.mark.parametrize("name", ["burst_multiplexing", "burst_coding"])
def test_protocols_of_spikes_and_noise_are_refused(name):
    protocol = ds.load_protocol(name)
    with pytest.raises(DifferentiationError, match="subthreshold"):
        ds.vector_field(protocol)
    flow = ds.vector_field(protocol, subthreshold=True)
    assert np.all(np.isfinite(flow.f(flow.start)))


def test_noise_is_refused_or_left_at_its_mean():
    protocol = driven(ds.OrnsteinUhlenbeck(mean=0.3, sigma=1.0, tau="10 ms"))
    with pytest.raises(DifferentiationError, match=r"input cell\.u in phase trial/on is random"):
        ds.vector_field(protocol)
    point = ds.fixed_point(ds.vector_field(protocol, subthreshold=True))
    np.testing.assert_allclose(point.x, 0.3, rtol=1e-12)


@pytest.mark.parametrize(
    "text", ["floor(x)", "ceil(x)", "int(x)", "x % 2", "x // 2", "timestep(x*second, 1*ms)"]
)
def test_function_without_derivative_is_named_with_its_place(text):
    with pytest.raises(DifferentiationError, match=r"cell\.y: .* has no derivative; analyse"):
        ds.vector_field(unit_of(f"dx/dt = (y - x)/(5*ms) : 1\ny = 0.5*({text}) : 1"))


@pytest.mark.parametrize("text", ["floor(x)", "int(x)"])
def test_function_without_derivative_does_not_matter_where_nothing_depends_on_it(text):
    flow = ds.vector_field(unit_of(f"dx/dt = (1 - x)/(5*ms) : 1\ny = {text} : 1"))
    np.testing.assert_allclose(flow.jacobian(flow.start), -200.0 * np.eye(2))


def test_truth_values_count_as_numbers():
    flow = ds.vector_field(unit_of("dx/dt = (True*x**2 - x)/second : 1"))
    np.testing.assert_allclose(flow.jacobian(np.array([2.0, 3.0])), np.diag([3.0, 5.0]))


# -- time ---------------------------------------------------------------------------------------------------

SIGNALS = {
    "sine": (ds.Sine(2.0, "5 Hz"), 2.0 * np.sin(2.0 * np.pi * 5.0 * 0.03)),
    "step before": (ds.Step(2.0, "40 ms"), 0.0),
    "step after": (ds.Step(2.0, "20 ms"), 2.0),
    "ramp": (ds.Ramp(2.0, "20 ms", "40 ms"), 0.5),
    "pulse": (ds.Pulse(2.0, "20 ms", "20 ms"), 2.0),
    "table": (ds.Table([0.0, 1.0, 3.0], "20 ms"), 1.0),
    "linear table": (ds.Table([0.0, 1.0, 3.0], "20 ms", linear=True), 2.0),
}


@pytest.mark.parametrize("name", SIGNALS)
def test_an_input_that_changes_in_time_needs_a_moment(name):
    signal, value = SIGNALS[name]
    with pytest.raises(ParameterError, match=r"cell\.u in phase trial/on changes in time .*time="):
        ds.vector_field(driven(signal))
    flow = ds.vector_field(driven(signal), time="30 ms")
    np.testing.assert_allclose(flow.f(np.zeros(2)), 200.0 * value, rtol=1e-12)


def test_equation_that_depends_on_time_needs_a_moment():
    circuit = unit_of("dx/dt = (sin(t/second) - x)/second : 1")
    with pytest.raises(ParameterError, match=r"cell\.x depends on the time t; choose .* time="):
        ds.vector_field(circuit)
    flow = ds.vector_field(circuit, time="500 ms")
    np.testing.assert_allclose(flow.f(np.zeros(2)), np.sin(0.5), rtol=1e-15)


@pytest.mark.parametrize(
    ("time", "error", "words"),
    [
        ("3 mV", UnitError, "must be a time"),
        (0.01, UnitError, "must be a time"),
        ("-1 ms", ParameterError, "not negative"),
        ("inf s", ParameterError, "finite"),
        ("200 ms", ParameterError, "trial/on lasts 0.1 s"),
    ],
)
def test_moments_outside_of_the_phase_are_refused(time, error, words):
    with pytest.raises(error, match=words):
        ds.vector_field(driven(ds.Sine(1.0, "1 Hz")), time=time)


# -- names ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"inputs": {"layer0.x": 1.0}}, r"input 'layer0\.x'; did you mean 'layer0\.h'"),
        ({"inputs": {3: 1.0}}, r"input '3'; there are: layer0\.h, layer2\.target"),
        ({"gates": {"lern": 1.0}}, "gate 'lern'; did you mean 'learn'"),
        ({"unfrozen": "w7*"}, r"matrix 'w7\*'; there are: w1, w2"),
        ({"unfrozen": ("w1", "q1")}, "matrix 'q1'; there are: w1, w2"),
        ({"slaved": "layer3.h"}, r"state 'layer3\.h'; did you mean 'layer2\.h'"),
        ({"slaved": "w1"}, "state 'w1'; there are"),
        ({"values": {"w7": 1.0}}, "state or matrix 'w7'"),
        ({"parameters": {"taus": "1 ms"}}, "parameter of the circuit 'taus'; did you mean 'tau'"),
    ],
)
def test_unknown_names_are_refused_with_the_known_ones(chain, settings, words):
    with pytest.raises(UnknownMemberError, match=words):
        ds.vector_field(chain, **settings)


def test_unknown_phases_and_trials_are_refused():
    protocol = driven(0.5)
    with pytest.raises(
        UnknownMemberError, match="phase of the protocol 'off'; there are: trial/on"
    ):
        ds.vector_field(protocol, phase="off")
    with pytest.raises(ParameterError, match="trial is 1; block 'trial' has trials 0 to 0"):
        ds.vector_field(protocol, trial=1)
    with pytest.raises(ParameterError, match="must be an integer"):
        ds.vector_field(protocol, trial="last")
    for settings in ({"phase": "on"}, {"trial": 1}):
        with pytest.raises(ParameterError, match="only a protocol has"):
            ds.vector_field(protocol.circuit, **settings)


def test_parameters_that_are_not_in_the_equations_are_refused(chain):
    flow = ds.vector_field(chain)
    for ask in (lambda n: flow.at(n, 1.0), lambda n: flow.parameter_derivative(flow.start, n)):
        with pytest.raises(UnknownNameError, match="equations 'taus'; did you mean 'tau'"):
            ask("taus")
        with pytest.raises(UnknownNameError, match="'learn'"):  # of weights that are held
            ask("learn")
    assert "learn" in ds.vector_field(chain, unfrozen="w1").parameters


def test_states_of_another_name_or_shape_are_refused(chain):
    flow = ds.vector_field(chain)
    with pytest.raises(UnknownMemberError, match=r"'layer1\.g'; did you mean 'layer1\.h'"):
        flow.pack({"layer1.g": 0.0})
    with pytest.raises(ShapeError, match=r"'layer1\.h' has shape \(3,\); it must be \(2, 1\)"):
        flow.pack({"layer1.h": [1.0, 2.0, 3.0]})
    for ask in (flow.f, flow.jacobian, flow.unpack):
        with pytest.raises(ShapeError, match=r"x has shape \(3,\); it must be \(4,\)"):
            ask(np.zeros(3))


# -- shapes, units, numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"inputs": {"layer0.h": [1.0, 2.0]}}, ShapeError, r"layer0\.h has shape \(2,\).* 3 units"),
        ({"inputs": {"layer0.h": np.zeros((3, 0))}}, ShapeError, r"layer0\.h has shape \(3, 0\)"),
        (
            {"inputs": {"layer0.h": np.zeros((3, 2)), "layer2.target": np.zeros((2, 5))}},
            ShapeError,
            r"number of samples: layer0\.h 2, layer2\.target 5",
        ),
        ({"inputs": {"layer0.h": np.nan}}, ParameterError, r"layer0\.h must be finite"),
        ({"inputs": {"layer0.h": "a lot"}}, UnitError, r"layer0\.h: cannot read 'a lot'"),
        ({"inputs": {"layer0.h": "3 mV"}}, UnitError, r"layer0\.h is in V; it must have no unit"),
        ({"inputs": [1.0]}, ParameterError, "inputs is a list; it must be a mapping"),
        ({"values": {"w1": np.eye(2)}}, ShapeError, r"w1 has shape \(2, 2\); it must be \(2, 3\)"),
        ({"values": {"w1": np.full((2, 3), np.inf)}}, ParameterError, "w1 must be finite"),
        ({"values": {"w1": "big"}}, ParameterError, "w1 is 'big'; give numbers"),
        ({"values": {"w1": [[1.0], [1.0, 2.0]]}}, ParameterError, "w1 is .*; give numbers"),
        ({"parameters": {"tau": "3 mV"}}, UnitError, "'tau' is in V; it must be in s"),
        ({"parameters": {"mu": [0.1, 0.2]}}, ShapeError, "'mu' has shape .* give one number"),
        ({"parameters": {"mu": np.nan}}, ParameterError, "'mu' must be finite"),
        ({"parameters": {"mu": "small"}}, UnitError, "'mu': cannot read 'small'"),
        ({"gates": {"learn": np.inf}}, ParameterError, "'learn' is inf; give one finite number"),
        ({"gates": {"learn": "open"}}, ParameterError, "'learn' is 'open'"),
        ({"unfrozen": 1}, ParameterError, "pattern of a plastic matrix is 1"),
        ({"slaved": None}, ParameterError, "pattern of a state is None"),
        ({"slaved": "*"}, ParameterError, "every state"),
        ({"seed": -1}, ParameterError, "seed is -1; it must be an integer of at least 0"),
    ],
)  # fmt: skip
def test_values_of_the_wrong_shape_unit_or_type_are_refused(chain, settings, error, words):
    with pytest.raises(error, match=words):
        ds.vector_field(chain, **settings)


def test_currents_need_a_unit(cell):
    with pytest.raises(UnitError, match=r"pyramidal\.current_soma is in V; it must be in A"):
        ds.vector_field(cell, inputs={"pyramidal.current_soma": "3 mV"})
    with pytest.raises(UnitError, match="it must be in A"):
        ds.vector_field(cell, inputs={"pyramidal.current_soma": 3.0})
    flow = ds.vector_field(cell, inputs={"pyramidal.current_soma": 0})
    assert flow.units == ["V"] * 3


@pytest.mark.parametrize("value", [np.nan, "10 ms", [1.0, 2.0], None])
def test_parameters_are_changed_to_one_finite_number(chain, value):
    with pytest.raises(ParameterError, match=r"'tau' is .* give"):
        ds.vector_field(chain).at("tau", value)


@pytest.mark.parametrize("given", ["dynamical_tp", None, {"name": "dynamical_tp"}])
def test_a_name_is_no_circuit(given):
    with pytest.raises(ParameterError, match=r"circuit is a .*ds\.load_circuit"):
        ds.vector_field(given)


# -- matrices ------------------------------------------------------------------------------------------------


def test_a_jacobian_beyond_memory_is_refused_with_an_estimate():
    circuit = ds.load_circuit("bmvr", inputs=3000, hidden=100)
    with pytest.raises(MemoryLimitError, match=r"w1 have 300000 weights.* 671 GiB.*unfreeze fewer"):
        ds.vector_field(circuit, unfrozen="w1")
    assert ds.vector_field(circuit).size == 4 * 100


@pytest.mark.parametrize("weights", [np.ones((2, 2)), np.zeros((2, 2))])
def test_singular_matrix_has_no_inverse(chain, weights):
    with pytest.raises(ParameterError, match=r"'q1': 'w2' has no inverse.*other initial weights"):
        ds.vector_field(chain, values={"w2": weights})
    # During a search it is a point at which nothing is finite, as in a run.
    flow = ds.vector_field(chain, unfrozen="w*")
    with np.errstate(all="ignore"), pytest.raises(NotConvergedError, match="not finite"):
        ds.fixed_point(flow, {"w2": weights, "layer2.h": [1.0, 2.0]}, method="newton")


@pytest.mark.parametrize("count", [3, 200])
def test_slaved_states_that_do_not_change_are_refused(count):
    text = "dx/dt = (y - x)/second : 1\ndy/dt = hold*(x - y)/second : 1"
    circuit = ds.Circuit((ds.Population("cell", count, text),), gates={"hold": 0.0})
    flow = ds.vector_field(circuit, slaved="*.y")
    with pytest.raises(NotConvergedError, match=r"cell\.y\[0\] does not change at all; .* gates"):
        flow.f(flow.start)


def test_slaved_states_without_a_fixed_point_are_refused():
    circuit = unit_of("dx/dt = (y - x)/second : 1\ndy/dt = (1 + y**2)/second : 1")
    flow = ds.vector_field(circuit, slaved="*.y")
    with pytest.raises(NotConvergedError, match=r"cell\.y\[0\] still changes.*slave fewer"):
        flow.f(flow.start)


def test_every_refusal_is_an_error_of_the_specification():
    for error in (DifferentiationError, ParameterError, ShapeError, UnitError, UnknownMemberError):
        assert issubclass(error, SpecError)


def test_a_circuit_without_states_has_nothing_to_analyse():
    circuit = ds.Circuit([ds.Population("unit", 2, "y = 2*x : 1\nx : 1", inputs=["x"])])
    with pytest.raises(ParameterError, match="there is no state to analyse"):
        ds.vector_field(circuit)
