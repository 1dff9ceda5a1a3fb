"""Texts of what a spike does are read as assignments, or refused with the line that is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dendrosim.equations.assignments import Assignment, parse_assignments
from dendrosim.errors import EquationError

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,6}", fullmatch=True)
LINES = st.builds(
    Assignment, NAMES, st.sampled_from(["=", "+=", "-=", "*=", "/="]),
    st.lists(NAMES, min_size=1, max_size=3).map(" + ".join),
)  # fmt: skip


@given(
    lines=st.lists(LINES, max_size=5), between=st.sampled_from(["\n", "; ", "\n\n", "  # why\n"])
)
def test_what_is_written_is_what_is_read(lines, between):
    assert parse_assignments(between.join(str(line) for line in lines)) == tuple(lines)


def test_spaces_comments_and_empty_lines_do_not_matter():
    text = "\n  v=v_reset ;w  +=  b   # spike-triggered; u = 3\n\n ; \n# nothing\n"
    assert parse_assignments(text) == (Assignment("v", "=", "v_reset"), Assignment("w", "+=", "b"))
    assert parse_assignments("") == parse_assignments("  \n# nothing") == ()


def test_the_symbols_of_an_assignment_are_those_it_reads():
    (line,) = parse_assignments("g_post += weight*exp(-x_pre/tau) + 2.5e-3")
    assert line.symbols == {"weight", "exp", "x_pre", "tau"}


def test_a_comparison_inside_of_an_assignment_is_no_assignment():
    (line,) = parse_assignments("v = int(u == 1)")
    assert line == Assignment("v", "=", "int(u == 1)")


@pytest.mark.parametrize(
    "line",
    [
        "v", "v =", "= 1", "v == 1", "v > 1", "2*v = 1", "v **= 2", "v //= 2", "v %= 2", "v++", "a, b = 1",
        "v_post[0] = 1", "v: 1 = 2", "x y = 3", "1v = 2",
    ],
)  # fmt: skip
def test_what_is_no_assignment_is_refused_with_the_line(line):
    with pytest.raises(EquationError) as raised:
        parse_assignments(f"w = 1\n{line}")
    assert f"cannot read {line!r}" in str(raised.value)
    assert "'x = ...'" in str(raised.value)
