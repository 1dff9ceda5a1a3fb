"""Result files, damaged or built by a stranger, open right or not at all, in bounded memory and time."""

import os
import random
import socket
from pathlib import Path

import h5py
import numpy as np
import pytest
import result_examples
from comparisons import same_bits
from result_files import as_format_1

import dendrosim as ds
from campaigns.damage import damages
from campaigns.hostile_files import HOSTILE
from campaigns.tally import Tally
from dendrosim.results.result_data import Spikes

MOST_MEMORY = 300 * 2**20
"""Bytes that opening a hostile file of some kilobytes may take at any moment."""


def saved(path, **options):
    """Save a result with spikes and return it."""
    units, size = options.get("units", 3), 50
    rng = np.random.default_rng(size)
    spikes = Spikes(rng.integers(0, units, size), np.arange(size) * 1e-4, rng.integers(0, 2, size))
    result = result_examples.result(
        batch=2, spikes={"soma": spikes}, metrics={"last": 0.5}, provenance={"seed": 3}, **options
    )
    result.save(path)
    return result


def same(result, expected):
    """Return whether two results agree in every number and text."""
    return (
        same_bits(expected, result)
        and result.protocol == expected.protocol
        and (result.status, result.message) == (expected.status, expected.message)
        and (result.metrics, result.provenance) == (expected.metrics, expected.provenance)
        and (result.names, list(result.state)) == (expected.names, list(expected.state))
        and all(np.array_equal(result.traces[n].time, t.time) for n, t in expected.traces.items())
        and all(
            np.array_equal(getattr(result.spikes[n], part), values)
            for n, spikes in expected.spikes.items()
            for part, values in spikes._asdict().items()
        )
    )


@pytest.fixture
def small(tmp_path):
    """A file of some kilobytes, and its result."""
    return tmp_path / "small.nc", saved(tmp_path / "small.nc")


# -- damage ---------------------------------------------------------------------------------------


def places(path):
    """Return kind, offset and length of the parts of a file; 4096 bytes stand for its structure."""
    found = []

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            if item.chunks:
                infos = (item.id.get_chunk_info(k) for k in range(item.id.get_num_chunks()))
                found.extend(("compressed", info.byte_offset, info.size) for info in infos)
            elif item.dtype.kind in "fi":
                kind = "labels" if item.is_scale and "time" not in name else "numbers"
                found.append((kind, item.id.get_offset(), item.id.get_storage_size()))

    with h5py.File(path) as file:
        file.visititems(visit)
    content = path.read_bytes()
    for word in (b'"kind":"Protocol"', b'"seed"', b'"last"'):
        found.append(("texts", content.index(word), len(word)))
    found.append(("structure", 0, 4096))
    found.append(("checksum", len(content) - 82, 82))
    return found


@pytest.mark.parametrize(
    "cases", [4, pytest.param(60, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_no_damage_to_a_result_gives_wrong_numbers(tmp_path, cases, record_property):
    tally, rng = Tally("damaged results", seconds=20), random.Random(cases)
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, options in ((one, {}), (two, {"trials": 3})):
        folder.mkdir()
        results = {
            "small.nc": saved(folder / "small.nc", **options),
            "packed.nc": saved(folder / "packed.nc", units=20, inputs=30, **options),
            "single.nc": saved(folder / "single.nc", dtype=np.float32, **options),
        }
        if folder == one:
            expected = results
    valid = [*expected.values(), *results.values()]
    for name in expected:
        path = tmp_path / name
        for label, damage in damages(one, two, name, rng, 5 * cases):
            path.write_bytes((one / name).read_bytes())
            damage(path)
            swapped = label.startswith("swapped")  # a whole file of another run is right by itself
            tally.judge(
                f"{name}: {label}",
                lambda path=path: ds.open_result(path),
                lambda r, n=name, s=swapped: any(
                    same(r, v) for v in (valid if s else [expected[n]])
                ),
            )
        content = (one / name).read_bytes()
        for kind, start, length in places(one / name):
            for _ in range(cases if length else 0):
                at, changed = start + rng.randrange(length), bytearray(content)
                changed[at] ^= 1 << rng.randrange(8)
                path.write_bytes(changed)
                tally.judge(
                    f"{name}: {kind}, byte {at}",
                    lambda path=path: ds.open_result(path),
                    lambda r, n=name: same(r, expected[n]),
                )
    tally.conclude(record_property)
    assert tally.counts["typed"] > 100


@pytest.mark.parametrize(
    "cases", [200, pytest.param(5000, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_damage_to_a_file_of_the_first_format_is_a_typed_error_or_unseen(
    tmp_path, cases, record_property
):
    """Files of the first format have no checksum, so that a changed number in them cannot be noticed."""
    tally, rng = Tally("damaged results of format 1", seconds=20), random.Random(cases)
    whole, path = tmp_path / "whole.nc", tmp_path / "damaged.nc"
    saved(whole, units=20, inputs=30)
    as_format_1(whole)
    content = whole.read_bytes()
    structure = [k for k in range(0, 40_000) if content[k : k + 1] != b"\x00"]
    for case in range(cases):
        at = rng.choice(structure) if case % 2 else rng.randrange(len(content))
        changed = bytearray(content)
        changed[at] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
        tally.judge(f"byte {at}", lambda: ds.open_result(path))
    tally.conclude(record_property)


def test_a_file_of_the_first_format_opens():
    result = ds.open_result(Path(__file__).parents[1] / "results" / "format_1.nc")
    expected = result_examples.result(batch=2)
    assert same_bits(expected, result)
    assert result.protocol == expected.protocol


# -- files that a stranger has built --------------------------------------------------------------


def never(result):
    """Accept no result."""
    return False


def measured(action):
    """Return what an action returns, and the most bytes of memory that it added at any moment."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak is from now on
    before = memory("VmRSS")
    done = action()
    return done, memory("VmHWM") - before


def memory(name):
    """Return a number of bytes that the system reports about this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def test_no_file_of_a_stranger_opens_wrong_or_reads_something_else(small, record_property):
    path, _ = small
    content, tally = path.read_bytes(), Tally("hostile results", seconds=20)
    for name, build in HOSTILE.items():
        path.write_bytes(content)
        build(path)
        outcome, grown = measured(
            lambda n=name: tally.judge(n, lambda: ds.open_result(path), never)
        )
        if grown > MOST_MEMORY:
            tally.failures.append(f"{name}: {outcome}, with {grown:,} bytes of memory")
    assert tally.counts["typed"] + len(tally.failures) == len(HOSTILE)
    tally.conclude(record_property)


def test_what_is_no_file_is_refused(tmp_path, record_property):
    tally, pipe, listening = (
        Tally("paths that are no files", seconds=5),
        tmp_path / "pipe",
        tmp_path / "s",
    )
    os.mkfifo(pipe)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(listening))
        for path in (
            pipe, listening, tmp_path, "/dev/zero", "/dev/stdin", "a\x00b", "", "x" * 5000, tmp_path / "gone",
            "/proc/self/mem", "/dev/null", "\udcff", Path(__file__),
        ):  # fmt: skip
            tally.judge(repr(path), lambda path=path: ds.open_result(path), never)
    tally.conclude(record_property)
