"""Remembered values are right or not there."""

import math

import pytest

from dendrosim.machine.remembered import is_whole, recall, remember


@pytest.mark.parametrize("value", [True, False, 0, -7, 0.1, 1e300, math.inf, "", "Gründe"])
def test_a_value_is_recalled_as_it_was(cache, value):
    remember("what", "key", value)
    assert recall("what", "key", type(value)) == value
    assert all(is_whole(path) for path in (cache / "remembered").iterdir())


def test_nothing_is_recalled_for_another_key_another_meaning_or_another_type(cache):
    remember("what", "key", 1.0)
    assert recall("what", "other", float) is None
    assert recall("other", "key", float) is None
    assert recall("what", "key", int) is None
    assert recall("what", "key", bool) is None


def test_every_bit_counts(cache):
    remember("what", "key", 1234.5)
    (path,) = (cache / "remembered").iterdir()
    whole = path.read_bytes()
    for at in range(len(whole)):
        for bit in range(8):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << bit)]) + whole[at + 1 :])
            assert recall("what", "key", float) is None, (at, bit)
        path.write_bytes(whole[:at])
        assert recall("what", "key", float) is None, at
    path.write_bytes(whole)
    assert recall("what", "key", float) == 1234.5


def test_files_that_change_places_are_noticed_and_replaced(cache):
    remember("what", "first", 1.0)
    (first,) = (cache / "remembered").iterdir()
    remember("what", "second", 2.0)
    (second,) = set((cache / "remembered").iterdir()) - {first}
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)
    assert recall("what", "first", float) is recall("what", "second", float) is None
    remember("what", "first", 1.0)
    assert recall("what", "first", float) == 1.0


def test_where_nothing_can_be_remembered_nothing_fails(cache):
    cache.touch()
    remember("what", "key", 1.0)
    assert recall("what", "key", float) is None
