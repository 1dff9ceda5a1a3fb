"""Problems that are run in pieces, and the comparison of the pieces with the whole."""

from functools import cache

import long_runs
import numpy as np

import dendrosim as ds

CELL = """
dv/dt = (x - v + g)/(10*ms) : 1 (unless refractory)
dr/dt = -r/(5*ms) : 1
x : 1
g : 1
since = int(t - lastspike < 3.05*ms) : 1
"""
NOISE = (
    ds.OrnsteinUhlenbeck(1.6, 1.0, "5 ms"),
    ds.ShotNoise("1 kHz", 0.1, "3 ms"),
    ds.HeldNoise(0.0, 0.3),
)
DELAYS = {"none": None, "one": "1.5 ms", "several": ds.Uniform("1 ms", "3 ms")}
STEPS = 400


def spiking(pieces, delay="several"):
    """Noise, random numbers in all texts, refractory cells, plastic synapses, a sparse matrix with a delay.

    `pieces` are names and lengths (steps) of blocks.
    """
    cell = ds.Population(
        "cell",
        6,
        CELL,
        inputs={"x": 0.0},
        initial={"v": ds.Uniform(0.0, 1.0)},
        threshold="v > 1 + 0.1*rand()",
        reset="v = 0.2*rand() - 0.1*since",
        refractory="2*ms",
    )
    feed = ds.Pathway(
        "feed",
        pre="cell",
        post="cell",
        connect=ds.Probability(0.5),
        weight=ds.Uniform(0.0, 1.0),
        delay=DELAYS[delay],
        equations="da/dt = -a/(20*ms) : 1 (event-driven)\ndb/dt = -b/(15*ms) : 1 (event-driven)\nu : 1",
        on_pre="r_post += weight*int(rand() < 0.5); a += 1; weight = clip(weight - 0.02*b, 0, 1)",
        on_post="weight = clip(weight + 0.01*a, 0, 1); b += 1; u = u + rand()*a",
    )
    matrix = ds.Matrix(
        "w",
        "cell",
        "cell",
        initial=0.1,
        plasticity="dw/dt = (v_post*r_pre - w)/(100*ms) : 1",
        connect=ds.Probability(0.6),
        bounds=(0.0, 0.5),
    )
    return ds.Protocol(
        ds.Circuit(
            (cell,), (matrix,), (ds.Projection("cell.r", "w", "cell.g", delay="1.1 ms"),), pathways=(feed,)
        ),
        [ds.Block(name, (ds.Phase("on", f"{0.1 * steps} ms"),)) for name, steps in pieces],
        dt="0.1 ms",
        signals={"cell.x": NOISE},
        recordings=(
            ds.Recording(("cell.v", "cell.since", "feed.*", "w"), every="0.7 ms"),
            ds.Recording("cell.spike", every="spike"),
        ),
        batch=2,
    )  # fmt: skip


def learning(pieces):
    """Shuffled samples, gates, a matrix with an inverse, thinned recordings; `pieces` has the number of trials."""
    (number,) = pieces
    protocol = long_runs.learning(trials=number)
    return protocol.replace(
        recordings=(*protocol.recordings, ds.Recording("input.x", "phase", thin=2))
    )


def runs(protocols, **settings):
    """Run protocols one after the other, each of which continues the clock of the one before."""
    results = [ds.run(protocols[0], **settings)]
    for protocol in protocols[1:]:
        results.append(ds.run(protocol, initial=results[-1], continue_clock=True))
    return results


@cache
def whole(problem, *pieces, **settings):
    return ds.run(problem(pieces), **settings)


def assert_one_run(parts, expected):
    """Require the results of pieces to be the parts of the result of the whole, bit for bit."""
    last = parts[-1]
    for name, trace in expected.traces.items():
        for field in ("time", "values"):
            found = np.concatenate([getattr(p.traces[name], field) for p in parts])
            assert found.tobytes() == getattr(trace, field).tobytes(), (name, field)
    for name, spikes in expected.spikes.items():
        for field, values in spikes._asdict().items():
            if values is not None:
                found = np.concatenate([getattr(p.spikes[name], field) for p in parts])
                assert np.array_equal(found, values), (name, field)
    assert set(last.state) == set(expected.state)
    for name, values in expected.state.items():
        assert last.state[name].tobytes() == values.tobytes(), name
    assert set(last.carried) == set(expected.carried)
    for name, values in expected.carried.items():
        assert last.carried[name].tobytes() == values.tobytes(), name


GIVEN = ([0, 2, 1, 0, 2], ["3 ms", "9.9 ms", "20.2 ms", "20.3 ms", "33 ms"])


def eventful(pieces):
    """Sources of spikes and events of cells, both with effects after a delay; the times of all go on."""
    cell = ds.Population(
        "cell",
        5,
        "dv/dt = (1.3 - v)/(10*ms) : 1\ndg/dt = -g/(5*ms) : 1",
        threshold="v + g > 1",
        reset="v = 0",
        events={"burst": ds.Event("t - lastspike < 4*ms and rand() < 0.3", "g = 0.9*g + 0.01*randn()")},
        refractory="1.2*ms",
    )  # fmt: skip
    pathways = [
        ds.Pathway("noise", pre="random", post="cell", on_pre="g_post += 0.1", delay="2.3 ms"),
        ds.Pathway("replay", pre="given", post="cell", on_pre="g_post += 0.4", delay="1.7 ms"),
        ds.Pathway(
            "loop",
            pre="cell",
            post="cell",
            connect=ds.Probability(0.6),
            equations="da/dt = -a/(20*ms) : 1 (event-driven)",
            on_pre={"spike": "g_post += 0.05*a", "burst": "a = a + 0.3"},
            on_post={"burst": "a = 0.9*a"},
            delay=ds.Uniform("1 ms", "4 ms"),
            post_delay=ds.Uniform("0.5 ms", "2 ms"),
        ),
    ]
    return ds.Protocol(
        ds.Circuit(
            (cell,),
            sources=(ds.Poisson("random", 20, "40 Hz"), ds.SpikeTimes("given", 3)),
            pathways=pathways,
        ),
        [ds.Block(name, (ds.Phase("on", f"{0.1 * steps} ms"),)) for name, steps in pieces],
        dt="0.1 ms",
        recordings=(
            ds.Recording("*.*", every="spike"), ds.Recording(("cell.*", "loop.a"), every="0.3 ms")
        ),
        spikes={"given": GIVEN},
    )  # fmt: skip
