"""Connections by a condition, weights and delays by an expression: equal to a loop over all pairs of units."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dendrosim as ds
from dendrosim.engine.plan.synapse_tables import synapse_tables
from dendrosim.errors import EquationError, ParameterError, ShapeError, UnitError

PRE, POST = 7, 5
CONDITIONS = (
    "i != j and abs(i-j) < 5", "i == j", "(i + j) % 3 == 0", "i//2 == j//2", "i < N_pre/2 or j > N_post - 2",
    "not i > j", "sqrt((i % 2 - j % 2)**2 + (i//2 - j//2)**2) <= reach", "i**-1 < 0.3 and i > 0", "j >= N_pre",
    "exp(-abs(i - j)/reach) > 0.2",
)  # fmt: skip
NUMBERS = (
    "1 + 0.1*abs(i - j)",
    "2**-(i + 1)",
    "(i*N_post + j)/3",
    "7//2 + int(i > j)",
    "reach*j - i % 2",
    "clip(i - j, -1, reach)",
)


def pathway(**fields):
    return ds.Pathway(
        "feed", "sender", "cell", **{"on_pre": "g_post += weight", "weight": 1.0, **fields}
    )


def protocol(pathway, pre=PRE, post=POST):
    cells = (
        ds.Population("sender", pre, "dx/dt = 0*x/second : 1", threshold="x > 1"),
        ds.Population("cell", post, "dg/dt = -g/(5*ms) : 1"),
    )
    circuit = ds.Circuit(cells, pathways=(pathway,))
    return ds.Protocol(circuit, (ds.Block("run", (ds.Phase("on", "1 ms"),)),), dt="0.1 ms")


def table(pathway, seed=0, **sizes):
    return synapse_tables(protocol(pathway, **sizes), seed)["feed"]


def parameters(text):
    return {"reach": 2.5} if "reach" in text else {}


def python(text, i, j, pre=PRE, post=POST):
    names = {"abs": abs, "sqrt": math.sqrt, "exp": math.exp, "reach": 2.5}
    names["clip"] = lambda x, low, high: min(max(x, low), high)
    return eval(text, {**names, "i": i, "j": j, "N_pre": pre, "N_post": post})


@pytest.mark.parametrize("condition", CONDITIONS)
def test_pairs_are_connected_for_which_the_condition_holds(condition):
    safe = condition.replace("i**-1", "(i or 1)**-1")  # Python evaluates 0**-1
    expected = [(i, j) for i in range(PRE) for j in range(POST) if python(safe, i, j)]
    rule = ds.Condition(condition, parameters(condition))
    found = table(pathway(connect=rule))
    assert list(zip(found.pre.tolist(), found.post.tolist(), strict=True)) == expected
    assert rule.expected(POST, PRE) == len(expected)


@pytest.mark.parametrize("number", NUMBERS)
def test_weights_and_delays_are_those_of_their_synapse(number):
    value = ds.Expression(number, "ms", parameters(number))
    weight = ds.Expression(number, parameters=parameters(number))
    connect = ds.Pairings([6, 0, 3, 3, 6], [1, 4, 2, 0, 1])
    found = table(pathway(connect=connect, weight=weight))
    pairs = [(0, 4), (3, 0), (3, 2), (6, 1), (6, 1)]
    expected = [python(number, i, j) for i, j in pairs]
    assert found.values["weight"] == pytest.approx(expected, rel=1e-15)
    longer = ds.Expression(f"1 + abs({number})", "ms", parameters(number))
    delays = table(pathway(connect=connect, delay=longer)).delays
    assert delays == pytest.approx([1e-3 + abs(x) * 1e-3 for x in expected], abs=0.5001e-4)
    assert value.dimension == ds.quantity("1 ms").dimension


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 5))
def test_blocks_of_pairs_leave_none_out(pre, post, width):
    rule = ds.Condition("abs(i - j) <= width", {"width": width})
    to, from_ = rule.draw(post, pre, False, np.random.default_rng(0))
    expected = {(i, j) for i in range(pre) for j in range(post) if abs(i - j) <= width}
    assert set(zip(from_.tolist(), to.tolist(), strict=True)) == expected
    assert len(to) == len(expected)


def test_random_conditions_and_numbers_have_their_distribution_and_follow_the_seed():
    rule = ds.Condition("i != j and rand() < 0.2")
    value = ds.Expression("10 + randn() - randn()")
    found = [
        table(pathway(connect=rule, weight=value), seed, pre=300, post=300) for seed in (1, 1, 2)
    ]
    assert np.array_equal(found[0].pre, found[1].pre)
    assert np.array_equal(found[0].values["weight"], found[1].values["weight"])
    assert not np.array_equal(found[0].pre[:100], found[2].pre[:100])
    assert not np.any(found[0].pre == found[0].post)
    count, most = len(found[0].pre), 300 * 299
    assert abs(count - 0.2 * most) < 5 * math.sqrt(most * 0.2 * 0.8)
    weights = found[0].values["weight"]
    assert abs(weights.mean() - 10) < 5 * math.sqrt(2 / count)
    assert abs(weights.var() - 2) < 5 * 2 * math.sqrt(2 / count)
    large = ds.Condition("rand() < 0.2").expected(5000, 5000)
    assert large == pytest.approx(0.2 * 5000**2, rel=0.05)


def test_they_survive_json_and_show_what_they_are():
    rule, value = ds.Condition("i < width", {"width": 2}), ds.Expression("i/2", "mV")
    specification = protocol(pathway(connect=rule, weight=value, on_pre="g_post += weight/mV"))
    assert ds.Protocol.from_json(specification.to_json()) == specification


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("i < k", "undefined symbol 'k' in 'i < k'; it may use i, j, N_pre, N_post"),
        ("i*ms < j*ms", "undefined symbol 'ms' .* numbers have no unit here"),
        ("i + j", "'i [+] j' must be a condition, such as 'i != j'"),
        ("i < j < 3", "compares more than two values"),
        ("i ^ 2 < 4", r"a power is written \^"),
        ("i/0 < 1", "divides by 0"),
        ("open(i) < 1", "unknown function 'open'"),
        ("sin(i, j) < 1", r"sin\(\) takes 1 argument, not 2"),
        ("rand(3) < 1", r"rand\(\) takes no argument, not 1"),
        ("i <", "cannot read the expression"),
        ("i and j", "the number 'i' is used as a condition"),
    ],
)
def test_a_wrong_condition_is_refused(text, message):
    with pytest.raises(EquationError, match=message):
        ds.Condition(text)


def test_what_cannot_be_a_value_is_refused_by_name():
    with pytest.raises(
        EquationError, match=r"must be a number; write int\(...\) around a condition"
    ):
        ds.Expression("i < j")
    with pytest.raises(EquationError, match="does not use the parameter 'width'; remove it"):
        ds.Expression("i", parameters={"width": 1})
    with pytest.raises(UnitError, match="unknown unit 'mx'"):
        ds.Expression("i", "mx")
    nan = pathway(weight=ds.Expression("i/(j - 2)"), connect=ds.AllToAll())
    with pytest.raises(
        ParameterError,
        match="Pathway 'feed': the weight of the synapse from unit 0 to unit 2 is nan",
    ):
        table(nan)
    with pytest.raises(ParameterError, match="7 of 35 synapses have no finite delay"):
        table(pathway(delay=ds.Expression("log(j)", "ms")))
    with pytest.raises(ParameterError, match="delay of 0 ms was drawn, shorter than the time step"):
        table(pathway(delay=ds.Expression("j", "ms")))
    with pytest.raises(UnitError, match="delay is in V"):
        pathway(delay=ds.Expression("j", "mV"))
    with pytest.raises(ShapeError, match="Expression is for the synapses of a pathway"):
        ds.Population("cell", 3, "dx/dt = -x/ms : 1", initial={"x": ds.Expression("i")})
