"""The six claims of a paper on random feedback, decided from what networks of several depths reached.

A table has, for each kind of layers and each rule, an array (splits, depths), with depths in ascending order:
`table[kind][rule][split, depth]`. All accuracies and errors are fractions of samples. A claim is decided from the
means over splits, and from each split alone; the fraction of splits in which it holds is its `share`. Numbers that
decide a claim are in accuracies; "close" and "slightly" mean at most `CLOSE`.

    1 hinge       back-propagation learns slightly worse with the hinge loss than with softmax
    2 shallow     in the shallowest networks urfb is ahead of frfb and learns faster, and is close behind bp
    3 deep        in the deepest networks urfb is close behind bp, and frfb falls further behind than `CLOSE` and
                  than in the shallowest ones
    4 local       locally connected layers are slightly worse, and the order of bp, urfb and frfb is maintained
    5 alignment   correlations of W and R increase in every layer of urfb, but the weights are never the same
    6 early       after the first tenth of learning, while W and R are far from aligned, urfb has reduced its
                  errors by nearly as much as bp has

The paper compares locally connected layers with convolutions; here they are compared with fully connected layers.

Sources
-------
Amit (2021), Deep learning with asymmetric connections and Hebbian updates, section 4.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dendrosim.arrays import Array

CLOSE = 0.03
"""Difference in accuracy up to which a rule, loss or kind of layers is "close" to another."""

SAME = 0.999
"""Correlation from which two sets of weights count as the same."""

SIMILAR = 0.8
"""Part of the reduction of errors by back-propagation that counts as a similar one."""

ALIGNED = 0.5
"""Mean correlation of W and R below which they are far from aligned."""

Table = Mapping[str, Mapping[str, Array]]


def order_gaps(accuracy: Table, rule: str) -> dict[str, Array]:
    """Return, for each kind of layers, by how much a rule is behind bp, mean over splits, for each depth."""
    return {k: np.mean(rules["bp"] - rules[rule], axis=0) for k, rules in accuracy.items()}


def decide_claims(tables: Mapping[str, Table]) -> dict[str, dict[str, float]]:
    """Return for each claim whether it holds (1 or 0), its share of splits, and the numbers that decide it.

    Parameters
    ----------
    tables : mapping of str to Table
        `accuracy` after learning; `mean_error`, mean over the time of learning; `early_gain`, by which errors fell
        in the first tenth of it; and for urfb `early_correlation`, mean over layers of the correlation of W and R
        at that time, `largest_correlation`, the largest of a layer at the end, and `smallest_rise`, the smallest
        increase of that of a layer.

    Returns
    -------
    dict of str to dict of str to float
        A claim whose rules or kinds of layers are missing is left out.
    """
    found = {}
    for name, (decide, kinds, rules) in _CLAIMS.items():
        accuracy = tables["accuracy"]
        if any(k not in accuracy for k in kinds) or any(
            r not in table for r in rules for table in accuracy.values()
        ):
            continue
        numbers, holds = decide(tables)
        splits = len(next(iter(next(iter(accuracy.values())).values())))
        each = [decide(_one_split(tables, k))[1] for k in range(splits)]
        found[name] = {"holds": float(holds), "share": float(np.mean(each)), **numbers}
    return found


def _one_split(tables: Mapping[str, Table], split: int) -> dict[str, Any]:
    return {
        name: {k: {r: a[split : split + 1] for r, a in rules.items()} for k, rules in table.items()}
        for name, table in tables.items()
    }


Decision = tuple[dict[str, float], bool]


def _mean(table: Table, rule: str, depth: int | None = None) -> float:
    """Return the mean over kinds of layers, splits, and depths unless one is given by its index."""
    values = [rules[rule] if depth is None else rules[rule][:, depth] for rules in table.values()]
    return float(np.mean(values))


def _hinge(tables: Mapping[str, Table]) -> Decision:
    worse = _mean(tables["accuracy"], "bp_softmax") - _mean(tables["accuracy"], "bp")
    return {"hinge_behind_softmax": worse}, 0 <= worse <= CLOSE


def _shallow(tables: Mapping[str, Table]) -> Decision:
    accuracy, errors = tables["accuracy"], tables["mean_error"]
    bp, urfb, frfb = (_mean(accuracy, rule, 0) for rule in ("bp", "urfb", "frfb"))
    faster = _mean(errors, "frfb", 0) - _mean(errors, "urfb", 0)
    numbers = {
        "urfb_behind_bp": bp - urfb,
        "frfb_behind_urfb": urfb - frfb,
        "mean_error_of_frfb_above_urfb": faster,
    }
    return numbers, 0 <= bp - urfb <= CLOSE and urfb > frfb and faster > 0


def _deep(tables: Mapping[str, Table]) -> Decision:
    accuracy = tables["accuracy"]
    gaps = [_mean(accuracy, "bp", k) - _mean(accuracy, "frfb", k) for k in (0, -1)]
    behind = _mean(accuracy, "bp", -1) - _mean(accuracy, "urfb", -1)
    numbers = {
        "urfb_behind_bp": behind,
        "frfb_behind_bp": gaps[1],
        "frfb_behind_bp_in_shallowest": gaps[0],
    }
    return numbers, behind <= CLOSE and gaps[1] > CLOSE and gaps[1] > gaps[0]


def _local(tables: Mapping[str, Table]) -> Decision:
    accuracy = tables["accuracy"]
    rules = ("bp", "urfb", "frfb")
    full, local = (np.mean([accuracy[k][r] for r in rules]) for k in ("full", "local"))
    means = [np.mean(accuracy["local"][rule], axis=0) for rule in rules]
    ordered = np.mean((means[0] >= means[1]) & (means[1] > means[2]))
    numbers = {"local_behind_full": float(full - local), "depths_in_order": float(ordered)}
    return numbers, bool(0 <= full - local <= CLOSE and ordered == 1)


def _alignment(tables: Mapping[str, Table]) -> Decision:
    largest = max(np.max(rules["urfb"]) for rules in tables["largest_correlation"].values())
    rise = min(np.min(rules["urfb"]) for rules in tables["smallest_rise"].values())
    numbers = {"largest_correlation": float(largest), "smallest_rise": float(rise)}
    return numbers, bool(rise > 0 and largest < SAME)


def _early(tables: Mapping[str, Table]) -> Decision:
    gains = tables["early_gain"]
    ratio = _mean(gains, "urfb") / _mean(gains, "bp")
    correlation = _mean(tables["early_correlation"], "urfb")
    numbers = {"reduction_of_errors_over_bp": ratio, "correlation": correlation}
    return numbers, ratio >= SIMILAR and correlation < ALIGNED


_THREE = ("bp", "urfb", "frfb")
_CLAIMS: dict[
    str, tuple[Callable[[Mapping[str, Table]], Decision], tuple[str, ...], tuple[str, ...]]
] = {
    "hinge": (_hinge, (), ("bp", "bp_softmax")),
    "shallow": (_shallow, (), _THREE),
    "deep": (_deep, (), _THREE),
    "local": (_local, ("full", "local"), _THREE),
    "alignment": (_alignment, (), ("urfb",)),
    "early": (_early, (), ("bp", "urfb")),
}
