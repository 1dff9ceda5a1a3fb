"""Random damage to a circuit or a protocol is refused by a typed error, or means something."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from valid_specs import (
    CELL,
    LINK,
    REST,
    TIMES,
    WEIGHT,
    circuit,
    phase,
    protocol,
)

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.initial_values.normal import Normal
from dendrosim.circuit.population import Population
from dendrosim.errors import (
    DendrosimError,
    EquationError,
)
from dendrosim.protocol.phases import Block, Phase, Recording
from dendrosim.signals.biexponential import BiExponential
from dendrosim.signals.sine import Sine
from dendrosim.signals.step import Step
from dendrosim.signals.table import Table

garbage = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 5), st.floats(), st.text(max_size=6),
    st.sampled_from(["1 ms", "3 mV", "-2 s", "cell.x", "cell", "w", "*", "phase", "dv/dt = -v : 1", "é : 1"]),
    st.lists(st.floats(-2, 2), max_size=3), st.lists(st.text(max_size=3), max_size=2),
    st.dictionaries(st.text(max_size=3), st.floats(-2, 2), max_size=2),
    st.just(np.ones((2, 2))), st.just(object()), st.just(Normal(0.1)), st.just(Step(1.0)),
)  # fmt: skip

FIELDS = [
    *(("cell", k) for k in CELL), *(("weight", k) for k in WEIGHT), *(("link", k) for k in LINK),
    ("link", "transpose"), ("weight", "unit"), ("cell", "scope"), ("weight", "scope"),
]  # fmt: skip


def refusal(make):
    """Return the error of ours by which a spec is refused, None if it is made and survives JSON."""
    try:
        made = make()
        text = made.to_json()
    except DendrosimError as error:
        return error
    assert type(made).from_json(text) == made
    return None


def refused_or_valid(make):
    """Require that a spec is made, or refused by one of our errors with its documented exit code."""
    error = refusal(make)
    assert error is None or (error.exit_code in (2, 3) and str(error))


@settings(max_examples=300)
@given(st.sampled_from(FIELDS), garbage)
def test_garbage_in_any_field_of_a_circuit_is_refused_or_meaningful(field, value):
    group, name = field
    refused_or_valid(lambda: circuit(**{group: {name: value}}))


@settings(max_examples=200)
@given(st.sampled_from(["parameters", "gates"]), garbage, st.none() | st.text(max_size=3))
def test_garbage_among_shared_numbers_is_refused_or_meaningful(name, value, key):
    shared = value if key is None else {**REST[name], key: value}
    refused_or_valid(lambda: circuit(**{name: shared}))
    refused_or_valid(lambda: circuit(**{name: {**REST[name], next(iter(REST[name])): value}}))


@settings(max_examples=300)
@given(st.sampled_from([*TIMES, "references", "parameters", "name", "batch_fixed"]), garbage)
def test_garbage_in_any_field_of_a_protocol_is_refused_or_meaningful(name, value):
    refused_or_valid(lambda: protocol(**{name: value}))


PARTS = {
    Phase: {"name": "free", "duration": "2 ms", "gates": {"learn": 1}, "signals": {"cell.x": 1.0}},
    Block: {"name": "train", "phases": (Phase("free", "2 ms"),), "trials": 2, "order": "shuffled"},
    Recording: {
        "variables": "cell.v", "every": "1 ms", "units": (0,), "samples": (1,), "phases": "free",
    },
    Table: {"values": [1.0, 2.0], "interval": "1 ms", "unit": "1", "linear": True},
    BiExponential: {"amplitude": 1.0, "onset": "1 ms", "rise": "1 ms", "decay": "2 ms"},
    Sine: {"amplitude": 1.0, "frequency": "3 Hz", "phase": 0.0, "offset": 1.0},
}  # fmt: skip
PART_FIELDS = [(kind, field) for kind, given in PARTS.items() for field in given]


@settings(max_examples=400)
@given(st.sampled_from(PART_FIELDS), garbage)
def test_garbage_in_any_part_of_a_protocol_is_refused_or_meaningful(part, value):
    kind, field = part

    def make():
        made = kind(**{**PARTS[kind], field: value})
        if kind is Phase:
            return protocol(blocks=(Block("only", (made,)),))
        if kind is Block:
            return protocol(blocks=(made,))
        if kind is Recording:
            return protocol(blocks=phase()["blocks"], recordings=(made,))
        return protocol(signals={"cell.x": made})

    refused_or_valid(make)


TEXTS = {"equations": CELL["equations"], "plasticity": WEIGHT["plasticity"]}
TOKENS = [
    "v", "x", "w", "tau", "E", "*", "+", "-", "/", "**", "(", ")", ":", "\n", "=", "1", "0.5", "2", ",", "amp",
    "volt", "s(", "exp(", "tanh(", "int(", "x_pre", "rate_post", "d", "dv/dt", "t", "ms", " and ", " not ",
    "if", "lambda:", "[0]", "'", '"', "#", "(shared)", ".", "@", "\\", "not", ">", "é", "1e999", "0x",
]  # fmt: skip


@settings(max_examples=500)
@given(st.sampled_from(sorted(TEXTS)), st.data())
def test_equations_with_random_damage_are_refused_or_meaningful(which, data):
    text = TEXTS[which]
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        stop = min(len(text), start + data.draw(st.integers(0, 4)))
        text = text[:start] + data.draw(st.sampled_from(["", *TOKENS])) + text[stop:]
    group = "cell" if which == "equations" else "weight"
    refused_or_valid(lambda: circuit(**{group: {which: text}}))


@settings(max_examples=200)
@given(st.text(max_size=40))
def test_any_text_as_equations_is_refused_or_meaningful(text):
    refused_or_valid(lambda: Circuit((Population("cell", 1, text),)))
    refused_or_valid(lambda: circuit(weight={"plasticity": text}))


@settings(max_examples=60)
@given(st.sampled_from(["E", "v", "R", "current", "tau"]), st.integers(0, 4))
def test_misspelling_a_symbol_names_the_misspelt_one(symbol, position):
    position = min(position, len(symbol) - 1)
    wrong = symbol[: position + 1] + "q" + symbol[position + 1 :]
    right = "(E - v + R*current)/tau"
    damaged = re.sub(rf"\b{symbol}\b", wrong, right)
    with pytest.raises(EquationError, match=f"cell.v: undefined symbol '{wrong}'"):
        circuit(cell={"equations": CELL["equations"].replace(right, damaged)})
