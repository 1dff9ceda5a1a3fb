"""JSON, compressed bytes and checksums of files that anybody may have written."""

import zlib

import pytest

from dendrosim.machine import json_text
from dendrosim.machine.decompression import decompress
from dendrosim.machine.file_checksum import append_checksum, verify_checksum


def test_json_is_read_up_to_a_depth():
    assert json_text.parse_json('{"a": [1, {"b": null}], "c": "[[["}') == {
        "a": [1, {"b": None}],
        "c": "[[[",
    }
    assert json_text.parse_json("[" * 99 + "]" * 99)
    for deep in ("[" * 101 + "]" * 101, "[" * 10**5 + "]" * 10**5, '{"a":[' * 60 + "]}" * 60):
        with pytest.raises(ValueError, match="nested too deeply"):
            json_text.parse_json(deep)
    with pytest.raises(ValueError, match="Expecting"):
        json_text.parse_json("[1,")


def test_json_of_more_values_than_memory_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(json_text, "available_memory", lambda: 1e6)
    assert json_text.parse_json('"' + "x" * 400_000 + '"')
    with pytest.raises(ValueError, match="do not fit into the memory"):
        json_text.parse_json("[" + "1," * 10_000 + "1]")


def test_compressed_bytes_have_the_size_that_they_should_have():
    packed = zlib.compress(bytes(1000))
    assert decompress(packed, 1000) == bytes(1000)
    assert decompress(zlib.compress(b""), 0) == b""
    for size in (0, 999, 1001, 10**9):
        with pytest.raises(ValueError, match="does not have the"):
            decompress(packed, size)
    with pytest.raises(ValueError, match="does not have the"):
        decompress(packed[:-1], 1000)
    with pytest.raises(ValueError, match="it is damaged"):
        decompress(b"x" + packed, 1000)


def test_a_checksum_covers_every_byte_before_it(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"content")
    assert verify_checksum(path) is None
    with path.open("r+b") as file:
        append_checksum(file)
    whole = path.read_bytes()
    assert whole.startswith(b"content\ndendrosim sha256 ")
    assert verify_checksum(path) is True
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        assert verify_checksum(path) is not True
    path.write_bytes(b"")
    assert verify_checksum(path) is None
