"""How plasticity depends on the rate at which pairs of spikes are repeated.

Pairs of a presynaptic and a postsynaptic spike, `lag` apart in either order, are repeated at several rates. With a
rule of pairs, high rates bring spikes of different pairs together and do not favour potentiation; with the triplet
rule and the voltage rule, potentiation wins at high rates, in both orders. The weight has no bound within reach:
it starts at 5 and may be from 0 to 10, while the default values of each rule of `ds.rules` are those for weights
from 0 to 1. `change` is the change by all pairs, with one row for each order; for rules of pairs and triplets,
`expected_change` is the sum over all earlier spikes in closed form.

For `clopath`, the postsynaptic voltage has a box of 2 ms for each spike, and decays after it with 40 ms.

Sources
-------
Sjoestroem, Turrigiano & Nelson (2001), Neuron 32:1149: the protocol, with lags of 10 ms. Pfister
& Gerstner (2006), Journal of Neuroscience 26:9673: the comparison of rules.

Errata applied
--------------
None.
"""

from typing import Literal

import numpy as np

import dendrosim as ds
from dendrosim.mechanisms.paired_spikes import POST, PRE, SYNAPSE, in_order, paired_spikes
from dendrosim.rules.pairing_rules import pairing_rule, triplet_factors, unbounded

ONSET, TAIL, START = 20e-3, 100e-3, 5.0


class Parameters(ds.Parameters):
    rule: Literal["pair_additive", "triplet", "clopath"] = ds.parameter("triplet", "rule")
    rates: tuple[ds.Quantity, ...] = ds.parameter(
        ("10 Hz", "20 Hz", "30 Hz", "40 Hz", "50 Hz"), "rates of the pairs", unit="Hz", above=0
    )
    lag: ds.Quantity = ds.parameter("10 ms", "time between the spikes of a pair", above=0)
    pairs: int = ds.parameter(60, "number of pairs", least=1)
    dt: ds.Quantity = ds.parameter("0.1 ms", "time step", above=0)


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    periods, lag, step = _periods(p)
    if periods.min() <= lag:
        raise ds.errors.ParameterError(
            f"rates has {max(r.value for r in p.rates):g} Hz, at which the next pair begins before the second "
            f"spike of a pair, {1e3 * lag:g} ms after the first; choose lower rates or a shorter lag"
        )
    first = [ONSET + np.arange(p.pairs) * period for period in periods]
    second = [times + lag for times in first]
    duration = float(np.ceil((second[np.argmax(periods)][-1] + TAIL) / step) * step)
    circuit = paired_spikes(unbounded(pairing_rule(p.rule)), 2 * len(periods), START, p.dt)
    return ds.Protocol(
        circuit,
        (ds.Block("run", (ds.Phase("pairing", f"{duration!r} s"),)),),
        dt=p.dt,
        spikes={PRE: in_order(first + second), POST: in_order(second + first)},
        batch_fixed=True,
    )


def _periods(p):
    """Return the periods and the lag in seconds as whole numbers of time steps, and the step."""
    if not p.rates:
        raise ds.errors.ParameterError("rates is empty; give at least one")
    step = p.dt.value
    periods = np.rint(1 / np.array([r.value for r in p.rates]) / step) * step
    return periods, float(np.rint(p.lag.value / step) * step), step


def measure(result: ds.Result) -> ds.Measurement:
    """Measure the change of each weight; the rows are presynaptic spikes first, and postsynaptic ones first."""
    p = Parameters(**result.protocol.parameters)
    periods, lag, _ = _periods(p)
    change = result.final[f"{SYNAPSE}.weight"].values.reshape(2, -1) - START
    metrics, references = {"rates": 1 / periods, "change": change}, {}
    if p.rule != "clopath":
        metrics["expected_change"] = _expected(triplet_factors(p.rule), periods, lag, p.pairs)
        references["change"] = ds.Reference("expected_change", 1e-10, reason="rounding errors")
    figures = {"frequency": lambda: _draw(metrics)}
    return ds.Measurement(metrics, figures, {"rates": "Hz"}, references)


def _expected(a, period, lag, pairs):
    """Return the change by all pairs in closed form: geometric sums over earlier spikes."""
    k = np.arange(pairs)[:, None]

    def earlier(first, number, tau):
        """The sum of exp(-(first + n period)/tau) over n = 0, ..., number - 1."""
        ratio = np.exp(-period / tau)
        return np.exp(-first / tau) * (1 - ratio**number) / (1 - ratio)

    two_pre = a["a2_minus"] + a["a3_minus"] * earlier(period, k, a["tau_x"])
    two_post = a["a2_plus"] + a["a3_plus"] * earlier(period, k, a["tau_y"])
    near, far = (lag, k + 1), (period - lag, k)
    return np.array(
        [
            (two_post * earlier(*up, a["tau_plus"]) - two_pre * earlier(*down, a["tau_minus"])).sum(
                0
            )
            for up, down in ((near, far), (far, near))
        ]
    )


def _draw(metrics):
    order = np.argsort(metrics["rates"])
    names = ("presynaptic first", "postsynaptic first")
    ax = ds.plot.curve(
        metrics["rates"][order],
        {n: change[order] for n, change in zip(names, metrics["change"], strict=True)},
        xlabel="rate of pairs (Hz)",
        ylabel="change of the weight",
        marked=True,
        log=False,
    )
    ax.axhline(0, color="0.6", lw=0.8, zorder=0)
    return ax.figure
