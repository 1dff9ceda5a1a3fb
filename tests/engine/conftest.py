"""Fixtures of several tests of the engine."""

import pytest
from reference_problems import leaky_protocol

from dendrosim.experiments.run import run


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    """A cache of the test's own."""
    monkeypatch.setenv("DENDROSIM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    """A cache in which the program of the leaky unit is ready."""
    folder = tmp_path_factory.mktemp("ready") / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DENDROSIM_CACHE", str(folder))
        run(leaky_protocol(), "cpp")
    return folder
