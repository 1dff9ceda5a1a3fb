"""Recordings keep the spikes that they name, all of them, in memory and in files."""

import numpy as np
import pytest
from comparisons import spike_table
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_problems import FAST, PATIENT
from spiking_cell import CURRENTS, STEPS, protocol, run_once

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.population import Population
from dendrosim.engine import simulate
from dendrosim.errors import MemoryLimitError
from dendrosim.experiments.run import run
from dendrosim.protocol.phases import Block, Phase, Recording
from dendrosim.protocol.protocol import Protocol
from dendrosim.protocol.schedule import spike_windows
from dendrosim.results.result import open_result


@pytest.mark.parametrize("backend", PATIENT)
def test_a_recording_keeps_the_spikes_of_the_units_and_samples_it_names(backend):
    everything = spike_table(run_once(backend))
    some = run(protocol(recordings=(
        Recording("cell.*", "0.1 ms"),
        Recording("cell.spike", every="spike", units=(3, 1), samples=(0, 2)),
    )), backend, 2)  # fmt: skip
    wanted = np.isin(everything[:, 1], (1, 3)) & np.isin(everything[:, 2], (0, 2))
    assert 10 < wanted.sum() < len(everything)
    assert np.array_equal(spike_table(some), everything[wanted])
    assert np.array_equal(some.traces["cell.v"].values, run_once(backend).traces["cell.v"].values)


@pytest.mark.parametrize("backend", FAST)
def test_a_recording_keeps_the_spikes_of_the_phases_it_names(backend):
    everything = spike_table(run_once(backend))
    blocks = (
        Block("a", (Phase("show", "20 ms"), Phase("rest", "5 ms")), trials=3),
        Block("b", (Phase("show", "5 ms"),)),
    )
    for phases, inside in (
        ("show", [(0, 200), (250, 450), (500, 700), (750, STEPS)]),
        ("a/*", [(0, 750)]),
        (("a/rest", "b/*"), [(200, 250), (450, 500), (700, STEPS)]),
    ):
        some = run(protocol(blocks=blocks, recordings=(
            Recording("cell.*", "0.1 ms"), Recording("cell.spike", every="spike", phases=phases),
        )), backend, 2)  # fmt: skip
        wanted = np.any(
            [(everything[:, 0] >= a) & (everything[:, 0] < b) for a, b in inside], axis=0
        )
        assert wanted.any()
        assert np.array_equal(spike_table(some), everything[wanted]), phases
        windows = spike_windows(some.protocol, some.protocol.recordings[1])
        for step in range(STEPS):
            assert any(w.has(step) for w in windows) == any(a <= step < b for a, b in inside)


@settings(max_examples=50)
@given(
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=4), trials=st.integers(1, 4),
    chosen=st.sets(st.integers(0, 3), min_size=1), thin=st.integers(1, 3),
)  # fmt: skip
def test_windows_hold_the_steps_of_the_phases_named_each_once(lengths, trials, chosen, thin):
    chosen = {c for c in chosen if c < len(lengths)} or {0}
    phases = tuple(Phase(f"p{i}", f"{n} ms") for i, n in enumerate(lengths))
    made = Protocol(
        Circuit((Population("cell", 1, "x : 1", inputs={"x": 0}, threshold="x > 1"),)),
        (Block("one", phases, trials=trials), Block("two", phases)), "1 ms",
        (Recording("cell.spike", "spike", phases=tuple(f"p{i}" for i in chosen), thin=thin),),
    )  # fmt: skip
    expected = [
        i in chosen and trial % thin == 0
        for number in (trials, 1) for trial in range(number) for i, n in enumerate(lengths) for _ in range(n)
    ]  # fmt: skip
    windows = spike_windows(made, made.recordings[0])
    assert len(windows) <= 2 * len(lengths)
    assert [sum(w.has(step) for w in windows) for step in range(len(expected))] == expected
    assert not any(w.has(step) for w in windows for step in (-1, len(expected)))


@pytest.mark.parametrize("backend", PATIENT)
def test_more_spikes_than_memory_end_the_run_and_keep_what_there_was(backend, monkeypatch):
    everything = spike_table(run_once(backend))
    limit = 25
    monkeypatch.setattr(simulate, "spike_limit", lambda: limit)
    with pytest.raises(MemoryLimitError) as raised:
        run(protocol(), backend, 2)
    for words in ("more spikes than memory holds", "25 were kept", "fewer units or phases"):
        assert words in str(raised.value)
    partial = raised.value.partial
    assert partial.status == "interrupted"
    kept = spike_table(partial)
    overflow = everything[limit, 0]  # the step of the first spike that does not fit
    assert np.array_equal(kept, everything[everything[:, 0] < overflow])
    values = partial.traces["cell.v"].values
    assert len(values) == overflow + 1
    assert np.array_equal(values, run_once(backend).traces["cell.v"].values[: overflow + 1])
    assert f"{overflow + 1} of {STEPS} steps" in str(raised.value)
    assert np.all(np.isfinite(partial.state["cell.v"]))
    monkeypatch.setattr(simulate, "spike_limit", lambda: len(everything))
    assert len(run(protocol(), backend, 2).spikes["cell"].time) == len(everything)


def test_spikes_that_nobody_records_take_no_memory(monkeypatch):
    monkeypatch.setattr(simulate, "spike_limit", lambda: 0)
    silent = protocol(recordings=(Recording("cell.v", "10 ms"),))
    assert run(silent, "numpy").status == "done"


@pytest.mark.parametrize("backend", PATIENT)
def test_a_silent_population_leaves_empty_arrays_that_come_back_from_a_file(backend, tmp_path):
    result = run(protocol(data={"currents": 0 * CURRENTS}), backend)
    train = result.spikes["cell"]
    assert len(train.unit) == len(train.time) == len(train.sample) == 0
    read = open_result(result.save(tmp_path / "silent.nc")).spikes["cell"]
    assert len(read.unit) == len(read.time) == len(read.sample) == 0


@pytest.mark.parametrize("backend", PATIENT)
def test_spikes_come_back_from_a_file_bit_for_bit(backend, tmp_path):
    result = run_once(backend)
    read = open_result(result.save(tmp_path / "spikes.nc"))
    for ours, theirs in zip(result.spikes["cell"], read.spikes["cell"], strict=True):
        assert np.array_equal(ours, theirs)
    assert np.all(np.diff(read.spikes["cell"].time) >= 0)
    assert read.protocol.to_json() == result.protocol.to_json()
