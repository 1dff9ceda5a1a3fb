"""Interrupted runs that somebody has built on purpose: all checksums are right, and the content is not.

A task must be the one that its protocol gives. A checkpoint can contain any numbers, but a program must check each
size, index and place before it uses it: a run ends with a typed error or with a result, and never by a signal.
"""

import json
import random
import shutil
import struct

import numpy as np
import pytest
from comparisons import identical
from interrupted_runs import interrupt
from long_runs import learning, spiking_with_few_records

import dendrosim as ds
from campaigns.tally import Tally
from dendrosim.engine.run_files import is_changing
from dendrosim.engine.seal import read_seal, seal_folder
from dendrosim.errors import ResumeError

PROBLEMS = {"learning": lambda: learning(trials=9000), "spiking": spiking_with_few_records}
EXTREMES = (-1, -(2**63), 2**63 - 1, 2**31, 2**40, 1, 3)


def checksum(content):
    """Return the checksum that a checkpoint ends with: FNV-1a, by words of 8 bytes."""
    padded = content + bytes(-len(content) % 8)
    total = 0xCBF29CE484222325
    for (word,) in struct.iter_unpack("<Q", padded):
        total = (total ^ word) * 0x100000001B3 % 2**64
        total ^= total >> 32
    return struct.pack("<Q", total)


@pytest.fixture(scope="module", params=PROBLEMS)
def begun(request, tmp_path_factory):
    """An interrupted run, and its result without interruption."""
    out = tmp_path_factory.mktemp("hostile") / "out"
    protocol = PROBLEMS[request.param]()
    interrupt(protocol, out, step=300, seed=3, threads=1)
    return request.param, out, ds.run(protocol, "cpp", seed=3, threads=1)


def forge_seal(folder):
    """Compute the checksums of a folder anew, and put the new hash into its checkpoint."""
    before = read_seal(folder).encode()
    after = seal_folder(folder, {p.name for p in folder.iterdir() if is_changing(p.name)}).encode()
    content = (folder / "checkpoint.bin").read_bytes()[:-8]
    assert content.count(before) == 1
    content = content.replace(before, after)
    (folder / "checkpoint.bin").write_bytes(content + checksum(content))


def copied(out, tmp_path):
    copy = tmp_path / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(out, copy)
    return copy


def test_a_forged_seal_that_changes_nothing_is_accepted(begun, tmp_path):
    _, out, expected = begun
    copy = copied(out, tmp_path)
    record = json.loads((copy / "unfinished" / "run.json").read_text())
    (copy / "unfinished" / "run.json").write_text(json.dumps(record))  # other bytes, same meaning
    forge_seal(copy / "unfinished")
    assert identical(ds.run(resume=copy), expected)


@pytest.mark.parametrize("cases", [15, pytest.param(1000, marks=pytest.mark.slow)])
def test_no_forged_task_reaches_a_program(begun, cases, tmp_path, record_property):
    problem, out, expected = begun
    tally, rng = Tally(f"forged tasks ({problem})"), random.Random(cases)
    names = sorted(p.name for p in (out / "unfinished").glob("*.bin") if not is_changing(p.name))
    for case in range(cases):
        copy = copied(out, tmp_path)
        path = copy / "unfinished" / names[case % len(names)]
        content = bytearray(path.read_bytes())
        place = rng.randrange(max(1, min(len(content), 4096) // 8)) * 8
        content[place : place + 8] = struct.pack("<q", rng.choice(EXTREMES))
        path.write_bytes(content)
        forge_seal(copy / "unfinished")
        tally.judge(
            f"{path.name} at {place}",
            lambda copy=copy: ds.run(resume=copy),
            # Only a number of the start state can be changed, and a checkpoint replaces the start state.
            lambda result: identical(result, expected),
        )
    assert tally.counts["typed"] > cases // 2
    tally.conclude(record_property)


@pytest.mark.parametrize("cases", [20, pytest.param(3000, marks=pytest.mark.slow)])
def test_no_forged_checkpoint_ends_a_program_by_a_signal(begun, cases, tmp_path, record_property):
    problem, out, _ = begun
    tally, rng = Tally(f"forged checkpoints ({problem})"), random.Random(cases)
    whole = (out / "unfinished" / "checkpoint.bin").read_bytes()[:-8]
    words = len(whole) // 8

    def finite(result):  # times of last spikes are no states that the guard checks
        states = [name for name in result.final if not name.endswith(".lastspike")]
        return all(np.isfinite(result.final[name]).all() for name in states)

    for case in range(cases):
        copy = copied(out, tmp_path)
        content = bytearray(whole)
        # Sizes and indices are at the beginning, in the queues and at the end.
        place = rng.choice(
            [rng.randrange(min(words, 40)), rng.randrange(words), words - 1 - case % 12]
        )
        content[8 * place : 8 * place + 8] = struct.pack("<q", rng.choice(EXTREMES))
        if case % 10 == 0:
            content = content[: 8 * rng.randrange(words)]
        (copy / "unfinished" / "checkpoint.bin").write_bytes(content + checksum(bytes(content)))
        tally.judge(f"word {place}, case {case}", lambda copy=copy: ds.run(resume=copy), finite)
    tally.conclude(record_property)


def test_recorded_spikes_of_units_that_do_not_exist_are_refused(tmp_path):
    whole = ds.Block("run", (ds.Phase("on", "300 s"),))  # too long to end before it is interrupted
    folder = (
        interrupt(spiking_with_few_records().replace(blocks=(whole,)), tmp_path / "out", threads=1)
        / "unfinished"
    )
    checkpoint = bytearray((folder / "checkpoint.bin").read_bytes()[:-8])
    # It ends with length and checksum of four files: steps and elements of one population, then of the other.
    length, place = (
        struct.unpack_from("<q", checkpoint, len(checkpoint) - 48)[0],
        len(checkpoint) - 40,
    )
    path = folder / "spikes0.elements.bin"
    content = bytearray(path.read_bytes())
    assert len(content) == length > 0
    assert checkpoint[place : place + 8] == checksum(bytes(content))
    content[:4] = struct.pack("<i", 2**30)
    path.write_bytes(content)
    checkpoint[place : place + 8] = checksum(bytes(content))
    (folder / "checkpoint.bin").write_bytes(checkpoint + checksum(bytes(checkpoint)))
    with pytest.raises(ResumeError, match="recorded spikes of"):
        ds.run(resume=tmp_path / "out")
