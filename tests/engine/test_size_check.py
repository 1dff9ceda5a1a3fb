"""A run that memory or disk cannot hold is refused by name before anything is drawn, written or compiled."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dendrosim as ds
from dendrosim.engine import size_check
from dendrosim.errors import DendrosimError, MemoryLimitError, StorageError
from dendrosim.protocol.schedule import count_records, record_steps


def protocol(
    size=3,
    other=2,
    batch=1,
    trials=1,
    seconds=0.01,
    connect=None,
    recordings=(),
):
    cells = ds.Population(
        "cell", size, "dv/dt = (drive - v)/(10*ms) : 1\ndrive : 1", threshold="v > 1", reset="v = 0"
    )
    layer = ds.Population("layer", other, "dh/dt = -h/(10*ms) : 1")
    pathways = (
        () if connect is None else (ds.Pathway("rec", "cell", "cell", "v_post += 1", connect),)
    )
    circuit = ds.Circuit(
        (cells, layer), (ds.Matrix("w", "cell", "layer", ds.Normal(0.0, 1.0)),),
        (ds.Projection("layer.h", "w", "cell.drive"),), pathways=pathways,
    )  # fmt: skip
    phases = (ds.Phase("early", f"{seconds / 2} s"), ds.Phase("late", f"{seconds / 2} s"))
    block = ds.Block("b", phases, trials=trials)
    return ds.Protocol(circuit, (block,), "1 ms", recordings=recordings, batch=batch)


HUGE = {
    "population": (
        dict(size=2 * 10**9, other=1),
        "population 'cell': 2 variables of 2,000,000,000 units",
    ),
    "batch": (dict(batch=5 * 10**8), "population 'cell': .* 3 units and 500,000,000 samples"),
    "memory": (dict(other=2**31 - 1), "matrix 'w': 3 x 2,147,483,647 weights|population 'layer'"),
    "matrix": (dict(size=10**6, other=10**6), "matrix 'w': 1,000,000 x 1,000,000 weights"),
    "synapses": (dict(size=10**6, connect=ds.Probability(0.5)), "Pathway 'rec': about .* synapses"),
    "all to all": (dict(size=10**5, connect=ds.AllToAll()), "Pathway 'rec': about .* synapses"),
}
RECORDED = {
    "trials": dict(trials=10**12, recordings=(ds.Recording("cell.v", "trial"),)),
    "phases": dict(trials=10**12, recordings=(ds.Recording("w", "phase"),)),
    "duration": dict(seconds=10**12, recordings=(ds.Recording("cell.v", "1 ms"),)),
}


@pytest.mark.parametrize("backend", ["numpy", "cpp"])
@pytest.mark.parametrize("case", HUGE)
def test_a_circuit_that_memory_cannot_hold_is_refused(case, backend, tmp_path, monkeypatch):
    changes, message = HUGE[case]
    monkeypatch.setattr(size_check, "available_memory", lambda: 16 * 2**30)
    with pytest.raises(MemoryLimitError, match=message):
        ds.run(protocol(**changes), backend, out=tmp_path / "out")
    assert not list(tmp_path.rglob("*.bin"))


@pytest.mark.parametrize("backend", ["numpy", "cpp"])
@pytest.mark.parametrize("case", RECORDED)
def test_recordings_that_fit_nowhere_are_refused_with_their_size(case, backend):
    error, place = {"numpy": (MemoryLimitError, "memory"), "cpp": (StorageError, "disk space for")}[
        backend
    ]
    with pytest.raises(
        error,
        match=rf"recording '.*': .* records of 3 x . numbers need .*{place}.*longer intervals",
    ):
        ds.run(protocol(**RECORDED[case]), backend)


def test_start_values_that_memory_cannot_hold_are_refused_by_analyses_too():
    with pytest.raises(MemoryLimitError, match=r"w: 1,000,000 x 1,000,000 start values need"):
        ds.vector_field(protocol(size=10**6, other=10**6), subthreshold=True)


def test_what_fits_is_run(monkeypatch):
    """The estimate is at most what is needed: with exactly that much free, a run begins."""
    recordings = (ds.Recording("cell.v", "2 ms", units=(0, 2)), ds.Recording("w", "trial"))
    made = protocol(batch=2, trials=4, recordings=recordings)
    rows = {"cell.v": (20, 2 * 2), "w": (4, 3 * 2)}
    disk = sum(count * (8 * numbers + 8) for count, numbers in rows.values())
    arrays = (
        2 * (2 * 3 + 1 * 2) * 8 + 8 * 3 * 2
    )  # two variables of three cells, one of two units; w
    for free, fits in ((disk, True), (disk - 1, False)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        if fits:
            result = ds.run(made, "cpp")
            assert {n: (len(r), r[0].size) for n in rows for r in [np.asarray(result[n])]} == rows
        else:
            with pytest.raises(StorageError, match=r"recording 'cell\.v'"):
                ds.run(made, "cpp")
    for free, fits in ((disk + arrays, True), (disk + arrays - 1, False)):
        monkeypatch.setattr(size_check, "available_memory", lambda free=free: free)
        if fits:
            ds.run(made, "numpy")
        else:
            with pytest.raises(MemoryLimitError, match="the whole run at least"):
                ds.run(made, "numpy")


@settings(max_examples=60, deadline=None)
@given(
    every=st.one_of(st.sampled_from(["trial", "phase"]), st.integers(1, 12).map("{} ms".format)),
    thin=st.integers(1, 3), trials=st.integers(1, 9), early=st.integers(1, 7),
    late=st.integers(1, 7), phases=st.sampled_from([("*",), ("early",), ("b/late",)]),
)  # fmt: skip
def test_the_number_of_records_is_known_without_counting_them(
    every, thin, trials, early, late, phases
):
    cell = ds.Population("cell", 1, "dv/dt = -v/ms : 1")
    block = ds.Block(
        "b", (ds.Phase("early", f"{early} ms"), ds.Phase("late", f"{late} ms")), trials=trials
    )
    recording = ds.Recording("cell.v", every, thin=thin, phases=phases)
    try:
        made = ds.Protocol(ds.Circuit((cell,)), (block,), "1 ms", recordings=(recording,))
    except DendrosimError:  # it would record nothing
        return
    found, counted = count_records(made, recording), len(record_steps(made, recording))
    if every in ("trial", "phase"):
        assert found == counted
    else:
        # A time is counted in each phase of each recorded trial, with an error of at most one record.
        assert abs(found - counted) <= 2 * -(-trials // thin)
