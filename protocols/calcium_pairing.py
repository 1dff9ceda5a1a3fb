"""Calcium-based plasticity under repeated pairs: how many synapses change their state, against the lag of pairs.

Pairs of spikes are repeated, with `synapses` synapses of each pair of cells in the state 0 and as many in the
state 1. Each has noise of its own. `up` is the share of the first whose rho is above 1/2 at the end, `down` the
share of the second that is below; `strength` is the mean of rho at the end over both, relative to 1/2.

If transitions take much longer than a period, calcium matters only by the shares a_d and a_p of time that it is
above each threshold, and rho is an Ornstein-Uhlenbeck process, without the cubic drift:

    G_d = gamma_d a_d,  G_p = gamma_p a_p,  rho_m = G_p/(G_p + G_d),  tau = tau_rho/(G_p + G_d),
    variance = sigma^2 (a_p + a_d)/(2 (G_p + G_d)),  P(rho > 1/2) from the mean rho_m + (rho_0 - rho_m) e^(-T/tau)

and the variance times 1 - e^(-2T/tau). `expected_up` and `expected_down` follow from that. It is an approximation.

Sources
-------
Graupner & Brunel (2012), PNAS 109:3991: rule, values and approximation. The number of pairs and
their rate are those of a usual experiment.

Errata applied
--------------
None.
"""

import numpy as np
from scipy.stats import norm

import dendrosim as ds
from dendrosim.mechanisms.paired_spikes import POST, PRE, SYNAPSE, in_order, paired_spikes
from dendrosim.rules._calcium import DELAYS

ONSET = 60e-3  # seconds before the first pair


class Parameters(ds.Parameters):
    lags: tuple[ds.Quantity, ...] = ds.parameter(
        tuple(f"{t} ms" for t in range(-50, 51, 10)),
        "times of the postsynaptic spike minus those of the presynaptic one",
        unit="s",
    )
    values: str = ds.parameter("dp", "set of values, see ds.rules.calcium")
    pairs: int = ds.parameter(60, "number of pairs", least=1)
    rate: ds.Quantity = ds.parameter("1 Hz", "rate of the pairs", above=0)
    synapses: int = ds.parameter(100, "synapses in each state, of each lag", least=1)
    dt: ds.Quantity = ds.parameter("0.5 ms", "time step", above=0)


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    lags, period, step = _in_steps(p)
    start = np.abs(lags).max() + ONSET
    first = start + np.arange(p.pairs) * period
    rule = ds.rules.calcium(p.values)
    delay = float(ds.quantity(DELAYS[p.values]).value + step)
    weight = np.tile(np.repeat([0.0, 1.0], p.synapses), len(lags))
    duration = float(np.ceil((start + p.pairs * period) / step) * step)
    return ds.Protocol(
        paired_spikes(rule, len(lags), weight, f"{delay!r} s", 2 * p.synapses),
        (ds.Block("run", (ds.Phase("pairing", f"{duration!r} s"),)),),
        dt=p.dt,
        spikes={PRE: in_order([first] * len(lags)), POST: in_order([first + t for t in lags])},
        batch_fixed=True,
    )


def _in_steps(p):
    """Return the lags and the period in seconds as whole numbers of time steps, and the step."""
    if not p.lags:
        raise ds.errors.ParameterError("lags is empty; give at least one")
    step = p.dt.value
    lags = np.rint(np.array([lag.value for lag in p.lags]) / step) * step
    return lags, float(np.rint(1 / p.rate.value / step) * step), step


def measure(result: ds.Result) -> ds.Measurement:
    """Measure the shares of synapses that changed their state, with standard errors."""
    p = Parameters(**result.protocol.parameters)
    lags, period, step = _in_steps(p)
    rho = result.final[f"{SYNAPSE}.weight"].values.reshape(len(lags), 2, p.synapses)
    up, down = (rho[:, 0] > 0.5).mean(axis=1), (rho[:, 1] <= 0.5).mean(axis=1)
    expected_up, expected_down = _expected(p, lags, period, step)
    metrics = {
        "lags": lags,
        "up": up,
        "up_error": np.sqrt(up * (1 - up) / p.synapses),
        "down": down,
        "down_error": np.sqrt(down * (1 - down) / p.synapses),
        "strength": 2 * rho.mean(axis=(1, 2)),
        "expected_up": expected_up,
        "expected_down": expected_down,
    }
    return ds.Measurement(metrics, {"transitions": lambda: _draw(metrics)}, {"lags": "s"})


def _expected(p, lags, period, step):
    """Return the probabilities of both transitions for slow synapses."""
    v = {n: float(q.value) for n, q in ds.rules.calcium(p.values).parameters.items()}
    late = ds.quantity(DELAYS[p.values]).value
    # Calcium in a period, long after the first pair: both spikes of all earlier pairs decay.
    times = np.arange(round(period / step)) * step
    c = np.zeros((len(lags), len(times)))
    for size, at in ((v["pre_calcium"], np.full(len(lags), late)), (v["post_calcium"], lags)):
        since = np.mod(times - at[:, None] + step / 4, period)
        c += size * np.exp(-since / v["tau_calcium"]) / (1 - np.exp(-period / v["tau_calcium"]))
    share_d, share_p = (c > v["theta_d"]).mean(axis=1), (c > v["theta_p"]).mean(axis=1)
    g_d, g_p = v["gamma_d"] * share_d, v["gamma_p"] * share_p
    both = np.maximum(g_d + g_p, 1e-12)
    mean, left = g_p / both, np.exp(-p.pairs * period * both / v["tau_rho"])
    spread = np.sqrt(v["sigma"] ** 2 * (share_p + share_d) / (2 * both) * (1 - left**2))
    spread = np.maximum(spread, 1e-12)
    return (
        norm.sf(0.5, mean - mean * left, spread),
        norm.cdf(0.5, mean + (1 - mean) * left, spread),
    )


def _draw(metrics):
    order = np.argsort(metrics["lags"])
    names = {"up": "from 0 to 1", "down": "from 1 to 0"}
    curves = {text: metrics[name][order] for name, text in names.items()}
    curves |= {
        f"{text}, slow synapses": metrics[f"expected_{name}"][order] for name, text in names.items()
    }
    ax = ds.plot.curve(
        1e3 * metrics["lags"][order],
        curves,
        xlabel="postsynaptic minus presynaptic spike (ms)",
        ylabel="share of synapses that change",
        marked=True,
        log=False,
    )
    return ax.figure
