"""Circuits and protocols are values: frozen, compared by value, and the same when read back from JSON."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_problems import PROBLEMS, chain, leaky, leaky_protocol, microcircuit

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.initial_values.base import Initial
from dendrosim.circuit.initial_values.fixed import Fixed
from dendrosim.circuit.initial_values.identity import Identity
from dendrosim.circuit.initial_values.normal import Normal
from dendrosim.circuit.initial_values.uniform import Uniform
from dendrosim.circuit.matrix import Matrix, Projection
from dendrosim.circuit.population import Population
from dendrosim.errors import DendrosimError, SpecError
from dendrosim.experiments.run import run
from dendrosim.protocol.phases import Block, Phase, Recording
from dendrosim.protocol.protocol import Protocol
from dendrosim.signals.base import Signal
from dendrosim.signals.biexponential import BiExponential
from dendrosim.signals.constant import Constant
from dendrosim.signals.hyperbolic import Hyperbolic
from dendrosim.signals.pulse import Pulse
from dendrosim.signals.ramp import Ramp
from dendrosim.signals.samples import Samples
from dendrosim.signals.sine import Sine
from dendrosim.signals.step import Step
from dendrosim.signals.table import Table
from dendrosim.spec import Spec

# -- strategies: specs whose structure is fixed and whose numbers are anything ----------------------

numbers = st.floats(-1e6, 1e6)
positive = st.floats(1e-3, 1e3)
names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)


def per_unit(size, values=numbers):
    return st.one_of(values, st.lists(values, min_size=size, max_size=size).map(np.array))


courses = st.one_of(
    st.builds(Constant, per_unit(2)),
    st.builds(Step, per_unit(2), positive.map(lambda x: f"{x!r} ms")),
    st.builds(Pulse, per_unit(2), st.just("1 ms"), positive.map(lambda x: f"{x!r} ms")),
    st.builds(Ramp, per_unit(2), st.just("1 ms"), st.just(["2 ms", "3 ms"])),
    st.builds(Sine, per_unit(2), positive.map(lambda x: f"{x!r} Hz"), numbers, per_unit(2)),
    st.builds(Hyperbolic, per_unit(2), positive.map(lambda x: f"{x!r} s")),
    st.builds(BiExponential, per_unit(2), st.just("1 ms"), st.just("2 ms"), st.just("9 ms")),
    st.builds(
        Table,
        st.integers(1, 4).flatmap(lambda n: st.lists(numbers, min_size=n, max_size=n)),
        st.just("1 ms"),
        linear=st.booleans(),
    ),
    st.just(Samples("rows")),
)
initials = st.one_of(
    st.builds(Fixed, numbers),
    st.builds(Normal, positive, numbers),
    st.builds(lambda low, width: Uniform(low, low + width), numbers, positive),
    st.builds(Identity, numbers, positive),
    st.lists(numbers, min_size=4, max_size=4).map(lambda v: Fixed(np.reshape(v, (2, 2)))),
)


@st.composite
def circuits(draw):
    cell = Population(
        "cell",
        2,
        "dv/dt = (-v + r + bias)/tau : 1\nr : 1\nx : 1\nbias : 1",
        inputs={"x": draw(st.none() | per_unit(2))},
        parameters={"bias": draw(per_unit(2))},
        initial={"v": draw(st.builds(Fixed, per_unit(2)) | st.builds(Normal, positive))},
    )
    rule = draw(st.sampled_from([None, "dw/dt = (learn*v_post*x_pre - w)/tau : 1"]))
    return Circuit(
        (cell,),
        (Matrix("w", "cell", "cell", draw(initials), rule),),
        (Projection("cell.x", "w", "cell.r", draw(st.booleans())),),
        {"tau": f"{draw(positive)!r} ms"},
        {} if rule is None else {"learn": draw(numbers)},
    )


@st.composite
def protocols(draw):
    circuit = draw(circuits())
    gates = {
        g: draw(numbers | st.builds(Step, numbers)) for g in circuit.gates if draw(st.booleans())
    }
    phases = tuple(
        Phase(
            f"phase{i}",
            f"{draw(st.integers(1, 50))} ms",
            gates,
            {"cell.x": tuple(draw(st.lists(courses, min_size=1, max_size=3)))},
        )
        for i in range(draw(st.integers(1, 3)))
    )
    order = draw(st.sampled_from(["sequential", "shuffled"]))
    batch = draw(st.integers(1, 4))
    return Protocol(
        circuit,
        (Block("only", phases, draw(st.integers(1, 5)), order),),
        "1 ms",
        (
            Recording("cell.v", draw(st.sampled_from(["phase", "trial", "3 ms"])), units=(1,)),
            Recording(("w",), "phase", phases="only/*", samples=draw(st.none() | st.just((batch - 1,)))),
        ),
        {"cell.x": draw(courses)},
        {"rows": draw(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=3))},
        batch,
        draw(st.booleans()),
        {"optimum": draw(numbers), "spectrum": np.arange(3.0), "nothing": float("nan")},
        draw(names),
        {"size": draw(st.integers()), "flag": draw(st.booleans()), "nested": [1, ["a", 2.5]]},
    )  # fmt: skip


# -- JSON -------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(protocols())
def test_protocols_go_to_json_and_back_without_loss(protocol):
    text = protocol.to_json()
    back = Protocol.from_json(text)
    assert back == protocol
    assert hash(back) == hash(protocol)
    assert back.digest() == protocol.digest()
    assert back.to_json() == text
    assert json.loads(text)["kind"] == "Protocol"
    for field in dataclasses.fields(Protocol):
        assert type(getattr(back, field.name)) is type(getattr(protocol, field.name))
    assert np.array_equal(back.data["rows"], protocol.data["rows"])
    assert back.circuit == protocol.circuit


@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
def test_a_circuit_read_from_json_runs_to_the_same_bits(problem):
    before = problem.protocol(2)
    after = Protocol.from_json(before.to_json())
    first, second = (run(p, backend="numpy", seed=4).state for p in (before, after))
    for name in first:
        assert np.array_equal(first[name], second[name])


@settings(max_examples=60)
@given(circuits(), circuits())
def test_two_circuits_are_equal_exactly_if_their_json_is(first, second):
    assert (first == second) == (first.to_json() == second.to_json())
    assert first == first.replace()
    assert first != first.to_json()
    assert len({first, first.replace()}) == 1


def test_specs_that_differ_in_one_number_differ():
    circuit = microcircuit()
    eta = dict(circuit.parameters) | {"eta": "41 Hz"}
    assert circuit.replace(parameters=eta) != circuit
    assert circuit.replace(gates={"learn": 0.5}).digest() != circuit.digest()


def spec_classes():
    """Every class of specification, each once."""
    return sorted({c for c in Spec._classes.values()}, key=lambda c: c.__name__)


@pytest.mark.parametrize("spec_class", spec_classes(), ids=lambda c: c.__name__)
def test_json_of_something_else_is_a_spec_error(spec_class):
    for text in (
        "",
        "{",
        "3",
        "null",
        "[]",
        "{}",
        '{"kind": "Banana"}',
        '{"kind": ["Circuit"]}',
        '"a"',
    ):
        with pytest.raises(SpecError) as raised:
            spec_class.from_json(text)
        assert raised.value.exit_code == 3


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


def _places(value, path=()):
    """Every place in a JSON value, as a path of keys."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from _places(value[key], (*path, key))
    elif isinstance(value, list):
        for index in range(len(value)):
            yield from _places(value[index], (*path, index))


def _with(value, path, replacement):
    if not path:
        return replacement
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _with(value[path[0]], path[1:], replacement)
    return copy


SHORT = json.loads(
    Protocol(
        Circuit(
            (Population("cell", 2, "dv/dt = (-v + r)/tau : 1\nr : 1\nx : 1", inputs={"x": 1.0}),),
            (Matrix("w", "cell", "cell", Normal(0.1), "dw/dt = (learn*v_post*x_pre - w)/tau : 1"),),
            (Projection("cell.x", "w", "cell.r"),),
            {"tau": "1 ms"},
            {"learn": 1.0},
        ),
        (Block("only", (Phase("on", "2 ms", {"learn": Step(1.0)}, {"cell.x": Samples("rows")}),)),),
        "1 ms",
        (Recording("*", "phase"),),
        data={"rows": np.eye(2)},
        references={"optimum": np.ones(2), "nothing": float("nan")},
    ).to_json()
)
PLACES = list(_places(SHORT))


def refusal(text):
    """Return the exit code by which a protocol's text is refused, None if it is read."""
    try:
        back = Protocol.from_json(text)
    except DendrosimError as error:
        return error.exit_code
    assert Protocol.from_json(back.to_json()) == back
    return None


@settings(max_examples=400)
@given(st.sampled_from(PLACES), json_values)
def test_damaged_json_is_read_or_refused_by_an_error_of_ours(place, replacement):
    assert refusal(json.dumps(_with(SHORT, place, replacement))) in (None, 3)


@settings(max_examples=200)
@given(st.integers(0, len(json.dumps(SHORT)) - 1), st.text(max_size=4))
def test_json_cut_or_overwritten_anywhere_is_read_or_refused(position, patch):
    text = json.dumps(SHORT)
    assert refusal(text[:position]) == 3
    assert refusal(text[:position] + patch + text[position + len(patch) :]) in (None, 3)


def test_deeply_nested_json_is_refused():
    with pytest.raises(SpecError):
        Circuit.from_json("[" * 100000 + "]" * 100000)


def test_json_of_an_abstract_class_is_refused():
    for kind, place in (
        (Initial, ("circuit", "matrices", 0, "initial")),
        (Signal, ("blocks", 0, "phases", 0, "signals", "items", "cell.x", 0)),
    ):
        damaged = json.dumps(_with(SHORT, place, {"kind": kind.__name__}))
        with pytest.raises(SpecError):
            Protocol.from_json(damaged)


# -- frozen -----------------------------------------------------------------------------------------


def _every_spec(value):
    if isinstance(value, Spec):
        yield value
        for field in dataclasses.fields(value):
            yield from _every_spec(getattr(value, field.name))
    elif isinstance(value, tuple):
        for item in value:
            yield from _every_spec(item)
    elif hasattr(value, "values"):
        for item in value.values():
            yield from _every_spec(item)


@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
def test_nothing_in_a_spec_can_be_changed(problem):
    protocol = problem.protocol(2)
    digest = protocol.digest()
    seen = 0
    for spec in _every_spec(protocol):
        for field in dataclasses.fields(spec):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(spec, field.name, None)
            value = getattr(spec, field.name)
            seen += 1
            if hasattr(value, "items"):
                with pytest.raises(TypeError):
                    value["new"] = 1
            array = getattr(value, "value", value)
            if isinstance(array, np.ndarray):
                with pytest.raises(ValueError, match="read-only"):
                    array[...] = 0
    assert seen > 20
    assert protocol.digest() == digest


def test_a_spec_keeps_its_own_copy_of_what_it_was_given():
    parameters, weights = {"tau": "1 ms"}, np.ones((2, 2))
    circuit = Circuit(
        [Population("cell", 2, "dv/dt = (-v + r)/tau : 1\nr : 1")],
        [Matrix("w", "cell", "cell", weights)],
        [Projection("cell.v", "w", "cell.r")],
        parameters,
    )
    digest = circuit.digest()
    parameters["tau"] = "2 ms"
    weights[0, 0] = 7.0
    assert circuit.digest() == digest


# -- join -------------------------------------------------------------------------------------------


def test_join_prefixes_names_and_looks_parameters_up_in_their_own_scope():
    both = Circuit.join(
        slow=leaky().replace(parameters={"E": "-70 mV", "R": "1 Mohm", "tau": "40 ms"}),
        fast=leaky(),
    )
    assert [p.name for p in both.populations] == ["slow_cell", "fast_cell"]
    assert both.symbol_value(both.population("slow_cell"), "tau").value == 0.04
    assert both.symbol_value(both.population("fast_cell"), "tau").value == 0.02
    assert both.population("fast_cell").equations == leaky().population("cell").equations


def test_joins_nest():
    inner = Circuit.join(a=chain(), b=leaky())
    outer = Circuit.join(left=inner, right=microcircuit())
    assert {"left_a_layer1", "left_b_cell", "right_pyramidal"} <= {
        p.name for p in outer.populations
    }
    assert outer.symbol_value(outer.population("left_b_cell"), "tau").value == 0.02
    assert outer.symbol_value(outer.matrix("right_q"), "learn").value == 1.0
    assert Circuit.from_json(outer.to_json()) == outer


def test_joining_takes_projections_between_the_parts():
    sender = Circuit((Population("cell", 2, "dv/dt = -v/(5*ms) : 1", initial={"v": 1.0}),))
    receiver = Circuit(
        (Population("cell", 2, "dv/dt = (r - v)/(5*ms) : 1\nr : 1\nx : 1", inputs=["x"]),),
        (Matrix("w", "cell", "cell", np.eye(2)),),
        (Projection("cell.x", "w", "cell.r"),),
    )
    both = Circuit.join(
        [Projection("up_cell.v", "down_w", "down_cell.r")], up=sender, down=receiver
    )
    protocol = Protocol(
        both, (Block("run", (Phase("on", "2 ms"),)),), "1 ms", signals={"down_cell.x": 0.0}
    )
    up, down = 1.0, 0.0
    for _ in range(2):
        up, down = up - up / 5, down + (up - down) / 5
    state = run(protocol, backend="numpy").state
    assert np.allclose(state["up_cell.v"], up, rtol=1e-14)
    assert np.allclose(state["down_cell.v"], down, rtol=1e-14)


def test_the_same_prefix_meaning_two_objects_is_refused():
    one = Circuit((Population("b_cell", 1, "dv/dt = -v/(5*ms) : 1"),))
    two = Circuit((Population("cell", 1, "dv/dt = -v/(5*ms) : 1"),))
    with pytest.raises(SpecError, match="'a_b_cell' names 2 objects"):
        Circuit.join(a=one, a_b=two)


def test_circuits_side_by_side_give_the_numbers_they_give_apart():
    apart = [problem.protocol(2) for problem in PROBLEMS]
    joined = Circuit.join(**{f"part{i}": p.circuit for i, p in enumerate(apart)})
    drives = (
        {"input.x": [1.0, -2.0, 0.5, 0.1], "target.y": [0.3, 0.2, -1.0]},
        {"layer0.x": [0.5, -0.5, 2.0]},
        {"cell.current": "50 pA"},
    )
    both = {f"part{i}_{k}": v for i, drive in enumerate(drives) for k, v in drive.items()}
    block = (Block("run", (Phase("on", "3 ms"),)),)
    together = run(Protocol(joined, block, "0.1 ms", batch=2, signals=both), "numpy")
    for i, (protocol, drive) in enumerate(zip(apart, drives, strict=True)):
        alone = run(Protocol(protocol.circuit, block, "0.1 ms", batch=2, signals=drive), "numpy")
        for name, value in alone.state.items():
            assert np.array_equal(value, together.state[f"part{i}_{name}"]), name


def test_replace_validates_anew():
    with pytest.raises(SpecError):
        leaky_protocol().replace(batch=0)
