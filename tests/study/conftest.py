"""A folder of the user's with a model and a protocol, and points that are computed in a moment."""

from pathlib import Path

import counted_points
import pytest
from library_examples import write_library

from dendrosim.study import local_jobs, worker


@pytest.fixture
def library(tmp_path, monkeypatch):
    """The user's folder with the model `leaky` and the protocol `relax`; the current folder is beside it."""
    monkeypatch.setenv("DENDROSIM_PATH", str(tmp_path / "mine"))
    monkeypatch.chdir(tmp_path)
    return write_library(tmp_path / "mine")


@pytest.fixture
def counted(library, tmp_path, monkeypatch):
    """A folder that gets a note for each point that is computed, in a closed form."""
    notes = tmp_path / "notes"
    notes.mkdir()
    monkeypatch.setenv(counted_points.NOTES, str(notes))
    monkeypatch.setattr(worker, "measure_point", counted_points.measure_point)
    program = counted_points.WORKER.format(tests=str(Path(__file__).parents[1]))
    monkeypatch.setattr(local_jobs, "_START", program)
    return notes
