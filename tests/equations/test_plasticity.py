"""A plasticity rule that is expanded into matrix products gives the numbers of the rule as written."""

import random
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.matrix import Matrix, Projection
from dendrosim.circuit.population import Population
from dendrosim.equations.plasticity import OuterProduct, analyse_rule, hoist_sides
from dendrosim.experiments.run import run
from dendrosim.protocol.phases import Block, Phase
from dendrosim.protocol.protocol import Protocol
from dendrosim.signals.samples import Samples

# -- known rules --------------------------------------------------------------------------------------


def test_the_rule_of_oja_is_an_outer_product_and_one_scaled_by_the_weight():
    rule = analyse_rule("eta*(y_post*x_pre - y_post**2*w)", "w")
    assert len(rule.outer) == 2
    hebb, decay = rule.outer
    assert (hebb.weight, hebb.pre) == (None, "x_pre")
    assert (decay.weight, decay.pre) == ("w", None)
    assert (rule.decay, rule.local, rule.general) == (None, None, None)
    assert not rule.blas_only


def test_hebb_with_decay_is_one_outer_product_and_a_scaling_of_the_matrix():
    rule = analyse_rule("learn*eta*(soma_post*n_pre - w)", "w")
    assert len(rule.outer) == 1
    assert rule.outer[0].weight is None
    assert rule.decay is not None
    assert evaluate(rule.decay, {"learn": 2.0, "eta": 3.0}) == -6.0
    assert rule.blas_only


def test_differences_of_two_plasticities_share_one_product():
    rule = analyse_rule("ds_f_post*(a_post - b_post)*x_pre/tau", "w")
    assert [o.pre for o in rule.outer] == ["x_pre"]
    values = {"ds_f_post": 2.0, "a_post": 5.0, "b_post": 1.0, "tau": 4.0}
    assert evaluate(rule.outer[0].scaled_post, values) == 2.0


def test_a_shared_factor_of_all_terms_is_the_gain_and_leaves_a_variable_as_it_is():
    assert analyse_rule("learn*eta*h_post*x_pre", "w").outer == (
        OuterProduct(None, "h_post", "x_pre", "learn * eta"),
    )
    common = analyse_rule("eta*(a_post + b_post)*x_pre + eta*c_post*x_pre", "w").outer
    assert [o.gain for o in common] == ["eta"]
    assert evaluate(common[0].post, {"a_post": 5.0, "b_post": 1.0, "c_post": 2.0}) == 8.0
    different = analyse_rule("eta*a_post*x_pre + 2*eta*b_post*x_pre", "w").outer
    assert [o.gain for o in different] == [None]
    assert evaluate(different[0].post, {"eta": 3.0, "a_post": 5.0, "b_post": 1.0}) == 21.0


def test_a_presynaptic_nonlinearity_is_a_factor_of_its_own():
    rule = analyse_rule("y_post*tanh(x_pre + c)", "w")
    assert rule.outer == (OuterProduct(None, "y_post", "tanh(x_pre + c)"),)


def test_what_depends_on_the_weight_only_is_local():
    rule = analyse_rule("-w**3/tau", "w")
    assert rule.outer == ()
    assert rule.general is None
    assert evaluate(rule.local, {"w": 2.0, "tau": 4.0}) == -2.0


def test_a_shared_drift_is_local():
    rule = analyse_rule("eta", "w")
    assert (rule.local, rule.decay, rule.outer, rule.general) == ("eta", None, (), None)


@pytest.mark.parametrize(
    "text", ["tanh(y_post*x_pre)", "y_post/(x_pre + y_post)", "int(y_post > x_pre)", "exp(w*x_pre)"]
)
def test_what_mixes_both_sides_inside_a_function_is_left_whole(text):
    rule = analyse_rule(f"{text} + y_post*x_pre", "w")
    assert rule.general is not None
    assert len(rule.outer) == 1


def test_a_quotient_is_a_product_with_the_inverse():
    assert analyse_rule("y_post*x_pre/(1 + x_pre**2)", "w").blas_only
    assert analyse_rule("y_post*x_pre/(1 + y_post**2)", "w").blas_only


def test_a_square_of_a_sum_is_multiplied_out():
    rule = analyse_rule("(y_post - x_pre)**2", "w")
    assert rule.general is None
    post, pre = np.array([2.0, -1.0]), np.array([0.5, 3.0, 1.0])
    total = sum(
        np.outer(evaluate(o.scaled_post or "1.0", {"y_post": post}) * np.ones(2),
                 evaluate(o.pre or "1.0", {"x_pre": pre}) * np.ones(3))
        for o in rule.outer
    )  # fmt: skip
    assert np.allclose(total, (post[:, None] - pre) ** 2, rtol=1e-14)


def test_what_belongs_to_one_side_is_computed_once_per_unit():
    text, found = hoist_sides("tanh(exp(y_post)*x_pre**2 + w) + exp(y_post)", "w")
    assert sorted(found.values()) == ["exp(y_post)", "x_pre ** 2"]
    assert all(name.endswith(("_post", "_pre")) for name in found)
    assert "y_post" not in text.replace("ds_hoist", "")


# -- rules at random ------------------------------------------------------------------------------------

POST, PRE, SHARED = ("a_post", "b_post"), ("x_pre", "y_pre"), ("alpha", "beta", "learn")
FUNCTIONS = MappingProxyType({
    "tanh": np.tanh, "exp": np.exp, "abs": np.abs, "sin": np.sin, "clip": np.clip, "sqrt": np.sqrt,
    "int": lambda condition: np.asarray(condition).astype(int),
})  # fmt: skip


def evaluate(text, values):
    """Evaluate a text with NumPy."""
    return eval(text, {"__builtins__": {}, **FUNCTIONS, **values})


def random_term(rng, names, depth):
    """A finite expression in some of the names."""
    leaf = rng.choice([*names, *names, str(rng.choice([2, 3, 0.5, 1.25]))])
    if depth == 0:
        return leaf
    one = random_term(rng, names, depth - 1)
    two = random_term(rng, names, depth - 1)
    shapes = (
        "{0}", "({0} + {1})", "({0} - {1})", "({0} - {1})", "{0}*{1}", "{0}*{1}", "{0}*{1}", "-{0}",
        "({0})**2", "({0} + {1})**3", "({0}*{1})**2", "{0}/(1.5 + ({1})**2)", "({0})/alpha", "tanh({0})",
        "tanh({0})*{1}", "{0}*int({1} > 0.1)", "clip({0}, -1, 0.75)", "sin({0})", "abs({0})",
        "sqrt(1 + ({0})**2)", "(1 + abs({0}))**0.5", "exp(-abs({0}))", "{0}/(1.5 + ({1})**2)/(2 + tanh({0}))",
        "(2 + tanh({0}))**-1", "+{0}", "{0}*int({0} > {1})",
    )  # fmt: skip
    return "(" + rng.choice(shapes).format(one, two) + ")"


def random_rule(rng):
    """A sum of terms: separable, scaled by the weight, local to it, or of no particular form."""
    everything = (*POST, *PRE, *SHARED, "w")
    kinds = (
        lambda: f"{random_term(rng, POST + SHARED, 2)}*{random_term(rng, PRE + SHARED, 2)}",
        lambda: (
            f"{random_term(rng, ('w',), 1)}*{random_term(rng, POST, 1)}*{random_term(rng, PRE, 1)}"
        ),
        lambda: f"{random_term(rng, POST, 1)}*w",
        lambda: f"{random_term(rng, SHARED, 1)}*w",
        lambda: random_term(rng, ("w", *SHARED), 2),
        lambda: random_term(rng, (*POST, *PRE), 2),
        lambda: random_term(rng, everything, 3),
        lambda: f"tanh({random_term(rng, POST, 1)}*{random_term(rng, PRE, 1)})",
        lambda: f"w*({random_term(rng, everything, 2)})",
    )
    terms = [rng.choice(kinds)() for _ in range(rng.choice([1, 1, 2, 3]))]
    return rng.choice([" + ", " - "]).join(terms)


def some_values(seed, rows=3, columns=4, batch=5):
    """Numbers for every symbol: units x samples for the two sides, post x pre for the weight."""
    rng = np.random.default_rng(seed)
    return (
        {name: rng.normal(size=(rows, batch)) for name in POST},
        {name: rng.normal(size=(columns, batch)) for name in PRE},
        {"alpha": 0.7, "beta": -1.3, "learn": 2.0, "w": rng.normal(size=(rows, columns))},
    )


def directly(text, post, pre, rest):
    """The rule as written, averaged over the batch: post x pre."""
    samples = next(iter(post.values())).shape[1]
    total = 0
    for b in range(samples):
        sides = {k: v[:, b, None] for k, v in post.items()} | {
            k: v[None, :, b] for k, v in pre.items()
        }
        total = total + np.broadcast_to(evaluate(text, sides | rest), np.shape(rest["w"]))
    return total / samples


def test_the_generator_of_rules_reaches_every_kind_of_update():
    rng = random.Random(1)
    rules = [analyse_rule(random_rule(rng), "w") for _ in range(400)]
    assert sum(r.blas_only for r in rules) > 40
    assert sum(r.general is not None for r in rules) > 20
    assert sum(r.local is not None for r in rules) > 40
    assert sum(r.decay is not None for r in rules) > 40
    assert sum(any(o.weight for o in r.outer) for r in rules) > 40
    assert sum(r.general is not None and bool(r.outer) for r in rules) > 10


@settings(max_examples=400)
@given(st.randoms(use_true_random=False), st.integers(0, 1000))
def test_a_rule_put_together_again_is_the_rule(rng, seed):
    text = random_rule(rng)
    post, pre, rest = some_values(seed)
    samples = post["a_post"].shape[1]
    rule = analyse_rule(text, "w")
    parts = []
    if rule.decay is not None:
        parts.append(evaluate(rule.decay, {k: rest[k] for k in SHARED}) * rest["w"])
    for o in rule.outer:
        left = evaluate(o.scaled_post or "1.0", {**post, **{k: rest[k] for k in SHARED}})
        right = evaluate(o.pre or "1.0", {**pre, **{k: rest[k] for k in SHARED}})
        left, right = (np.broadcast_to(f, (n, samples)) for f, n in ((left, 3), (right, 4)))
        scale = evaluate(o.weight or "1.0", {k: rest[k] for k in (*SHARED, "w")})
        parts.append(scale * (left @ right.T) / samples)
    if rule.local is not None:
        local = evaluate(rule.local, {k: rest[k] for k in (*SHARED, "w")})
        parts.append(np.broadcast_to(local, (3, 4)))
    if rule.general is not None:
        parts.append(directly(rule.general, post, pre, rest))
    assert parts
    size = max(np.max(np.abs(p)) for p in parts)
    assert np.allclose(sum(parts), directly(text, post, pre, rest), rtol=1e-10, atol=1e-11 * size)


@settings(max_examples=200)
@given(st.randoms(use_true_random=False), st.integers(0, 1000))
def test_hoisting_changes_no_value(rng, seed):
    text = random_term(rng, (*POST, *PRE, *SHARED, "w"), 3)
    post, pre, rest = some_values(seed)
    short, found = hoist_sides(text, "w")
    sides = {
        name: np.broadcast_to(
            evaluate(part, (post if name.endswith("_post") else pre) | rest),
            (3 if name.endswith("_post") else 4, 5),
        )
        for name, part in found.items()
    }
    hoisted_post = {k: v for k, v in sides.items() if k.endswith("_post")}
    hoisted_pre = {k: v for k, v in sides.items() if k.endswith("_pre")}
    again = directly(short, post | hoisted_post, pre | hoisted_pre, rest)
    assert np.allclose(again, directly(text, post, pre, rest), rtol=1e-12, atol=1e-300)


# -- the compiled program -------------------------------------------------------------------------------

ROWS, COLUMNS, DT, STEPS = 3, 4, 1e-3, 20
POST_TEXT = "da/dt = (-a + drive)/(5*ms) : 1\ndb/dt = (a**2 - b)/(8*ms) : 1\ndrive : 1"
PRE_TEXT = "x : 1\ndy/dt = (x - y)/(6*ms) : 1"


def many_rules(texts, start, fixed, data, batch):
    """One circuit with one matrix per rule, all between the same two populations."""
    circuit = Circuit(
        (
            Population("up", ROWS, POST_TEXT, initial={"b": 0.2}),
            Population("down", COLUMNS, PRE_TEXT, inputs=["x"], initial={"y": [0.5, -0.5, 0.1, 0.3]}),
        ),
        (
            Matrix("m", "up", "down", fixed),
            *(
                Matrix(
                    f"w{i}", "up", "down", start,
                    f"dw/dt = ({text})/tau : 1", parameters={"beta": -1.3} if "beta" in text else {},
                )
                for i, text in enumerate(texts)
            ),
            Matrix("all_shared", "up", "down", 0.0, "dw/dt = alpha*learn/tau : 1"),
        ),
        (Projection("down.x", "m", "up.drive"),),
        {"alpha": 0.7, "tau": "0.1 s"},
        {"learn": 2.0},
    )  # fmt: skip
    return Protocol(
        circuit, (Block("run", (Phase("on", "10 ms"),), trials=2),), "1 ms",
        signals={"down.x": Samples("x")}, data={"x": data}, batch=batch,
    )  # fmt: skip


def many_rules_loop(texts, start, fixed, data, batch):
    """Forward Euler of every rule as written."""
    rows = np.arange(2 * batch).reshape(2, batch) % len(data)
    a, b = np.zeros((ROWS, batch)), np.full((ROWS, batch), 0.2)
    y = np.repeat(np.array([[0.5], [-0.5], [0.1], [0.3]]), batch, axis=1)
    weights = [start.copy() for _ in texts]
    for k in range(STEPS):
        x = data[rows[k // 10]].T
        drive = np.einsum("pi,is->ps", fixed, x)
        shared = {"alpha": 0.7, "beta": -1.3, "learn": 2.0}
        post, pre = {"a_post": a, "b_post": b}, {"x_pre": x, "y_pre": y}
        rates = [
            directly(text, post, pre, {**shared, "w": w})
            for text, w in zip(texts, weights, strict=True)
        ]
        weights = [w + DT * rate / 0.1 for w, rate in zip(weights, rates, strict=True)]
        a, b, y = a + DT * (-a + drive) / 5e-3, b + DT * (a**2 - b) / 8e-3, y + DT * (x - y) / 6e-3
    return weights


@pytest.mark.parametrize(
    ("backend", "batch", "seed"),
    [
        *(("numpy", batch, seed) for batch in (1, 3) for seed in range(4)),
        ("cpp", 1, 0), ("cpp", 3, 1), ("cpp", 3, 2),
    ],
)  # fmt: skip
def test_fifteen_random_rules_at_once_equal_a_plain_loop(backend, batch, seed):
    rng = random.Random(100 + seed)
    numbers = np.random.default_rng(seed)
    texts = [random_rule(rng) for _ in range(15)]
    start = 0.5 * numbers.normal(size=(ROWS, COLUMNS))
    fixed = numbers.normal(size=(ROWS, COLUMNS))
    data = numbers.normal(size=(5, COLUMNS))
    result = run(many_rules(texts, start, fixed, data, batch), backend=backend)
    expected = many_rules_loop(texts, start, fixed, data, batch)
    for i, (text, weights) in enumerate(zip(texts, expected, strict=True)):
        assert np.all(np.isfinite(weights)), text
        found = result.state[f"w{i}"]
        assert np.allclose(found, weights, rtol=1e-10, atol=1e-12), text


NAMED = (
    "a_post*y_pre*exp(-t/(10*ms))",
    "tanh(a_post*y_pre*pi) + int(w > 0)*clip(w*x_pre, -inf, 0.5)",
    "tanh(a_post*y_pre*(3*mV)/mV) - w*e",
    "exp(-abs(w))*sin(2*pi*t/(7*ms)) + sqrt(abs(w*a_post))",
)


@pytest.mark.parametrize(("backend", "batch"), [("numpy", 1), ("numpy", 3), ("cpp", 3)])
def test_rules_may_use_time_units_and_constants(backend, batch):
    numbers = np.random.default_rng(0)
    start, fixed = numbers.normal(size=(2, ROWS, COLUMNS))
    data = numbers.normal(size=(5, COLUMNS))
    result = run(many_rules(NAMED, start, fixed, data, batch), backend=backend)
    rows = np.arange(2 * batch).reshape(2, batch) % len(data)
    a, y = (
        np.zeros((ROWS, batch)),
        np.repeat(np.array([[0.5], [-0.5], [0.1], [0.3]]), batch, axis=1),
    )
    weights = [start.copy() for _ in NAMED]
    constants = {"ms": 1e-3, "mV": 1e-3, "pi": np.pi, "e": np.e, "inf": np.inf}
    for k in range(STEPS):
        x = data[rows[k // 10]].T
        sides = {"a_post": a}, {"x_pre": x, "y_pre": y}
        weights = [
            w + DT * directly(text, *sides, {**constants, "t": k * DT, "w": w}) / 0.1
            for text, w in zip(NAMED, weights, strict=True)
        ]
        a, y = a + DT * (-a + np.einsum("pi,is->ps", fixed, x)) / 5e-3, y + DT * (x - y) / 6e-3
    for i, expected in enumerate(weights):
        assert np.allclose(result.state[f"w{i}"], expected, rtol=1e-10, atol=1e-12), NAMED[i]
