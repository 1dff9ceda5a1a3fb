"""Whether a recording keeps anything is known after a bounded search, whatever a protocol plans."""

import random

import pytest
import result_examples
from campaigns.tally import time_limit

import dendrosim as ds
from dendrosim.errors import ParameterError
from dendrosim.protocol.schedule import record_steps, records_anything


def test_the_search_in_one_period_finds_what_the_whole_plan_has():
    rng, base, found = random.Random(1), result_examples.protocol().replace(recordings=()), 0
    for _ in range(300):
        blocks = [
            ds.Block(
                f"b{i}",
                [ds.Phase(f"p{j}", f"{rng.randint(1, 9)} ms") for j in range(rng.randint(1, 3))],
                trials=rng.randint(1, 60),
            )
            for i in range(rng.randint(1, 3))
        ]
        every, thin = f"{rng.randint(1, 200)} ms", rng.randint(1, 5)
        pattern = rng.choice(["p0", "p1", "p2", "b0/p0", "b1/p1"])
        protocol, recording = base.replace(blocks=blocks), ds.Recording("soma.v", every)
        recording = recording.replace(phases=pattern, thin=thin)
        kept = len(record_steps(protocol, recording))
        assert records_anything(protocol, recording) == (kept > 0), (blocks, recording)
        found += kept > 0
    assert 100 < found < 250


def test_a_recording_that_no_trial_of_very_many_keeps_is_refused_at_once():
    phases = (ds.Phase("free", "5 ms"), ds.Phase("learning", "15 ms"))
    block = ds.Block("train", phases, trials=10**15)
    recording = ds.Recording("soma.v", "1 s", phases="learning")
    with time_limit(10), pytest.raises(ParameterError, match="falls into none of the phases"):
        result_examples.protocol().replace(blocks=(block,), recordings=(recording,))
