"""A run in pieces, each of which continues the clock of the one before, is the run in one piece, bit for bit."""

import numpy as np
import pytest
from continued_runs import (
    STEPS,
    assert_one_run,
    eventful,
    learning,
    runs,
    spiking,
    whole,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from interruptions import files_of_at_most

import dendrosim as ds
from dendrosim.errors import DendrosimWarning, ProgramError

BACKENDS = ("numpy", "cpp")
OPTIONS = [("numpy", None), ("cpp", 1), ("cpp", 2)]


def pieces_of(cuts, total=STEPS):
    ends = [*sorted(cuts), total]
    starts = [0, *ends[:-1]]
    return [
        (f"part{k}", end - start) for k, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]


@pytest.mark.parametrize(("backend", "threads"), OPTIONS)
@pytest.mark.parametrize("delay", ["one", "several", pytest.param("none", marks=pytest.mark.slow)])
def test_spiking_cells(backend, threads, delay):
    options = {"backend": backend, "threads": threads, "seed": 4}
    pieces = pieces_of({203})
    expected = ds.run(spiking(pieces, delay), **options)
    parts = runs([spiking([piece], delay) for piece in pieces], **options)
    assert len(expected.spikes["cell"].unit) > 30
    assert [p.begin.step for p in parts] == [0, 203]
    if delay != "none":
        assert len(parts[0].carried["feed.ds_flying_pre"]), "no spike was on its way"
    assert_one_run(parts, expected)


@pytest.mark.parametrize("backend", BACKENDS)
def test_sources_of_spikes_and_events(backend):
    pieces = pieces_of({203})
    expected = ds.run(eventful(pieces), backend, seed=8)
    parts = runs([eventful([piece]) for piece in pieces], backend=backend, seed=8)
    for name in ("random", "given", "cell.burst"):
        assert all(len(part.spikes[name].unit) for part in parts), name
    effects = ("noise", "pre"), ("replay", "pre"), ("loop", "pre_burst"), ("loop", "post_burst")
    for pathway, effect in effects:
        assert len(parts[0].carried[f"{pathway}.ds_flying_{effect}"]), effect
    assert_one_run(parts, expected)


SIGNALS = {
    "silent": 1.0,
    "noise": ds.OrnsteinUhlenbeck(1.0, 0.5, "4 ms"),
    "shot": [ds.ShotNoise("1 kHz", 0.2, "3 ms"), ds.HeldNoise(0.5, 0.2)],
    "without amplitude": [
        ds.Constant(1.0), ds.OrnsteinUhlenbeck(0.0, 0.0, "4 ms"), ds.ShotNoise("1 kHz", 0.0, "3 ms")
    ],
}  # fmt: skip


def noisy(names):
    """A phase in a block of its own for each name of `SIGNALS`."""
    phases = [ds.Phase(name, "5 ms", signals={"cell.x": SIGNALS[name]}) for name in names]
    cell = ds.Population("cell", 3, "dv/dt = (x - v)/(10*ms) : 1\nx : 1", inputs="x")
    blocks = [ds.Block(f"{k}", (phase,)) for k, phase in enumerate(phases)]
    recordings = (ds.Recording("cell.*", every="0.1 ms"),)
    return ds.Protocol(ds.Circuit((cell,)), blocks, "0.1 ms", recordings)


@pytest.mark.filterwarnings("ignore:the run that is continued")
@pytest.mark.parametrize("backend", BACKENDS)
def test_random_signals_that_only_some_pieces_have(backend):
    names = ("silent", "shot", "noise", "silent", "shot", "noise")
    expected = ds.run(noisy(names), backend, seed=3)
    cuts = [names[:1], names[1:3], ("without amplitude",), names[4:]]
    parts = runs([noisy(cut) for cut in cuts], backend=backend, seed=3)
    for name, trace in expected.traces.items():
        found = np.concatenate([part.traces[name].values for part in parts])
        assert found.tobytes() == trace.values.tobytes()


def test_a_random_signal_that_a_piece_does_not_use_stands_still():
    first = ds.run(noisy(("noise",)), "numpy", seed=3)
    with pytest.warns(DendrosimWarning, match="random signals into cell that no phase"):
        second = ds.run(noisy(("silent",)), initial=first, continue_clock=True)
    (name,) = (n for n in first.carried if n.endswith("_z"))
    assert np.array_equal(second.carried[name], first.carried[name])


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=15, deadline=None)
@given(cuts=st.sets(st.integers(12, STEPS - 1), min_size=1, max_size=3), seed=st.integers(0, 99))
def test_cuts_anywhere(backend, cuts, seed):
    pieces = pieces_of(cuts)
    expected = ds.run(spiking(pieces), backend, seed=seed)
    assert_one_run(runs([spiking([p]) for p in pieces], backend=backend, seed=seed), expected)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_block_of_the_same_name_goes_on_with_its_trials_and_the_order_of_its_samples(backend):
    expected = whole(learning, 45, backend=backend, seed=2)
    for cuts in ((21, 24), (7, 16, 22)):
        parts = runs([learning([number]) for number in cuts], backend=backend, seed=2)
        assert_one_run(parts, expected)


@pytest.mark.parametrize("backend", BACKENDS)
def test_through_files(backend, tmp_path):
    pieces = pieces_of({150, 217})
    expected = ds.run(spiking(pieces), backend, seed=5)
    result, parts = None, []
    for name, steps in pieces:
        options = {"initial": result, "continue_clock": True} if parts else {"seed": 5}
        out = tmp_path / name
        ds.run(spiking([(name, steps)]), backend, out=out, **options)
        result = ds.open_result(out / "result.nc")
        parts.append(result)
    assert_one_run(parts, expected)
    assert result.provenance["continued"]["step"] == result.begin.step == 217
    assert result.provenance["continued"]["seed"] == 5
    spans = [span for part in parts for span in part.phases()]
    assert spans == list(expected.phases())


def test_a_run_and_a_continued_run_that_are_interrupted_and_resumed(tmp_path, monkeypatch):
    monkeypatch.setattr("dendrosim.engine.simulate.INTERVAL", 0.0)
    first, whole_steps = 203, 20_000
    pieces = [("a", first), ("b", whole_steps - first)]
    expected = ds.run(spiking(pieces), "cpp", seed=6)
    start = ds.run(spiking(pieces[:1]), "cpp", seed=6)
    out = tmp_path / "out"
    size = max(t.values.nbytes for t in expected.traces.values())
    for options in (
        {"protocol": spiking(pieces), "backend": "cpp", "seed": 6},
        {"protocol": spiking(pieces[1:]), "initial": start, "continue_clock": True},
    ):
        with files_of_at_most(size // 2), pytest.raises(ProgramError, match="run --resume"):
            ds.run(**options, out=out)
        parts = [start] if "initial" in options else []
        assert_one_run([*parts, ds.run(resume=out)], expected)
        out = tmp_path / "again"


def test_the_end_of_a_continued_run_is_compared_with_the_samples_of_its_last_trial():
    cell = ds.Population("cell", 2, "dv/dt = (x - v)/(5*ms) : 1\nx : 1", inputs="x")
    made = {"dt": "0.5 ms", "signals": {"cell.x": ds.Samples("x")}}
    made["data"] = {"x": np.random.default_rng(1).normal(size=(20, 2))}

    def block(number):
        return ds.Block("shown", (ds.Phase("on", "80 ms"),), trials=number, order="shuffled")

    first, second = runs(
        [ds.Protocol(ds.Circuit((cell,)), (block(number),), **made) for number in (3, 4)],
        backend="numpy",
    )
    assert ds.end_state(first).settled
    assert ds.end_state(second).settled
