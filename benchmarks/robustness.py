"""How often target propagation diverges or stays behind: `tp_student_teacher` with many seeds.

Every seed draws teacher, data and initial weights (`seed = data_seed`). For each model, transfer function and
mode (64 samples at a time, or one), the table has a row for the defaults and a row for the rule of the thesis with
its rates (`rule=difference`). A run counts as diverged if its loss on fresh inputs reaches three times the initial
one, or if a number is not finite. The defaults were chosen on seeds 200 to 299.

`ROBUSTNESS_SEEDS` sets the number of seeds, `ROBUSTNESS_SIZES` other layers than the default ones, such as
`4-6-6-6` (the single phase needs layers of one size above the input).
"""

import os
import time
from itertools import product
from typing import Any

import numpy as np

from benchmarks.table import Table

FIRST = 1000
SEEDS = 200
MODELS = ("single", "two_phase", "multiplexed")
TRANSFERS = ("linear", "smooth_leaky", "leaky_relu")
MODES = ("online", "batch")
RULES = ("bounded", "difference")


def measure() -> Table:
    """Return fractions of runs that diverge or learn little, and quantiles of final losses."""
    seeds = range(FIRST, FIRST + int(os.environ.get("ROBUSTNESS_SEEDS", SEEDS)))
    sizes = os.environ.get("ROBUSTNESS_SIZES", "")
    given = {"sizes": tuple(int(n) for n in sizes.split("-"))} if sizes else {}
    rows = []
    for rule, mode, model, transfer in product(RULES, MODES, MODELS, TRANSFERS):
        row = _row(seeds, mode=mode, model=model, transfer=transfer, rule=rule, **given)
        rows.append((rule, mode, model, transfer, *row))
        print(rows[-1], flush=True)  # the whole table takes hours
    return Table(
        "Target propagation with many seeds",
        (
            "rule", "mode", "model", "transfer", "seeds", "diverged", "above 1/10", "median loss",
            "95 % of losses below", "median initial loss", "s per run",
        ),
        rows,
        "Above 1/10: part of all runs whose final loss exceeds a tenth of the initial one, or that diverge. "
        "Losses are those of runs that do not diverge. Seeds begin with 1000, and the defaults were chosen on 200 "
        f"to 299. Layers: {sizes or 'the default ones'}.",
    )  # fmt: skip


def _row(seeds: range, **parameters: Any) -> tuple[Any, ...]:
    """Return the numbers of one combination."""
    begin = time.perf_counter()
    runs = [_run(seed, **parameters) for seed in seeds]
    seconds = (time.perf_counter() - begin) / len(runs)
    initial, final, diverged = (np.array(column) for column in zip(*runs, strict=True))
    kept = final[~diverged] if not diverged.all() else np.array([np.nan])
    return (
        len(runs), float(diverged.mean()), float(np.mean(~(final <= 0.1 * initial) | diverged)),
        float(np.median(kept)), float(np.quantile(kept, 0.95)), float(np.median(initial[~np.isnan(initial)])),
        seconds,
    )  # fmt: skip


def _run(seed: int, **parameters: Any) -> tuple[float, float, bool]:
    """Return initial and final loss of a run, and whether it diverged."""
    import dendrosim as ds
    from dendrosim.errors import NonFiniteError

    protocol = ds.load_protocol("tp_student_teacher", data_seed=seed, **parameters)
    try:
        found = ds.run(protocol, seed=seed, threads=1, progress=False).metrics
    except NonFiniteError:
        return np.nan, np.nan, True
    return found["initial_loss"], found["final_loss"], found["diverged"]
