"""Wrong types and extremes in every field of every specification, by constructor and by JSON.

A value is refused by an error of dendrosim, or accepted. What is accepted is the same after JSON, and a protocol
with it either runs for a few steps or is refused before the run.
"""

import dataclasses
import inspect
import json
import random
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dendrosim as ds
from campaigns.tally import Tally
from dendrosim.circuit.circuit_data import CircuitData
from dendrosim.circuit.connectivity.base import Connections
from dendrosim.circuit.initial_values.base import Initial
from dendrosim.circuit.sources.base import Source
from dendrosim.discovery import modules_in
from dendrosim.engine.settings import RunSettings
from dendrosim.protocol.given_spikes import GivenSpikes
from dendrosim.protocol.protocol_data import ProtocolData
from dendrosim.signals.base import Course, Signal
from dendrosim.spec import Checked, Spec, check_of, encode

CELL = {
    "name": "cell", "size": 2, "equations": "dv/dt = (g*s(b + x + y) - v)/tau : 1\nb : 1\nx : 1\ny : 1",
    "inputs": {"x": 0.1}, "parameters": {"b": 0.5}, "initial": {"v": 0.1}, "transfer": "tanh",
    "threshold": "v > 0.2", "reset": "v = 0", "refractory": "2*ms", "scope": "",
    "events": {"high": ds.Event("v > 0.1", "v *= 0.9")},
}  # fmt: skip
MATRIX = {
    "name": "w", "post": "cell", "pre": "cell", "initial": 0.1, "parameters": {"eta": 0.1}, "unit": "1",
    "plasticity": "dw/dt = eta*v_post*v_pre/tau : 1", "inverse_of": None, "scope": "",
}  # fmt: skip
PATHWAY = {
    "name": "path", "pre": "cell", "post": "cell", "on_pre": "v_post += k*weight*z", "weight": 0.1,
    "delay": "1 ms", "equations": "z : 1", "on_post": "z += 0.1", "parameters": {"k": 1.0}, "scope": "",
    "initial": {"z": 1.0}, "connect": ds.AllToAll(), "post_delay": "2 ms",
}  # fmt: skip
PHASE = {"name": "on", "duration": "3 ms", "gates": {"g": 1.0}, "signals": {"cell.x": 0.5}}
EXAMPLES = {
    ds.Population: CELL,
    ds.Event: {"condition": "v > 0.1", "action": "v = 0.5*v"},
    ds.Matrix: MATRIX,
    ds.Projection: {"source": "cell.v", "matrix": "w", "target": "cell.y", "transpose": False},
    ds.Pathway: PATHWAY,
    ds.AllToAll: {"self_connections": True},
    ds.Condition: {"condition": "i < j*width", "parameters": {"width": 2.0}},
    ds.InDegree: {"number": 1, "self_connections": True},
    ds.OneToOne: {},
    ds.Pairings: {"pre": [0, 1], "post": [1, 0]},
    ds.Probability: {"probability": 0.5, "self_connections": True},
    ds.Reversed: {"rule": ds.OneToOne()},
    ds.Copy: {"matrix": "u"},
    ds.Transpose: {"matrix": "u", "scale": 0.5},
    ds.Product: {"left": "u", "right": "u", "scale": 0.5},
    ds.PseudoInverse: {"matrix": "u", "scale": 0.5},
    ds.Expression: {"text": "width*(i + 1)", "unit": "ms", "parameters": {"width": 2.0}},
    ds.Fixed: {"value": 0.1},
    ds.Identity: {"scale": 1.0, "noise": 0.1},
    ds.Normal: {"sd": 0.1, "mean": 0.0},
    ds.LocalPatches: {
        "height": 1, "width": 2, "channels": 1, "filters": 1, "kernel": 1, "stride": 1, "padding": "same",
    },
    ds.Uniform: {"low": 0.1, "high": 0.2},
    ds.WellConditioned: {"gain": 1.0, "condition": 2.0},
    ds.ShortTerm: {
        "variant": "extended", "utilisation": 0.1, "tau_depression": "10 ms", "increment": 0.1,
        "tau_facilitation": "20 ms",
    },
    ds.SynapseRule: {
        "name": "release",
        "equations": "dleft/dt = (1 - left)/tau_left : 1 (event-driven)", "before": "released = u*left",
        "on_pre": "left -= released", "parameters": {"u": 0.5, "tau_left": "10 ms"}, "initial": {"left": 1.0},
        "sources": "Tsodyks & Markram (1997)",
    },
    ds.MatrixRule: {
        "name": "growth", "plasticity": "dw/dt = eta*v_post*v_pre - w/tau_w : 1",
        "parameters": {"eta": "1 Hz", "tau_w": "1 s"}, "sources": "Hebb (1949)",
    },
    ds.Poisson: {"name": "noise", "size": 2, "rate": "20 Hz"},
    ds.PoissonInput: {"name": "noise", "target": "cell.v", "trains": 9, "rate": "20 Hz", "weight": 0.1},
    ds.SpikeTimes: {"name": "given", "size": 2},
    GivenSpikes: {"unit": [0, 1], "time": [0.0, 1e-3], "sample": [0, 0]},
    ds.BiExponential: {"amplitude": 1.0, "onset": "1 ms", "rise": "1 ms", "decay": "2 ms"},
    ds.Constant: {"value": 1.0},
    ds.HeldNoise: {"mean": 0.1, "sigma": 0.1},
    ds.Hyperbolic: {"amplitude": 1.0, "decay": "1 s"},
    ds.OrnsteinUhlenbeck: {"mean": 0.1, "sigma": 0.1, "tau": "2 ms"},
    ds.Pulse: {"amplitude": 1.0, "onset": "1 ms", "duration": "1 ms"},
    ds.PulseTrain: {
        "amplitude": 1.0, "onset": "1 ms", "interval": "2 ms", "duration": "1 ms", "count": 2,
    },
    ds.Ramp: {"amplitude": 1.0, "onset": "1 ms", "duration": "1 ms"},
    ds.Samples: {"data": "rows"},
    ds.ShotNoise: {"rate": "1 kHz", "jump": 0.1, "decay": "2 ms"},
    ds.Sine: {"amplitude": 1.0, "frequency": "8 Hz", "phase": 0.0, "offset": 0.0},
    ds.Step: {"amplitude": 1.0, "onset": "1 ms"},
    ds.Table: {"values": [0.1, 0.2], "interval": "1 ms", "unit": "1", "linear": True},
    ds.Phase: PHASE,
    ds.Block: {"name": "all", "phases": (ds.Phase(**PHASE),), "trials": 1, "order": "sequential"},
    ds.Recording: {
        "variables": "cell.v", "every": "1 ms", "units": (0,), "samples": (0,), "phases": "on", "thin": 1,
    },
}  # fmt: skip


EXAMPLE_SPIKES = GivenSpikes(**EXAMPLES[GivenSpikes])


def circuit(cell=None, matrix=None, projection=None, pathway=None, **fields):
    given = {
        "populations": (cell or ds.Population(**CELL),),
        "matrices": (matrix or ds.Matrix(**MATRIX), ds.Matrix("u", "cell", "cell", ds.Identity())),
        "projections": (projection or ds.Projection(**EXAMPLES[ds.Projection]),),
        "pathways": (pathway or ds.Pathway(**PATHWAY),),
        "parameters": {"tau": "10 ms"},
        "gates": {"g": 1.0},
    }
    return {**given, **fields}


def protocol(block=None, recording=None, circuit_=None, **fields):
    given = {
        "circuit": circuit_ or ds.Circuit(**circuit()),
        "blocks": (block or ds.Block(**EXAMPLES[ds.Block]),),
        "dt": "1 ms",
        "recordings": (recording or ds.Recording(**EXAMPLES[ds.Recording]),),
        "signals": {"cell.x": 0.2},
        "data": {"rows": [[0.1, 0.2], [0.3, 0.4]]},
        "batch": 1, "batch_fixed": False, "references": {"a": 1.0}, "name": "", "parameters": {"b": 2},
    }  # fmt: skip
    return {**given, **fields}


EXAMPLES |= {ds.Circuit: circuit(), ds.Protocol: protocol(), RunSettings: {"backend": "numpy"}}


def runnable(made):
    """Return a protocol of few steps in which an object has an effect."""
    if isinstance(made, ds.Protocol):
        return made
    parts = {}
    if isinstance(made, ds.ShortTerm):
        made = ds.rules.short_term(made)
    if isinstance(made, ds.SynapseRule):
        own = {
            n: v for n, v in PATHWAY.items() if n in ("name", "pre", "post", "weight", "connect")
        }
        parts["pathway"] = ds.Pathway(on_pre="v_post += weight*released", rule=made, **own)
    if isinstance(made, ds.MatrixRule):
        made = ds.Matrix("w", "cell", "cell", 0.1, rule=made)
    for kind, name in (
        (ds.Population, "cell"), (ds.Matrix, "matrix"), (ds.Projection, "projection"), (ds.Pathway, "pathway")
    ):  # fmt: skip
        if isinstance(made, kind):
            parts[name] = made
    if isinstance(made, ds.Event):
        parts["cell"] = ds.Population(**{**CELL, "events": {"high": made}})
    if isinstance(made, Connections):
        parts["pathway"] = ds.Pathway(**{**PATHWAY, "connect": made})
    if isinstance(made, ds.Expression):
        parts["pathway"] = ds.Pathway(**{**PATHWAY, "delay": made})
    elif isinstance(made, Initial):
        parts["matrix"] = ds.Matrix(**{**MATRIX, "initial": made})
    fields = {}
    if isinstance(made, Source):
        parts["sources"] = (made,)
        fields["spikes"] = {made.name: EXAMPLE_SPIKES} if isinstance(made, ds.SpikeTimes) else {}
    if isinstance(made, GivenSpikes):
        parts["sources"], fields["spikes"] = (ds.SpikeTimes("given", 2),), {"given": made}
    whole = made if isinstance(made, ds.Circuit) else ds.Circuit(**circuit(**parts))
    if isinstance(made, Signal):
        phase = ds.Phase(**{**PHASE, "signals": {"cell.x": made}})
        made = ds.Block(**{**EXAMPLES[ds.Block], "phases": (phase,)})
    if isinstance(made, ds.Phase):
        made = ds.Block(**{**EXAMPLES[ds.Block], "phases": (made,)})
    block = made if isinstance(made, ds.Block) else None
    recording = made if isinstance(made, ds.Recording) else None
    return ds.Protocol(**protocol(block, recording, whole, **fields))


def run_few_steps(made):
    """Run a protocol with an object, unless it has more steps than a test can wait for."""
    if isinstance(made, RunSettings):
        ds.run(ds.Protocol(**protocol()), **dataclasses.asdict(made))
        return
    found = runnable(made)
    if found.total_steps <= 1000:
        ds.run(found, "numpy")


class Hostile:
    """An object all of whose methods fail."""

    def _fail(self, *_):
        raise RuntimeError("hostile")

    __repr__ = __str__ = __iter__ = __len__ = __float__ = __int__ = __index__ = __bool__ = _fail
    __eq__ = __array__ = _fail
    __hash__ = object.__hash__


def nested(depth):
    value = 1.0
    for _ in range(depth):
        value = [value]
    return value


VALUES = [
    None, True, False, np.True_, 0, 1, -1, 2, 3, np.int64(2), np.uint8(1), 10**18, 2**31, 2**62,
    -(2**63), 10**400, 0.0, 0.5, 1.5, -0.5, 1e300, -1e300, 5e-324, float("nan"), float("inf"),
    np.float32(0.5), 1j, np.complex128(1), "", " ", "x", "cell", "w", "cell.v", "cell.x", "1 ms", "0 ms",
    "-1 ms", "3 mV", "inf s", "1e300 s", "1e-300 s", "\0", "\ud800", "a\nb", "\x1b[31m", "é", "*",
    "pass", "phase", "spike", "tanh", "u", "dv/dt = -v/tau : 1", "x" * 100, "x" * 10_000, "v = 0",
    "v > 1", np.str_("cell"), b"1 ms", b"\0", b"", [], (), {}, set(), [None], [0], [1.0], [0.1, 0.2],
    [1.0, 2.0, 3.0], ["1 ms"], ["a", 1], [[0.1, 0.2], [0.3, 0.4]], [[1.0], [1.0, 2.0]], nested(70),
    nested(3000), {"v": 1.0}, {"x": None}, {"x": "1 mV"}, {"g": 1.0}, {"tau": "10 ms"}, {1: 2}, {"": 1},
    {"\0": 1}, {"a": {"b": [1, {"c": None}]}}, {"a": object()}, {"a": nested(3000)}, {"a": 10**5000},
    {"a": "\ud800"}, range(2), iter([0, 1]), object(), Hostile(), [Hostile()], {"a": Hostile()}, int,
    np.zeros(0), np.zeros((2, 2)), np.zeros((0, 2)), np.array(3), np.array("a"), np.array([None]),
    np.array(["1", "2"]), np.ones(2, complex), np.array([1, 2], np.int8), np.datetime64(5, "s"),
    np.full((2, 2), np.nan), ds.Quantity(1.0), ds.quantity("1 ms"), ds.quantity(["1 ms", "2 ms"]),
    ds.Event("v > 1"), {"high": ds.Event("v > 1")}, {"spike": ds.Event("v > 1")}, {"high": "v_post += 1"},
    ds.Normal(0.1), ds.Step(1.0), [ds.Step(1.0), ds.Constant(2.0)], ds.OneToOne(), ds.Samples("rows"),
    ds.HeldNoise(0.0, 0.1), ds.Copy("w"), (ds.Phase("p", "1 ms"),), ds.Recording("w", "phase"),
    (ds.Recording("w", "phase"),), ([0], [1e-3]), {"given": ([0, 1], [1e-3, 2e-3])},
    (ds.Poisson("noise", 2, "1 Hz"),), (ds.SpikeTimes("given", 2),),
    (ds.PoissonInput("noise", "cell.v", 3, "1 Hz", 0.1),),
]  # fmt: skip
STORED = [
    "[" * 100_000, '{"kind":' * 5000, '"\\ud800"', "NaN", "-Infinity", "1e999", "9" * 5000, "{}", '{"kind": 3}',
    '{"kind": "Banana"}', '{"kind": "Spec"}', '{"kind": "Signal"}', '{"kind": "mapping"}',
    '{"kind": "float", "repr": []}',
    '{"kind": "mapping", "items": []}', '{"kind": "mapping", "items": {"\\u0000": 1}}', '{"kind": "Constant"}',
    '{"kind": "Constant", "value": 1, "more": 2}', '{"kind": "quantity", "value": 1, "dimension": [1]}',
    '{"kind": "quantity", "value": "a", "dimension": [0,0,1,0,0,0,0]}',
    '{"kind": "quantity", "value": 1, "dimension": [NaN,0,1,0,0,0,0]}',
    '{"kind": "array", "dtype": "<f8", "shape": [2], "zlib": "eJxjYKAHAAAQAAEB"}',
    '{"kind": "array", "dtype": "<f8", "shape": [1000000000000], "zlib": "eJxjYIAAAAAIAAE="}',
    '{"kind": "array", "dtype": "<f8", "shape": [-1], "zlib": "eJxjYIAAAAAIAAE="}',
    '{"kind": "array", "dtype": "O", "shape": [1], "zlib": "eJxjYIAAAAAIAAE="}',
    '{"kind": "array", "dtype": "<f8", "shape": [1], "zlib": "eJxjYIAAAAAIAAE="}',
]  # fmt: skip


def fields_of(kind):
    return [f.name for f in dataclasses.fields(kind)]


def by_constructor(kind, field, value):
    return kind(**{**EXAMPLES[kind], field: value})


def by_json(kind, field, text):
    """Return what is read from the JSON of the example in which the value of a field is another text."""
    whole = {"kind": kind.__name__, **{k: encode(v) for k, v in EXAMPLES[kind].items()}, field: 0}
    parts = [f"{json.dumps(k)}: {text if k == field else json.dumps(v)}" for k, v in whole.items()]
    return kind.from_json("{" + ", ".join(parts) + "}")


def survives_json(made):
    return isinstance(made, RunSettings) or type(made).from_json(made.to_json()) == made


def concrete_classes():
    for folder in {c.folder for c in Spec._classes.values()} - {None}:
        modules_in(folder)
    bases = (CircuitData, ProtocolData, Course)
    return {c for c in Spec._classes.values() if not inspect.isabstract(c) and c not in bases}


def test_every_class_of_specification_has_an_example_that_fits_into_a_protocol():
    # Those of sweeps are no parts of a protocol; damage to their files is tested in tests/study.
    ours = {c for c in concrete_classes() if re.match(r"dendrosim\.(?!study)", c.__module__)}
    assert ours | {RunSettings} == set(EXAMPLES)
    for kind, example in EXAMPLES.items():
        made = kind(**example)
        assert isinstance(made, RunSettings) or runnable(made).total_steps == 3


def test_a_field_without_a_check_cannot_be_declared():
    for annotation in (object, list, int | str):
        with pytest.raises(TypeError, match="gives no check of the field"):
            type("Odd", (Checked,), {"__annotations__": {"field": annotation}})
        with pytest.raises(TypeError):
            check_of(annotation)
    for kind in EXAMPLES:
        assert set(fields_of(kind)) == set(kind._checks)


def cases():
    """Yield a label, a function that makes an object, and whether a run with the object is worth its time."""
    for kind in EXAMPLES:
        for field in fields_of(kind):
            where = f"{kind.__name__}.{field}"
            stored = STORED if issubclass(kind, Spec) else ()
            for index, value in enumerate(VALUES):
                label = f"{where}, value {index}"
                yield label, lambda k=kind, f=field, v=value: by_constructor(k, f, v), True
                try:
                    text = json.dumps(encode(value)) if stored else None
                except Exception:  # not a value of JSON
                    text = None
                if text is None:
                    continue
                yield f"{label}, JSON", lambda k=kind, f=field, t=text: by_json(k, f, t), False
            for text in stored:
                yield (
                    f"{where}, {text[:40]}",
                    lambda k=kind, f=field, t=text: by_json(k, f, t),
                    False,
                )


@pytest.mark.parametrize(
    "part", [0.1, pytest.param(1.0, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_no_value_of_a_field_is_accepted_without_meaning(part, record_property):
    tally, rng = Tally("values of fields of specifications"), random.Random(5)
    for label, make, runs in cases():
        if rng.random() >= part:
            continue
        made = []
        tally.judge(
            label, lambda make=make, made=made: made.append(make()) or made[0], survives_json
        )
        if made and runs and rng.random() < max(part, 0.2):
            tally.judge(f"{label}, run", lambda made=made: run_few_steps(made[0]))
    tally.conclude(record_property)


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.binary(max_size=5),
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip
FIELDS = [(kind, field) for kind in EXAMPLES for field in fields_of(kind)]


@settings(max_examples=400)
@given(st.sampled_from(FIELDS), anything)
def test_any_value_of_any_field_is_refused_or_means_something(place, value):
    try:
        made = by_constructor(*place, value)
    except ds.errors.DendrosimError:
        return
    assert survives_json(made)
