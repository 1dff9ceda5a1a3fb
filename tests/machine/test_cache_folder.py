"""The cache folder is this user's own, and what others could change is not used."""

import os
import threading

import pytest

from dendrosim.errors import StorageError
from dendrosim.machine.cache import claim, hold, lock_file, read_file, writable_folder
from dendrosim.machine.remembered import recall, remember


def test_folders_are_made_for_this_user_alone(cache):
    umask = os.umask(0)
    try:
        folder = writable_folder("programs")
    finally:
        os.umask(umask)
    assert [p.stat().st_mode & 0o777 for p in (cache, folder)] == [0o700, 0o700]


@pytest.mark.parametrize("name", ["", "programs"])
def test_a_folder_of_another_user_is_refused(cache, give_away, name):
    give_away(writable_folder(name))
    with pytest.raises(StorageError, match=r"another user.*set DENDROSIM_CACHE"):
        writable_folder("programs")


def test_a_cache_folder_that_all_can_write_is_refused_unless_it_is_sticky(cache):
    cache.mkdir()
    cache.chmod(0o777)
    with pytest.raises(StorageError, match=r"chmod go-w.*set DENDROSIM_CACHE"):
        writable_folder("programs")
    cache.chmod(0o1777)
    assert writable_folder("programs").is_dir()


def test_a_cache_folder_that_a_group_can_write_is_refused_unless_it_is_the_users_own(
    cache, monkeypatch
):
    cache.mkdir()
    cache.chmod(0o770)
    assert writable_folder("programs").is_dir()
    monkeypatch.setattr(os, "getegid", lambda: cache.stat().st_gid + 1)
    with pytest.raises(StorageError, match="set DENDROSIM_CACHE"):
        writable_folder("programs")


def test_a_subfolder_that_others_can_write_is_closed(cache):
    writable_folder("programs").chmod(0o777)
    assert writable_folder("programs").stat().st_mode & 0o777 == 0o755


def test_a_link_in_place_of_a_subfolder_is_refused(cache, tmp_path):
    cache.mkdir()
    (cache / "programs").symlink_to(tmp_path)
    with pytest.raises(StorageError, match="link"):
        writable_folder("programs")


UNUSABLE = {
    "of another user": lambda path, give_away: give_away(path),
    "that its group can write": lambda path, give_away: path.chmod(0o660),
    "that all can write": lambda path, give_away: path.chmod(0o606),
    "that is a folder": lambda path, give_away: (path.unlink(), path.mkdir()),
    "that is a pipe": lambda path, give_away: (path.unlink(), os.mkfifo(path)),
    "that is a link": lambda path, give_away: (
        path.rename(path.with_name("other")),
        path.symlink_to(path.with_name("other")),
    ),
    "that is too large": lambda path, give_away: os.truncate(path, 2**40),
    "that is not there": lambda path, give_away: path.unlink(),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_a_file_is_not_read(cache, give_away, what):
    path = writable_folder("remembered") / "file"
    path.write_bytes(b"content")
    path.chmod(0o600)
    assert read_file(path) == b"content"
    UNUSABLE[what](path, give_away)
    assert read_file(path) is None


def test_values_are_computed_again_where_the_cache_belongs_to_another_user(cache, give_away):
    remember("rate", "key", 2.5)
    (path,) = (cache / "remembered").iterdir()
    give_away(path)
    assert recall("rate", "key", float) is None


def test_a_lock_follows_no_link(cache, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("content")
    (writable_folder("locks") / "name").symlink_to(victim)
    with pytest.raises(StorageError, match="cannot lock"), lock_file("name"):
        pass
    assert victim.read_text() == "content"


def test_a_lock_holds_even_if_its_file_is_deleted_meanwhile(cache):
    inside, most, turns = 0, 0, 0

    def work():
        nonlocal inside, most, turns
        for _ in range(30):
            with lock_file("name"):
                inside += 1
                most = max(most, inside)
                turns += 1
                inside -= 1
                (cache / "locks" / "name").unlink(missing_ok=True)  # others may wait for this file

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, turns) == (1, 120)


def test_what_is_held_cannot_be_claimed(cache):
    path = writable_folder("programs") / "entry"
    path.mkdir()
    with hold(path) as there, claim(path) as free:
        assert (there, free) == (True, False)
    with claim(path) as free:
        assert free
    with hold(path.with_name("missing")) as there:
        assert not there


def test_what_belongs_to_another_user_cannot_be_claimed(cache, give_away):
    path = writable_folder("programs") / "entry"
    path.mkdir()
    give_away(path)
    with claim(path) as free:
        assert not free
