"""The search for parameters that do nothing with an option of a choice, on a small file."""

import pytest
from dead_parameters import dead_parameters

CELL = '''"""A cell.

Sources: none.
"""

from typing import Literal

import dendrosim as ds


class Parameters(ds.Parameters):
    form: Literal["leaky", "fixed"] = ds.parameter("leaky", "equation")
    tau: ds.Quantity = ds.parameter("10 ms", "time constant, with form=leaky", above=0{only})


def circuit(p: Parameters) -> ds.Circuit:
    text = "dv/dt = -v/tau : 1" if p.form == "leaky" else "dv/dt = -v/(20*ms) : 1"
    known = {{"tau": p.tau}} if p.form == "leaky" else {{}}
    return ds.Circuit((ds.Population("cell", 1, text, parameters=known),))
'''


@pytest.mark.parametrize(
    ("only", "found"), [("", ["tau with form=fixed"]), (', only={"form": "leaky"}', [])]
)
def test_a_dead_parameter_is_found(tmp_path, only, found):
    path = tmp_path / "cell.py"
    path.write_text(CELL.format(only=only))
    assert dead_parameters(str(path), "model", {}) == found
