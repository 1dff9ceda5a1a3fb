"""Random feedback on digits: `feedback_digits` with all rules, depths 2 to 6 and five splits, and its claims.

Each run has one split, so that one program serves all of them. Networks of the rules in a group learn side by
side; groups are apart because `weight_mirror` and `bdfa` need more phases, in which all other networks would wait.
Learning rate, decay and number of presentations were chosen on splits 100 to 102.

`FEEDBACK_SPLITS` sets the number of splits, `FEEDBACK_PRESENTATIONS` that of batches.
"""

import os
from typing import Any

import numpy as np

from benchmarks.table import Table

SPLITS = 5
DEPTHS = (2, 3, 4, 5, 6)
GROUPS = (
    ("bp", "bp_softmax", "urfb", "frfb", "dfa", "kolen_pollack"),
    ("weight_mirror",),
    ("bdfa",),
)


def measure() -> Table:
    """Return accuracies by kind of layers, rule and depth, and the verdicts on the claims."""
    splits = range(int(os.environ.get("FEEDBACK_SPLITS", SPLITS)))
    return summarise(merge([[run(rules, k) for k in splits] for rules in GROUPS]))


def run(rules: tuple[str, ...], split: int) -> dict[str, Any]:
    """Return the tables (1 split, depths) of a run."""
    import dendrosim as ds

    given: dict[str, Any] = {"rules": rules, "depths": DEPTHS, "splits": (split,)}
    if presentations := os.environ.get("FEEDBACK_PRESENTATIONS"):
        given["presentations"] = int(presentations)
    protocol = ds.load_protocol("feedback_digits", **given)
    metrics = ds.run(protocol, seed=split, threads=1, progress=False).metrics
    return {name: value for name, value in metrics.items() if name not in DERIVED}


DERIVED = ("summary", "claims", "correlation", "behind_bp")
"""Metrics that are not tables by kind of layers and rule."""


def merge(groups: list[list[dict[str, Any]]]) -> dict[str, Any]:
    """Return tables of all rules and splits from those of one group and one split each."""
    found: dict[str, Any] = {}
    for runs in groups:
        for name, kinds in runs[0].items():
            for kind, rules in kinds.items():
                for rule in rules:
                    joined = np.concatenate([np.asarray(r[name][kind][rule]) for r in runs])
                    found.setdefault(name, {}).setdefault(kind, {})[rule] = joined
    return found


def summarise(tables: dict[str, Any]) -> Table:
    """Return the table of a page of results."""
    from dendrosim.analysis.random_feedback_claims import decide_claims

    rows = []
    for kind, rules in tables["accuracy"].items():
        for rule, values in rules.items():
            spread = np.std(values, axis=0, ddof=1) if len(values) > 1 else np.zeros(len(DEPTHS))
            cells = (
                f"{m:.1%} ± {s:.1%}" for m, s in zip(np.mean(values, axis=0), spread, strict=True)
            )
            rows.append((kind, rule, *cells))
    claims = [
        f"{name}: {'holds' if claim['holds'] else 'fails'}, in {claim['share']:.0%} of splits by itself ("
        + ", ".join(f"{n} {v:.3f}" for n, v in claim.items() if n not in ("holds", "share"))
        + ")"
        for name, claim in decide_claims(tables).items()
    ]
    return Table(
        "Random feedback on digits: accuracy on test images by number of layers",
        ("layers", "rule", *map(str, DEPTHS)),
        rows,
        f"Mean and standard deviation over {len(values)} splits. Claims of Amit (2021), section "
        "4, see dendrosim.analysis.random_feedback_claims. " + "; ".join(claims) + ".",
    )
