"""Files whose function takes a table of declared parameters are loaded, described and refused by name."""

import pytest

import dendrosim as ds
from dendrosim.errors import ParameterError, SpecError, UnitError, UnknownNameError, UsageError
from dendrosim.library.catalogue import find_entry
from dendrosim.library.description import describe
from dendrosim.library.loading import read_settings

MODEL = '''
"""A leaky unit."""

import dendrosim as ds


class Parameters(ds.Parameters):
    size: int = ds.parameter(2, "number of units", least=1)
    tau: ds.Quantity = ds.parameter("20 ms", "time constant", above=0)
    gain: float = ds.parameter(1.0, "strength of the leak")
    unused: float = ds.parameter(1.0, "no symbol of the equations", least=0, most=2)


def circuit(p: Parameters) -> ds.Circuit:
    unit = ds.Population("unit", p.size, "dv/dt = (x - gain*v)/tau : 1\\nx : 1", inputs={"x": 0.0})
    return ds.Circuit((unit,), parameters=p)
'''

PROTOCOL = '''
"""Relaxation to a constant input."""

import dendrosim as ds


class Parameters(ds.Parameters):
    level: float = ds.parameter(1.0, "constant input")
    tau: ds.Quantity = ds.parameter("5 ms")
    circuit = ds.parameters_of("leaky", without=("size",))


def protocol(p: Parameters) -> ds.Protocol:
    circuit = ds.load_circuit("leaky", size=3, tau=p.tau, **p.circuit)
    block = ds.Block("all", (ds.Phase("free", "1 ms"),))
    return ds.Protocol(circuit, (block,), "0.1 ms", signals={"unit.x": p.level})


def measure(result):
    return ds.Measurement({"last": result.final["unit.v"].values})
'''


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A user's own folder with the model `leaky` and the protocol `relax`."""
    monkeypatch.setenv("DENDROSIM_PATH", str(tmp_path))
    for kind, name, text in (("models", "leaky", MODEL), ("protocols", "relax", PROTOCOL)):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / f"{name}.py").write_text(text)
    return tmp_path


def test_values_reach_the_circuit():
    circuit = ds.load_circuit("leaky", size=5, tau="5 ms")
    assert circuit.population("unit").size == 5
    assert dict(circuit.parameters) == {"tau": ds.quantity("5 ms"), "gain": ds.quantity(1.0)}


def test_a_protocol_notes_the_plain_value_of_every_parameter():
    protocol = ds.load_protocol("relax", gain=2)
    assert dict(protocol.parameters) == {"level": 1.0, "tau": "5 ms", "gain": 2.0, "unused": 1.0}
    again = ds.Protocol.from_json(protocol.to_json())
    assert ds.load_protocol(again.name, **again.parameters) == protocol
    assert ds.run(protocol, backend="numpy").metrics["last"].shape == (3,)


def test_a_declared_file_describes_itself():
    described = describe("relax")
    assert {p.name: p.doc for p in described.parameters} == {
        "level": "constant input",
        "tau": "time constant",
        "gain": "strength of the leak",
        "unused": "no symbol of the equations",
    }
    assert str(described.parameters[3].range) == "at least 0 and at most 2"
    assert describe("leaky").circuit == ds.load_circuit("leaky")


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"taw": "5 ms"}, UnknownNameError, "parameter of protocol 'relax' 'taw'; .*'tau'"),
        ({"tau": 5}, UnitError, "'tau': 5 has no unit"),
        ({"level": "a"}, UsageError, "'level': 'a' is not a number"),
        ({"tau": "-5 ms"}, ParameterError, "tau is -0.005 s; it must be positive"),
        ({"unused": 3}, ParameterError, "unused is 3.0; it must be at least 0 and at most 2"),
    ],
)
def test_a_wrong_value_is_refused_by_name(given, error, message):
    with pytest.raises(error, match=message):
        ds.load_protocol("relax", **given)


def test_settings_are_read_by_type_and_range():
    assert read_settings(find_entry("leaky"), {"tau": "3 ms", "size": "4"}) == {
        "tau": "3 ms",
        "size": 4,
    }
    with pytest.raises(ParameterError, match="size is 0; it must be at least 1"):
        read_settings(find_entry("leaky"), {"size": "0"})


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("ds.parameter(2, ", "ds.parameter(0, ", "'size', its type and default: size is 0"),
        ("gain: float = ", "gain = ", "parameter 'gain' has no type"),
        ("size: int", "size: whole", "line 8: NameError"),
        ('"20 ms"', '"20 mss"', "parameter 'tau', its type and default"),
        ("(p: Parameters)", "(p: Parameters, q: int = 3)", "'p' holds all parameters"),
    ],
)
def test_a_table_that_is_not_valid_is_refused_with_its_file(folder, before, after, message):
    path = folder / "models" / "wrong.py"
    path.write_text(MODEL.replace(before, after))
    with pytest.raises(SpecError, match=message) as caught:
        ds.load_circuit("wrong")
    assert str(path) in str(caught.value)


def test_a_model_does_not_take_its_own_parameters(folder):
    text = MODEL.replace("    size: int", "    rest = ds.parameters_of('circular')\n    size: int")
    (folder / "models" / "circular.py").write_text(text)
    with pytest.raises(SpecError, match="its own parameters"):
        ds.load_circuit("circular")


def test_models_with_different_ranges_check_their_own_values(folder):
    for name, most in (("one", 2), ("other", 5)):
        text = MODEL.replace("most=2", f"most={most}")
        (folder / "models" / f"{name}.py").write_text(text)
    (folder / "protocols" / "either.py").write_text(
        PROTOCOL.replace('"leaky", without', '"one", "other", without').replace(
            '"leaky", size', '"other", size'
        )
    )
    assert ds.load_protocol("either", unused=4).parameters["unused"] == 4.0
    with pytest.raises(ParameterError, match="unused is 6"):
        ds.load_protocol("either", unused=6)
