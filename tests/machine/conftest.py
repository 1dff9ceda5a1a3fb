"""Fixtures of the tests of the cache."""

import os

import pytest


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of the test's own, which does not exist yet."""
    monkeypatch.setenv("DENDROSIM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def give_away(monkeypatch):
    """Return a function that gives a file to another user, or this process to another user than all files."""

    def give(path):
        if os.geteuid() == 0:
            os.chown(path, 12345, -1)
        else:
            other = os.geteuid() + 1
            monkeypatch.setattr(os, "geteuid", lambda: other)

    return give
