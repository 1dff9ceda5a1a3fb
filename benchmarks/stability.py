"""Times of fixed points and spectra, compared with SciPy's time for the eigenvalues of the same matrix alone.

Dense: single-phase target propagation with three layers and all eigenvalues, compared with `scipy.linalg.eigvals`
of the Jacobian and with `scipy.optimize.root(method="hybr")`, which also uses the exact Jacobian. Sparse: passive
pyramidal cells below threshold, with the ten rightmost eigenvalues.

Each circuit has its own process with one thread. Times are processor times, which equal elapsed times on an idle
machine, and the peak memory is that of the whole process. "Field" is the time in which the equations of a circuit
become a vector field.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.table import Table

REPEATS = {300: 9, 1500: 3, 3000: 3}
HYBRID = (300, 1500)
CELLS, COUNT, SPARSE_REPEATS = 33_334, 10, 5
DENSE: dict[str, dict[str, Any]] = {
    "linear, clamped": {"target": "clamped", "transfer": "linear"},
    "smooth_leaky, nudged": {"target": "nudged", "transfer": "smooth_leaky"},
}
PASSIVE = "passive cells"
MISSING = "-"


def measure() -> Table:
    """Return seconds of each part, and ratios to SciPy's eigenvalues alone."""
    rows = []
    for states in REPEATS:
        for name in DENSE:
            rows.append(_row(name, _child(name, states)))
    rows.append(_row(f"{PASSIVE}, {COUNT} rightmost", _child(PASSIVE, 3 * CELLS)))
    return Table(
        "Fixed point and eigenvalues, double precision (seconds of one thread)",
        ("circuit", "states", "field", "fixed point", "eigenvalues", "both", "scipy eigvals", "both / eigvals",
         "scipy hybr", "peak GiB"),
        rows,
        "Medians of interleaved repetitions: "
        + ", ".join(f"{n} of {states:,} states" for states, n in REPEATS.items())
        + f", {SPARSE_REPEATS} of the sparse ones. Ratios are medians of the ratios within one repetition.",
    )  # fmt: skip


def _child(name: str, states: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.stability", name, str(states)]
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    done = subprocess.run(
        command, env={**os.environ, **threads}, check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _row(name: str, found: dict[str, Any]) -> tuple[Any, ...]:
    times = found["times"]
    both = [a + b for a, b in zip(times["fixed point"], times["eigenvalues"], strict=True)]
    bare = times.get("eigvals")
    ratio = statistics.median(b / a for a, b in zip(bare, both, strict=True)) if bare else MISSING
    middle = {part: statistics.median(taken) for part, taken in times.items()}
    return (
        name,
        found["states"],
        *(middle[part] for part in ("field", "fixed point", "eigenvalues")),
        statistics.median(both),
        middle.get("eigvals", MISSING),
        ratio,
        middle.get("hybr", MISSING),
        found["peak"],
    )


def _measured(name: str, states: int) -> dict[str, Any]:
    """Return the times of one circuit, after checking that all methods give the same results."""
    import dendrosim as ds

    times: dict[str, list[float]] = {}

    def timed(part: str, function: Callable[[], Any]) -> Any:
        begin = time.process_time()
        value = function()
        times.setdefault(part, []).append(time.process_time() - begin)
        return value

    if name == PASSIVE:
        from dendrosim.stability.spectrum.spectrum import spectrum

        cells = ds.load_circuit("pyramidal_passive", cells=states // 3)
        for _ in range(SPARSE_REPEATS):
            field = timed("field", lambda: ds.vector_field(cells, subthreshold=True))
            point = timed("fixed point", lambda flow=field: ds.fixed_point(flow))
            found = timed(
                "eigenvalues",
                lambda p=point: spectrum(p.flow.jacobian(p.x), count=COUNT).eigenvalues,
            )
            assert len(found) == COUNT
        return {"states": states, "times": times, "peak": _peak()}

    from scipy.linalg import eigvals
    from scipy.optimize import root

    width = states // 3
    circuit = ds.load_circuit("dynamical_tp", sizes=(width,) * 4, **DENSE[name])
    x, y = np.random.default_rng(0).normal(size=(2, width))
    inputs = {"layer0.h": x, "layer3.target": y}
    ds.fixed_point(
        ds.vector_field(circuit, inputs=inputs)
    )  # a first time, so that imports are not timed
    for _ in range(REPEATS[states]):
        field = timed("field", lambda: ds.vector_field(circuit, inputs=inputs))
        point = timed("fixed point", lambda flow=field: ds.fixed_point(flow))
        own = timed("eigenvalues", lambda p=point: p.eigenvalues)
        matrix = field.jacobian(point.x)
        bare = timed("eigvals", lambda m=matrix: eigvals(m))
        assert np.allclose(
            np.sort(own.real), np.sort(bare.real), rtol=0, atol=1e-3 * abs(bare).max()
        )
        if states in HYBRID:
            other = timed(
                "hybr",
                lambda f=field: root(f.f, f.start, jac=f.jacobian, method="hybr", tol=1e-10),
            )
            assert np.allclose(other.x, point.x, rtol=1e-5, atol=1e-6)
    return {"states": states, "times": times, "peak": _peak()}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # from KiB to GiB


if __name__ == "__main__":
    print(json.dumps(_measured(sys.argv[1], int(sys.argv[2]))))
