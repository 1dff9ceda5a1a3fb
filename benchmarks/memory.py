"""Peak memory of runs with the back end cpp, in bytes per weight and bytes per recorded number.

Peaks are the largest resident memory as reported by Linux, mapped files included. Each run is a process that
writes into an output folder, with compiled programs in the cache. The increase of the peak by a larger network or
a longer run is divided by the increase of the number of weights or recorded numbers. The program that simulates is
measured separately from the Python process that starts it and saves the result. A weight itself has 8 bytes in
double precision and 4 in single precision.
"""

import json
import subprocess
import sys
import tempfile
from functools import partial

import numpy as np

from benchmarks.table import Table

UNITS = (1000, 3000)
STEPS = (100_000, 1_000_000, 10_000_000)
TRIALS = (10_000, 100_000, 1_000_000)
RECORDED = 5
CELLS, INPUTS = 10_000, (100, 1000)
SYNAPSES = ("static synapses", "synapses plastic by on_pre", "synapses plastic by both spikes")

RUN = """
import json, os, sys, threading, time
from pathlib import Path
import dendrosim as ds
from benchmarks.memory import PROTOCOLS

workload, size, precision, out = sys.argv[1:]
own = f"/proc/{os.getpid()}"
peaks = {"program": 0}

def peak(process):
    lines = Path(process, "status").read_text().splitlines()
    return next((1024 * int(x.split()[1]) for x in lines if x.startswith("VmHWM")), 0)

def watch():
    while True:
        try:
            for child in Path(own, "task", str(os.getpid()), "children").read_text().split():
                if Path(f"/proc/{child}/cmdline").read_text().split("\\0")[0].endswith("/program"):
                    peaks["program"] = max(peaks["program"], peak(f"/proc/{child}"))
        except OSError:
            pass
        time.sleep(1e-3)

threading.Thread(target=watch, daemon=True).start()
ds.run(PROTOCOLS[workload](int(size)), "cpp", precision=precision, threads=1, out=out, progress=False)
print(json.dumps([peaks["program"], peak(own)]))
"""


def measure() -> Table:
    """Return peaks of memory, and the bytes that each weight or recorded number adds to them."""
    rows = []
    for workload, sizes, precision, count in (
        ("weights", UNITS, "double", lambda n: n * n),
        ("weights", UNITS, "single", lambda n: n * n),
        ("recording", STEPS, "double", lambda n: n * RECORDED),
        ("spikes", STEPS, "double", lambda n: n),
        ("trials", TRIALS, "double", lambda n: n),
        *((kind, INPUTS, "double", lambda n: CELLS * n) for kind in SYNAPSES),
    ):
        before = None
        for size in sizes:
            peaks = _peaks(workload, size, precision)
            now = [count(size), *peaks]
            added = [(b - a) for a, b in zip(before, now, strict=True)] if before else [1, "", ""]
            each = [a / added[0] if before else "" for a in added[1:]]
            rows.append((workload, precision, now[0], *(p / 2**20 for p in peaks), *each))
            before = now
    return Table(
        "Peak memory of a run",
        (
            "what grows", "precision", "number", "program, MiB", "Python, MiB",
            "program, bytes each", "Python, bytes each",
        ),
        rows,
        "Bytes each: the increase of the peak from the row above, divided by the increase of the number. The "
        "result files contain all recorded numbers. Trials show 4 samples each in random order.",
    )  # fmt: skip


def _peaks(workload: str, size: int, precision: str) -> list[float]:
    """Return the peaks of the program and of the Python process in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", RUN, workload, str(size), precision]
        for out in (
            "first",
            "second",
        ):  # the first run compiles, which takes more memory than the run itself
            done = subprocess.run(
                [*command, f"{folder}/{out}"], check=True, capture_output=True, text=True
            )
    return json.loads(done.stdout)


def _weights(units: int):
    import dendrosim as ds

    circuit = ds.Circuit(
        (
            ds.Population("input", units, "x : 1", inputs=["x"]),
            ds.Population("layer", units, "dh/dt = (-h + tanh(drive))/(10*ms) : 1\ndrive : 1"),
        ),
        (
            ds.Matrix(
                "w", "layer", "input", ds.Normal(0.0, 0.01), "dw/dt = (h_post*x_pre - w)/second : 1"
            ),
        ),
        (ds.Projection("input.x", "w", "layer.drive"),),
    )
    blocks = (ds.Block("run", (ds.Phase("on", "20 ms"),)),)
    return ds.Protocol(circuit, blocks, dt="1 ms", signals={"input.x": 1.0})


def _recording(steps: int):
    return _cells(steps, ("cell.v",), "1 ms")


def _spikes(steps: int):
    return _cells(steps, ("cell.spike",), "spike")


def _trials(trials: int):
    """Return a protocol that shows samples in random order; the samples are too weak to cause spikes."""
    import dendrosim as ds

    cell = ds.Population(
        "cell", RECORDED, "dv/dt = (drive - v)/(5*ms) : 1\ndrive : 1", inputs=["drive"],
        threshold="v > 1", reset="v = 0",
    )  # fmt: skip
    phases = (ds.Phase("shown", "2 ms"), ds.Phase("rest", "1 ms", signals={"cell.drive": 0.0}))
    return ds.Protocol(
        ds.Circuit((cell,)), (ds.Block("run", phases, trials=trials, order="shuffled"),), dt="1 ms",
        recordings=(ds.Recording("cell.spike", every="spike", phases="shown"),),
        signals={"cell.drive": ds.Samples("x")}, batch=4,
        data={"x": np.random.default_rng(0).uniform(size=(1000, RECORDED))},
    )  # fmt: skip


def _cells(steps: int, recorded: tuple[str, ...], every: str):
    """Return a protocol with cells of which exactly one has a spike in each step."""
    import dendrosim as ds

    cell = ds.Population(
        "cell", RECORDED, "dv/dt = 1/(5*ms) : 1", initial={"v": [0.1, 0.3, 0.5, 0.7, 0.9]},
        threshold="v > 1", reset="v -= 1",
    )  # fmt: skip
    blocks = (ds.Block("run", (ds.Phase("on", f"{steps} ms"),)),)
    recordings = (ds.Recording(recorded, every=every),)
    return ds.Protocol(ds.Circuit((cell,)), blocks, dt="1 ms", recordings=recordings)


def _synapses(kind: str, inputs: int):
    """Return a protocol with many synapses and few spikes: static ones of one weight, or plastic ones."""
    import dendrosim as ds

    texts = dict(zip(SYNAPSES, (
        {"weight": 0.1, "on_pre": "g_post += weight"},
        {"weight": ds.Uniform(0, 1), "on_pre": "g_post += weight; weight *= 0.99"},
        {"weight": ds.Uniform(0, 1), "on_pre": "g_post += weight", "on_post": "weight *= 0.99"},
    ), strict=True))  # fmt: skip
    cell = ds.Population(
        "cell", CELLS, "dv/dt = -v/second : 1\ndg/dt = -g/(5*ms) : 1", initial={"v": 1.0},
        threshold="v > 2", reset="v = 0",
    )  # fmt: skip
    path = ds.Pathway(
        "path",
        "cell",
        "cell",
        connect=ds.InDegree(inputs),
        final=False,
        delay="1.5 ms",
        **texts[kind],
    )
    circuit = ds.Circuit((cell,), pathways=(path,))
    return ds.Protocol(circuit, (ds.Block("run", (ds.Phase("on", "10 ms"),)),), dt="0.1 ms")


PROTOCOLS = {"weights": _weights, "recording": _recording, "spikes": _spikes, "trials": _trials}
PROTOCOLS |= {kind: partial(_synapses, kind) for kind in SYNAPSES}
