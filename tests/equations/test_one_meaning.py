"""A text has one value: the one that Python gives to it, wherever it stands and whatever computes it."""

import math
import re

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import dendrosim as ds
from dendrosim.equations.real_numbers import with_real_numbers
from dendrosim.errors import EquationError
from dendrosim.experiments.run import run

# -- texts and their values --------------------------------------------------------------------------------

FUNCTIONS = {"int": int, "floor": math.floor, "ceil": math.ceil, "abs": abs, "exp": math.exp,
             "clip": lambda x, low, high: min(max(x, low), high)}  # fmt: skip
NAMES = {"x": 2.75, "y": -1.375, "a": 7.0, "b": 0.3}
"""Two states of a unit (`x`, `y`) and two parameters; of the states, a text uses the first one twice as often."""
FIXED = (
    "10**-3", "2**-1*x", "int(x)*100000*100000", "int(x*1e10)", "7//2*x",
    "(int(a > 1) + int(x > 1))/3", "int(x > 1)/(int(a > 1) + int(x > 1) + int(y < 0))", "a//2", "1.0//0.1",
    "3000000019*3000000019 - 9000000114000000360", "a % 3 - x % -2", "b//0.1 + 1", "(1 - 2)**-3", "4000000000 + x",
    "7/2", "1//3 + 2//3", "-7 % 3", "-7//2*y", "int(a)/3", "x**(1 - 2)", "x**2 - a**-2", "10**(2 - 5)*int(x)",
    "int(-2.5) + int(y)", "100000*100000*100000*1e-9", "2**0.5*2**0.5", "7 % 0.1", "int(b*10)", "x - x**2**-1",
    "(x*x)**0.5 + (y*y)**0.5", "1.2345678901234567*x", "(y/y)*x", "int(not x > 3)*5", "int(True) + True*x",
    "int(x > 1 and y > 1 or a == 7)/3", "9007199254740993 - 9007199254740992 + x", "clip(x, 3, 1)",
    "clip(x, y, -2)", "clip(x, 1, a)",
)  # fmt: skip


def value(text, scale=1.0, names=NAMES):
    """What Python says; `scale` changes the values of the names a little."""
    return float(eval(text, {**FUNCTIONS, **{n: v * scale for n, v in names.items()}}))


def stable(text):
    """Whether a text has a real value that rounding changes by rounding only; a jump may be elsewhere."""
    try:
        known = [value(text, scale) for scale in (1, 1 + 1e-13, 1 - 1e-13)]
    except (ArithmeticError, TypeError, ValueError):
        return False
    return max(map(abs, known)) < 1e12 and np.ptp(known) <= 1e-9 * (1e-3 + abs(known[0]))


def _numbers():
    whole = st.integers(0, 12) | st.sampled_from([100000, 3000000019, 2**31])
    return (whole | st.sampled_from([0.1, 0.5, 2.5, 1e-3, 3e9])).map(repr)


def _texts(names):
    leaves = _numbers() | st.sampled_from(names)

    def larger(inner):
        two = st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%"]), inner)
        power = st.tuples(inner, st.integers(-3, 3)).map(lambda p: f"({p[0]})**{p[1]}")
        call = st.tuples(st.sampled_from(["int", "floor", "ceil", "abs"]), inner)
        clip = st.tuples(inner, inner, inner).map(lambda p: f"clip({p[0]}, {p[1]}, {p[2]})")
        question = st.tuples(inner, st.sampled_from(["<", ">", "<=", ">="]), inner)
        return (
            two.map(lambda p: f"({p[0]} {p[1]} {p[2]})")
            | power
            | clip
            | call.map(lambda p: f"{p[0]}({p[1]})")
            | question.map(lambda p: f"int({p[0]} {p[1]} {p[2]})")
            | inner.map(lambda t: f"(-{t})")
        )

    return st.recursive(leaves, larger, max_leaves=6).filter(stable)


# -- one program with a text in every place -----------------------------------------------------------------

PLACES = ("rate", "shown", "reset", "pre", "post", "rule", "general")
EACH = 5
"""Number of texts in each place; one population with a threshold for each text as well."""


def renamed(text, **names):
    """The text with other names."""
    return re.sub(r"\b[a-z]\b", lambda found: names.get(found[0], found[0]), text)


def protocol(texts):
    """Run ten steps; in the first one, every cell and every source spikes."""
    states = "dx/dt = 0*x/second : 1\ndy/dt = 0*y/second : 1"
    lines = [states]
    lines += [f"drate{k}/dt = ({t})/second : 1" for k, t in enumerate(texts)]
    lines += [f"shown{k} = {t} : 1" for k, t in enumerate(texts)]
    lines += [f"d{n}{k}/dt = 0*x/second : 1" for n in ("reset", "pre", "post") for k in range(EACH)]
    start = {"x": NAMES["x"], "y": NAMES["y"]}
    cells = [
        ds.Population(
            "cell", 2, "\n".join(lines), initial=start, threshold="x > 0",
            reset="\n".join(f"reset{k} = {t}" for k, t in enumerate(texts)),
        ),
    ]  # fmt: skip
    for k, text in enumerate(texts):
        exact = value(text)
        wait = f"(1 + abs({text}) % 5)*ms"
        cells.append(
            ds.Population(f"rest{k}", 1, states, initial=start, threshold="x > 0", refractory=wait)
        )
        beside = [exact - 1e-7 * (1e-3 + abs(exact)), exact + 1e-7 * (1e-3 + abs(exact))]
        cells.append(
            ds.Population(
                f"judge{k}",
                2,
                f"{states}\ndv/dt = 0*v/second : 1\ndgot/dt = 0*got/second : 1",
                initial={**start, "v": beside},
                threshold=f"{text} >= v",
                events={"event": ds.Event(f"{text} >= v", f"got = {text}")},
            )
        )
    of_both = [renamed(t, x="x_post", y="y_pre") for t in texts]
    rules = [
        ds.Matrix(f"rule{k}", "cell", "cell", 0.0, f"dw/dt = ({t})/second : 1")
        for k, t in enumerate(of_both)
    ]
    rules += [
        ds.Matrix(
            f"general{k}", "cell", "cell", 1.0, f"dw/dt = ({t})*exp(x_post*0*x_pre*w)/second : 1"
        )
        for k, t in enumerate(of_both)
    ]
    pathway = ds.Pathway(
        "feed", "cell", "cell", connect=ds.OneToOne(),
        on_pre="\n".join(f"own{k} = {t}\npre{k}_post = own{k}" for k, t in enumerate(of_both)),
        on_post="\n".join(f"post{k}_post = {t}" for k, t in enumerate(of_both)),
    )  # fmt: skip
    used = {n for n in ("a", "b") if renamed(" ".join(texts), **{n: ""}) != " ".join(texts)}
    names = [f"cell.{n}{k}" for n in PLACES[:5] for k in range(EACH)]
    names += [f"{n}{k}" for n in PLACES[5:] for k in range(EACH)]
    return ds.Protocol(
        ds.Circuit(
            tuple(cells), tuple(rules), pathways=(pathway,),
            parameters={n: NAMES[n] for n in used},
        ),
        (ds.Block("run", (ds.Phase("on", "10 ms"),)),),
        dt="1 ms",
        recordings=(
            *(ds.Recording(n, "1 ms") for n in names),
            *(ds.Recording(f"{n}{k}.spike", "spike") for n in ("judge", "rest") for k in range(EACH)),
            ds.Recording("judge*.event", "spike"),
            ds.Recording("judge*.got", "1 ms", units=(0,)),
        ),
    )  # fmt: skip


def values_of(result, k):
    """The value of text k in each place, one per unit or weight."""
    found = {
        "rate": result[f"cell.rate{k}"].values[1] / 1e-3,
        "rule": result[f"rule{k}"].values[1] / 1e-3,
        "general": (result[f"general{k}"].values[1] - 1) / 1e-3,
    }
    found["action"] = result[f"judge{k}.got"].values[1]
    found |= {n: result[f"cell.{n}{k}"].values[1] for n in ("shown", "reset", "pre", "post")}
    return found


def check(texts, backend):
    result = run(protocol(texts), backend)
    for k, text in enumerate(texts):
        expected = value(text)
        for place, array in values_of(result, k).items():
            # A weight is 1 plus the value times the step, so rounding errors count relative to 1/step.
            error = 1e-12 * (abs(expected) + (1e3 if place == "general" else 1e-3))
            assert np.all(abs(array - expected) <= error), (text, place, backend, array, expected)
        judges, rests = result.spikes[f"judge{k}"], result.spikes[f"rest{k}"]
        assert judges.unit[judges.time < 0.5e-3].tolist() == [0], (text, "threshold", backend)
        events = result.spikes[f"judge{k}.event"]
        assert events.unit[events.time < 0.5e-3].tolist() == [0], (text, "condition", backend)
        waits = {int(1 + abs(value(text, s)) % 5 + 1e-3) for s in (1, 1 + 1e-12, 1 - 1e-12)}
        steps = [list(range(0, 10, wait)) for wait in waits]
        assert np.rint(rests.time * 1e3).tolist() in steps, (text, "refractory", backend)


CHUNKS = [FIXED[i : i + EACH] for i in range(0, len(FIXED), EACH)]
CHUNKS[-1] = (*CHUNKS[-1], *FIXED)[:EACH]


@pytest.mark.parametrize("backend", ["numpy", "cpp"])
@pytest.mark.parametrize("texts", CHUNKS[:2], ids=lambda t: t[0])
def test_a_text_has_pythons_value_in_every_place(texts, backend):
    check(texts, backend)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["numpy", "cython", "cpp"])
@pytest.mark.parametrize("texts", CHUNKS, ids=lambda t: t[0])
def test_more_texts_have_pythons_value_in_every_place(texts, backend):
    check(texts, backend)


FAST = {"max_examples": 2, "derandomize": True, "deadline": None, "phases": [Phase.generate]}
SLOW = {"max_examples": 25, "deadline": None, "phases": [Phase.generate]}
RANDOM = st.lists(_texts(["x", "x", "y", "a", "b"]), min_size=EACH, max_size=EACH, unique=True)


@pytest.mark.parametrize("backend", ["numpy", "cpp"])
@settings(**FAST)
@given(RANDOM)
def test_random_texts_have_pythons_value_in_every_place(backend, texts):
    check(texts, backend)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["numpy", "cpp"])
@settings(**SLOW)
@given(RANDOM)
def test_more_random_texts_have_pythons_value_in_every_place(backend, texts):
    check(texts, backend)


# -- the vector field, and the rewriting itself -------------------------------------------------------------


@settings(max_examples=5, derandomize=True, deadline=None, phases=[Phase.generate])
@given(st.lists(_texts(["a", "b"]), min_size=20, max_size=20))
def test_the_vector_field_has_the_same_values(texts):
    texts = [*texts, *(renamed(t, x="a", y="b") for t in FIXED)]
    texts = [t for t in texts if stable(t)]
    lines = [f"dv{k}/dt = ({t})/second : 1" for k, t in enumerate(texts)]
    population = ds.Population("cell", 1, "\n".join(lines), parameters={n: NAMES[n] for n in "ab"})
    flow = ds.vector_field(ds.Circuit((population,)))
    expected = np.array([value(t) for t in texts])
    assert np.all(abs(flow.f(np.zeros(len(texts))) - expected) <= 1e-12 * (1e-3 + abs(expected)))


@settings(max_examples=300, deadline=None, phases=[Phase.generate])
@given(_texts(["x", "y"]))
def test_the_rewritten_text_has_no_integers_and_the_same_value(text):
    functions = {
        "ds_truncate": math.trunc, "ds_quotient": lambda x, y: x // y, "ds_remainder": lambda x, y: x % y,
        "ds_clip": FUNCTIONS["clip"],
    }  # fmt: skip
    rewritten = with_real_numbers(text)
    found = eval(rewritten, {**FUNCTIONS, **functions, **NAMES})
    assert found == pytest.approx(value(text), rel=1e-13, abs=1e-15)
    exponents = re.sub(r"\*\* (-\d+|\(-\d+\)|\d+)(?![.e\d])", "", rewritten)
    assert not re.search(r"(?<![\w.])\d+(?![\d.e])", re.sub(r"\de[+-]?\d+", "", exponents))


REFUSED = {
    "0**-1": "has the power '0 .* .-1.' of 0, which divides by 0",
    "x*0**(-1)": "divides by 0",
    "(1 - 1)**-2": "divides by 0",
    "(0*x)**-1": "divides by 0",
    "x/0": "divides by 0, by '0'",
    "x//(2 - 2)": "divides by 0",
    "x % 0.0": "divides by 0",
    "x/2**-2000": "a power of -2000; at most 1000",
    "(-8)**0.5": "not a real number",
    "x*(2 - 4)**(1/3)": "not a real number",
    "x/False": "divides by 0",
    "exp(x > 1)": "the comparison 'x > 1' is used as a number; write int[(]x > 1",
    "int(x and y)": "the number 'x' is used as a condition; write a comparison, such as x > 0",
    "int(not x)": "the number 'x' is used as a condition",
}


@pytest.mark.parametrize(
    "place",
    ["rate", "shown", "threshold", "reset", "condition", "action", "refractory", "on_pre", "rule"],
)
@pytest.mark.parametrize("text", REFUSED)
def test_a_text_without_a_value_is_refused(text, place):
    rate, shown = (text if place == p else "x" for p in ("rate", "shown"))
    spiking = {"threshold": "x > 1", "reset": "x = 0", "refractory": "2*ms"}
    if place in spiking:
        spiking[place] = {
            "threshold": f"x > {text}", "reset": f"x = {text}", "refractory": f"({text})*ms",
        }[place]  # fmt: skip
    x, y = (text if place == p else "x" for p in ("condition", "action"))
    spiking["events"] = {"high": ds.Event(f"x > {x}", f"x = {y}")}
    equations = f"dx/dt = ({rate})/second : 1\nshown = {shown} : 1\ndy/dt = -shown*y/second : 1"
    both = {
        n: renamed(text if place == n else "x", x="x_post", y="y_pre") for n in ("rule", "on_pre")
    }
    with pytest.raises(EquationError, match=renamed(REFUSED[text], x=".*")):
        ds.Circuit(
            (ds.Population("cell", 2, equations, **spiking),),
            (ds.Matrix("w", "cell", "cell", 0.0, f"dw/dt = ({both['rule']})/second : 1"),),
            pathways=(ds.Pathway("feed", "cell", "cell", f"y_post += {both['on_pre']}"),),
        )
