"""Runs that last long enough to be interrupted: one that learns, one with spikes under way at any step."""

from functools import cache

import delayed_synapses
import numpy as np

import dendrosim as ds

RATES = """
dh/dt = (-h + tanh(drive + noise))/tau : 1
drive : 1
noise : 1
"""
OJA = "dw/dt = learn*(h_post*x_pre - w*h_post**2)/second : 1"
LATERAL = "dr/dt = learn*(0.1*h_post*h_pre - 0.2*r)/second : 1"


def learning(trials=20000):
    """Plastic matrices, one of them an inverse, noise, a shuffled data set, phases with gates."""
    circuit = ds.Circuit(
        (
            ds.Population("input", 4, "x : 1", inputs=["x"]),
            ds.Population("layer", 4, RATES, inputs=["noise"]),
        ),
        (
            ds.Matrix("w", "layer", "input", ds.Normal(0.0, 0.5), OJA),
            ds.Matrix("r", "layer", "layer", np.eye(4), LATERAL),
            ds.Matrix("q", "layer", "layer", inverse_of="r"),
        ),
        (ds.Projection("input.x", "w", "layer.drive"),),
        gates={"learn": 0.0},
        parameters={"tau": "20 ms"},
    )  # fmt: skip
    rng = np.random.default_rng(5)
    return ds.Protocol(
        circuit,
        (
            ds.Block(
                "train", (ds.Phase("free", "10 ms"), ds.Phase("learning", "20 ms", {"learn": 1.0})),
                trials=trials, order="shuffled",
            ),
        ),
        dt="1 ms",
        recordings=(
            ds.Recording("layer.h", "1 ms", units=(0, 2), thin=3), ds.Recording(("w", "q"), "trial"),
        ),
        signals={
            "input.x": ds.Samples("x"),
            "layer.noise": ds.OrnsteinUhlenbeck(0.0, 0.3, "30 ms"),
        },
        data={"x": rng.normal(size=(70, 4))},
        batch=2,
    )  # fmt: skip


def spiking(seconds=30):
    """Heterogeneous delays, short-term plasticity, refractoriness: spikes are under way at any step."""
    whole = (ds.Block("run", (ds.Phase("on", f"{seconds} s"),)),)
    return delayed_synapses.protocol(batch=2, blocks=whole)


PROBLEMS = {"learning": learning, "spiking": spiking}


@cache
def uninterrupted(problem, backend):
    """Result of a run in one piece; tests of one process that ask for the same share it."""
    return ds.run(PROBLEMS[problem](), backend, seed=3)


def spiking_with_few_records():
    """Return the same with less to record, so that its result is soon saved."""
    protocol = spiking()
    recordings = [r if r.every == "spike" else r.replace(every="5 ms") for r in protocol.recordings]
    return protocol.replace(recordings=recordings)
