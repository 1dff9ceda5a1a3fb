"""The guide's files work as printed."""

import re
from pathlib import Path

import numpy as np
import pytest

import dendrosim as ds

GUIDE = Path(__file__).parents[1] / "docs" / "writing.md"


@pytest.fixture
def mine(tmp_path, monkeypatch):
    found = re.findall(r"```python title=(\S+)\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert [name for name, _ in found] == ["models/leaky_pair.py", "protocols/pulse_response.py"]
    for name, text in found:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("DENDROSIM_PATH", str(tmp_path))
    return tmp_path


def test_the_guides_circuit_learns_what_it_says(mine):
    # Linear cells with a constant pulse I: before learning the steady soma solves s = I - w r,
    # r = mean of s; a weight with (s - goal) r > 0 must grow.
    protocol = ds.load_protocol("pulse_response", amplitudes=(0.5, 2.0), goal=0.1)
    result = ds.run(protocol, backend="numpy")
    assert result["cell.soma"].sizes == {"time": 400, "unit": 2}
    start = result["w"].values[0]
    before = result["cell.soma"].sel(time=0.119, method="nearest").values
    r = np.linalg.solve(np.eye(2) + start @ np.full((1, 2), 0.5), [0.5, 2.0])
    assert before == pytest.approx(r, rel=1e-3)
    assert np.all(np.asarray(result.metrics["peak_after"]) < result.metrics["peak_before"])
    assert np.all(result.final["w"].values > start)
