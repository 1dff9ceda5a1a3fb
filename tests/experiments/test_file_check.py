"""A thorough check finds the defects of a user's file, and says which parts of it do not apply."""

import pytest

import dendrosim as ds
from dendrosim.engine.settings import RunSettings
from dendrosim.errors import BackendMissingError, DataError, UnknownNameError
from dendrosim.experiments.file_check import runs
from dendrosim.experiments.file_check.check_file import check_file
from dendrosim.experiments.file_check.measure_check import MEASURE
from dendrosim.experiments.file_check.parameter_reads import names_read_elsewhere
from dendrosim.experiments.file_check.runs import BACK_ENDS, VECTOR_FIELD

MODEL = '''
"""A leaky unit relaxes to its input.

Sources
-------
My own.
"""

from typing import Literal

import dendrosim as ds


class Parameters(ds.Parameters):
    size: int = ds.parameter(2, "number of units", least=1)
    tau: ds.Quantity = ds.parameter("20 ms", "time constant", above=0)
    shape: Literal["linear", "cubic"] = ds.parameter("linear", "of the leak")
    bend: float = ds.parameter(0.5, "of a cubic leak")


EQUATIONS = {
    "linear": "dv/dt = (drive - v)/tau : 1\\ndrive : 1",
    "cubic": "dv/dt = (drive - v - bend*v**3)/tau : 1\\ndrive : 1",
}


def circuit(p: Parameters) -> ds.Circuit:
    unit = ds.Population("unit", p.size, EQUATIONS[p.shape], inputs={"drive": 0.0})
    return ds.Circuit((unit,), parameters=p)
'''

PROTOCOL = '''
"""A unit relaxes.

Sources
-------
My own.
"""

import dendrosim as ds


class Parameters(ds.Parameters):
    level: float = ds.parameter(1.0, "input")
    width: float = ds.parameter(2.0, "factor of the metric")
    duration: ds.Quantity = ds.parameter("10 ms", "time to relax", above=0)


def protocol(p: Parameters) -> ds.Protocol:
    unit = ds.Population("unit", 2, "dv/dt = (drive - v)/(5*ms) : 1\\ndrive : 1", inputs=["drive"])
    return ds.Protocol(
        ds.Circuit((unit,)),
        (ds.Block("all", (ds.Phase("free", p.duration),)),),
        dt="0.1 ms",
        signals={"unit.drive": p.level},
        recordings=(ds.Recording("unit.v", "1 ms"),),
    )


def measure(result: ds.Result) -> ds.Measurement:
    factor = result.protocol.parameters["width"]
    return ds.Measurement({"last": factor*result["unit.v"].values[-1]}, units={"last": "V"})
'''


@pytest.fixture
def write(tmp_path):
    """Write a file with some of its text replaced, and return its path."""

    def write(text, *replacements, name="mine"):
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def without_compiler(monkeypatch):
    """Let the back end cpp be missing."""
    original = runs.run

    def run(protocol, settings, **options):
        if settings.backend == "cpp":
            raise BackendMissingError("no C++ compiler was found")
        return original(protocol, settings, **options)

    monkeypatch.setattr(runs, "run", run)


def found(path, **parameters):
    """Return the findings by field."""
    check = ds.check_protocol if "def protocol" in path.read_text() else ds.check_model
    return {f.field: f.message for f in check(path, **parameters)}


def declared(path):
    """Return the findings that need no run, by field."""
    return {f.field: f.message for f in check_file(path, runs=False).findings}


def test_a_model_without_defects_has_no_findings(write):
    report = check_file(write(MODEL))
    assert not report.findings
    assert not report.not_applicable
    assert report.object == "model 'mine'"


def test_a_protocol_without_defects_has_no_findings(write):
    report = check_file(write(PROTOCOL))
    assert not report.findings
    assert not report.not_applicable


@pytest.mark.usefixtures("without_compiler")
def test_a_machine_without_compiler_leaves_out_the_comparison_of_back_ends(write):
    report = check_file(write(MODEL))
    assert not report.findings
    assert report.not_applicable == {BACK_ENDS: "no C++ compiler was found"}


def test_a_plain_function_is_checked_as_well(write):
    text = '''
"""Two units.

Sources
-------
My own.
"""

import dendrosim as ds


def circuit(*, tau: ds.Quantity = "20 ms") -> ds.Circuit:
    """Return the circuit.

    Parameters
    ----------
    tau
        Time constant.
    """
    return ds.Circuit((ds.Population("unit", 2, "dv/dt = -v/tau : 1", parameters={"tau": tau}),))
'''
    assert found(write(text)) == {}


# -- documentation and parameters -----------------------------------------------------------------


def test_what_is_not_documented_is_declared(write):
    path = write(MODEL, (', "time constant"', ""), ("Sources\n-------\nMy own.\n", ""))
    messages = declared(path)
    assert set(messages) == {"parameter 'tau'", "section 'Sources'"}
    assert "not documented" in messages["parameter 'tau'"]


def test_a_parameter_without_effect_is_declared(write):
    idle = '    idle: float = ds.parameter(3.0, "nothing")\n    bend'
    messages = declared(write(MODEL, ("    bend", idle)))
    assert set(messages) == {"parameter 'idle'"}
    assert "change nothing" in messages["parameter 'idle'"]


def test_a_parameter_that_measure_alone_reads_has_an_effect_but_not_if_nothing_reads_it(write):
    assert declared(write(PROTOCOL)) == {}
    path = write(PROTOCOL, ('parameters["width"]', 'parameters["level"]'))
    assert set(declared(path)) == {"parameter 'width'"}


CRASH = '    """"""\n    if p.size > 2:\n        raise KeyError("no such size")\n    unit = '


def test_a_value_that_makes_the_file_fail_is_declared(write):
    message = declared(write(MODEL, ("    unit = ", CRASH)))["parameter 'size'"]
    assert message.startswith("3 makes the file fail: ")
    assert "KeyError: 'no such size'" in message
    assert "Traceback" not in message


def test_an_option_that_makes_the_file_fail_is_declared(write):
    message = declared(write(MODEL, ('    "cubic": ', '    "other": ')))["parameter 'shape'"]
    assert "cubic makes the file fail" in message


@pytest.mark.parametrize("refused", ["!= 2", "> 2"])
@pytest.mark.parametrize(("text", "clear"), [("size is odd", True), ("bad number", False)])
def test_a_refusal_must_name_the_parameter(write, text, clear, refused):
    refusal = (
        f"    if p.size {refused}:\n        raise ds.errors.ParameterError({text!r})\n    unit = "
    )
    messages = declared(write(MODEL, ("    unit = ", refusal)))
    assert set(messages) == (set() if clear else {"parameter 'size'"})
    if not clear:
        assert "is refused, but not by name: bad number" in messages["parameter 'size'"]


@pytest.mark.usefixtures("without_compiler")
def test_a_parameter_without_default_must_be_given(write):
    path = write(
        MODEL, ('ds.parameter("20 ms", "time constant"', 'ds.parameter(unit="ms", doc="time"')
    )
    report = check_file(path)
    assert not report.findings
    assert report.not_applicable == {
        "all that needs a circuit": "give values to parameters without default: tau"
    }
    assert BACK_ENDS in check_file(path, given={"tau": "20 ms"}).not_applicable
    assert found(path, tau="20 ms") == {}


UNSTEADY = {
    "random": ("import random\n", "random.random()"),
    "state": ("CALLS = []\n", "float(CALLS.append(1) or len(CALLS))"),
}


@pytest.mark.parametrize("source", UNSTEADY)
def test_a_file_that_does_not_return_the_same_twice_is_found(write, source):
    first, value = UNSTEADY[source]
    report = check_file(
        write(
            MODEL,
            ("EQUATIONS =", f"{first}EQUATIONS ="),
            ("parameters=p)", f"parameters=p.with_values(offset={value}))"),
            ("(drive - v)", "(drive - offset*v)"),
            ("(drive - v -", "(drive - offset*v -"),
        ),
        runs=False,
    )
    assert [f.field for f in report.findings] == ["circuit"]
    assert "two calls with the same parameters return different" in report.findings[0].message
    assert "effect of each parameter" in report.not_applicable


def test_a_documented_parameter_that_does_not_exist_is_declared(write):
    text = '"""\n\nfrom typing'
    path = write(MODEL, (text, f"\nParameters\n----------\nghost\n    Not there.\n{text}"))
    assert declared(path) == {
        "parameter 'ghost'": "it is documented, but there is no such parameter"
    }


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ('return result.protocol.parameters["width"]', {"width"}),
        ("p = Table(**result.protocol.parameters)\n    return p.width", {"width"}),
        ("return Table(**result.protocol.parameters).width", {"width"}),
        ("return helper(Table())", {"width"}),
        ("return helper(table=Table())", {"width"}),
        ("return result.width", set()),
        ('values = result["v"]\n    return helper(values)', {"v"}),
    ],
)
def test_parameters_that_measure_reads_are_found_in_its_text(tmp_path, body, names):
    path = tmp_path / "mine.py"
    path.write_text(
        "class Table: ...\ndef helper(table): return table.width\n"
        f"def protocol(p: Table): return p.other\ndef measure(result):\n    {body}\n"
    )
    assert names_read_elsewhere(path, "protocol") == names


# -- files that fail ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "field", "message"),
    [
        (
            "def circuit(p: Parameters)",
            "def circuit(p: Parameters",
            "file",
            "line 27: invalid syntax",
        ),
        ("import dendrosim as ds\n", "import dendrosim as ds\n1/0\n", "file", "ZeroDivisionError"),
        ("import dendrosim as ds\n", "import dendrosim as ds\nexit(1)\n", "file", "SystemExit"),
        ('"20 ms"', '"20 mV"', "circuit", "unit.v: '(drive - v)/tau' is in 1/V, but must be in Hz"),
        ("return ds.Circuit(", "return ds.Cirkuit(", "circuit", "AttributeError"),
        ("return ds.Circuit(", "return list(", "circuit", "TypeError"),
        ("    return ds.Circuit(", "    ds.Circuit(", "circuit", "returned a NoneType"),
        ("-> ds.Circuit", "-> Nothing", "file", "NameError"),
        ("def circuit(", "def other(", "file", "defines no function circuit()"),
        ("def circuit(", "async def circuit(", "file", "declared with 'async def'; write 'def'"),
        (
            "(p: Parameters)",
            "(p)",
            "file",
            "'p' has no type; to take the parameters of the class Para",
        ),
        (
            "def circuit(p: Parameters)",
            "def other(p: Parameters",
            "file",
            "cannot be read: line 27: invalid syntax",
        ),
    ],
)
def test_a_file_that_fails_has_a_finding(write, old, new, field, message):
    assert message in found(write(MODEL, (old, new)))[field]


def test_a_file_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        ds.check_model(tmp_path / "missing.py")
    with pytest.raises(UnknownNameError, match="unknown protocol"):
        ds.check_protocol("nothing")


@pytest.mark.usefixtures("without_compiler")
@pytest.mark.parametrize(
    ("old", "new", "field", "message"),
    [
        ('"last": factor', '"last": 1/0*factor', MEASURE, "ZeroDivisionError"),
        ('units={"last": "V"}', 'units={"last": "Vv"}', "unit of 'last'", "Vv"),
        ('units={"last": "V"}', 'units={"lost": "V"}', "unit of 'lost'", "no metric"),
        ("units={", 'figures={"f": lambda: 1/0}, units={', "figure 'f'", "ZeroDivisionError"),
        ("units={", 'figures={"f": lambda: 1}, units={', "figure 'f'", "returned 'int'; it must"),
    ],
)
def test_a_measure_that_fails_has_a_finding(write, old, new, field, message):
    assert message in found(write(PROTOCOL, (old, new)))[field]


@pytest.mark.usefixtures("without_compiler")
def test_a_measure_that_needs_more_than_a_few_steps_of_a_long_protocol_is_left_out(write):
    path = write(PROTOCOL, ('"10 ms"', '"1 s"'), ("values[-1]", "values[500]"))
    report = check_file(path)
    assert not report.findings
    assert "cut to 20 steps" in report.not_applicable[MEASURE]
    figure = 'figures={"f": lambda: result["unit.v"].values[500]}, units={'
    report = check_file(write(PROTOCOL, ('"10 ms"', '"1 s"'), ("units={", figure), name="figure"))
    assert not report.findings
    assert "cut to 20 steps" in report.not_applicable["figure 'f'"]


@pytest.mark.usefixtures("without_compiler")
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("values[-1]", "values[reslt]", "NameError"),
        ("values[-1]", "value[-1]", "AttributeError"),
        ("values[-1]", "values[len(3)]", "TypeError"),
        ('result["unit.v"].values', 'result["unit.w"].values', "'unit.w'"),
        ("ds.Measurement(", "dict(", "returned a dict; it must return a Measurement"),
    ],
)
def test_a_mistake_in_measure_is_found_in_a_few_steps_of_a_long_protocol(write, old, new, message):
    messages = found(write(PROTOCOL, ('"10 ms"', '"1 s"'), (old, new)))
    assert set(messages) == {MEASURE}
    assert message in messages[MEASURE]


# -- numbers --------------------------------------------------------------------------------------


def test_back_ends_that_differ_are_found(write, monkeypatch):
    original = runs.run

    def run(protocol, settings, **options):
        result = original(protocol, RunSettings("numpy"), **options)
        if settings.backend == "cpp":
            result.state["unit.v"] = result.state["unit.v"] * (1 + 1e-8)
        return result

    monkeypatch.setattr(runs, "run", run)
    messages = found(write(MODEL))
    assert set(messages) == {"state 'unit.v'"}
    assert "numpy and cpp differ by" in messages["state 'unit.v'"]


@pytest.mark.usefixtures("without_compiler")
def test_a_vector_field_that_differs_from_a_step_is_found_with_the_option(write, monkeypatch):
    original = runs.vector_field

    def vector_field(circuit, **options):
        flow = original(circuit, **options)
        return flow.at("bend", 0.6) if "bend" in flow.parameters else flow

    monkeypatch.setattr(runs, "vector_field", vector_field)
    messages = found(write(MODEL))
    assert set(messages) == {"state 'unit.v' with shape=cubic"}
    assert "differs from dt f(x)" in messages["state 'unit.v' with shape=cubic"]


@pytest.mark.usefixtures("without_compiler")
def test_equations_without_derivative_have_no_vector_field_to_compare(write):
    path = write(MODEL, ("dv/dt = (drive - v)/tau", "dv/dt = (drive - floor(v))/tau"))
    report = check_file(path)
    assert not report.findings
    assert "floor" in report.not_applicable[VECTOR_FIELD]


@pytest.mark.usefixtures("without_compiler")
def test_a_state_that_diverges_at_once_is_found_without_a_warning(write, recwarn):
    messages = found(write(MODEL, ('"20 ms"', '"1e-9 ms"'), ("drive - v)", "drive - v**3)")))
    assert set(messages) == {"run on numpy"}
    assert "with random inputs, in steps of 0.1 ms: " in messages["run on numpy"]
    assert "non-finite" in messages["run on numpy"]
    messages = found(write(MODEL, ("drive - v)", "drive - v + sqrt(-1 - v**2))"), name="root"))
    assert set(messages) == {"run on numpy", "vector field"}
    assert messages["vector field"] == "the derivative of unit.v is not finite at the start"
    assert not [w for w in recwarn if issubclass(w.category, RuntimeWarning)]


@pytest.mark.usefixtures("without_compiler")
def test_a_vector_field_that_is_finite_only_at_the_start_is_compared_there(write):
    report = check_file(write(MODEL, ("(drive - v)/tau", "(drive - v + sqrt(v*(v - 1e-9)*0))/tau")))
    assert not report.findings
    start = ("(drive - v)/tau", "(drive - v)/tau + sqrt(-v**2)/ms")
    assert "run on numpy" in found(write(MODEL, start, name="start"))


GAIN = (
    "    shape: Literal",
    '    gain: float = ds.parameter(1.0, "gain", above=0)\n    shape: Literal',
)


@pytest.mark.usefixtures("without_compiler")
def test_a_second_value_with_which_a_run_fails_is_found(write):
    path = write(MODEL, GAIN, ("(drive - v)/tau", "(drive - sqrt(1.02 - gain)*(v + 1))/tau"))
    messages = found(path)
    assert set(messages) == {"parameter 'gain'"}
    assert (
        "with 1.05 a run of 3 steps fails: the state became non-finite"
        in messages["parameter 'gain'"]
    )


@pytest.mark.usefixtures("without_compiler")
def test_second_values_that_are_refused_only_together_are_no_defect(write):
    refusal = "    if p.gain > 1 and p.bend > 0.5:\n        raise ds.errors.ParameterError('bad')\n    unit ="
    path = write(MODEL, GAIN, ("(drive - v", "(gain*drive - v"), ("    unit =", refusal))
    assert found(path) == {}


@pytest.mark.usefixtures("without_compiler")
def test_an_option_with_which_a_run_of_a_protocol_fails_is_found(write):
    path = write(
        PROTOCOL,
        ("import dendrosim as ds\n", "from typing import Literal\n\nimport dendrosim as ds\n"),
        (
            "    level:",
            '    leak: Literal["v", "sqrt(-1 - v**2)"] = ds.parameter("v", "leak")\n    level:',
        ),
        ('"dv/dt = (drive - v)', 'f"dv/dt = (drive - {p.leak})'),
    )
    assert set(found(path)) == {"parameter 'leak'"}
