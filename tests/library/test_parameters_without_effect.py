"""Parameters that change nothing with the values of others are refused, and listed with what they need."""

from typing import Literal

import pytest

import dendrosim as ds
from dendrosim.cli.summaries import parameter_rows
from dendrosim.errors import ParameterError, UnknownNameError


class Modes(ds.Parameters):
    form: Literal["current", "conductance", "rate"] = ds.parameter("current", "equations")
    leak: float = ds.parameter(10.0, "leak", only={"form": "conductance"})
    gain: float = ds.parameter(1.0, "gain", only={"form": ("current", "rate")})
    tau: ds.Quantity = ds.parameter("10 ms", "time constant", only={"form": "rate"})


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({}, ""),
        ({"leak": 10.0}, ""),  # the default is no mistake
        ({"tau": "0.01 s"}, ""),  # written in another way
        ({"tau": ds.quantity("10 ms")}, ""),
        ({"tau": "11 ms"}, "tau is 11 ms, which changes nothing with form=current"),
        ({"leak": 5.0, "form": "conductance"}, ""),
        ({"gain": 2.0, "form": "rate"}, ""),
        (
            {"leak": 5.0},
            "leak is 5.0, which changes nothing with form=current: .* choose form=conductance",
        ),
        ({"gain": 2.0, "form": "conductance"}, "gain is 2.0, .* choose form=current or rate"),
    ],
)
def test_a_value_that_changes_nothing_with_the_others_is_refused(given, refused):
    if refused:
        with pytest.raises(ParameterError, match=refused):
            Modes(**given)
    else:
        assert Modes(**given).leak == given.get("leak", 10.0)


def test_what_a_parameter_needs_is_listed():
    rows = parameter_rows(Modes.declared_parameters(lambda name: ()))
    assert [row[2] for row in rows[1:]] == [
        "number, only with form=conductance", "number, only with form=current or rate",
        "quantity in ms, only with form=rate",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("dendritic_error", {"form": "current", "g_dendrite": 5.0}),
        ("error_neurons", {"form": "current", "g_basal": 5.0}),
        ("target_propagation", {"eta_q": "3 Hz"}),
        ("burst_ccn", {"eta_y": "3 Hz"}),
        ("multiplexed_dtp", {"sigma": 0.2}),
        ("dynamical_tp", {"rule": "difference", "reach": 0.2}),
        ("dynamical_tp", {"inverse": "transpose", "eta_q": "3 Hz"}),
        ("two_phase_dtp", {"inverse": "exact", "decay_q": 0.1}),
        ("difference_tp", {"hidden": 30}),
        ("bmvr", {"tau_mean": "2 s"}),
        ("bmvr_deep", {"tau_mean": "2 s"}),
    ],
)
def test_shipped_models_refuse_what_changes_nothing(name, given):
    with pytest.raises(ParameterError, match="which changes nothing with"):
        ds.load_circuit(name, **given)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        (
            "tp_sleep",
            {"sigma": 0.2},
            "sigma is 0.2, which changes nothing with rule=reconstruction",
        ),
        ("burst_pairing", {"pairing": "periodic", "pairs": 7}, "pairs is 7, which changes nothing"),
        ("tp_feedback", {"methods": ["dtp"], "hidden": 30}, "only ddtp_rhl has feedback units"),
        ("tp_student_teacher", {"model": "single", "sigma": 0.2}, "parameter of single"),
        (
            "tp_student_teacher",
            {"model": "two_phase", "inverse": "exact", "sigma": 0.2},
            "sigma is 0.2, which changes nothing with inverse=exact",
        ),
    ],
)
def test_shipped_protocols_refuse_what_changes_nothing(name, given, message):
    with pytest.raises((ParameterError, UnknownNameError), match=message):
        ds.load_protocol(name, **given)


def test_feedback_units_are_those_of_the_only_method_that_has_some():
    protocol = ds.load_protocol("tp_feedback", methods=["dtp", "ddtp_rhl"], hidden=30)
    assert protocol.circuit.population("ddtp_rhl_feedback").size == 30
