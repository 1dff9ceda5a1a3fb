"""Decoupled interneuron synapses of BMVR become transposes of each other by Hebbian learning alone.

Pyramidal-to-interneuron synapses r start unrelated to interneuron-to-pyramidal synapses q. Both follow the
same Hebbian rule, so whatever the activity, Q^T - R shrinks by the factor (1 - eta dt/tau_ratio) in every
step of forward Euler, exactly, and as exp(-eta t/tau_ratio) in continuous time.

Sources
-------
BMVR workshop abstract (NeurIPS 2020), appendix D, eq. 21-23.

Errata applied
--------------
n must be redefined as R z (the abstract keeps n = Q^T z). Eq. 23 holds for any n.
"""

import numpy as np

import dendrosim as ds


def protocol(
    *,
    inputs: int = 10,
    outputs: int | None = None,
    hidden: int | None = None,
    canonical: tuple[float, ...] = (0.9, 0.7, 0.5),
    samples: int = 200,
    coloured: bool = False,
    duration: ds.Quantity = "4 s",
    dt: ds.Quantity = "2 ms",
    data_seed: int = 0,
    **circuit: ds.parameters_of(
        "bmvr", without=("inputs", "outputs", "hidden", "transfer", "tau_mean", "decoupled")
    ),
) -> ds.Protocol:
    """Return the protocol.

    Parameters
    ----------
    inputs
        Dimension of x.
    outputs
        Dimension of y (default: the length of `canonical`).
    hidden
        Number of pyramidal cells (default: 2, or fewer if `canonical` is shorter).
    canonical
        Singular values of Cxx^(-1/2) Cxy of the data.
    samples
        Size of the data set, all of it shown side by side.
    coloured
        Whether Cxx has condition number 4 in place of 1.
    duration
        Simulated time.
    dt
        Time step.
    data_seed
        Seed of the data.
    """
    ds.positive(dt=dt, duration=duration)
    ds.not_negative(data_seed=data_seed)
    outputs = len(canonical) if outputs is None else outputs
    hidden = min(2, len(canonical)) if hidden is None else hidden
    rng = np.random.default_rng(data_seed)
    x, y = ds.tasks.canonical_gaussian(inputs, outputs, canonical, samples, rng, coloured=coloured)
    built = ds.load_circuit(
        "bmvr", inputs=inputs, outputs=outputs, hidden=hidden, decoupled=True, **circuit
    )
    steps = max(1, round(float(duration.value) / float(dt.value)))
    return ds.Protocol(
        built,
        (ds.Block("train", (ds.Phase("learn", duration, gates={"learn": 1.0}),)),),
        dt=dt,
        signals={"input.x": ds.Samples("x"), "target.y": ds.Samples("y")},
        data={"x": x.T, "y": y.T},
        recordings=(
            ds.Recording(("q", "r"), every=f"{max(1, steps // 400) * float(dt.value)!r} s"),
        ),
        batch=samples,
        batch_fixed=True,
    )


def measure(result: ds.Result) -> ds.Measurement:
    """Compare the decay of Q^T - R with (1 - eta dt/tau_ratio)^n."""
    circuit, dt = result.protocol.circuit, result.protocol.time_step
    rate = float(circuit.parameters["eta"].value) / float(circuit.parameters["tau_ratio"].value)
    times = result["q"].time.values
    pairs = zip(result["q"].values, result["r"].values, strict=True)
    gaps = np.array([np.linalg.norm(q.T - r) for q, r in pairs])
    end = float(np.linalg.norm(result.final["q"].values.T - result.final["r"].values))
    steps = result.protocol.total_steps
    ratio, expected = end / gaps[0], abs(1 - rate * dt) ** steps
    # Far below the size of the weights the gap is rounding; there is nothing to compare.
    exact = abs(1 - rate * dt) ** np.round(times / dt)
    seen = exact > 1e-4
    metrics = {
        "transpose_gap": ratio,
        "expected_gap": expected,
        "expected_gap_continuous": float(np.exp(-rate * dt * steps)),
        "largest_relative_error": float(np.max(np.abs(gaps[seen] / gaps[0] / exact[seen] - 1))),
    }
    references = {"transpose_gap": expected}

    def decay():
        return ds.plot.curve(
            times,
            {"simulated": gaps / gaps[0], "(1 - η dt/τ)$^n$": exact},
            ylabel="|Q$^T$ - R| over its start",
            title="Synapses in both directions become transposes",
            log=True,
        ).figure

    return ds.Measurement(metrics, {"decay": decay}, references=references)
