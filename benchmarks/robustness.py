"""How often target propagation diverges or stays behind: `tp_student_teacher` with many seeds.

Every seed draws teacher, data and initial weights (`seed = data_seed`). For each model, transfer function and
mode (64 samples at a time, or one), the table has a row for the defaults, rows for the defaults with layers on
which hardly anything (8-7-6-4) or nothing (7-6-5-3) was tuned, and a row for the rule of the thesis with its rates
(`rule=difference`). A run counts as diverged if its loss on fresh inputs reaches three times the initial one, or
if a number is not finite.
The defaults were chosen on seeds 200 to 299; how rates fall with single samples of leaky_relu, on 0 to 79.

The networks are trained by an independent loop (`benchmarks/target_propagation`), several times faster than by
dendrosim. `ds.run` trains the first of them again, with the default layers, and the table has the largest relative
difference between the final losses of both.

`ROBUSTNESS_SEEDS` sets the number of seeds, `ROBUSTNESS_FIRST` the first one.
"""

import os
import time
from itertools import product
from typing import Any

import numpy as np

import dendrosim as ds
from benchmarks.table import Table
from benchmarks.target_propagation.loop import Loop
from dendrosim.errors import NonFiniteError
from dendrosim.learning.progress import DIVERGED

FIRST, SEEDS = 1000, 200
REPEATED = 2  # number of seeds that dendrosim trains as well
MODELS = ("single", "two_phase", "multiplexed")
TRANSFERS = ("linear", "smooth_leaky", "leaky_relu")
MODES = ("online", "batch")
OTHERS = (8, 7, 6, 4), (7, 6, 5, 3)
SETTINGS: tuple[tuple[str, tuple[int, ...] | None], ...] = (
    ("bounded", None), *(("bounded", sizes) for sizes in OTHERS), ("difference", None)
)  # fmt: skip


def measure() -> Table:
    """Return fractions of runs that diverge or learn little, and quantiles of final losses."""
    first = int(os.environ.get("ROBUSTNESS_FIRST", FIRST))
    seeds = range(first, first + int(os.environ.get("ROBUSTNESS_SEEDS", SEEDS)))
    rows = []
    for mode, (rule, sizes), model, transfer in product(MODES, SETTINGS, MODELS, TRANSFERS):
        parameters = {"mode": mode, "rule": rule, "model": model, "transfer": transfer}
        rows.append(_row(seeds, parameters | ({"sizes": sizes} if sizes else {})))
        print(rows[-1], flush=True)  # the whole table takes half an hour or more
    return Table(
        "Target propagation with many seeds",
        (
            "mode", "rule", "layers", "model", "transfer", "seeds", "diverged", "above 1/10", "median loss",
            "95 % of losses below", "median initial loss", "ms per run", "difference of ds.run",
        ),
        rows,
        "Above 1/10: part of all runs whose final loss exceeds a tenth of the initial one, or that diverge. "
        f"Losses are those of runs that do not diverge. Seeds from {first}; the defaults were chosen on 200 to "
        "299, none with layers of 8-7-6-4, except how rates fall with single samples of leaky_relu: seeds 0 to "
        "79, also of 8-7-6-4. Nothing was chosen with 7-6-5-3. Difference of ds.run: largest relative difference "
        f"of the final loss, {REPEATED} seeds; - if both diverge, or not run.",
    )  # fmt: skip


def _row(seeds: range, parameters: dict[str, Any]) -> tuple[Any, ...]:
    """Return the numbers of one combination."""
    loop = Loop(ds.load_protocol("tp_student_teacher", **parameters))
    begin = time.perf_counter()
    with np.errstate(all="ignore"):
        losses = loop.losses(seeds)
    seconds = (time.perf_counter() - begin) / len(seeds)
    initial, final = losses[:, 0], losses[:, -1]
    diverged = ~(losses.max(axis=1) <= DIVERGED * initial)
    kept = final[~diverged] if not diverged.all() else np.array([np.nan])
    return (
        parameters["mode"], parameters["rule"], "-".join(map(str, loop.sizes)), parameters["model"],
        parameters["transfer"], len(seeds), float(diverged.mean()),
        float(np.mean(~(final <= 0.1 * initial) | diverged)), float(np.median(kept)),
        float(np.quantile(kept, 0.95)), float(np.median(initial)), 1e3 * seconds,
        "-" if "sizes" in parameters else _difference(seeds[:REPEATED], final, diverged, parameters),
    )  # fmt: skip


def _difference(seeds: range, final: Any, diverged: Any, parameters: dict[str, Any]) -> Any:
    """Return the largest relative difference between the final losses of the loop and of dendrosim."""
    found = []
    for seed, loss, wrong in zip(seeds, final, diverged, strict=False):
        protocol = ds.load_protocol("tp_student_teacher", data_seed=seed, **parameters)
        try:
            metrics = ds.run(protocol, seed=seed, threads=1, progress=False).metrics
        except NonFiniteError:
            metrics = {"diverged": True}
        if wrong != metrics["diverged"]:
            found.append(np.inf)
        elif not wrong:
            found.append(abs(metrics["final_loss"] / loss - 1))
    return float(max(found)) if found else "-"
