"""Triplets of spikes: the change of a weight by two presynaptic spikes and one postsynaptic spike, or the reverse.

For each pair of gaps, the triplets pre-post-pre and post-pre-post are given once. A rule of pairs adds what the
two pairs of a triplet do; with the triplet rule, a postsynaptic spike is worth more shortly after another one.

    pre-post-pre    a2_plus e^(-g1/tau_plus) - (a2_minus + a3_minus e^(-(g1 + g2)/tau_x)) e^(-g2/tau_minus)
    post-pre-post   -a2_minus e^(-g1/tau_minus) + (a2_plus + a3_plus e^(-(g1 + g2)/tau_y)) e^(-g2/tau_plus)

Rules are those of `ds.rules` with their default values and weights from 0 to 1; `pair_additive` has no a3. For
`clopath`, the postsynaptic voltage has a box of 2 ms for each spike, and decays after it with 40 ms.

Sources
-------
Pfister & Gerstner (2006), Journal of Neuroscience 26:9673, for the comparison. The gaps are a choice.

Errata applied
--------------
None.
"""

from typing import Literal

import numpy as np

import dendrosim as ds
from dendrosim.mechanisms.paired_spikes import POST, PRE, SYNAPSE, in_order, paired_spikes
from dendrosim.rules.pairing_rules import pairing_rule, triplet_factors

ONSET, TAIL, START = 20e-3, 100e-3, 0.5
ORDERS = ("pre-post-pre", "post-pre-post")


class Parameters(ds.Parameters):
    rule: Literal["pair_additive", "triplet", "clopath"] = ds.parameter("triplet", "rule")
    first_gaps: tuple[ds.Quantity, ...] = ds.parameter(
        ("5 ms", "10 ms", "15 ms", "5 ms"), "times from the first to the second spike", above=0
    )
    second_gaps: tuple[ds.Quantity, ...] = ds.parameter(
        ("5 ms", "10 ms", "5 ms", "15 ms"), "times from the second to the third spike", above=0
    )
    dt: ds.Quantity = ds.parameter("0.1 ms", "time step", above=0)


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    if len(p.first_gaps) != len(p.second_gaps) or not p.first_gaps:
        raise ds.errors.ParameterError(
            f"first_gaps has {len(p.first_gaps)} times, second_gaps {len(p.second_gaps)}; both must have the same "
            "number, one of each triplet"
        )
    first, second = _gaps(p)
    ends = [np.array([ONSET, ONSET + a + b]) for a, b in zip(first, second, strict=True)]
    middle = [np.array([ONSET + a]) for a in first]
    step = p.dt.value
    duration = float(np.ceil((ONSET + (first + second).max() + TAIL) / step) * step)
    circuit = paired_spikes(pairing_rule(p.rule), 2 * len(first), START, p.dt)
    return ds.Protocol(
        circuit,
        (ds.Block("run", (ds.Phase("pairing", f"{duration!r} s"),)),),
        dt=p.dt,
        spikes={PRE: in_order(ends + middle), POST: in_order(middle + ends)},
        batch_fixed=True,
    )


def _gaps(p):
    """Return both gaps in seconds as whole numbers of time steps."""
    return (
        np.rint(np.array([g.value for g in gaps]) / p.dt.value) * p.dt.value
        for gaps in (p.first_gaps, p.second_gaps)
    )


def measure(result: ds.Result) -> ds.Measurement:
    """Measure the change of each weight; the rows are the orders pre-post-pre and post-pre-post."""
    p = Parameters(**result.protocol.parameters)
    first, second = _gaps(p)
    change = result.final[f"{SYNAPSE}.weight"].values.reshape(2, -1) - START
    metrics = {"first_gaps": first, "second_gaps": second, "change": change}
    references = {}
    if p.rule != "clopath":
        metrics["expected_change"] = _expected(triplet_factors(p.rule), first, second)
        references["change"] = ds.Reference("expected_change", 1e-12, reason="rounding errors")
    units = {"first_gaps": "s", "second_gaps": "s"}
    return ds.Measurement(metrics, {"triplets": lambda: _draw(metrics)}, units, references)


def _expected(a, first, second):
    """Return the change by each triplet in closed form."""
    both = first + second
    up = np.exp(-np.array([first, second]) / a["tau_plus"])
    down = np.exp(-np.array([first, second]) / a["tau_minus"])
    two_pre = a["a2_minus"] + a["a3_minus"] * np.exp(-both / a["tau_x"])
    two_post = a["a2_plus"] + a["a3_plus"] * np.exp(-both / a["tau_y"])
    return np.array(
        [a["a2_plus"] * up[0] - two_pre * down[1], two_post * up[1] - a["a2_minus"] * down[0]]
    )


def _draw(metrics):
    both = zip(metrics["first_gaps"], metrics["second_gaps"], strict=True)
    gaps = [f"{1e3 * a:g}, {1e3 * b:g}" for a, b in both]
    ax = ds.plot.curve(
        np.arange(len(gaps)),
        dict(zip(ORDERS, metrics["change"], strict=True)),
        xlabel="gaps (ms)",
        ylabel="change of the weight",
        marked=True,
        log=False,
    )
    for points in (*ax.lines, *ax.get_legend().get_lines()):
        points.set(linestyle="none")  # triplets are not in an order that a line could show
    ax.set_xticks(range(len(gaps)), gaps)
    ax.axhline(0, color="0.6", lw=0.8, zorder=0)
    return ax.figure
