"""Each mistake in spikes, synapses and random signals is refused by a typed error that names it."""

import pytest

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.connectivity.all_to_all import AllToAll
from dendrosim.circuit.connectivity.pairings import Pairings
from dendrosim.circuit.initial_values.identity import Identity
from dendrosim.circuit.initial_values.uniform import Uniform
from dendrosim.circuit.matrix import Matrix
from dendrosim.circuit.pathway import Pathway
from dendrosim.circuit.population import Population
from dendrosim.errors import (
    EquationError,
    LoopError,
    ParameterError,
    ShapeError,
    SpecError,
    UnitError,
    UnknownMemberError,
)
from dendrosim.protocol.phases import Block, Phase, Recording
from dendrosim.protocol.protocol import Protocol
from dendrosim.signals.ornstein_uhlenbeck import OrnsteinUhlenbeck

CELL = {
    "name": "cell",
    "size": 3,
    "equations": "dv/dt = (E - v + R*g)/tau : volt (unless refractory)\ndg/dt = -g/tau_g : amp\nx : 1",
    "inputs": {"x": 0.0},
    "threshold": "v + x*mV > V_T",
    "reset": "v = E",
    "refractory": "t_ref",
}
PATH = {
    "name": "rec",
    "pre": "cell",
    "post": "cell",
    "on_pre": "released = u*learn\ng_post += weight*released\nu -= released",
    "weight": "20 pA",
    "delay": "1 ms",
    "equations": "du/dt = (1 - u)/tau_u : 1 (event-driven)",
    "initial": {"u": 1.0},
    "parameters": {"tau_u": "100 ms"},
}
REST = {
    "parameters": {
        "E": "-70 mV", "V_T": "-50 mV", "R": "100 Mohm", "tau": "20 ms", "tau_g": "5 ms", "t_ref": "2 ms",
    },
    "gates": {"learn": 1.0},
}  # fmt: skip
SILENT = Population("silent", 2, "dz/dt = -z/ms : 1")
TIMES = {
    "blocks": (Block("run", (Phase("on", "5 ms"),)),),
    "dt": "0.1 ms",
    "recordings": (Recording("cell.spike", every="spike"),),
}


def circuit(cell=None, path=None, extra=(), pathways=(), **rest):
    """The valid circuit with some fields changed."""
    return Circuit(
        (Population(**{**CELL, **(cell or {})}), *extra),
        pathways=(Pathway(**{**PATH, **(path or {})}), *pathways), **{**REST, **rest},
    )  # fmt: skip


def protocol(path=None, **changes):
    """The valid protocol with some fields changed."""
    return Protocol(**{"circuit": circuit(path=path), **TIMES, **changes})


SUMMED = {"equations": f"{CELL['equations'].replace('R*g', 'R*(g + y)')}\ny : amp"}
SUM = {
    "on_pre": "", "delay": None, "parameters": {}, "equations": "y_post = u*weight : amp (summed)\nu : 1",
}  # fmt: skip


def summed(line, declared=False, **changes):
    """The circuit with a pathway that has a sum over synapses and no effects."""
    path = {**SUM, "equations": f"{line}\nu : 1", **changes}
    return lambda: circuit(cell=SUMMED if declared else None, path=path)


def cell(**changes):
    return lambda: circuit(cell=changes)


def equation(old, new):
    assert old in CELL["equations"]
    return cell(equations=CELL["equations"].replace(old, new))


def path(**changes):
    return lambda: circuit(path=changes)


def on_pre(text):
    return path(on_pre=f"{PATH['on_pre']}\n{text}")


def synapse(text, on="u"):
    """Another equation of the synapse."""
    return path(equations=text, initial={}, on_pre=f"g_post += weight*{on}*learn")


def shown(**changes):
    return lambda: protocol(**changes)


def test_the_circuit_that_the_others_are_made_from_is_valid():
    assert protocol().total_steps == 50


BROKEN = {
    # thresholds
    "threshold that is not a condition": (
        cell(threshold="v - V_T"), EquationError, "Population 'cell': threshold 'v - V_T' is not a condition",
        "'v > v_threshold'"),
    "threshold that is a number": (
        cell(threshold="int(v > V_T)"), EquationError, "is not a condition", "write one such as"),
    "threshold of the wrong type": (
        cell(threshold=-50), EquationError, "Population 'cell': threshold is -50", "an expression"),
    "empty threshold": (cell(threshold="  "), EquationError, "threshold is '  '", "left out"),
    "threshold in other units": (
        cell(threshold="v + x*mV > 1"), UnitError, "Population 'cell': threshold", "units do not fit"),
    "threshold with an unknown symbol": (
        cell(threshold="v + x*mV > V_TT"), EquationError, "threshold: undefined symbol 'V_TT'", "'V_T'"),
    "threshold that cannot be read": (
        cell(threshold="v + x*mV >> V_T"), EquationError, "Population 'cell': threshold", ""),
    "threshold that assigns": (cell(threshold="v = V_T"), EquationError, "Population 'cell'", "cannot read"),
    "power written ^": (
        cell(threshold="(v/mV)^2 + x > V_T/mV"), EquationError, "threshold", "write **"),
    # resets
    "reset without threshold": (
        lambda: Population("cell", 1, "dv/dt = -v/ms : 1", reset="v = 0"),
        SpecError, "Population 'cell': reset has no meaning without a threshold", "give one"),
    "refractory period without threshold": (
        lambda: Population("cell", 1, "dv/dt = -v/ms : 1", refractory="2*ms"),
        SpecError, "refractory has no meaning without a threshold", "give one"),
    "reset in other units": (
        cell(reset="v = 0.5"), UnitError, "Population 'cell': reset: '0.5' has no unit", "must be in V"),
    "reset that adds other units": (
        cell(reset="v += R"), UnitError, "Population 'cell': reset: 'R' is in", ""),
    "reset that multiplies by a unit": (
        cell(reset="v *= 2*mV"), UnitError, "reset: '2*mV' is in", "must have no unit"),
    "reset of a compartment that is not there": (
        cell(reset="v_soma = E"), UnknownMemberError, "Population 'cell' that the reset assigns to 'v_soma'",
        "there are: g, v"),
    "reset of a compartment misspelt": (
        cell(reset="vv = E"), UnknownMemberError, "'vv'", "did you mean 'v'"),
    "reset of an input": (cell(reset="x = 0"), UnknownMemberError, "assigns to 'x'", "there are: g, v"),
    "reset of a parameter": (cell(reset="E = v"), UnknownMemberError, "assigns to 'E'", ""),
    "reset with an unknown symbol": (
        cell(reset="v = E_r"), EquationError, "Population 'cell': reset: undefined symbol 'E_r'", "there are"),
    "reset that is no assignment": (
        cell(reset="v == E"), EquationError, "Population 'cell': cannot read 'v == E'", "'x = ...'"),
    "random reset": (cell(reset="v = E + randn(v)*mV"), EquationError, "cannot use 'E + randn(v)*mV'", ""),
    # refractoriness
    "refractory period in other units": (
        cell(refractory="V_T/R*0 + 2"), UnitError, "Population 'cell': refractory", ""),
    "refractory period without unit": (
        cell(refractory="2"), UnitError, "refractory: '2' has no unit, but must be in s", ""),
    "random refractory condition": (
        cell(refractory="rand() < 0.5"), EquationError, "refractory: unknown function 'rand'", ""),
    "refractory condition in other units": (
        cell(refractory="v > 2*ms"), UnitError, "Population 'cell': refractory: units do not fit", ""),
    "index of another population": (
        cell(reset="v = E + j*mV"), EquationError, "undefined symbol 'j'", "the index of a unit is i"),
    "index of a unit in the equation of a synapse": (
        synapse("du/dt = -i*u/tau_u : 1 (event-driven)"), EquationError, "undefined symbol 'i'",
        "initial={'place': ds.Expression('i')}"),
    "assignment to an index": (on_pre("i = 3\nu = i"), UnknownMemberError, "assigns to 'i'", ""),
    "number of synapses": (
        on_pre("u = N_incoming"), EquationError, "undefined symbol 'N_incoming'",
        "parameters={'synapses': 20} for connect=ds.InDegree(20)"),
    "refractory period as a quantity": (
        cell(refractory="2 ms"), EquationError, "refractory: cannot read", "'2 ms'"),
    "unless refractory without refractory period": (
        cell(refractory=None), SpecError, "Population 'cell': 'v' has the flag (unless refractory)",
        "give `refractory`"),
    "unless refractory behind a subexpression": (
        equation("x : 1", "x : 1\ny = g : amp (unless refractory)"), EquationError,
        "'y' has no differential equation", "remove it"),
    "unless refractory behind an input": (
        equation("x : 1", "x : 1 (unless refractory)"), EquationError, "'x' has no differential", ""),
    "unknown flag": (
        equation("(unless refractory)", "(unless tired)"), EquationError, "Population 'cell'", ""),
    "event-driven population": (
        equation("(unless refractory)", "(event-driven)"), EquationError, "the flag (event-driven)", "remove"),
    "last spike of what never spikes": (
        lambda: Population("cell", 1, "dv/dt = -v/ms*int(t - lastspike > 1*ms) : 1"),
        SpecError, "Population 'cell': lastspike has no meaning without a threshold", "give one"),
    # reserved names
    "variable called spike": (
        equation("x : 1", "x : 1\nspike : 1"), SpecError, "the name 'spike' is reserved", "another"),
    "variable called lastspike": (
        equation("x : 1", "x : 1\nlastspike : second"), SpecError, "'lastspike' is reserved", "another"),
    "variable called not_refractory": (
        equation("x : 1", "x : 1\nnot_refractory = 1 : 1"), SpecError, "'not_refractory' is reserved", "another"),
    "variable that ends in _pre": (
        equation("x : 1", "x : 1\nx_pre : 1"), SpecError, "'x_pre' is reserved", "another"),
    "variable called like a word of templates": (
        equation("x : 1", "x : 1\nuser_headers = 1 : 1"), SpecError, "'user_headers' is reserved", "another"),
    "synaptic variable with a reserved name": (
        synapse("i : 1", "i"), SpecError, "Pathway 'rec': the symbol 'i' is reserved", "another"),
    "own name that is reserved": (
        on_pre("t = 3\nu = t"), SpecError, "Pathway 'rec': on_pre: the symbol 't' is reserved", "another"),
    "weight among the equations": (
        synapse("weight : amp", "1"), SpecError, "Pathway 'rec': give the weight as Pathway.weight", ""),
    "weight among the parameters": (
        path(parameters={**PATH["parameters"], "weight": 1}), SpecError, "Pathway.weight", ""),
    "pathway with a name that is no name": (
        path(name="Rec 1"), SpecError, "Pathway.name is 'Rec 1'", "lower case"),
    "pathway called like a population": (
        path(name="cell"), SpecError, "'cell' names 2 objects", "must differ"),
    "two pathways of a name": (
        lambda: circuit(pathways=(Pathway(**PATH),)), SpecError, "'rec' names 2 objects", "must differ"),
    "pathway called like a matrix": (
        lambda: Circuit(
            (Population(**CELL),), (Matrix("rec", "cell", "cell"),), pathways=(Pathway(**PATH),), **REST),
        SpecError, "'rec' names 2 objects", "must differ"),
    "population called like an end of a pathway": (
        lambda: circuit(extra=(SILENT.replace(name="rec_pre"),)),
        SpecError, "the name 'rec_pre' is reserved for an end of Pathway 'rec'", "rename"),
    "population called like the other end": (
        lambda: circuit(extra=(SILENT.replace(name="rec_post"),)), SpecError, "'rec_post' is reserved", "rename"),
    "pathway called like an end of another": (
        lambda: circuit(pathways=(Pathway(**{**PATH, "name": "rec_post"}),)),
        SpecError, "'rec_post' is reserved", "rename"),
    "synaptic variable called like one of the cell": (
        synapse("x : 1", "x"), SpecError, "Pathway 'rec': 'x' is also a variable of 'cell'", "rename"),
    "cell with a variable called weight": (
        lambda: circuit(cell={"equations": CELL["equations"].replace("x : 1", "weight : 1\nx = weight : 1"),
                              "inputs": {"weight": 0}}),
        SpecError, "Pathway 'rec': a population that it connects has a variable 'weight'", "rename"),
    # what pathways connect
    "population that is not there": (
        path(post="cel"), UnknownMemberError, "unknown population 'cel'", "did you mean 'cell'"),
    "presynaptic population that is not there": (
        path(pre="retina"), UnknownMemberError, "unknown population 'retina'", "there are: cell"),
    "population without threshold": (
        lambda: circuit(extra=(SILENT,), path={"pre": "silent"}),
        SpecError, "Pathway 'rec': population 'silent' has no threshold", "give it a threshold"),
    "on_post towards a population without threshold": (
        lambda: circuit(extra=(SILENT,), path={
            "post": "silent", "on_pre": "z_post += u*learn", "weight": None, "on_post": "u = 1"}),
        SpecError, "Pathway 'rec': population 'silent' has no threshold", "give it a threshold"),
    "connections as text": (
        path(connect="all"), SpecError, "Pathway 'rec': connect is 'all'", "AllToAll, Condition, InDegree"),
    "connections as a class": (path(connect=AllToAll), SpecError, "Pathway 'rec': connect is", "AllToAll"),
    # what pathways say
    "compartment that is not there": (
        on_pre("g_apical_post += weight"), UnknownMemberError, "Pathway 'rec': on_pre assigns to 'g_apical_post'",
        "g_post"),
    "compartment misspelt without suffix": (
        on_pre("g += weight"), UnknownMemberError, "assigns to 'g'", "there are"),
    "assignment to an input": (on_pre("x_post += 1"), UnknownMemberError, "assigns to 'x_post'", ""),
    "assignment to a parameter": (on_pre("tau_u = 1*ms"), UnknownMemberError, "assigns to 'tau_u'", ""),
    "assignment to a gate": (on_pre("learn = 0"), UnknownMemberError, "assigns to 'learn'", ""),
    "assignment that nothing reads": (
        on_pre("g_pst = g_post + weight"), EquationError, "on_pre: nothing reads 'g_pst'",
        "did you mean 'g_post'"),
    "symbol that is not there": (
        on_pre("g_post += wieght"), EquationError, "Pathway 'rec': on_pre: undefined symbol 'wieght'",
        "did you mean 'weight'"),
    "variable of a cell without suffix": (
        on_pre("u = v/mV"), EquationError, "on_pre: undefined symbol 'v'", "v_post"),
    "own name of the other text": (
        path(on_post="u -= released"), EquationError, "on_post: undefined symbol 'released'", ""),
    "units of a spike's effect": (
        on_pre("g_post += 1"), UnitError, "Pathway 'rec': on_pre: '1' has no unit, but must be in A", ""),
    "units of the weight": (
        path(weight="20 nS"), UnitError, "Pathway 'rec': on_pre: 'weight*released' is in", "must be in A"),
    "weight without unit": (path(weight=0.5), UnitError, "'weight*released' has no unit, but must be in A", ""),
    "no weight": (path(weight=None), EquationError, "its texts use 'weight'", "give Pathway.weight"),
    "weight that no text uses": (
        path(on_pre="g_post += u*learn*pA"), EquationError, "Pathway 'rec': 'weight' is used by none", "remove"),
    "synaptic variable that no text uses": (
        path(on_pre="g_post += weight*learn", equations="y : 1", initial={}, parameters={}),
        EquationError, "'y' is used by none of its texts", "remove"),
    "parameter that no text uses": (
        path(parameters={**PATH["parameters"], "q": 1}), EquationError, "Pathway 'rec': parameter 'q'", "remove"),
    "nothing that a spike does": (
        path(on_pre=" \n"), EquationError, "Pathway 'rec': on_pre is empty", "'g_post += weight'"),
    "on_pre that is no assignment": (
        on_pre("g_post"), EquationError, "Pathway 'rec': cannot read 'g_post'", "'x += ...'"),
    "on_post that is no assignment": (path(on_post="u++"), EquationError, "cannot read 'u++'", ""),
    "random release": (on_pre("u = rand(2)"), EquationError, "on_pre: cannot use 'rand(2)'", ""),
    "comparison used as a number": (
        on_pre("u = 2*(v_post > V_T)"), EquationError, "the comparison", "write int("),
    # equations of synapses
    "synaptic equation that is not event-driven": (
        synapse("du/dt = (1 - u)/tau_u : 1"), EquationError, "Pathway 'rec': the equation of 'u'",
        "must end with (event-driven), if it is linear"),
    "clock-driven and event-driven states": (
        synapse("du/dt = (1 - u*w)/tau_u : 1 (clock-driven)\ndw/dt = -w/tau_u : 1 (event-driven)"), EquationError,
        "'u' is computed in every step and depends on 'w', which is event-driven", "make both"),
    "event-driven state that depends on a clock-driven one": (
        synapse("du/dt = -w*u/tau_u : 1 (event-driven)\ndw/dt = -w/tau_u : 1 (clock-driven)"), EquationError,
        "'u' is event-driven and depends on 'w', which is clock-driven", "make both clock-driven"),
    "clock-driven state in other units": (
        synapse("du/dt = v_post - u*mV : 1 (clock-driven)"), UnitError, "Pathway 'rec': u", "must be in Hz"),
    "random clock-driven state": (
        synapse("du/dt = (rand() - u)/tau_u : 1 (clock-driven)"), EquationError, "unknown function 'rand'", ""),
    "sum that belongs to no unit": (
        summed("g = u*weight : amp (summed)"), EquationError, "'g' is summed, so it must be a variable",
        "as in 'g_post = weight*gate"),
    "sum over the synapses of presynaptic units": (
        summed("g_pre = u*weight : amp (summed)"), EquationError, "'g_pre' is summed", "exchange pre and post"),
    "sum that is a state": (
        summed("g_post = u*weight : amp (summed)"), SpecError, "cell.g cannot be a sum over synapses",
        "declare it as a variable that has no equation"),
    "sum that is an input": (
        summed("x_post = u*v_pre/mV : 1 (summed)"), SpecError, "cell.x cannot be a sum over synapses", "no value"),
    "sum that is not there": (
        summed("q_post = u*weight : amp (summed)"), UnknownMemberError, "variable of population 'cell' 'q'", ""),
    "sum in another unit": (
        summed("y_post = u*weight : volt (summed)", True), UnitError, "'y_post' is in V, but cell.y in A", ""),
    "terms in another unit": (
        summed("y_post = u*v_pre : amp (summed)", True), UnitError, "'u*v_pre' is in V, but must be in A", ""),
    "sum that depends on itself": (
        summed("y_post = u*learn*(y_pre + weight) : amp (summed)", True), LoopError, "cell.y -> cell.y", ""),
    "two sums into a variable": (
        lambda: circuit(cell=SUMMED, path={**SUM, "name": "one"}, pathways=(Pathway(**{**PATH, **SUM}),)),
        SpecError, "cell.y is a sum over its synapses, but also the target of Pathway 'rec'", ""),
    "delay without an effect": (
        summed("y_post = u*weight : amp (summed)", True, delay="1 ms"), SpecError,
        "Pathway 'rec': delay has no meaning without on_pre", "leave it out"),
    "equation that is not linear": (
        synapse("du/dt = u*(1 - u)/tau_u : 1 (event-driven)"), EquationError, "is not linear in 'u'",
        "cannot be solved"),
    "exponential of itself": (
        synapse("du/dt = exp(-u)/tau_u : 1 (event-driven)"), EquationError, "is not linear in 'u'", ""),
    "equation that depends on time": (
        synapse("du/dt = (t/ms - u)/tau_u : 1 (event-driven)"), EquationError, "depends on 't'", "must not"),
    "chain of three equations": (
        synapse("du/dt = (w - u)/tau_u : 1 (event-driven)\ndw/dt = -r/tau_u : 1 (event-driven)"
                "\ndr/dt = -r/tau_u : 1 (event-driven)"),
        EquationError, "Pathway 'rec': u: it depends on 'w', which depends on 'r'", "other systems in a popul"),
    "equation that depends on a gate": (
        synapse("du/dt = (learn - u)/tau_u : 1 (event-driven)"), EquationError, "the gate 'learn'", "on_pre"),
    "equation that depends on a cell": (
        synapse("du/dt = (x_post - u)/tau_u : 1 (event-driven)"), EquationError,
        "undefined symbol 'x_post'", ""),
    "equation in other units": (
        synapse("du/dt = 1 - u : 1 (event-driven)"), UnitError, "Pathway 'rec': u", "must be in Hz"),
    "subexpression of a synapse": (
        synapse("u = 2 : 1"), EquationError, "Pathway 'rec': 'u' is a subexpression", "where it is used"),
    "constant that spikes change": (
        path(equations="u : 1 (constant)", on_post="u *= 0.9", parameters={}), EquationError,
        "'u' is (constant), but spikes assign", "remove the flag"),
    "shared number without value": (
        synapse("u : 1\nv : 1 (shared)"), ParameterError, "Pathway 'rec': 'v' is (shared)", "in `parameters`"),
    "shared number with an initial value": (
        path(equations="u : 1\nv : 1 (shared)", initial={"v": 1}, parameters={}), ParameterError,
        "'v' is (shared)", "in `parameters`"),
    "shared number in other units": (
        path(equations="u : 1\nv : volt (shared)", parameters={"v": "1 s"}), UnitError,
        "Pathway 'rec': parameters['v']", ""),
    "shared number that spikes change": (
        path(equations="u : 1 (shared)", on_post="u *= 0.9", parameters={"u": 1}), EquationError,
        "'u' is (shared), but spikes assign", "remove the flag"),
    "constant and shared number": (
        synapse("u : 1 (constant, shared)"), EquationError, "Pathway 'rec': the flag (shared)", "remove it"),
    "parameter that is a synaptic variable": (
        path(parameters={"u": 1, "tau_u": "1 s"}), ParameterError, "variable of each synapse", "`initial`"),
    "parameter with several values": (
        path(parameters={"tau_u": ["1 s", "2 s"]}), ShapeError, "parameters['tau_u'] must be one number", ""),
    "initial value of what is not there": (
        path(initial={"uu": 1}), UnknownMemberError, "Pathway 'rec' given an initial value 'uu'", "'u'"),
    "initial value in other units": (
        path(initial={"u": "1 mV"}), UnitError, "Pathway 'rec': initial value of 'u'", ""),
    "initial values without pairs to give them to": (
        path(initial={"u": [1, 2]}), ShapeError, "initial value of 'u'", "a distribution"),
    "initial values that are a matrix": (
        path(initial={"u": Identity()}), ShapeError, "Identity is for matrices", "Normal or Uniform"),
    # weights and delays
    "weights without pairs to give them to": (
        path(weight=["1 pA", "2 pA"]), ShapeError, "Pathway 'rec': weight must be one number", "Uniform"),
    "weights of another number than the pairs": (
        path(weight=["1 pA", "2 pA"], connect=Pairings([0, 1, 2], [0, 1, 2])), ShapeError,
        "Pathway 'rec': weight must be one number", "or 3 numbers"),
    "weight that is not finite": (
        path(weight=float("nan")), ParameterError, "weight: Fixed.value is nan", "must be finite"),
    "delay without unit": (
        path(delay=1.0), UnitError, "Pathway 'rec': delay has no unit", "such as '1 ms'"),
    "delay of the wrong unit": (path(delay="1 mV"), UnitError, "Pathway 'rec': delay is in", "a time"),
    "delay that is text": (path(delay="soon"), UnitError, "'soon'", "a number and a unit"),
    "delay that is not a number": (path(delay=float("nan")), SpecError, "Pathway 'rec': delay", ""),
    "delay drawn in other units": (path(delay=Uniform(1, 2)), UnitError, "delay has no unit", "a time"),
    "delays without pairs to give them to": (
        path(delay=["1 ms", "2 ms"]), ShapeError, "Pathway 'rec': delay must be one number", "Uniform"),
    "delay of zero": (
        shown(path={"delay": "0 ms"}), ParameterError, "Pathway 'rec': delay is 0 ms", "leave it out"),
    "negative delay": (
        shown(path={"delay": "-1 ms"}), ParameterError, "Pathway 'rec': delay is -1 ms", "at least one time step"),
    "delay shorter than a step": (
        shown(path={"delay": "0.05 ms"}), ParameterError, "delay is 0.05 ms", "one time step, 0.1 ms"),
    "one delay of several shorter than a step": (
        shown(path={"delay": ["1 ms", "0.05 ms"], "connect": Pairings([0, 1], [1, 2])}),
        ParameterError, "delay is 0.05 ms", "one time step, 0.1 ms"),
    "delays drawn around zero": (
        shown(path={"delay": Uniform("-1 ms", "1 ms")}), ParameterError, "delay is -1 ms", "one time step"),
    # recordings and signals
    "spikes every millisecond": (
        shown(recordings=(Recording("cell.spike", "1 ms"),)), ParameterError,
        "Recording of cell.spike: cell.spike means spikes", "every='spike'"),
    "spikes once in a trial": (
        shown(recordings=(Recording("cell.spike", "trial"),)), ParameterError, "means spikes", "'spike'"),
    "spikes of what never spikes": (
        shown(circuit=circuit(extra=(SILENT,)), recordings=(Recording("silent.spike", "spike"),)),
        UnknownMemberError, "'silent.spike'", "cell.spike"),
    "spikes where nothing spikes": (
        shown(circuit=Circuit((SILENT,)), recordings=(Recording("silent.spike", "spike"),)),
        UnknownMemberError, "'silent.spike'", "there are none"),
    "a variable at every spike": (
        shown(recordings=(Recording("cell.v", "spike"),)), UnknownMemberError, "'cell.v'", "cell.spike"),
    "spikes recorded twice": (
        shown(recordings=(Recording("cell.spike", "spike"), Recording("*.spike", "spike"))),
        SpecError, "cell.spike is recorded twice", ""),
    "spikes of a unit that is not there": (
        shown(recordings=(Recording("cell.spike", "spike", units=(3,)),)),
        ParameterError, "cell.spike has no unit 3", "0 to 2"),
    "spikes of a sample that is not there": (
        shown(recordings=(Recording("cell.spike", "spike", samples=(1,)),)), ParameterError, "sample 1", ""),
    "spikes of a phase that is not there": (
        shown(recordings=(Recording("cell.spike", "spike", phases="off"),)), UnknownMemberError, "'off'", "on"),
    "gate that is random": (
        shown(blocks=(Block("run", (Phase("on", "5 ms", gates={"learn": OrnsteinUhlenbeck(1, 1, "1 ms")}),)),)),
        SpecError, "Phase run/on: gate 'learn' cannot be random (OrnsteinUhlenbeck)", "an input"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_is_refused_by_name(case):
    make, kind, names, advice = BROKEN[case]
    with pytest.raises(SpecError) as raised:
        make()
    assert isinstance(raised.value, kind), repr(raised.value)
    assert names in str(raised.value)
    assert advice in str(raised.value)
    assert raised.value.exit_code == 3


GOOD = {
    "names of its own, used twice": on_pre("a = weight*u\na = 2*a\ng_post += a"),
    "functions, units and time": on_pre("u *= exp(-v_post/mV) * int(t > 1*ms)"),
    "a transfer-free condition": cell(threshold="not (v + x*mV < V_T) or g > 1*nA"),
    "the last spike of the other side": on_pre("u = int(t - lastspike_post > 1*ms)"),
    "a parameter of the reset alone": cell(reset="v = V_r", parameters={"V_r": "-60 mV"}),
    "a refractory period for each unit": cell(
        equations=CELL["equations"] + "\npause : second", refractory="pause + 0*t_ref",
        parameters={"pause": ["1 ms", "2 ms", "3 ms"]},
    ),
    "a sum over synapses": summed("y_post = u*weight : amp (summed)", True, on_pre="u = learn", delay="1 ms"),
    "synapses that change the presynaptic side": on_pre("g_pre -= weight"),
    "a circuit parameter used by a synapse alone": lambda: circuit(
        path={"on_pre": f"{PATH['on_pre']}\nu *= decay"},
        parameters={**REST["parameters"], "decay": 0.9},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", GOOD)
def test_what_is_meant_to_work_is_accepted(case):
    assert GOOD[case]().pathway("rec").delay is not None
