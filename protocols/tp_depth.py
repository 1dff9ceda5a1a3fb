"""How large the learning signal is in each layer: with one phase, with two phases, and with multiplexing.

Chains of several depths settle without a target, then under a nudge, then with their top clamped to the target.
Apical weights are exact inverses and nothing learns. The signal of layer i is the one from which W_i would learn:

    single        h_i - f_i                  under the nudge
    clamped       h_i - f_i                  with the top clamped
    two_phase     h_i^nudged - h_i^free
    multiplexed   hh_i^nudged - hh_i^free

The first three are read from one circuit of `two_phase_dtp`, whose activity is that of `dynamical_tp`. Signals are
norms over all samples, relative to the signal that an ideal chain of targets would carry down from the error at
the top: eta_hat |J_i^-1 e_L|, where e_L is the error to which the circuit settled and J_i the Jacobian from layer
i to the output; for `clamped`, |J_i^-1 e_L| with the error of the feed-forward output. In linear circuits the
relative signals are exactly, with r = mu/(1 - mu) and L layers above the input,

    single        r^(L+1-i)
    clamped       G_i - G_(i-1),   G_i = (r^-i - 1)/(r^-(L+1) - 1)
    two_phase     r^(L+1-i) (1 - r^i)/(1 - r)
    multiplexed   1

In nonlinear circuits these forms are the limits for a small nudge (clamped: for a small error). Measured:

    signal         for each kind, the signal in layers 1 to L of the deepest chain
    layer1_signal  for each kind, the signal in layer 1 of every chain, shortest chain first
    deviation      for each kind, the largest relative distance over all layers and chains between the signal, as a
                   vector, and its closed form
    fall           factor per layer by which the single-phase signal falls, fitted over the deepest chain
    error_left     |e_L| over the error of the feed-forward output, for every single-phase chain: the nudge reduces
                   the error from which it is computed
    unsettled      largest |dh_i/dt| tau of a layer under the nudge, relative to its single-phase signal

Signals below about 1e-10 (small `mu`, many layers) are lost in rounding errors.

Sources
-------
Thesis, chapter 6, eq. 6.5-6.16 (single phase), 6.36 (two phases), 6.53-6.57 (multiplexed).

Errata applied
--------------
Eq. 6.36 leaves out that the nudge also changes the basal input, hence the second factor of `two_phase`. The errata
of the models apply as well.
"""

import numpy as np

import dendrosim as ds
from dendrosim.analysis import learning_signals
from dendrosim.analysis.target_propagation import layer_signals
from dendrosim.errors import ParameterError
from dendrosim.learning.cycle import learning_cycle
from dendrosim.learning.networks import input_signals, join_networks, load_network
from dendrosim.learning.settling import choose_time_step, count_settling_steps, find_settling
from dendrosim.plot import style

KINDS = {
    "single": "single phase",
    "clamped": "single, clamped",
    "two_phase": "two phases",
    "multiplexed": "multiplexed",
}
MODELS = ("two_phase", "multiplexed")
SPAN = 1000.0  # largest signal that multiplexed circuits can send, so large that nothing is cut off
LEFT = 1e-13  # size of the slowest mode in a settled circuit, relative to the smallest signal


class Parameters(ds.Parameters):
    depths: tuple[int, ...] = ds.parameter((1, 2, 4, 8), "layers above input, by chain", least=1)
    width: int = ds.parameter(4, "number of units in every layer", least=1)
    mu: float = ds.parameter(0.2, "weight of apical dendrites, between 0 and 1")
    eta_hat: float = ds.parameter(0.5, "size of the nudge towards the target", above=0)
    transfer: str = ds.parameter("linear", "a bijection: linear, smooth_leaky or leaky_relu")
    samples: int = ds.parameter(8, "number of normally distributed inputs and targets", least=1)
    settle: ds.Quantity | None = ds.parameter(None, "time to settle (from the spectrum)", unit="s")
    dt: ds.Quantity | None = ds.parameter(None, "time step (default: 0.5 tau)", unit="s")
    tau: ds.Quantity = ds.parameter("10 ms", "time constant of all layers", above=0)
    gain: float = ds.parameter(1.4, "largest singular value of the weights")
    condition: float = ds.parameter(2.0, "condition number of the weights (geometric spectrum)")
    data_seed: int = ds.parameter(0, "seed of inputs and targets, not of weights", least=0)


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    if not p.depths or len(set(p.depths)) < len(p.depths):
        raise ParameterError(f"depths is {p.depths}; give at least one depth, and none twice")
    step = choose_time_step(p.dt, p.tau)
    chains = {depth: [_chain(name, depth, p) for name in MODELS] for depth in p.depths}
    members = {f"depth{k}_{x.name}": x.circuit for k, chain in chains.items() for x in chain}
    settling = {name: find_settling(circuit, left=LEFT) for name, circuit in members.items()}
    steps = count_settling_steps(settling, step, p.settle)
    x, y = np.random.default_rng(p.data_seed).normal(size=(2, p.samples, p.width))
    free, nudged, *_ = learning_cycle(members, dt=step, tau=float(p.tau.value), steps=steps)
    # With the gate at 1/eta_hat the apical input of the top is h_L - (h_L - y) = y, so the top is clamped.
    clamp = {g: 1 / p.eta_hat for g in nudged.gates if g.endswith("_teach")}
    clamped = nudged.replace(name="clamped", gates={**nudged.gates, **clamp})
    shown = {k: input_signals(c, ds.Samples("x"), ds.Samples("y")) for k, c in chains.items()}
    return ds.Protocol(
        ds.Circuit.join(**{f"depth{k}": join_networks(chain) for k, chain in chains.items()}),
        (ds.Block("settle", (free, nudged, clamped)),),
        dt=f"{step!r} s",
        signals={f"depth{k}_{path}": v for k, drive in shown.items() for path, v in drive.items()},
        data={"x": x, "y": y},
        recordings=(ds.Recording(("*.h", "*_layer*.f", "*_layer*.g", "*.goal"), every="phase"),),
        batch=p.samples,
        batch_fixed=True,
    )


def _chain(name, depth, p):
    common = {"sizes": (p.width,) * (depth + 1), "transfer": p.transfer}
    others = {n: getattr(p, n) for n in ("mu", "eta_hat", "gain", "condition")} | {"span": SPAN}
    options = {"own": {"inverse": "exact"}, "others": others, "prefix": f"{name}_"}
    return load_network(name, tau=p.tau, common=common, **options)


def measure(result: ds.Result) -> ds.Measurement:
    """Compare the signal of every layer with its closed form."""
    p = Parameters(**result.protocol.parameters)
    depths, mu = sorted(p.depths), p.mu
    found = {depth: _read(result, depth, p) for depth in depths}
    expected = {depth: _expected(mu, depth) for depth in depths}
    deepest = found[depths[-1]]
    metrics = {
        "signal": deepest["signal"],
        "layer1_signal": {n: np.array([found[k]["signal"][n][0] for k in depths]) for n in KINDS},
        "deviation": {n: max(found[k]["deviation"][n] for k in depths) for n in KINDS},
        "fall": _fall(deepest["signal"]["single"]),
        "error_left": np.array([found[k]["error_left"] for k in depths]),
        "unsettled": max(found[k]["unsettled"] for k in depths),
    }
    left = [layer_signals.nudge_self_consistency(mu, k, p.eta_hat)[1] for k in depths]
    known = {
        "signal": expected[depths[-1]],
        "layer1_signal": {n: np.array([expected[k][n][0] for k in depths]) for n in KINDS},
        "deviation": dict.fromkeys(KINDS, 0.0),
        "fall": mu / (1 - mu),
        "error_left": np.array(left),
        "unsettled": 0.0,
    }
    # The forms are those of linear circuits; in others the nudge is finite.
    size, reason = (1e-6, "settling") if p.transfer == "linear" else (0.05, "a finite nudge")
    references = {n: ds.Reference(v, size, relative=size, reason=reason) for n, v in known.items()}
    signals = {depth: found[depth]["signal"] for depth in depths}
    figures = {
        "signal": lambda: _draw_signal(signals, expected),
        "layer1": lambda: _draw_layer1(depths, metrics["layer1_signal"], mu),
    }
    return ds.Measurement(metrics, figures, references=references)


def _expected(mu, depth):
    return {
        "single": layer_signals.local_error_factors(mu, depth),
        "clamped": layer_signals.local_error_factors_feed_forward(mu, depth),
        "two_phase": layer_signals.two_phase_factors(mu, depth),
        "multiplexed": np.ones(depth),
    }


def _read(result, depth, p):
    """Return the signals of the two chains of one depth, layer by layer."""

    def phases(model, variable, i):
        """Return the final states of layer i in the free, nudged and clamped phases, shape (3, units, samples)."""
        return result.traces[f"depth{depth}_{model}_layer{i}.{variable}"].values

    layers, data = range(1, depth + 1), result.protocol.data
    weights = [result.final[f"depth{depth}_two_phase_w{i}"].values for i in layers]
    forward = learning_signals.forward(weights, data["x"].T, p.transfer)
    jacobians = learning_signals.jacobians(weights, forward)
    y = data["y"].T
    before = forward.activities[-1] - y
    left = phases("two_phase", "h", depth)[1] - y
    errors = {"single": p.eta_hat * left, "clamped": before, "two_phase": p.eta_hat * left}
    errors["multiplexed"] = p.eta_hat * (phases("multiplexed", "h", depth)[1] - y)
    signals = {name: np.zeros(depth) for name in KINDS}
    deviation, unsettled = dict.fromkeys(KINDS, 0.0), 0.0
    expected = _expected(p.mu, depth)
    for i, jacobian in zip(layers, jacobians, strict=True):
        h, f, g = (phases("two_phase", v, i) for v in "hfg")
        goal = phases("multiplexed", "goal", i)
        carried = {"single": h[1] - f[1], "clamped": h[2] - f[2], "two_phase": h[1] - h[0]}
        carried["multiplexed"] = goal[1] - goal[0]
        for name, signal in carried.items():
            ideal = -np.linalg.solve(jacobian, errors[name].T[:, :, None])[:, :, 0].T
            size = np.linalg.norm(ideal)
            signals[name][i - 1] = np.linalg.norm(signal) / size
            away = np.linalg.norm(signal / expected[name][i - 1] - ideal) / size
            deviation[name] = max(deviation[name], float(away))
        change = (1 - p.mu) * f[1] + p.mu * g[1] - h[1]
        unsettled = max(unsettled, np.linalg.norm(change) / np.linalg.norm(carried["single"]))
    return {
        "signal": signals,
        "deviation": deviation,
        "error_left": np.linalg.norm(left) / np.linalg.norm(before),
        "unsettled": float(unsettled),
    }


def _fall(signal):
    """Return the factor by which a signal falls from one layer to the next, or nan for one layer."""
    if len(signal) < 2:
        return np.nan
    return float(np.exp(-np.polyfit(np.arange(len(signal)), np.log(signal), 1)[0]))


@style.styled
def _draw_signal(signals, expected):
    """Draw the signal against the layer, one panel per kind of signal: measured (dots) and closed form (lines)."""
    from matplotlib import colormaps

    panels = style.row(len(KINDS), (8.6, 3.0))
    shades = colormaps["viridis"](np.linspace(0.85, 0.0, len(signals)))
    for ax, (name, title) in zip(panels, KINDS.items(), strict=True):
        for k, (depth, found) in enumerate(signals.items()):
            layers = np.arange(1, depth + 1)
            options = {"color": shades[k], "zorder": 3 - k / len(signals)}  # short chains in front
            ax.plot(layers, expected[depth][name], lw=1.0, **options)
            ax.plot(layers, found[name], "o", markersize=4, label=f"{depth}", **options)
        ax.set(xlabel="layer", yscale="log", title=title)
        ax.xaxis.get_major_locator().set_params(integer=True)
    panels[0].set_ylabel("signal over that of an ideal chain")
    style.legend_right(panels[-1], title="layers\n(lines: closed form)")
    return panels[0].figure


@style.styled
def _draw_layer1(depths, signals, mu):
    curves = {KINDS[name]: values for name, values in signals.items()}
    labels = {"xlabel": "layers above the input", "ylabel": "signal over that of an ideal chain"}
    title = "What reaches layer 1 (lines: closed form)"
    ax = ds.plot.curve(depths, curves, **labels, title=title, log=True)
    every = np.arange(1, max(depths) + 1)
    for k, (line, name) in enumerate(zip(list(ax.lines), signals, strict=True)):
        # One and two phases have the same signal in layer 1; rings of decreasing size keep both visible.
        line.set(marker="o", markersize=10 - 2 * k, markerfacecolor="none", ls="none")
        exact = [_expected(mu, k)[name][0] for k in every]
        ax.plot(every, exact, color=line.get_color(), lw=1.0, zorder=1)
    ax.margins(x=0.03)
    ax.xaxis.get_major_locator().set_params(integer=True)
    style.legend_right(ax)
    return ax.figure
