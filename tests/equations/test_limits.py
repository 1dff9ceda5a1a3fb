"""Texts that would keep a parser busy, or end in a RecursionError, are refused at once, and the error says why."""

import time

import pytest

import dendrosim as ds

RUNS = {
    "a sum of 140 terms": "+".join(f"sin({k}*v)" for k in range(140)),
    "a product of 140 factors": "*".join(["v"] * 140),
    "70 functions inside each other": "exp(-" * 70 + "v" + ")" * 70,
    "a power of 1000": "v**1000",
    "a large number": "v*9**99*1e-94",
    "many spaces": "v" + " " * 90_000 + "+ 1",
    "many conditions": "v*int(" + " and ".join(["v > 1"] * 500) + ")",
}

REFUSED = {
    "a sum of 250 terms": ("+".join(["v"] * 250), "c.v: .* has 25. operations inside each other"),
    "a sum of 2000 terms": ("+".join(["v"] * 2000), "operations inside each other .* at most 150"),
    "a sum of sums": (f"({'+'.join(['v'] * 100)}) + ({'+'.join(['v'] * 100)})", "at most 150"),
    "deep parentheses": ("(" * 500 + "v" + ")" * 500, "c.v: cannot read .* too many nested parenth"),
    "many signs": ("-" * 1000 + "v", "c.v: .* at most 150"),
    "very many signs": ("-" * 50_000 + "v", "c.v: cannot read the expression"),
    "a tower of powers": ("v*9**9**9", "c.v: .* has a power of 3.8742e[+]08; at most 1000"),
    "a power of a function": ("v*2**floor(1e9)", "a power of 1e[+]09"),
    "powers of powers": ("v*((2**1000)**1000)", "the number .* is too large"),
    "small powers of powers": ("v*(((1000001/1000000)**1000)**1000)", "is too large"),
    "a power that is too large": ("v*999**999", "is too large; use the symbol 'inf'"),
    "a long integer": ("v*" + "9" * 19, "an integer of more than 18 digits"),
    "a very long integer": ("v*" + "9" * 5000, "c.v: cannot read the expression"),
    "a number that overflows": ("v*1e999", "is too large; use the symbol 'inf'"),
    "a long text": ("v" + " " * 100_000, "Population 'c': the text .* at most 100000"),
    "a long name": ("v" * 90_000, "c.v: undefined symbol"),
    "digits of another script": ("v*\N{ARABIC-INDIC DIGIT THREE}", r"the character '\\u0663'"),
    "letters of another script": ("v*\N{FULLWIDTH LATIN SMALL LETTER V}", r"the character '\\uff56'"),
    "a zero byte": ("v\0", r"the character '\\x00'"),
    "half a surrogate pair": ("v # \ud800", r"the character '\\ud800'"),
}  # fmt: skip


def population(rate, more="", **fields):
    return ds.Population("c", 1, f"{more}dv/dt = ({rate})/(10*ms) : 1", **fields)


def three_steps(cell):
    return ds.Protocol(
        ds.Circuit((cell,)), (ds.Block("all", (ds.Phase("only", "3 us"),)),), dt="1 us"
    )


@pytest.mark.parametrize("case", RUNS)
def test_a_large_text_within_the_limits_runs(case):
    assert ds.run(three_steps(population(RUNS[case])), "numpy").state["c.v"].size == 1


@pytest.mark.parametrize("case", REFUSED)
def test_a_text_beyond_a_limit_is_refused_at_once(case):
    text, message = REFUSED[case]
    begin = time.perf_counter()
    with pytest.raises(ds.errors.EquationError, match=message) as raised:
        ds.Circuit((population(text),))
    assert time.perf_counter() - begin < 5
    assert len(str(raised.value)) < 500


def test_subexpressions_that_grow_when_put_into_each_other_are_refused():
    chain = "\n".join(f"y{k + 1} = y{k}*sin(y{k}) : 1" for k in range(40))
    with pytest.raises(ds.errors.EquationError, match=r"c[.]y.*: with all subexpressions in place"):
        ds.Circuit((population("y40", f"y0 = v : 1\n{chain}\n"),))


def test_transfer_functions_that_grow_when_put_into_each_other_are_refused():
    with pytest.raises(ds.errors.EquationError, match="with the formula of smooth_leaky in place"):
        ds.Circuit((population("s(" * 40 + "v" + ")" * 40, transfer="smooth_leaky"),))


@pytest.mark.parametrize(
    "text", ["1" * 100_000 + "\nx", "1" + " " * 100_000 + "x" + " " * 100_000 + "y", "1 " + "(ms)" * 5000]
)  # fmt: skip
def test_a_long_text_of_a_quantity_is_refused_at_once(text):
    begin = time.perf_counter()
    with pytest.raises(ds.errors.UnitError, match="cannot read"):
        ds.quantity(text)
    assert time.perf_counter() - begin < 5
