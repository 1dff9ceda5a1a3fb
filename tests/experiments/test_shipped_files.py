"""Every shipped model and protocol passes the thorough check that a user's own file gets.

The part of the check that runs nothing is done for all files, the whole check for a few; with slow tests, for all.
"""

import pytest
from dead_parameters import dead_parameters

from dendrosim.experiments.file_check.check_file import check_file
from dendrosim.experiments.file_check.measure_check import MEASURE
from dendrosim.library.catalogue import list_entries

NAMES = {k: [e.name for e in list_entries() if e.file_kind == k] for k in ("model", "protocol")}

NOT_MEASURED = {
    "burst_ablation", "burst_coding", "burst_drive", "burst_multiplexing", "credit_assignment", "ndnf_switch",
    "stp_decoding", "tp_speed_limit",
}  # fmt: skip
"""Protocols whose `measure` needs more than the first steps; their own tests measure whole runs."""

SMALLER = {
    "bmvr_accuracy": {"hidden": (3,), "runs": 1, "samples": 64},
    "bmvr_deep_digits": {"hidden": (4, 3), "networks": ("targets", "backprop"), "samples": 64},
    "bmvr_deep_teacher": {"hidden": (4, 3), "networks": ("targets",), "seeds": 1, "samples": 64},
    "bmvr_loss": {"hidden": 3, "runs": 1, "samples": 64},
    "bci_signatures": {
        "rules": ("multiplexed_dtp",),
        "cells": 6,
        "group": 2,
        "trials": 12,
        "window": 4,
        "pretraining": 2,
        "seeds": 1,
    },
    "btsp_place_field": {"inputs": 10, "dt": "20 ms"},
    "burst_ablation": {"width": 3, "batch": 4, "samples": 8, "seeds": 1},
    "burst_drive": {"cells": 20, "factors": (1.0, 1.5)},
    "burst_pairing": {"pairs": 2, "duration": "2 s"},
    "burst_xor": {"cells": 20, "examples": 1},
    "compartment_rules": {"inputs": 2, "duration": "1 s"},
    "homeostasis": {"cells": 2, "inputs": 4, "duration": "50 s"},
    "receptive_fields": {"width": 3, "units": 2, "patches": 40, "shown": 40},
    "reward_learning": {"delays": ("0 s", "0.2 s"), "trials": 1, "pause": "1 s"},
    "calcium_pairing": {"lags": ("-10 ms", "10 ms"), "pairs": 2, "rate": "10 Hz", "synapses": 2},
    "cell_type_map": {"first_drives": (0.0, 0.5), "second_drives": (0.0, 0.5)},
    "ndnf_switch": {"strengths": (0.8,)},
    "dendritic_prediction": {"afferents": 5, "cells": 2, "pattern": "10 ms", "trials": 5},
    "stdp_frequency": {"rates": ("20 Hz", "50 Hz"), "pairs": 3},
    "stdp_window": {"lags": ("-5 ms", "5 ms")},
    "tp_depth": {"depths": (1, 2)},
    "error_learning": {"sizes": (3, 4, 2), "batch": 80, "samples": 80, "presentations": 2},
    "feedback_student_teacher": {"rules": ("urfb",), "sizes": (4, 3, 2)},
    "feedback_digits": {"rules": ("bp", "urfb"), "depths": (2,), "kinds": ("local",), "filters": 1},
    "feedback_forms": {"couplings": (0.1, 0.2), "sizes": (3, 2, 2)},
    "inhibitory_balance": {"cells": 2, "duration": "1 s"},
    "local_thresholds": {"voltages": (1.5,)},
    "reciprocal_alignment": {"trials": 20},
    "reciprocal_digits": {"hidden": ()},
    "segregated_digits": {"hidden": (4,), "presentations": 2, "form": "rate"},
    "credit_assignment": {"rules": ("backprop", "dtp"), "width": 3, "batch": 4},
    "tp_feedback": {"methods": ("dtp", "ddtp_linear"), "sizes": (3, 3, 3, 2)},
    "tp_descent": {"directions": 16},
    "tp_student_teacher": {"model": "multiplexed", "samples": 64},
    "tp_inverses": {"width": 3, "samples": 8, "batch": 4, "seeds": 1},
    "tp_toy": {"samples": 10},
}
"""Values with which a protocol compiles and runs faster than with its defaults."""


LARGE = {
    "burst_ablation", "credit_assignment", "error_learning", "fi_curve", "tp_depth", "tp_digits", "tp_feedback",
    "tp_inverses", "tp_random_stability", "tp_student_teacher",
}  # fmt: skip
"""Protocols that take seconds to build with a second value of each parameter."""

FAST = {"bac_firing", "pv", "pyramidal_passive", "sst"}
"""Files that are also run here with the fast tests. Tests of the others run them in the same way."""


def marked(names):
    """Return the names as parameters of a test, marked slow unless they are in `FAST`."""
    return [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in names]


@pytest.mark.parametrize("name", NAMES["model"])
def test_a_shipped_model_builds_with_every_value(name):
    assert not check_file(name, "model", runs=False).findings


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow) if n in LARGE else n for n in NAMES["protocol"]],
)
def test_a_shipped_protocol_builds_with_every_value(name):
    assert not check_file(name, "protocol", SMALLER.get(name), runs=False).findings


@pytest.mark.parametrize("name", marked(NAMES["model"]))
def test_a_shipped_model_has_no_findings(name):
    report = check_file(name, "model")
    assert not report.findings
    assert not report.not_applicable


@pytest.mark.parametrize("name", marked(NAMES["protocol"]))
def test_a_shipped_protocol_has_no_findings(name):
    report = check_file(name, "protocol", SMALLER.get(name))
    assert not report.findings
    assert set(report.not_applicable) == ({MEASURE} if name in NOT_MEASURED else set())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kind"), [(n, kind) for kind in NAMES for n in NAMES[kind] if n not in LARGE]
)
def test_no_parameter_does_nothing_with_an_option_of_a_choice(name, kind):
    assert not dead_parameters(name, kind, SMALLER.get(name, {}))
