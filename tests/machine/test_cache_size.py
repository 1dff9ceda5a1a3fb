"""The cache keeps to its size: what has not been used for longest goes, what is in use stays."""

import os
import shutil
import time

import pytest

from dendrosim.errors import UsageError
from dendrosim.machine import cache_entries
from dendrosim.machine.cache import hold, mark_used, writable_folder
from dendrosim.machine.cache_entries import (
    clear,
    disk_usage,
    list_entries,
    make_room,
    size_limit,
)

NAMES = [f"{digit}" * 32 for digit in range(6)]


@pytest.fixture
def programs(cache, monkeypatch):
    """Six entries of about 100 kB, the last of them used last."""
    monkeypatch.setenv("DENDROSIM_CACHE_SIZE", "400 kB")
    home = writable_folder("programs")
    for age, name in enumerate(reversed(NAMES)):
        (home / name).mkdir()
        (home / name / "program").write_bytes(os.urandom(100_000))
        then = time.time() - 3600 * (age + 1)
        os.utime(home / name, (then, then))
    return home


def names():
    return [e.path.name for e in list_entries() if e.folder == "programs"]


def test_the_least_recently_used_entries_go(programs):
    mark_used(programs / NAMES[0])
    make_room()
    assert names() == [NAMES[0], *NAMES[4:]]
    assert sum(entry.size for entry in list_entries()) < 400_000


def test_what_is_in_use_or_new_stays(programs):
    with hold(programs / NAMES[0]):
        make_room(programs / NAMES[1])
    assert names() == [*NAMES[:2], NAMES[5]]


def test_what_belongs_to_another_user_stays(programs, give_away):
    if os.geteuid():
        pytest.skip("only root can give files away")
    give_away(programs / NAMES[0])
    make_room()
    assert NAMES[0] in names()


def test_a_cache_below_its_limit_is_not_searched(programs, monkeypatch):
    make_room()
    monkeypatch.setattr(cache_entries, "_evict", lambda limit, kept: pytest.fail("searched"))
    new = programs / ("a" * 32)
    new.mkdir()
    make_room(new)
    monkeypatch.setattr(cache_entries, "_evict", lambda limit, kept: 0)
    (new / "program").write_bytes(os.urandom(300_000))
    make_room(new)
    assert disk_usage(new) > 300_000


def test_names_of_others_are_not_entries(programs, cache, tmp_path):
    foreign = [cache / "mine", programs / "notes", programs / "making-thing", cache / "toolchains"]
    for folder in foreign:
        folder.mkdir()
        (folder / "file").touch()
    shutil.copytree(programs / NAMES[0], tmp_path / "elsewhere" / NAMES[0])
    (cache / "cython").symlink_to(tmp_path / "elsewhere")
    deleted, left = clear()
    assert len([e for e in deleted if e.folder == "programs"]) == 6
    assert left == []
    assert all((folder / "file").exists() for folder in foreign)
    assert (tmp_path / "elsewhere" / NAMES[0] / "program").exists()


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("500", 500), ("1.5 MB", 1_500_000), ("2GiB", 2**31), (" 3 kib ", 3072)],
)
def test_a_size_is_read(monkeypatch, text, size):
    monkeypatch.setenv("DENDROSIM_CACHE_SIZE", text)
    assert size_limit() == size


@pytest.mark.parametrize("text", ["much", "-1", "1e9", "5 QB", "inf", "1" * 400, "²"])
def test_a_size_that_is_none_is_refused(monkeypatch, text):
    monkeypatch.setenv("DENDROSIM_CACHE_SIZE", text)
    with pytest.raises(UsageError, match="DENDROSIM_CACHE_SIZE"):
        size_limit()
