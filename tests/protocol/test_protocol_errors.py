"""Whatever is wrong with a protocol is refused by a typed error that names it."""

import numpy as np
import pytest
from valid_specs import TIMES, phase, protocol

from dendrosim.errors import (
    ParameterError,
    ShapeError,
    SpecError,
    UnitError,
    UnknownMemberError,
)
from dendrosim.protocol.phases import Block, Phase, Recording
from dendrosim.signals.biexponential import BiExponential
from dendrosim.signals.samples import Samples
from dendrosim.signals.sine import Sine
from dendrosim.signals.step import Step
from dendrosim.signals.table import Table


def test_the_circuit_that_the_others_are_made_from_is_valid():
    assert protocol().total_steps == 5


BROKEN_PROTOCOLS = {
    "negative duration": (lambda: phase(duration="-2 ms"), ParameterError, "'free': duration", "positive"),
    "phase without name": (lambda: phase(name=None), SpecError, "Phase.name is None", ""),
    "zero duration": (lambda: phase(duration="0 ms"), ParameterError, "'free': duration", "positive"),
    "infinite duration": (lambda: phase(duration="inf s"), ParameterError, "'free': duration", ""),
    "duration between two steps": (
        lambda: phase(duration="2.5 ms"), ParameterError, "Phase train/free: duration", "whole number"),
    "duration below one step": (
        lambda: phase(duration="0.2 ms"), ParameterError, "Phase train/free: duration", ""),
    "duration without unit": (lambda: phase(duration=2), UnitError, "'free': duration", "'10 ms'"),
    "duration in volts": (lambda: phase(duration="2 mV"), UnitError, "'free': duration", ""),
    "negative time step": (lambda: {"dt": "-1 ms"}, ParameterError, "Protocol.dt", "positive"),
    "time step zero": (lambda: {"dt": "0 ms"}, ParameterError, "Protocol.dt", ""),
    "time step without unit": (lambda: {"dt": 0.001}, UnitError, "Protocol.dt", ""),
    "no blocks": (lambda: {"blocks": ()}, SpecError, "at least one block", ""),
    "no phases": (lambda: {"blocks": (Block("a", ()),)}, SpecError, "Block 'a'", "one phase"),
    "no trials": (
        lambda: {"blocks": (Block("a", (Phase("p", "1 ms"),), 0),)}, ParameterError, "Block 'a': trials", ""),
    "half a trial": (
        lambda: {"blocks": (Block("a", (Phase("p", "1 ms"),), 1.5),)}, ParameterError, "trials is 1.5", ""),
    "two blocks of one name": (lambda: {"blocks": TIMES["blocks"] * 2}, SpecError, "block names", ""),
    "unknown order": (
        lambda: {"blocks": (Block("a", (Phase("p", "1 ms"),), 1, "shufled"),)},
        UnknownMemberError, "'shufled'", "did you mean 'shuffled'"),
    "unknown input": (lambda: {"signals": {"cell.y": 1}}, UnknownMemberError, "'cell.y'", "'cell.x'"),
    "state as input": (
        lambda: {"signals": {"cell.x": 1, "cell.v": "1 mV"}}, UnknownMemberError, "'cell.v'", ""),
    "unknown input in a phase": (
        lambda: phase(signals={"cel.x": 1}), UnknownMemberError, "'cel.x'", "did you mean 'cell.x'"),
    "unknown gate": (lambda: phase(gates={"lern": 1}), UnknownMemberError, "'lern'", "did you mean 'learn'"),
    "gate with a unit": (lambda: phase(gates={"learn": "1 mV"}), UnitError, "gate 'learn'", "must have no unit"),
    "gate per unit": (lambda: phase(gates={"learn": [1, 2]}), ShapeError, "gate 'learn'", ""),
    "gate that shows a data set": (
        lambda: phase(gates={"learn": Samples("rows")}), SpecError, "gate 'learn' cannot show", ""),
    "input that nothing drives": (lambda: {"signals": {}}, ParameterError, "nothing drives cell.x", "signal"),
    "unknown data set": (
        lambda: {"signals": {"cell.x": Samples("row")}}, UnknownMemberError, "'row'", "did you mean 'rows'"),
    "data set of another width": (
        lambda: {"data": {"rows": np.ones((3, 4))}}, ShapeError, "'rows' has 4 columns", "2 units"),
    "data set without rows": (lambda: {"data": {"rows": np.ones((0, 2))}}, ShapeError, "'rows'", ""),
    "data set with a gap": (lambda: {"data": {"rows": [[1.0, np.nan]]}}, ShapeError, "'rows'", "finite"),
    "data set of one dimension": (lambda: {"data": {"rows": [1.0, 2.0]}}, ShapeError, "'rows'", ""),
    "signal in volts": (
        lambda: {"signals": {"cell.x": Step("3 mV")}}, UnitError, "Step.amplitude is in V", "have no unit"),
    "signal for three units": (
        lambda: {"signals": {"cell.x": Step([1, 2, 3])}}, ShapeError, "Step.amplitude has shape (3,)", "2"),
    "onset without unit": (
        lambda: {"signals": {"cell.x": Step(1, 5)}}, UnitError, "Step.onset has no unit", "must be in s"),
    "frequency in milliseconds": (
        lambda: {"signals": {"cell.x": Sine(1, "3 ms")}}, UnitError, "Sine.frequency is in s", "must be in Hz"),
    "infinite amplitude": (lambda: {"signals": {"cell.x": Step("inf")}}, ParameterError, "Step.amplitude", ""),
    "rise slower than decay": (
        lambda: {"signals": {"cell.x": BiExponential(1, "0 s", "3 ms", "2 ms")}},
        ParameterError, "0 < rise < decay", ""),
    "table in volts": (
        lambda: {"signals": {"cell.x": Table([1, 2], "1 ms", "mV")}}, UnitError, "Table is in V", ""),
    "table of three columns": (
        lambda: {"signals": {"cell.x": Table(np.ones((4, 3)), "1 ms")}}, ShapeError, "3 columns", "1 or 2"),
    "table without interval": (lambda: {"signals": {"cell.x": Table([1], 3)}}, UnitError, "interval", ""),
    "empty table": (lambda: {"signals": {"cell.x": Table([], "1 ms")}}, ShapeError, "Table.values", ""),
    "batch zero": (lambda: {"batch": 0}, ParameterError, "Protocol.batch is 0", "at least 1"),
    "half a sample": (lambda: {"batch": 1.5}, ParameterError, "Protocol.batch is 1.5", ""),
    "recording that matches nothing": (
        lambda: {"recordings": (Recording("cell.vv", "1 ms"),)},
        UnknownMemberError, "'cell.vv'", "did you mean 'cell.v'"),
    "pattern that matches nothing": (
        lambda: {"recordings": (Recording("layer*.h", "1 ms"),)}, UnknownMemberError, "'layer*.h'", ""),
    "recorded twice": (
        lambda: {"recordings": (Recording("cell.v", "1 ms"), Recording("*.v", "phase"))},
        SpecError, "cell.v is recorded twice", ""),
    "recording between two steps": (
        lambda: {"recordings": (Recording("cell.v", "1.5 ms"),)},
        ParameterError, "Recording of cell.v: every", "whole number"),
    "recording with a typing error": (
        lambda: {"recordings": (Recording("cell.v", "phse"),)}, SpecError, "phse", ""),
    "unit out of range": (
        lambda: {"recordings": (Recording("cell.v", "1 ms", units=(0, 2)),)},
        ParameterError, "cell.v has no unit 2", "0 to 1"),
    "unit below zero": (
        lambda: {"recordings": (Recording("cell.v", "1 ms", units=(-1,)),)}, ParameterError, "no unit -1", ""),
    "sample out of range": (
        lambda: {"recordings": (Recording("cell.v", "1 ms", samples=(2,)),)},
        ParameterError, "sample 2", "0 to 1"),
    "phase that is not there": (
        lambda: {"recordings": (Recording("cell.v", "1 ms", phases="sleep"),)},
        UnknownMemberError, "'sleep'", "free"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN_PROTOCOLS)
def test_a_broken_protocol_is_refused_by_name(case):
    changes, kind, names, advice = BROKEN_PROTOCOLS[case]
    with pytest.raises(SpecError) as raised:
        protocol(**changes())
    assert isinstance(raised.value, kind), repr(raised.value)
    assert names in str(raised.value)
    assert advice in str(raised.value)
    assert raised.value.exit_code == 3
