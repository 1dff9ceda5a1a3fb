"""Locally connected layers that learn, compared with what memory and the dense kernels allow.

A layer of 32 x 32 x 16 units sees patches of 5 x 5 in an image of 32 x 32 x 3 units. In every step its weights
multiply the image, and learn by an outer product; with feedback, their transpose also multiplies the layer. A
dense network of 1000 + 1000 units that does the same gives the rate of the dense kernels.
"""

import statistics
import sys
from itertools import product

import numpy as np

import dendrosim as ds
from benchmarks.dense_network import limits
from benchmarks.table import Table

REPEATS, SECONDS = 5, 0.4
PATCHES = ds.LocalPatches(height=32, width=32, channels=3, filters=16, kernel=5)
DENSE = 1000
IMAGE = "dx/dt = (drive - x)/(20*ms) : 1\ndrive : 1"
BELOW = "dx/dt = (drive + back - x)/(20*ms) : 1\ndrive : 1\nback : 1"
CELL = "dh/dt = (total - h)/(20*ms) : 1\ntotal : 1"
# Weights and rates are so small that the loop through both directions is stable, in the dense layer too.
LEARN = "dw/dt = 1e-4*Hz*h_post*x_pre - 0.1*Hz*w : 1"


class Layer:
    """A layer that learns, sparse or dense, whose steps are timed."""

    def __init__(self, connect, batch: int, precision: str, feedback: bool, threads: int) -> None:
        post, pre = (DENSE, DENSE) if connect is None else connect.shape
        up = ds.Projection("image.x", "w", "cell.total")
        down = ds.Projection("cell.h", "w", "image.back", transpose=True)
        self.circuit = ds.Circuit(
            (
                ds.Population("image", pre, BELOW if feedback else IMAGE, inputs=["drive"]),
                ds.Population("cell", post, CELL, initial={"h": ds.Normal(0.1)}),
            ),
            (ds.Matrix("w", "cell", "image", ds.Normal(0.01), LEARN, connect=connect),),
            (up, down) if feedback else (up,),
        )
        self.weights = post * pre if connect is None else connect.count
        self.passes = 3 if feedback else 2
        self.batch, self.threads, self.precision = batch, threads, precision
        self.drive = np.random.default_rng(0).normal(size=(batch, pre))

    @property
    def operations(self) -> float:
        """Floating-point operations of a step's products and of its update."""
        return 2.0 * self.passes * self.weights * self.batch

    @property
    def bytes(self) -> float:
        """Bytes of a step if each weight is read once and written once."""
        return 2.0 * self.weights * (4 if self.precision == "single" else 8)

    def step_seconds(self, steps: int) -> float:
        protocol = ds.Protocol(
            self.circuit, (ds.Block("run", (ds.Phase("on", f"{steps} ms"),)),), "1 ms",
            signals={"image.drive": ds.Samples("drive")}, data={"drive": self.drive}, batch=self.batch,
        )  # fmt: skip
        result = ds.run(
            protocol, "cpp", precision=self.precision, threads=self.threads, progress=False
        )
        return result.provenance["seconds"]["steps"] / steps


def measure() -> Table:
    """Return microseconds per step, the limit, and their ratio."""
    rows = []
    for batch, precision, feedback, threads in product(
        (64, 1), ("double", "single"), (False, True), (1, 2)
    ):
        rows.append(_row(batch, precision, feedback, threads))
        print(*rows[-1], file=sys.stderr, flush=True)
    return Table(
        "Locally connected layer that learns: microseconds per step",
        (
            "batch", "precision", "feedback", "threads", "dendrosim cpp", "limit", "over the limit",
            "dense kernels (GFLOP/s)", "reading (GB/s)",
        ),
        rows,
        f"32 x 32 x 3 units to 32 x 32 x 16, patches of 5 x 5, {PATCHES.count:,} weights. The limit is the "
        "larger of two times: reading and writing each weight once at the measured rate of reading, and the "
        "multiplications at the rate at which a dense layer of 1000 x 1000 weights learns in the same way. "
        f"Medians of {REPEATS} repetitions, in which both layers take turns; the ratio is the median of ratios.",
    )  # fmt: skip


def _row(batch: int, precision: str, feedback: bool, threads: int) -> tuple:
    sparse, dense = (
        Layer(connect, batch, precision, feedback, threads) for connect in (PATCHES, None)
    )
    reading = limits.rate("reading", threads, int(sparse.bytes))
    counts = [max(3, round(SECONDS / layer.step_seconds(3))) for layer in (sparse, dense)]
    times, bounds, rates = [], [], []
    for _ in range(REPEATS):
        times.append(sparse.step_seconds(counts[0]))
        rates.append(dense.operations / dense.step_seconds(counts[1]))
        bounds.append(max(sparse.bytes / reading, sparse.operations / rates[-1]))
    return (
        batch, precision, "yes" if feedback else "no", threads,
        1e6 * statistics.median(times), 1e6 * statistics.median(bounds),
        statistics.median(t / b for t, b in zip(times, bounds, strict=True)),
        statistics.median(rates) / 1e9, reading / 1e9,
    )  # fmt: skip
