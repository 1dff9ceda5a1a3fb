"""Decoupled interneuron synapses of BMVR become transposes of each other by Hebbian learning alone.

Pyramidal-to-interneuron synapses r start unrelated to interneuron-to-pyramidal synapses q. Both follow the
same Hebbian rule. Whatever the activity, Q^T - R therefore shrinks by exactly (1 - eta dt/tau_ratio) in every
step of forward Euler, and as exp(-eta t/tau_ratio) in continuous time. With `decay_q`, eta falls as
1/(1 + t/decay_q), and the difference as (1 + t/decay_q)^(-eta decay_q/tau_ratio).

Sources
-------
BMVR workshop abstract (NeurIPS 2020), appendix D, eq. 21-23.

Errata applied
--------------
n must be redefined as R z (the abstract keeps n = Q^T z). Eq. 23 holds for any n.
"""

import numpy as np

import dendrosim as ds
from dendrosim.plot import style


class Parameters(ds.Parameters):
    inputs: int = ds.parameter(10, "dimension of x")
    outputs: int | None = ds.parameter(None, "dimension of y (default: len(canonical))")
    hidden: int | None = ds.parameter(None, "pyramidal cells (default: min(2, len(canonical)))")
    canonical: tuple[float, ...] = ds.parameter((0.9, 0.7, 0.5), "singular values of Cxx^-1/2 Cxy")
    samples: int = ds.parameter(200, "size of the data set, shown as one batch")
    coloured: bool = ds.parameter(False, "whether Cxx has condition number 4 in place of 1")
    duration: ds.Quantity = ds.parameter("4 s", "simulated time", above=0)
    dt: ds.Quantity = ds.parameter("2 ms", "time step", above=0)
    data_seed: int = ds.parameter(0, "seed of the data", least=0)
    circuit = ds.parameters_of("bmvr", without=("transfer", "tau_mean", "decoupled"))


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    outputs = len(p.canonical) if p.outputs is None else p.outputs
    hidden = min(2, len(p.canonical)) if p.hidden is None else p.hidden
    rng = np.random.default_rng(p.data_seed)
    x, y = ds.tasks.canonical_gaussian(
        p.inputs, outputs, p.canonical, p.samples, rng, coloured=p.coloured
    )
    steps = max(1, round(p.duration.value / p.dt.value))
    every = f"{max(1, steps // 400) * p.dt.value!r} s"
    return ds.Protocol(
        ds.load_circuit(
            "bmvr", inputs=p.inputs, outputs=outputs, hidden=hidden, decoupled=True, **p.circuit
        ),
        (ds.Block("train", (ds.Phase("learn", p.duration, gates={"learn": 1.0}),)),),
        dt=p.dt,
        signals={"input.x": ds.Samples("x"), "target.y": ds.Samples("y")},
        data={"x": x.T, "y": y.T},
        recordings=(ds.Recording(("q", "r"), every=every),),
        batch=p.samples,
        batch_fixed=True,
    )


def measure(result: ds.Result) -> ds.Measurement:
    """Compare the decay of Q^T - R with the product of (1 - eta dt/tau_ratio) over the steps."""
    p, dt = result.circuit.parameters, result.protocol.time_step
    rate, steps = p["eta"].value / p["tau_ratio"].value, result.protocol.total_steps
    t0 = float(p["decay_q"].value) if "decay_q" in p else np.inf
    q, r = result["q"], result["r"]
    gaps = np.linalg.norm(q.values.swapaxes(1, 2) - r.values, axis=(1, 2))
    end = float(np.linalg.norm(result.final["q"].values.T - result.final["r"].values))
    # The rate in each step is that at its beginning.
    left = np.abs(np.cumprod(1 - rate * dt / (1 + np.arange(steps) * dt / t0)))
    left = np.concatenate([[1.0], left])
    expected, seconds = float(left[-1]), steps * dt
    continuous = np.exp(-rate * seconds) if np.isinf(t0) else (1 + seconds / t0) ** (-rate * t0)
    exact = left[np.round((q.time.values - result.start) / dt).astype(int)]
    # A gap far below the size of the weights is rounding error and is not compared.
    seen = exact > 1e-4
    metrics = {
        "transpose_gap": end / gaps[0],
        "expected_gap": expected,
        "expected_gap_continuous": float(continuous),
        "largest_relative_error": float(np.max(np.abs(gaps[seen] / gaps[0] / exact[seen] - 1))),
    }

    @style.styled
    def decay():
        ax = ds.plot.curve(
            q.time.values - result.start,
            {"simulated": gaps / gaps[0], "closed form: product of 1 − η dt/τ": exact},
            ylabel="|Qᵀ − R| over its start",
            title="Synapses in both directions become transposes",
            log=True,
        )
        simulated, formula = ax.lines[:2]
        simulated.set(linewidth=4.0, alpha=0.4)  # the closed form is drawn on top of it
        formula.set(linestyle=(0, (4, 3)))
        style.legend_right(ax)
        return ax.figure

    rounding = "rounding errors of the weights"
    references = {
        "transpose_gap": ds.Reference("expected_gap", 1e-12, relative=1e-9, reason=rounding),
        "largest_relative_error": ds.Reference(0.0, 1e-9, reason=rounding),
    }
    return ds.Measurement(metrics, {"decay": decay}, references=references)
