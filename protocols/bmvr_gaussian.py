"""BMVR on Gaussian data whose covariances are exact, against the closed-form optimum.

The data have uncentred empirical covariances Cyy = I, Cxx = I or coloured, and singular values of
Cxx^(-1/2) Cxy as listed in `canonical`. The circuit should reach, whatever its initial weights:
loss tr Cyy - (sum of the k largest squared canonical values), W1 Cxx W1^T = I, and eigenvalues of Q Q^T equal to
the k largest squared canonical values.

Shown either as one batch held for the whole run, or sample by sample (`mode = online`), where each
presentation lets the compartments settle and then learns, at a rate that decays as 1/(1 + trial/5000).

Sources
-------
BMVR workshop abstract (NeurIPS 2020), eq. 3-7 and appendix A: the optimum. Two things that it does not
say: interneuron synapses slower than a critical `tau_ratio` make the optimum unstable, and from
`tau_ratio` of about 2.5 on (canonical 0.9, 0.5) a rotating wave coexists with the stable optimum, so that random
initial weights may not reach it. `start = optimum` begins beside it and tests its stability alone.
"""

from typing import Annotated, Literal

import numpy as np

import dendrosim as ds
from dendrosim.analysis import bmvr_flow, regression
from dendrosim.errors import ParameterError

PER_TRIAL = 8  # time steps of an online presentation: 3 to settle, 5 to learn
ANNEAL = 5000  # presentations after which the online learning rate has halved


def protocol(
    *,
    inputs: int = 10,
    outputs: int | None = None,
    hidden: int | None = None,
    canonical: tuple[float, ...] = (0.9, 0.7, 0.5),
    samples: int = 200,
    mode: Literal["batch", "online"] = "batch",
    coloured: bool = False,
    start: Literal["random", "optimum"] = "random",
    perturbation: float = 0.01,
    duration: Annotated[ds.Quantity | None, "s"] = None,
    presentations: int = 80_000,
    dt: ds.Quantity = "2 ms",
    data_seed: int = 0,
    **circuit: ds.parameters_of(
        "bmvr", without=("inputs", "outputs", "hidden", "transfer", "tau_mean")
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
        Number k of pyramidal cells (default: 2, or fewer if `canonical` is shorter).
    canonical
        Singular values of Cxx^(-1/2) Cxy, each in (0, 1]; the rest are 0.
    samples
        Size of the data set, at least inputs + outputs.
    mode
        `batch`: the whole set side by side; `online`: sample by sample.
    coloured
        Whether Cxx has condition number 4 in place of 1.
    start
        `optimum`: initial weights at the optimum plus noise of standard deviation `perturbation`.
    perturbation
        See `start`.
    duration
        Simulated time in batch mode (default: what the slowest mode needs for 1e-6).
    presentations
        Samples shown in online mode.
    dt
        Time step.
    data_seed
        Seed of the data; the run's own seed draws initial weights and the order of samples.
    """
    ds.positive(dt=dt, presentations=presentations, eta=circuit["eta"])
    ds.not_negative(data_seed=data_seed)
    outputs = len(canonical) if outputs is None else outputs
    hidden = min(2, len(canonical)) if hidden is None else hidden
    rng = np.random.default_rng(data_seed)
    x, y = ds.tasks.canonical_gaussian(inputs, outputs, canonical, samples, rng, coloured=coloured)
    if hidden > np.count_nonzero(canonical):
        raise ParameterError(
            f"hidden is {hidden}, but Cxy has rank {np.count_nonzero(canonical)}: beyond it W1 Cxx W1^T = I "
            "has no solution at the optimum; lengthen canonical or lower hidden"
        )
    built = ds.load_circuit("bmvr", inputs=inputs, outputs=outputs, hidden=hidden, **circuit)
    if start == "optimum":
        built = _at_optimum(built, regression.covariances(x, y), perturbation, rng)
    if mode == "online" and duration is not None:
        raise ParameterError("duration is for mode = batch; online takes a number of presentations")
    if mode == "online":
        block, keep = _online(built, x, presentations, dt)
        batch = 1
    else:
        rate = _rate(x, y, hidden, built, dt)
        if duration is None:
            steps = max(1, round(_duration(rate, built) / float(dt.value)))
            duration = f"{steps * float(dt.value)!r} s"
        else:
            ds.positive(duration=duration)
            steps = max(1, round(float(duration.value) / float(dt.value)))
        block = ds.Block("train", (ds.Phase("learn", duration, gates={"learn": 1.0}),))
        keep = f"{max(1, steps // 500) * float(dt.value)!r} s"
        batch = samples
    weights = ("w1", "b", "q", "r") if circuit["decoupled"] else ("w1", "b", "q")
    return ds.Protocol(
        built,
        (block,),
        dt=dt,
        signals={"input.x": ds.Samples("x"), "target.y": ds.Samples("y")},
        data={"x": x.T, "y": y.T},
        recordings=(ds.Recording(weights, every=keep),),
        batch=batch,
        batch_fixed=mode == "batch",
    )


def _online(built, x, presentations, dt):
    step = float(dt.value)
    # the rate per presentation stays below what the largest |x|^2 allows
    amplitude = min(1.0, 7.0 / float(np.mean(np.sum(x**2, axis=0))))
    decay = f"{ANNEAL * PER_TRIAL * step!r} s"
    phases = (
        ds.Phase("settle", f"{3 * step!r} s", gates={"learn": 0.0}),
        ds.Phase("learn", f"{5 * step!r} s", gates={"learn": ds.Hyperbolic(amplitude, decay)}),
    )
    keep = f"{max(1, presentations // 500) * PER_TRIAL * step!r} s"
    return ds.Block("train", phases, trials=presentations, order="shuffled"), keep


def _number(circuit, name):
    return float(circuit.parameters[name].value)


def _rate(x, y, hidden, built, dt):
    """Slowest decay rate at the optimum, in units of eta, with the compartments' lag taken off."""
    modes = bmvr_flow.flow_modes(
        regression.covariances(x, y),
        hidden,
        rho=_number(built, "rho"),
        tau_ratio=_number(built, "tau_ratio"),
        decoupled=any(m.name == "r" for m in built.matrices),
    ).eigenvalues
    lag = sum(_number(built, f"tau_{c}") for c in ("basal", "soma", "interneuron")) + float(
        dt.value
    )
    return float(np.min(-modes.real - modes.imag**2 * _number(built, "eta") * lag / 2))


def _duration(rate, built):
    """Twenty e-folds of the slowest mode: up to 18 were seen from random weights to 1e-6."""
    eta = _number(built, "eta")
    return min(20.0 / rate, 2000.0) / eta if rate > 0 else 400.0 / eta


def _at_optimum(built, covariances, perturbation, rng):
    k = built.population("pyramidal").size
    w1, b, q = regression.optimal_weights(covariances, k)
    given = {"w1": w1, "b": b, "q": q, "r": q.T}
    matrices = tuple(
        m.replace(initial=given[m.name] + perturbation * rng.normal(size=given[m.name].shape))
        for m in built.matrices
    )
    return built.replace(matrices=matrices)


def measure(result: ds.Result) -> ds.Measurement:
    """Compare what was learned with the closed-form optimum."""
    protocol = result.protocol
    x, y = protocol.data["x"].T, protocol.data["y"].T
    cov = regression.covariances(x, y)
    w1, b, q = (result.final[n].values for n in ("w1", "b", "q"))
    k = len(q)
    loss, optimum = regression.loss(cov, w1, b), regression.optimal_loss(cov, k)
    excess = regression.relative_excess(cov, w1, b)
    whitening, gain = regression.whitening_error(cov, w1), regression.gain_error(cov, q)
    exact = protocol.batch_fixed
    converged = excess <= 1e-6 and whitening <= 1e-4 and gain <= 1e-4 if exact else excess <= 0.02
    gains = np.sort(np.linalg.eigvalsh(q @ q.T))[::-1]
    expected = regression.canonical_spectrum(cov)[:k]
    metrics = {
        "relative_excess": excess,
        "whitening_error": whitening,
        "gain_error": gain,
        "converged": bool(converged),
        "loss": loss,
        "optimum": optimum,
        "gains": gains,
        "expected_gains": expected,
        "critical_tau_ratio": bmvr_flow.critical_tau_ratio(
            regression.canonical_values(cov), k, rho=_number(protocol.circuit, "rho")
        ),
    }
    references = {
        "relative_excess": 0.0,
        "whitening_error": 0.0,
        "gain_error": 0.0,
        "loss": optimum,
        "gains": expected,
    }

    def approach():
        times = result["w1"].time.values
        excess_now = [
            max(regression.relative_excess(cov, *pair), 1e-16)
            for pair in zip(result["w1"].values, result["b"].values, strict=True)
        ]
        white = [regression.whitening_error(cov, w) for w in result["w1"].values]
        gain_now = [regression.gain_error(cov, m) for m in result["q"].values]
        curves = {
            "loss above optimum (relative)": excess_now,
            "|W1 Cxx W1$^T$ - I|": white,
            "error of gains": gain_now,
        }
        return ds.plot.curve(
            times,
            curves,
            ylabel="distance from the optimum",
            title="BMVR approaches the optimum",
            log=True,
        ).figure

    figures = {
        "approach": approach,
        "weights_w1": lambda: ds.plot.weight_traces(result, "w1").figure,
        "matrix_q": lambda: ds.plot.weights(result, "q").figure,
    }
    return ds.Measurement(metrics, figures, references=references)
