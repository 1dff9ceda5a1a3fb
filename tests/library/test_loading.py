"""Models and protocols are found by name in shipped and own folders, loaded by path, and described."""

import os
from pathlib import Path

import pytest
from library_examples import MODEL, PROTOCOL, write_library

import dendrosim as ds
from dendrosim.errors import (
    DataError,
    ParameterError,
    SpecError,
    UnitError,
    UnknownNameError,
    UsageError,
)
from dendrosim.library.catalogue import find_entry, list_entries
from dendrosim.library.description import describe
from dendrosim.library.loading import load_circuit, load_protocol, parameters_in_si
from dendrosim.library.measuring import measure


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A user's own folder with the model `leaky` and the protocol `relax`."""
    monkeypatch.setenv("DENDROSIM_PATH", str(tmp_path / "mine"))
    monkeypatch.chdir(tmp_path)
    return write_library(tmp_path / "mine")


@pytest.fixture
def write(folder):
    """Write a file of a kind into the user's folder and return its path."""

    def write(kind, name, text):
        path = folder / f"{kind}s" / f"{name}.py"
        path.write_text(text)
        return path

    return write


class FakeResult:
    """What `measure` needs of a result."""

    def __init__(self, protocol):
        self.protocol = protocol


# -- finding --------------------------------------------------------------------------------------


def test_shipped_and_own_files_are_listed_by_kind_and_name(folder):
    found = list_entries()
    assert [e.file_kind for e in found] == sorted(e.file_kind for e in found)
    own = {e.name: e for e in found if folder in e.path.parents}
    assert own["leaky"].file_kind == "model"
    assert own["leaky"].summary == "A leaky unit relaxes to its input."
    assert own["relax"].file_kind == "protocol"
    shipped = {p.stem for p in (Path(__file__).parents[2] / "models").glob("[!_]*.py")}
    assert shipped <= {e.name for e in found if e.file_kind == "model"}


def test_listing_executes_nothing(write):
    write("model", "loud", '"""Says a lot."""\nraise SystemExit(3)\n')
    assert "Says a lot." in [e.summary for e in list_entries()]


def test_the_functions_docstring_serves_where_the_file_has_none(write):
    write("protocol", "terse", 'def protocol():\n    """Do little."""\n')
    assert find_entry("terse").summary == "Do little."


def test_files_with_a_leading_underscore_are_not_looked_at(write):
    write("model", "_helper", MODEL)
    assert "_helper" not in {e.name for e in list_entries()}


def test_a_plain_folder_is_sorted_by_what_its_files_define(tmp_path, monkeypatch):
    for name, text in (("one", MODEL), ("two", PROTOCOL), ("three", "x = 1\n")):
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "broken.py").write_text("def protocol(*, a):\n    return (\n")
    monkeypatch.setenv("DENDROSIM_PATH", f"{os.pathsep}{tmp_path}{os.pathsep}")
    own = {e.name: e for e in list_entries() if e.path.parent == tmp_path}
    assert {name: e.file_kind for name, e in own.items()} == {
        "one": "model",
        "two": "protocol",
        "broken": "protocol",
    }
    assert own["broken"].summary.startswith("(cannot be read: line 2")


@pytest.mark.parametrize(
    "content", [b"\x00", b"\xff\xfe = 1", b"# coding: nonsense\n", b"(" * 3000]
)
def test_files_that_are_no_python_are_listed_and_refused(folder, content):
    (folder / "models" / "junk.py").write_bytes(content)
    assert find_entry("junk").summary.startswith("(cannot be read")
    with pytest.raises(SpecError, match=r"junk\.py"):
        load_circuit("junk")


def test_one_name_for_two_files_is_an_error_that_names_both(folder, write, tmp_path, monkeypatch):
    other = write_library(tmp_path / "other")
    monkeypatch.setenv("DENDROSIM_PATH", f"{folder}{os.pathsep}{other}")
    for ask in (list_entries, lambda: load_circuit("leaky")):
        with pytest.raises(SpecError, match="two models are called 'leaky'") as caught:
            ask()
        assert str(folder) in str(caught.value)
        assert str(other) in str(caught.value)


def test_one_folder_named_twice_is_one_folder(folder, monkeypatch):
    monkeypatch.setenv("DENDROSIM_PATH", os.pathsep.join([str(folder), f"{folder}/../mine"]))
    assert find_entry("leaky").path.name == "leaky.py"


def test_a_model_and_a_protocol_of_one_name_are_told_apart_by_path(write):
    path = write("protocol", "leaky", PROTOCOL)
    assert load_protocol("leaky").name == "leaky"
    with pytest.raises(UsageError, match="a model and a protocol"):
        find_entry("leaky")
    assert find_entry(str(path)).file_kind == "protocol"


def test_a_path_that_is_no_folder_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("DENDROSIM_PATH", str(tmp_path / "missing"))
    with pytest.raises(UsageError, match="not a folder"):
        list_entries()


@pytest.mark.usefixtures("folder")
def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown model 'leeky'; did you mean 'leaky'"):
        load_circuit("leeky")
    with pytest.raises(UnknownNameError, match="unknown protocol 'rilax'; did you mean 'relax'"):
        load_protocol("rilax")


@pytest.mark.usefixtures("folder")
def test_a_file_is_loaded_by_its_path(tmp_path):
    path = tmp_path / "elsewhere.py"
    path.write_text(PROTOCOL)
    protocol = load_protocol("./elsewhere.py", level=2)
    assert protocol.name == str(path)
    assert find_entry(protocol.name).path == path
    assert load_protocol("mine/protocols/relax.py").name == "relax"
    with pytest.raises(DataError, match="no such file"):
        load_protocol("./missing.py")
    with pytest.raises(DataError, match=r"defines no function circuit\(\)"):
        load_circuit("./elsewhere.py")
    path.write_text("x = (1\n")
    for kind in (None, "model"):
        with pytest.raises(
            DataError, match=r"elsewhere\.py cannot be read: line 1: '\(' was never"
        ):
            find_entry("./elsewhere.py", kind)


# -- loading --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
def test_parameters_reach_the_circuit():
    unit = load_circuit("leaky", size=5, tau="5 ms").population("unit")
    assert unit.size == 5
    assert float(unit.parameters["tau"].value) == 0.005
    assert unit.parameters["tau"].unit == "s"


@pytest.mark.usefixtures("folder")
def test_a_protocol_notes_its_name_and_every_parameter():
    protocol = load_protocol("relax", tau="5 ms", marks=[1, 2])
    assert protocol.name == "relax"
    assert dict(protocol.parameters) == {
        "level": 1.0,
        "duration": "10 ms",
        "marks": (1.0, 2.0),
        "tau": "5 ms",
        "gain": 1.0,
    }
    again = ds.Protocol.from_json(protocol.to_json())
    assert again == protocol
    assert load_protocol(again.name, **again.parameters) == protocol
    values, units = parameters_in_si(again)
    assert values["tau"] == 0.005
    assert units == {"duration": "s", "tau": "s"}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (
            {"taw": "5 ms"},
            UnknownNameError,
            r"parameter of model 'leaky' 'taw'; did you mean 'tau'",
        ),
        ({"tau": 5}, UnitError, r"'tau': 5 has no unit.*'20 ms'"),
        ({"tau": "5 mV"}, UnitError, r"'tau'"),
        ({"size": 2.5}, UsageError, r"'size': 2.5 is not an integer"),
    ],
)
def test_a_wrong_value_is_refused_by_name(given, error, message):
    with pytest.raises(error, match=message):
        load_circuit("leaky", **given)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def circuit(*, a: int = 1:\n", r"line 1: "),
        ("import nothing_of_this_name\n", r"line 1: ModuleNotFoundError"),
        ("def circuit():\n    return 1/0\n", r"line 2: ZeroDivisionError"),
        ("def circuit():\n    raise SystemExit(0)\n", r"line 2: SystemExit"),
        ("def circuit():\n    raise GeneratorExit\n", r"line 2: GeneratorExit"),
        ("class End(BaseException): ...\ndef circuit():\n    raise End\n", r"line 3: End"),
        ("def circuit():\n    return circuit(1)\n", r"line 2: TypeError"),
        ("def circuit():\n    return []\n", r"returned a list; it must return a Circuit"),
        ("def circuit(*, a: undefined_type = 1):\n    ...\n", r"line 1: NameError"),
        ("def circuit(*, a: 'undefined_type' = 1):\n    ...\n", r"NameError"),
        ("def circuit(*, a=1):\n    ...\n", r"parameter 'a' has no type"),
        ("x = 1\n", r"defines no function circuit\(\)"),
        ("circuit = 5\n", r"defines no function circuit\(\)"),
    ],
)
def test_a_failing_file_is_named_with_its_line(write, text, message):
    path = write("model", "failing", text)
    with pytest.raises(SpecError, match=message) as caught:
        load_circuit("failing")
    assert str(path) in str(caught.value)


def test_errors_of_our_own_pass_through_a_file(write):
    write(
        "model",
        "strict",
        "import dendrosim as ds\n\n\ndef circuit():\n    raise ds.errors.ParameterError('no')\n",
    )
    with pytest.raises(ParameterError, match=r"^no$"):
        load_circuit("strict")


def test_a_changed_file_is_executed_anew(write):
    path = write("model", "growing", MODEL)
    before = load_circuit("growing")
    text = MODEL.replace("size: int = 2", "size: int = 4")
    path.write_text(text)
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1))
    assert before.populations[0].size == 2
    assert load_circuit("growing").populations[0].size == 4
    assert not list(path.parent.glob("__pycache__"))
    status = path.stat()
    path.write_text(text.replace("size: int = 4", "size: int = 5"))
    os.utime(
        path, ns=(status.st_atime_ns, status.st_mtime_ns)
    )  # as some programs do when they copy
    assert load_circuit("growing").populations[0].size == 5


def test_a_model_may_take_the_parameters_of_another_but_not_its_own(write):
    text = (
        "import dendrosim as ds\n\n\ndef circuit(**rest: ds.parameters_of({0!r})):\n"
        "    return ds.load_circuit({0!r}, **rest)\n"
    )
    write("model", "wrapped", text.format("leaky"))
    assert load_circuit("wrapped", size=7).populations[0].size == 7
    write("model", "circular", text.format("circular"))
    with pytest.raises(SpecError, match="its own parameters"):
        load_circuit("circular")


# -- measuring ------------------------------------------------------------------------------------

MEASURING = """
import dendrosim as ds


def protocol(**circuit: ds.parameters_of("leaky")):
    phase = ds.Phase("free", "1 ms")
    return ds.Protocol(ds.load_circuit("leaky", **circuit), (ds.Block("all", (phase,)),), "0.1 ms")
"""


def test_a_result_is_measured_by_its_protocols_file(write):
    path = write("protocol", "bare", MEASURING)
    protocol = load_protocol("bare")
    assert measure(FakeResult(protocol)).metrics == {}
    path.write_text(MEASURING + "\n\ndef measure(result):\n    return ds.Measurement({'n': 3})\n")
    assert measure(FakeResult(protocol)).metrics == {"n": 3}
    assert measure(FakeResult(protocol.replace(name=""))).metrics == {}
    with pytest.raises(UnknownNameError, match="unknown protocol"):
        measure(FakeResult(protocol.replace(name="gone")))


@pytest.mark.parametrize(
    ("body", "message"),
    [("return 1/0", "line 11: ZeroDivisionError"), ("return {}", "returned a dict")],
)
def test_a_failing_measure_is_named_with_its_line(write, body, message):
    write("protocol", "failing", f"{MEASURING}\n\ndef measure(result):\n    {body}\n")
    with pytest.raises(SpecError, match=message):
        measure(FakeResult(load_protocol("failing")))


def test_a_failing_figure_is_named_with_its_line(write):
    text = "def measure(result):\n    return ds.Measurement({}, figures={'f': lambda: 1/0})\n"
    write("protocol", "failing", f"{MEASURING}\n\n{text}")
    measurement = measure(FakeResult(load_protocol("failing")))
    with pytest.raises(SpecError, match=r"failing\.py, line 11: ZeroDivisionError"):
        measurement.figures["f"]()


@pytest.mark.usefixtures("folder")
def test_a_run_is_measured():
    result = ds.run(load_protocol("relax"), backend="numpy")
    assert result.metrics["good"] is True
    assert result.metrics["last"].shape == (3,)


def test_a_run_that_cannot_be_measured_is_not_lost(write):
    write("protocol", "failing", f"{MEASURING}\n\ndef measure(result):\n    return 1/0\n")
    with pytest.raises(SpecError, match="ZeroDivisionError") as caught:
        ds.run(load_protocol("failing"), backend="numpy")
    assert caught.value.partial.protocol.name == "failing"


# -- describing -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
def test_a_model_describes_itself():
    described = describe("leaky")
    assert described.text == "A leaky unit relaxes to its input."
    assert described.sections == {"Sources": "Somebody (2020), eq. 1."}
    assert [(p.name, p.default, p.doc) for p in described.parameters] == [
        ("size", 2, "Number of units."),
        ("tau", "20 ms", "Time constant."),
        ("gain", 1.0, ""),
    ]
    assert described.circuit == load_circuit("leaky")


@pytest.mark.usefixtures("folder")
def test_a_protocol_describes_also_the_parameters_of_its_model():
    described = describe("relax")
    assert described.circuit is None
    assert {p.name: p.doc for p in described.parameters}["tau"] == "Time constant."


@pytest.mark.usefixtures("folder")
def test_a_file_of_the_other_kind_is_named_with_advice():
    with pytest.raises(UsageError, match="'relax' is a protocol, not a model; choose the model"):
        load_circuit("relax")
    with pytest.raises(UsageError, match="'leaky' is a model, not a protocol; choose a protocol"):
        load_protocol("leaky")
