"""Which variables of synapses become one number per unit, which do not, and in which order their text is done."""

import operator
from types import MappingProxyType

import numpy as np
import pytest

from dendrosim.circuit.effects import Trigger
from dendrosim.engine.plan.trace_hoisting import SynapseText, hoist, split_effect
from dendrosim.equations.assignments import parse_assignments

PRE, POST = Trigger("pre", "spike"), Trigger("post", "spike")
APRE, APOST = "-apre/tau", "-apost/tau"


def text(
    on_pre,
    on_post="",
    equations=None,
    equal=(),
    other=(),
    same=("pre", "post"),
    recurrent=False,
    more=MappingProxyType({}),
):
    equations = equations or {}
    names = {n: True for n in (*equations, *equal)}
    return SynapseText(
        {t: parse_assignments(x) for t, x in ((PRE, on_pre), (POST, on_post), *more.items()) if x},
        equations, {**names, **dict.fromkeys(other, False)}, same, recurrent,
    )  # fmt: skip


def lines(assignments):
    return [str(x) for x in assignments]


STDP = text(
    "g_post += w\napre += 1\nw = clip(w - eta*apost, 0, top)",
    "apost += 1\nw = clip(w + eta*apre, 0, top)",
    {"apre": APRE, "apost": APOST}, other=["w"],
)  # fmt: skip


def test_the_traces_of_pair_stdp_belong_to_their_ends():
    assert hoist(STDP) == {"apre": "pre", "apost": "post"}
    pre = split_effect(STDP, PRE, hoist(STDP))
    assert lines(pre.once) == ["apre += 1"]
    assert lines(pre.each) == ["g_post += w", "w = clip(w - eta * apost, 0, top)"]
    assert pre.kept == []


def test_the_resources_of_short_term_plasticity_do_and_what_is_released_is_kept():
    found = text(
        "r = u*x\ng_post += w*r\nx -= r\nu += step*(1 - u)",
        equations={"u": "-u/tau_f", "x": "(1 - x)/tau_d"}, other=["w"],
    )  # fmt: skip
    assert hoist(found) == {"u": "pre", "x": "pre"}
    effect = split_effect(found, PRE, hoist(found))
    assert lines(effect.once) == ["r = u*x", "ds_kept_0 = r", "x -= r", "u += step*(1 - u)"]
    assert lines(effect.each) == ["g_post += w * ds_kept_0"]


def test_a_value_is_kept_as_it_was_at_its_place_in_the_text():
    found = text("g_post += a\na += 1\nh_post += a\ng_post += a", equations={"a": "-a/tau"})
    effect = split_effect(found, PRE, hoist(found))
    assert lines(effect.once) == ["ds_kept_0 = a", "a += 1", "ds_kept_1 = a"]
    assert lines(effect.each) == [
        "g_post += ds_kept_0",
        "h_post += ds_kept_1",
        "g_post += ds_kept_1",
    ]


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (text("a += 1\ng_post += a", other=["a"]), "start values differ"),
        (text("a += 1\ng_post += a", "a += 1", equal=["a"]), "both ends assign to it"),
        (text("a += w\ng_post += a", equal=["a"], other=["w"]), "it gets a number of each synapse"),
        (text("a += v_post\ng_post += a", equal=["a"]), "it gets a state of the other end"),
        (text("a += ds_uniform(k, ds_synapse)\ng_post += a", equal=["a"]), "it gets a random number per synapse"),
        (text("a += ds_unit_post\ng_post += a", equal=["a"]), "it gets the index of the other end"),
        (text("a += 1\ng_post += a", equal=["a"], same=["post"]), "spikes arrive at different times"),
        (text("y = w\na += y\ng_post += a", equal=["a"], other=["w"]), "it gets such a number indirectly"),
        (text("a += x_pre\nx_pre = 0\ng_post += a", equal=["a"]), "each synapse changes what it gets"),
        (text("a += x_pre\nx_post += a", equal=["a"], recurrent=True), "a synapse may change what another gets"),
        (text("a += 1\ng_post += a", equations={"a": "(w - a)/tau"}, other=["w"]), "its equation has w"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_variable_stays_with_its_synapses(found, reason):
    assert hoist(found) == {}
    assert any(split_effect(found, trigger, {}).each for trigger in found.effects)


def test_states_that_depend_on_each_other_are_hoisted_together_or_not_at_all():
    equations = {"a": "(b - a)/tau", "b": "-b/tau"}
    assert hoist(text("b += 1\ng_post += a", equations=equations)) == {"a": "pre", "b": "pre"}
    assert hoist(text("b += 1\na += w\ng_post += a", equations=equations, other=["w"])) == {}


def test_a_state_of_the_unit_may_enter_if_no_spike_changes_it():
    found = text("a += x_pre\ng_post += a", equal=["a"])
    assert hoist(found) == {"a": "pre"}


def test_names_that_nothing_reads_are_left_out():
    found = text("y = a\na += 1\ng_post += w", equations={"a": "-a/tau"}, other=["w"])
    assert lines(split_effect(found, PRE, hoist(found)).once) == ["a += 1"]


OPERATORS = {"+=": operator.add, "-=": operator.sub, "*=": operator.mul, "/=": operator.truediv}


def execute(assignments, values):
    for line in assignments:
        right = eval(line.expression, {}, values)
        if line.operator != "=":
            right = OPERATORS[line.operator](values[line.target], right)
        values[line.target] = right


@pytest.mark.parametrize("seed", range(30))
def test_both_parts_together_do_what_the_text_does(seed):
    """Random texts: executed at once, and as the part of the unit and the part of the synapse."""
    rng = np.random.default_rng(seed)
    names, targets = ["a", "b", "w", "y"], ["a", "b", "w", "g_post", "y"]
    code = ["y = a + 1"]
    for _ in range(6):
        target, sign = rng.choice(targets), rng.choice(["=", "+=", "-=", "*="])
        code.append(f"{target} {sign} {rng.choice(names)}*0.5 + {rng.choice(names)}")
    found = text("\n".join(code), equal=["a", "b"], other=["w"])
    start = {"a": 0.3, "b": -0.7, "w": 1.1, "g_post": 0.2}
    whole, parts = dict(start), dict(start)
    execute(found.effects[PRE], whole)
    effect = split_effect(found, PRE, hoist(found))
    execute(effect.once, parts)
    execute(effect.each, parts)
    for name in start:
        assert parts[name] == whole[name], (name, code)


def test_all_events_of_an_end_must_agree_that_a_variable_belongs_to_it():
    burst = Trigger("pre", "burst")
    both = text("a += 1\ng_post += a", equal=["a"], more={burst: "a *= 2\nh_post += a"})
    assert hoist(both) == {"a": "pre"}
    assert lines(split_effect(both, burst, hoist(both)).once) == ["a *= 2", "ds_kept_0 = a"]
    mixed = text("a += 1\ng_post += a", equal=["a"], other=["w"], more={burst: "a += w"})
    assert hoist(mixed) == {}
    other = text(
        "g_post += a", "g_post += 1", equal=["a"], more={Trigger("post", "burst"): "a += 1"}
    )
    assert hoist(other) == {"a": "post"}
