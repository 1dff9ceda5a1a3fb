"""Messages that would lead a user in the wrong direction, and what they say now."""

import numpy as np
import pytest
from reference_problems import leaky_protocol

import dendrosim as ds
from dendrosim.errors import (
    EquationError,
    NonFiniteError,
    ParameterError,
    SpecError,
    UnitError,
    UnknownMemberError,
)


def circuit(text, **options):
    return ds.Circuit((ds.Population("a", 1, text, **options),))


def protocol(text, **options):
    blocks = (ds.Block("b", (ds.Phase("on", "400 ms"),)),)
    return ds.Protocol(circuit(text, **options), blocks, "1 ms")


@pytest.mark.parametrize(
    ("given", "meant"),
    [("MOhm", "Mohm"), ("mOhm", "mohm"), ("kHZ", "kHz"), ("NS", "nS"), ("PA", "pA")],
)
def test_the_suggested_unit_has_the_prefix_that_was_written(given, meant):
    with pytest.raises(UnitError, match=f"did you mean '{meant}'"):
        ds.quantity(f"3 {given}")


@pytest.mark.parametrize("call", ["rand()", "randn()", "poisson(2)"])
def test_random_functions_lead_to_signals(call):
    with pytest.raises(
        EquationError, match=r"unknown function .* signals .* ds\.OrnsteinUhlenbeck"
    ) as caught:
        circuit(f"dv/dt = {call}/ms : 1")
    assert "arctan" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "v/0/ms",
        "v/(0*ms)",
        "v/(1 - 1)/ms",
        "(v % 0)/ms",
        "(v // 0.0)/ms",
        "v/(-0*v)/ms",
        "1/(v - v)/ms",
    ],
)
def test_a_divisor_that_is_always_zero_is_refused(text):
    with pytest.raises(EquationError, match=r"a\.v: .* divides by 0, by"):
        circuit(f"dv/dt = {text} : 1")


@pytest.mark.parametrize(
    "text", ["v/(1 - 0)/ms", "0/(v + 1)/ms + v/ms", "v/(0*v + 1)/ms", "v/(0*v)**0/ms"]
)
def test_other_divisors_are_not(text):
    assert circuit(f"dv/dt = {text} : 1")


@pytest.mark.parametrize("text", ["v/(exp(v) - 1)/ms", "log(v)/ms", "1/v/ms"])
def test_no_value_in_the_first_step_is_no_matter_of_its_size(text):
    with pytest.raises(NonFiniteError, match=r"step 1\).*first step.*1/exprel\(x\)") as caught:
        ds.run(protocol(f"dv/dt = {text} : 1"), "numpy")
    assert "smaller time step" not in str(caught.value)


def test_a_later_overflow_may_be_a_matter_of_the_step():
    with pytest.raises(NonFiniteError, match="Try a smaller time step"):
        ds.run(protocol("dv/dt = -v*abs(v)/ms : 1", initial={"v": 5.0}), "numpy")


def test_arrays_with_a_unit_are_refused_with_the_remedy():
    given = ds.Quantity(np.ones((2, 1)), ds.quantity("1 V").dimension)
    with pytest.raises(
        UnitError, match=r"data.*quantity; give its numbers in SI units, as its attribute `value`"
    ):
        leaky_protocol(data={"rows": given})
    with pytest.raises(
        ds.errors.ParameterError, match=r"a\.v is not an array of numbers in SI units"
    ):
        ds.run(protocol("dv/dt = -v/ms : 1"), "numpy", initial={"a.v": given})


@pytest.mark.parametrize(
    ("text", "meant"), [("2 ms", r"2\*ms"), (" -1.5e-3 second", r"-1.5e-3\*second")]
)
def test_a_quantity_where_an_expression_belongs_gets_its_product_sign(text, meant):
    with pytest.raises(EquationError, match=rf"refractory: cannot read .*; write '{meant}'"):
        circuit("dv/dt = -v/ms : 1", threshold="v > 1", refractory=text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(2*MOhm)", "undefined symbol 'MOhm' .* did you mean 'Mohm'"),
        ("rand", r"undefined symbol 'rand' .* signals .* ds\.OrnsteinUhlenbeck"),
        ("xi", r"undefined symbol 'xi' .* signals .* ds\.OrnsteinUhlenbeck"),
        ("w", "undefined symbol 'w' .* there are: N, i, v$"),
    ],
)
def test_an_undefined_symbol_leads_to_what_is_meant(text, message):
    with pytest.raises(EquationError, match=message):
        circuit(f"dv/dt = -v/ms + {text}/ms : 1")


SPIKING = ds.Population("a", 2, "dv/dt = -v/ms : 1", threshold="v > 1")


def synapses(on_pre="v_post += 1", **options):
    return ds.Circuit((SPIKING,), pathways=(ds.Pathway("p", "a", "a", on_pre, **options),))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"on_pre": "v_post += 1/N"}, "undefined symbol 'N' .* the numbers of units are N_pre and N_post"),
        ({"on_pre": "v_post += 1/N_incoming"}, "numbers of synapses are no symbols"),
        ({"weight": "1 + i"}, r"weight.* an expression .* ds\.Expression\(text, unit\)"),
        ({"delay": "rand()*2*ms"}, r"delay.* random numbers are ds\.Uniform or ds\.Normal"),
        ({"weight": "2*nS"}, "cannot read '2[*]nS' as a quantity: write a number and a unit"),
        ({"connect": "i != j"}, r"such as ds\.Condition\('i != j'\)"),
        ({"connect": 0.1}, r"such as ds\.Probability\(0\.1\)"),
        ({"equations": "n : integer"}, "unknown unit 'integer' .* all variables are real numbers: write 1"),
    ],
)  # fmt: skip
def test_what_brian2_users_write_at_synapses_leads_to_what_to_write(options, message):
    with pytest.raises(SpecError, match=message):
        synapses(**options)


@pytest.mark.parametrize("name", ["a.v", "p.weight", "w"])
def test_what_has_no_spikes_leads_to_what_has(name):
    parts = synapses("v_post += weight", weight=ds.Uniform(0, 1))
    parts = parts.replace(matrices=(ds.Matrix("w", "a", "a"),))
    blocks = (ds.Block("b", (ds.Phase("on", "4 ms"),)),)
    with pytest.raises(UnknownMemberError, match=r"has no spikes; .* are recorded as a\.spike"):
        ds.Protocol(parts, blocks, "1 ms", recordings=(ds.Recording(name, every="spike"),))


def test_a_value_that_is_not_finite_is_named_by_its_expression():
    blocks = (ds.Block("b", (ds.Phase("on", "4 ms"),)),)
    parts = synapses("v_post += weight", weight=ds.Expression("log(i - j)"))
    with pytest.raises(
        ParameterError, match=r"no finite weight; change Expression 'log\(i - j\)'$"
    ):
        ds.run(ds.Protocol(parts, blocks, "1 ms"), "numpy")
