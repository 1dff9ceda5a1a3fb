"""Speed of target propagation with batches of 64 samples on shared weights, compared with single samples.

The circuit is multiplexed target propagation with learned apical weights, four layers of the same size, and
learning in single steps after settling, in double precision. It runs with the default number of threads, with one
and with two. Only the steps are timed. A trial has the same phases in both cases, so samples per second compare
the cost of a sample.

The ratio is limited: a single sample takes the time of reading the weights, each of which takes part in only two
operations; a batch takes the time of the multiplications.
"""

import statistics

from benchmarks.table import Table

SIZES, REPEATS, BATCH = (50, 100, 200, 500), 5, 64
TRIALS = {1: 12, BATCH: 3}
THREADS = (None, 1, 2)


def measure() -> Table:
    """Return samples per second with and without a batch, and the median of their ratios."""
    rows = []
    for units in SIZES:
        protocols = {batch: _protocol(units, batch) for batch in (1, BATCH)}
        for protocol in protocols.values():  # so that compilation is not timed
            _run(protocol, 1)
        for threads in THREADS:
            speeds: dict[int, list[float]] = {batch: [] for batch in protocols}
            taken = dict.fromkeys(protocols, 0)
            for _ in range(REPEATS):
                for batch, protocol in protocols.items():
                    made = _run(protocol, threads)
                    speeds[batch].append(batch * TRIALS[batch] / made["seconds"]["steps"])
                    taken[batch] = made["threads"]
            ratios = [b / a for a, b in zip(speeds[1], speeds[BATCH], strict=True)]
            medians = [statistics.median(x) for x in (speeds[1], speeds[BATCH], ratios)]
            rows.append(
                (units, "default" if threads is None else "given", *taken.values(), *medians)
            )
    return Table(
        "multiplexed target propagation, 4 layers, learned apical weights, double precision",
        (
            "units per layer",
            "number of threads",
            "threads, batch 1",
            f"threads, batch {BATCH}",
            "samples/s, batch 1",
            f"samples/s, batch {BATCH}",
            "ratio",
        ),
        rows,
        f"Medians of {REPEATS} interleaved repetitions; ratios are medians of the ratios within one repetition.",
    )


def _protocol(units: int, batch: int):
    import numpy as np

    import dendrosim as ds
    from dendrosim.learning.cycle import learning_cycle
    from dendrosim.learning.settling import count_settling_steps, find_settling

    circuit = ds.load_circuit("multiplexed_dtp", sizes=(units,) * 4, span=1e3, gain=1.0)
    steps = count_settling_steps({"": find_settling(circuit)}, 5e-3)
    cycle = learning_cycle({"": circuit}, dt=5e-3, tau=10e-3, steps=steps)
    rng = np.random.default_rng(0)
    return ds.Protocol(
        circuit,
        (ds.Block("train", cycle, trials=TRIALS[batch]),),
        dt="5 ms",
        signals={"layer0.h": ds.Samples("x"), "layer3.target": ds.Samples("y")},
        data={n: rng.normal(size=(256, units)) for n in "xy"},
        batch=batch,
    )


def _run(protocol, threads: int | None):
    import dendrosim as ds

    return ds.run(protocol, seed=0, threads=threads, progress=False).provenance
