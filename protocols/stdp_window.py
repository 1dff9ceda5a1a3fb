"""The window of spike-timing-dependent plasticity: the change of a weight by one pair of spikes against its time.

For each lag, one presynaptic and one postsynaptic spike are given, and a synapse between the cells learns by the
chosen rule of `ds.rules`, with its default values and weights from 0 to 1:

    pair_additive, pair_multiplicative, pair_power    `pair_stdp`
    triplet    `triplet_stdp`: a pair with positive lag changes nothing, because potentiation needs a triplet
    clopath    `clopath`: the postsynaptic voltage has a box of 2 ms for the spike, and decays after it with 40 ms
    calcium    `calcium` without noise, values `dp`: presynaptic spikes act 13.7 ms late; the change is that after
               300 ms
    vogels     `inhibitory_stdp`

The lag is the time of the postsynaptic spike minus that of the presynaptic one, in whole time steps. With the lag
0, the presynaptic spike acts first. `change` is the change of the weight; for rules in which it has a closed form,
`expected_change` is that.

Sources
-------
Song, Miller & Abbott (2000), Nature Neuroscience 3:919, and the sources of the rules.

Errata applied
--------------
None.
"""

from typing import Literal

import numpy as np

import dendrosim as ds
from dendrosim.mechanisms.paired_spikes import POST, PRE, SYNAPSE, in_order, paired_spikes
from dendrosim.rules.pairing_rules import arrival, pairing_rule, single_pair

NAMES = {
    "pair_additive": "pairs, additive",
    "pair_multiplicative": "pairs, multiplicative",
    "pair_power": "pairs, power law",
    "triplet": "triplets",
    "clopath": "voltage (Clopath)",
    "calcium": "calcium (Graupner-Brunel)",
    "vogels": "inhibitory (Vogels)",
}
JUMPS = ("pair_additive", "pair_multiplicative", "pair_power", "triplet")  # windows that jump at 0
ONSET, TAIL = 20e-3, 300e-3  # seconds before the first spike, and after the last one


class Parameters(ds.Parameters):
    rule: Literal[
        "pair_additive",
        "pair_multiplicative",
        "pair_power",
        "triplet",
        "clopath",
        "calcium",
        "vogels",
    ] = ds.parameter("pair_additive", "rule of the synapse")
    lags: tuple[ds.Quantity, ...] = ds.parameter(
        tuple(f"{t} ms" for t in range(-50, 51, 5)),
        "times of the postsynaptic spike minus those of the presynaptic one",
        unit="s",
    )
    weight: float = ds.parameter(0.5, "weight at the start", least=0, most=1)
    dt: ds.Quantity = ds.parameter("0.1 ms", "time step", above=0)


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    if not p.lags:
        raise ds.errors.ParameterError("lags is empty; give at least one")
    lags = _in_steps(p)
    widest = float(np.abs(lags).max())
    middle = ONSET + widest
    spikes = {
        PRE: in_order([np.array([middle])] * len(lags)),
        POST: in_order([np.array([middle + lag]) for lag in lags]),
    }
    step = p.dt.value
    duration = float(np.ceil((middle + widest + TAIL) / step) * step)
    delay = float(ds.quantity(arrival(p.rule)).value + step)
    circuit = paired_spikes(pairing_rule(p.rule), len(lags), p.weight, f"{delay!r} s")
    return ds.Protocol(
        circuit,
        (ds.Block("run", (ds.Phase("pairing", f"{duration!r} s"),)),),
        dt=p.dt,
        spikes=spikes,
        batch_fixed=True,
    )


def _in_steps(p):
    """Return the lags in seconds as whole numbers of time steps."""
    return np.rint(np.array([lag.value for lag in p.lags]) / p.dt.value) * p.dt.value


def measure(result: ds.Result) -> ds.Measurement:
    """Measure the change of each weight."""
    p = Parameters(**result.protocol.parameters)
    lags = _in_steps(p)
    change = result.final[f"{SYNAPSE}.weight"].values.ravel() - p.weight
    metrics, references = {"lags": lags, "change": change}, {}
    expected = single_pair(p.rule, lags, p.weight)
    if expected is not None:
        metrics["expected_change"] = expected
        references["change"] = ds.Reference("expected_change", 1e-12, reason="rounding errors")
    return ds.Measurement(metrics, {"window": lambda: _draw(p, metrics)}, {"lags": "s"}, references)


def _draw(p, metrics):
    order = np.argsort(metrics["lags"])
    lags, change = metrics["lags"][order], metrics["change"][order]
    if p.rule in JUMPS:  # a gap, so that no line joins the two sides
        first = np.searchsorted(lags, 0)
        lags, change = np.insert(lags, first, 0), np.insert(change, first, np.nan)
    ax = ds.plot.curve(
        1e3 * lags,
        change,
        title=NAMES[p.rule],
        xlabel="postsynaptic minus presynaptic spike (ms)",
        ylabel="change of the weight",
        marked=True,
        log=False,
    )
    ax.axhline(0, color="0.6", lw=0.8, zorder=0)
    ax.axvline(0, color="0.6", lw=0.8, zorder=0)
    return ax.figure
