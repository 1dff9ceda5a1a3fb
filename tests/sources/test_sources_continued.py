"""A run with sources of all kinds, cut in pieces, is the run in one piece: sources depend on the clock only."""

import numpy as np
import pytest
from continued_runs import assert_one_run, runs

import dendrosim as ds

STEPS, CUTS = 300, (101, 190)


def protocol(*pieces, rate="80 Hz"):
    """Blocks of a number of steps, with a Poisson source, given spikes and random input, in two samples."""
    cell = ds.Population("cell", 8, "dg/dt = -g/(5*ms) : 1\ndh/dt = -h/(9*ms) : 1")
    rng = np.random.default_rng(1)
    steps = np.sort(rng.permutation(STEPS)[:40])
    pathways = [
        ds.Pathway(
            f"from_{name}", name, "cell", "g_post += weight*rand()", weight=ds.Uniform(0, 1),
            delay=ds.Uniform("0.5 ms", "4 ms"), connect=ds.Probability(0.7),
        )
        for name in ("background", "given")
    ]  # fmt: skip
    sources = (
        ds.Poisson("background", 10, rate),
        ds.SpikeTimes("given", 5),
        ds.PoissonInput("noise", "cell.h", 300, "9 Hz", 0.3),
    )
    return ds.Protocol(
        ds.Circuit((cell,), pathways=pathways, sources=sources),
        [ds.Block(name, (ds.Phase("on", f"{0.1 * count} ms"),)) for name, count in pieces],
        dt="0.1 ms",
        recordings=(ds.Recording("cell.*", "0.1 ms"), ds.Recording("*.spike", "spike")),
        spikes={"given": (rng.integers(5, size=40), steps * 1e-4)},
        batch=2,
    )


@pytest.mark.parametrize("backend", ["numpy", "cpp"])
def test_pieces_are_the_whole(backend):
    ends = (*CUTS, STEPS)
    pieces = [
        (f"part{k}", end - begin)
        for k, (begin, end) in enumerate(zip((0, *CUTS), ends, strict=True))
    ]
    expected = ds.run(protocol(*pieces), backend, seed=3)
    parts = runs([protocol(piece) for piece in pieces], backend=backend, seed=3)
    assert all(len(p.spikes["given"].unit) and len(p.spikes["background"].unit) for p in parts)
    assert_one_run(parts, expected)


def test_a_run_may_continue_with_other_rates():
    before = ds.run(protocol(("first", 20)), "numpy")
    after = ds.run(protocol(("second", 20), rate="0 Hz"), initial=before, continue_clock=True)
    assert len(before.spikes["background"].unit)
    assert not len(after.spikes["background"].unit)
