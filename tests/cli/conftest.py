"""A folder to work in, and ways to call the command line."""

import json

import pytest
from fake_engine import FakeEngine
from library_examples import write_library
from matplotlib.figure import Figure

from dendrosim.cli import main as cli


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A user's own folder with the model `leaky` and the protocol `relax`; the place to work in."""
    monkeypatch.setenv("DENDROSIM_PATH", str(tmp_path / "mine"))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)
    return write_library(tmp_path / "mine")


@pytest.fixture
def engine(monkeypatch):
    """The engine and the content of figures, replaced."""
    fake = FakeEngine()
    monkeypatch.setattr("dendrosim.engine.simulate.run", fake)
    monkeypatch.setattr("dendrosim.plot.traces", lambda result, name: Figure((1, 1)))
    return fake


@pytest.fixture
def call(capsys):
    """Run a command line and return exit code, stdout and stderr."""

    def call(*arguments):
        code = cli.main([str(a) for a in arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err + captured.out
        return code, captured.out, captured.err

    return call


@pytest.fixture
def fails(call):
    """Run a command line that fails, plain and with --json, and return the message."""

    def fails(code, kind, *arguments):
        plain_code, out, err = call(*arguments)
        assert (plain_code, out) == (code, "")
        assert err.startswith("dendrosim: ")
        json_code, out, _ = call(*arguments, "--json")
        error = json.loads(out)["error"]
        assert (json_code, error["type"]) == (code, kind)
        assert len(err.strip().splitlines()) == 1
        return error["message"]

    return fails
