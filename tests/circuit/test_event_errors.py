"""Each mistake in an event, or in a recording of events, is refused by a typed error that names it."""

import pytest

import dendrosim as ds
from dendrosim.errors import (
    EquationError,
    ParameterError,
    ShapeError,
    SpecError,
    UnitError,
    UnknownMemberError,
)

EQUATIONS = "dv/dt = -v/(10*ms) : volt\ndx/dt = u/second : 1\nu : 1"


def population(event=None, name="burst", **changes):
    event = event or {"condition": "v > top"}
    return lambda: ds.Circuit(
        (
            ds.Population(
                "cell", 2, EQUATIONS,
                **{
                    "inputs": {"u": 0}, "parameters": {"top": "1 mV"},
                    "events": {name: ds.Event(**event)}, **changes,
                },
            ),
        )
    )  # fmt: skip


def action(text):
    return population({"condition": "v > top + u*mV", "action": text})


def condition(text):
    return population({"condition": text})


def pathway(**changes):
    fields = {"on_pre": {"burst": "x_post += 1"}, **changes}
    cell = population({"condition": "v > top + u*mV"}, threshold="v > top")().populations[0]
    quiet = ds.Population("quiet", 1, "dx/dt = -x/ms : 1")
    return lambda: ds.Circuit(
        (cell, quiet),
        pathways=(ds.Pathway(**{"name": "p", "pre": "cell", "post": "cell", **fields}),),
    )


def delayed(**changes):
    blocks = (ds.Block("run", (ds.Phase("on", "5 ms"),)),)
    return lambda: ds.Protocol(pathway(on_post="x_post += 1", **changes)(), blocks, "1 ms")


def ran(**changes):
    return lambda: ds.run(delayed(**changes)(), backend="numpy")


def recording(name, every="spike", **changes):
    circuit = population({"condition": "v > top + u*mV"}, threshold="v > top")()
    blocks = (ds.Block("run", (ds.Phase("on", "5 ms"),)),)
    return lambda: ds.Protocol(circuit, blocks, "1 ms", (ds.Recording(name, every, **changes),))


BROKEN = {
    "no condition": (condition(""), EquationError, "Event.condition is ''", "such as 'v > -40*mV'"),
    "condition of spaces": (condition(" \n"), EquationError, "Event.condition", "a condition such as"),
    "condition that is no text": (condition(3), EquationError, "Event.condition is 3", "a condition"),
    "condition that is a number": (
        condition("v - top"), EquationError, "Population 'cell': events['burst'].condition 'v - top'",
        "is not a condition"),
    "condition in other units": (
        condition("v > 1"), UnitError, "Population 'cell': events['burst'].condition", "units do not fit"),
    "condition with an unknown symbol": (
        condition("v > topp"), EquationError, "events['burst'].condition: undefined symbol 'topp'", "'top'"),
    "condition with a function without population": (
        condition("s(u) > 1"), EquationError, "events['burst'].condition", ""),
    "last spike of what never spikes": (
        condition("t - lastspike > 1*ms"), SpecError, "lastspike has no meaning without a threshold", "give one"),
    "action that assigns to an input": (
        action("u = 1"), UnknownMemberError, "Population 'cell' that events['burst'].action assigns to 'u'",
        "there are: v, x"),
    "action that assigns to a parameter": (
        action("top = v"), UnknownMemberError, "events['burst'].action assigns to 'top'", ""),
    "action that assigns to nothing": (
        action("y = 1"), UnknownMemberError, "events['burst'].action assigns to 'y'", "there are: v, x"),
    "action in other units": (
        action("v = 1"), UnitError, "Population 'cell': events['burst'].action: '1' has no unit", "must be in V"),
    "action that is no assignment": (action("x > 1"), EquationError, "cannot read 'x > 1'", "x = ..."),
    "event called spike": (
        population(name="spike"), SpecError, "'spike' is the event of the threshold", "choose another name"),
    "event called like a variable": (
        population(name="v"), SpecError, "'v' is an event and a variable", "rename"),
    "event called like a parameter": (
        population(name="top"), SpecError, "'top' is an event and a parameter", "rename"),
    "event called lastspike": (population(name="lastspike"), SpecError, "'lastspike' is reserved", "choose"),
    "event with a name that is none": (population(name="2 v"), SpecError, "'2 v' is not a valid symbol", ""),
    "events that are no mapping": (population(events=("burst",)), SpecError, "events", "mapping"),
    "event that is text": (population(events={"burst": "v > top"}), SpecError, "events['burst']", "Event"),
    # pathways
    "pathway of an unknown event": (
        pathway(on_pre={"spike": "x_post += 1", "bursts": "x_post += 1"}), UnknownMemberError,
        "event of population 'cell', which on_pre of Pathway 'p' names, 'bursts'", "did you mean 'burst'"),
    "pathway of an event of what has none": (
        pathway(post="quiet", on_post={"burst": "x_post += 1"}), UnknownMemberError,
        "event of population 'quiet', which on_post of Pathway 'p' names, 'burst'", "`burst_interval` is given"),
    "pathway of spikes of what has none": (
        pathway(post="quiet", on_post="x_post += 1"), SpecError, "'quiet' has no threshold", "give it"),
    "event without effect": (
        pathway(on_pre={"spike": "x_post += 1", "burst": " # nothing"}), EquationError,
        "Pathway 'p': on_pre['burst'] is empty", "write what the event does"),
    "postsynaptic event without effect": (
        pathway(on_post={"burst": ""}), EquationError, "on_post['burst'] is empty", ""),
    "no event": (pathway(on_pre={}), EquationError, "Pathway 'p': on_pre is empty", ""),
    "effect that is no text": (
        pathway(on_pre={"burst": 1}), ParameterError, "Pathway 'p': on_pre['burst'] is 1", "must be text"),
    "effect on what is no state": (
        pathway(on_pre={"burst": "y_post = 1"}), UnknownMemberError,
        "Pathway 'p': on_pre['burst'] assigns to 'y_post'", "x_post"),
    "effect in other units": (
        pathway(on_pre={"burst": "v_post = 1"}), UnitError, "Pathway 'p': on_pre['burst']", "must be in V"),
    # delays
    "delay of postsynaptic events that have no effect": (
        pathway(post_delay="1 ms"), SpecError, "Pathway 'p': post_delay has no meaning without on_post",
        "leave it out"),
    "delay of postsynaptic events in other units": (
        pathway(on_post="x_post += 1", post_delay="1 mV"), UnitError, "Pathway 'p': post_delay is in", "a time"),
    "delays of postsynaptic events without pairs": (
        pathway(on_post="x_post += 1", post_delay=["1 ms", "2 ms"]), ShapeError,
        "Pathway 'p': post_delay must be one number", "Uniform"),
    "delay of postsynaptic events shorter than a step": (
        delayed(post_delay="0.5 ms"), ParameterError, "Pathway 'p': post_delay is 0.5 ms", "one time step, 1 ms"),
    "delay longer than the run": (
        ran(delay="6 ms"), ParameterError, "Pathway 'p': delay is 0.006 s, longer than the run of 0.005 s",
        "shorter"),
    "delay of postsynaptic events longer than the run": (
        ran(post_delay=ds.Uniform("6 ms", "9 ms")), ParameterError,
        "Pathway 'p': post_delay is 0.006 s, longer", ""),
    "delays of postsynaptic events around zero": (
        delayed(post_delay=ds.Uniform("-1 ms", "1 ms")), ParameterError, "post_delay is -1 ms", "leave it out"),
    # recordings
    "unknown event": (
        recording("cell.bursts"), UnknownMemberError, "'cell.bursts'", "cell.burst"),
    "event every millisecond": (
        recording("cell.burst", "1 ms"), ParameterError, "cell.burst means events", "every='spike'"),
    "event of a unit named twice": (
        recording("cell.burst", units=(0, 0)), ParameterError, "units is (0, 0)", "each once"),
    "event of a unit that is not there": (
        recording("cell.burst", units=(2,)), ParameterError, "cell.burst has no unit 2", "0 to 1"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_is_refused_by_name(case):
    make, kind, names, advice = BROKEN[case]
    with pytest.raises(SpecError) as raised:
        make()
    assert isinstance(raised.value, kind), repr(raised.value)
    assert names in str(raised.value)
    assert advice in str(raised.value)


GOOD = {
    "random numbers": population({"condition": "rand() < 0.1 and v > top", "action": "x += randn()"}),
    "the time since the last spike": population(
        {"condition": "t - lastspike < 16*ms and v > top"}, threshold="v > top"
    ),
    "a transfer function": population(
        {"condition": "s(u) > 0.5 or v > top", "action": "x = s(u)"}, transfer="tanh"
    ),
    "a parameter of its own alone": population({"condition": "v > top"}),
    "delays of which some are shorter than the run": lambda: (
        ran(delay=ds.Uniform("1 ms", "9 ms"), post_delay="5 ms")().circuit
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", GOOD)
def test_what_is_meant_to_work_is_accepted(case):
    circuit = GOOD[case]()
    assert ds.Circuit.from_json(circuit.to_json()) == circuit
    assert list(circuit.population("cell").events) == ["burst"]
