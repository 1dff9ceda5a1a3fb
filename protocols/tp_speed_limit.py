"""How fast the error can fall in a single-phase circuit whose first layer alone learns: there is a limit.

Plasticity is on all the time, in a nudged linear circuit with exact inverses. The inputs have uncorrelated
components of different power, and for component k the speed of learning in W_1 is

    kappa_k = eta_1 <x_k^2> tau

independently of other components, so that one circuit shows all speeds side by side. Slow learning lets the
circuit settle, and its error falls at the rate kappa r^L eta_hat/(1 + eta_hat S) per tau (`adiabatic_rate`; r =
mu/(1 - mu), S = r + ... + r^L). Fast learning does not help: W_1 then merely follows the activity of layer 1, and
the correction by the nudge arrives there at a rate of about mu^L eta_hat (`speed_limit`). In between, the rate is
the decay rate of the slowest of L + 1 modes (`expected_rate`).

Learning in single steps, each after the circuit has settled, is not bound by this limit: a second circuit learns
in this way from inputs of equal power, and removes the fraction `part` of its error in each step.

Rates are per tau, fitted over the last part of the run, in which only the slowest mode is left, and corrected for
the forward Euler step, so that they apply to continuous time.

Measured:

    kappa, rate       per component, with `expected_rate` and `adiabatic_rate` for comparison
    speed_limit       rate that no kappa can exceed; `fraction_of_limit` is the largest measured rate over it
    event_rate        rate at which the error of the second circuit falls, per tau
    event_advantage   `event_rate` over `speed_limit`

Sources
-------
Thesis, chapter 6, eq. 6.10-6.17. The rates are not in the thesis: see `dendrosim.analysis.target_propagation`.

Errata applied
--------------
The errata of `dynamical_tp` apply.
"""

from math import ceil

import numpy as np

import dendrosim as ds
from dendrosim.analysis.target_propagation import learning_speed
from dendrosim.errors import ParameterError
from dendrosim.learning.settling import count_settling_steps, find_settling
from dendrosim.plot import style

ALONE = 1e-13  # part of the learning signal below which all modes but the slowest count as gone
WINDOW = 20  # shortest time in tau over which the rate of that mode is fitted
KEPT = 400  # approximate number of times at which activities are recorded


class Parameters(ds.Parameters):
    layers: int = ds.parameter(3, "layers above the input", least=1)
    width: int = ds.parameter(4, "units of each layer; the input has one per kappa", least=1)
    mu: float = ds.parameter(0.2, "weight of the apical dendrite, between 0 and 1")
    eta_hat: float = ds.parameter(0.5, "size of the nudge towards the target", above=0)
    kappas: tuple[float, ...] = ds.parameter(
        (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0), "speeds of learning", above=0
    )
    part: float = ds.parameter(0.5, "part of the error that one step removes", above=0, below=1)
    duration: ds.Quantity | None = ds.parameter(None, "simulated time (400 tau or more)", unit="s")
    settle: ds.Quantity | None = ds.parameter(None, "time between steps (by spectrum)", unit="s")
    dt: ds.Quantity | None = ds.parameter(None, "time step (0.2 tau, or less)", unit="s", above=0)
    tau: ds.Quantity = ds.parameter("10 ms", "time constant of all layers", above=0)
    gain: float = ds.parameter(1.4, "largest singular value of the initial weights")
    condition: float = ds.parameter(2.0, "condition number of these weights")
    data_seed: int = ds.parameter(0, "seed of inputs and targets, not of initial weights", least=0)


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    if not p.kappas:
        raise ParameterError("kappas is empty; give at least one")
    continuous, events = _circuits(p)
    tau, step = float(p.tau.value), _step(p)
    settling = {"the circuit that learns in steps": find_settling(events)}
    steps = count_settling_steps(settling, step, p.settle)
    alone = find_settling(events, left=ALONE).time
    least = alone + WINDOW * tau
    total = max(400 * tau, least) if p.duration is None else float(p.duration.value)
    if total < least * (1 - 1e-9):
        raise ParameterError(
            f"duration is {total * 1e3:.4g} ms; the slowest mode is left alone only after {alone * 1e3:.4g} ms, "
            f"and its rate is fitted over {WINDOW} tau or more: give at least {least * 1e3:.4g} ms"
        )
    trials = max(2, ceil(total / ((steps + 1) * step) - 1e-9))
    every = max(1, round(trials * (steps + 1) / KEPT))
    rng, inputs = np.random.default_rng(p.data_seed), len(p.kappas)
    white, wanted = _white(inputs, rng), rng.normal(size=(p.width, inputs))
    x = white * np.sqrt(p.kappas)
    return ds.Protocol(
        ds.Circuit.join(continuous=continuous, events=events),
        (ds.Block("learn", _cycle(continuous, steps, step, tau), trials=trials),),
        dt=f"{step!r} s",
        signals={
            "continuous_layer0.h": ds.Samples("x"),
            "events_layer0.h": ds.Samples("white"),
            f"continuous_layer{p.layers}.target": ds.Samples("y"),
            f"events_layer{p.layers}.target": ds.Samples("white_y"),
        },
        data={"x": x, "y": x @ wanted.T, "white": white, "white_y": white @ wanted.T},
        recordings=(
            ds.Recording(f"continuous_layer{p.layers}.h", every=f"{every * step!r} s"),
            ds.Recording(f"events_layer{p.layers}.h", every="phase", phases="settle"),
        ),
        batch=len(white),
        batch_fixed=True,
        references={"alone": alone},
    )


def _circuits(p):
    """Return the circuit that learns all the time, and the one that learns in steps."""
    factor = learning_speed.adiabatic_rate(p.mu, p.layers, p.eta_hat, 1.0)
    circuits = []
    options = {n: getattr(p, n) for n in ("mu", "eta_hat", "tau", "gain", "condition")}
    options |= {
        "sizes": (len(p.kappas), *(p.width,) * p.layers),
        "compensate": False,
        "rule": "difference",
    }
    # With eta = 1/tau the power of a component is its kappa. With the second eta, a component of power 1 loses
    # `part` of its error in each step.
    for change in (1.0, p.part / factor):
        eta = f"{change / float(p.tau.value)!r} Hz"
        circuit = ds.load_circuit("dynamical_tp", eta=eta, **options)
        held = {m.name: {"plasticity": None, "parameters": {}} for m in circuit.matrices[1:]}
        matrices = [m.replace(**held.get(m.name, {})) for m in circuit.matrices]
        circuits.append(circuit.replace(matrices=matrices))
    return circuits


def _step(p):
    """Return the time step in seconds, which must be short enough for the fastest mode."""
    # Gershgorin's bound from the rows of the symmetrised chain of W_1 and h_1 .. h_L.
    largest, tau = max(p.kappas), float(p.tau.value)
    coupling, neighbour = np.sqrt(largest * (1 - p.mu)), np.sqrt(p.mu * (1 - p.mu))
    fastest_rate = max(largest + coupling, 1 + coupling + neighbour, 1 + 2 * neighbour)
    if p.dt is None:
        return tau / max(5, ceil(fastest_rate))
    step = float(p.dt.value)
    if step * fastest_rate >= 2 * tau:
        raise ParameterError(
            f"dt is {step * 1e3:g} ms; with kappa = {largest:g} it must be below "
            f"{2e3 * tau / fastest_rate:.4g} ms, or weights overshoot"
        )
    return step


def _white(inputs, rng):
    """Return rows x with <x x^T> = I, exactly."""
    samples = 2 * inputs
    return np.sqrt(samples) * np.linalg.qr(rng.normal(size=(samples, inputs)))[0]


def _cycle(continuous, steps, step, tau):
    """Return a cycle of settling and one step of learning; the first circuit learns in both phases."""
    open_ = {f"continuous_{gate}": 1.0 for gate in continuous.gates} | {"events_teach": 1.0}
    return (
        ds.Phase("settle", f"{steps * step!r} s", gates={**open_, "events_learn": 0.0}),
        ds.Phase("step", f"{step!r} s", gates={**open_, "events_learn": tau / step}),
    )


def measure(result: ds.Result) -> ds.Measurement:
    """Compare the rates at which errors fall with their closed forms."""
    protocol, p = result.protocol, Parameters(**result.protocol.parameters)
    form, kappas = (p.mu, p.layers, p.eta_hat), np.array(p.kappas)
    tau = float(result.circuit.parameters["events_tau"].value)
    step, data = protocol.time_step / tau, protocol.data
    times, errors = _errors(result, f"continuous_layer{p.layers}.h", data["x"], data["y"])
    late = times >= protocol.references["alone"]
    # Convert slopes in Euler steps to rates in continuous time.
    slopes = np.polyfit(times[late] / tau, np.log(errors[late]), 1)[0]
    rate = -np.expm1(slopes * step) / step
    expected = np.array([learning_speed.learning_rate_of_error(*form, k) for k in kappas])
    limit = learning_speed.speed_limit(*form)
    moments, left = _errors(result, f"events_layer{p.layers}.h", data["white"], data["white_y"])
    cycle, left = (moments[1] - moments[0]) / tau, np.linalg.norm(left, axis=1)
    event_rate = float(-np.log(left[-1] / left[0]) / (cycle * (len(left) - 1)))
    expected_event = -np.log1p(-p.part) / cycle
    metrics = {
        "kappa": kappas,
        "rate": rate,
        "expected_rate": expected,
        "adiabatic_rate": np.array([learning_speed.adiabatic_rate(*form, k) for k in kappas]),
        "speed_limit": limit,
        "fraction_of_limit": float(np.max(rate) / limit),
        "event_rate": event_rate,
        "event_advantage": event_rate / limit,
    }
    fit = {"relative": 1e-4, "reason": "faster modes that are left when the fit begins"}
    rest = {"relative": 0.01, "reason": "what is left of settling when a step is taken"}
    references = {
        "rate": ds.Reference(expected, **fit),
        "fraction_of_limit": ds.Reference(float(np.max(expected) / limit), **fit),
        "event_rate": ds.Reference(expected_event, **rest),
        "event_advantage": ds.Reference(expected_event / limit, **rest),
    }
    fall = (times[late] - times[late][0], errors[late], moments - moments[0], left / left[0])
    figures = {
        "rate": lambda: _draw_rates(metrics, form),
        "error": lambda: _draw_errors(*fall, kappas, limit / tau),
    }
    return ds.Measurement(metrics, figures, references=references)


def _errors(result, name, x, y):
    """Return times, and the norm of the error of the response to each input, shape (times, inputs)."""
    trace = result.traces[name]
    responses = (trace.values - y.T) @ x / np.sum(x**2, axis=0)
    return trace.time, np.linalg.norm(responses, axis=1)


@style.styled
def _draw_rates(metrics, form):
    kappas, limit = metrics["kappa"], metrics["speed_limit"]
    grid = np.geomspace(kappas.min() / 3, kappas.max() * 3, 100)
    exact = [learning_speed.learning_rate_of_error(*form, k) for k in grid]
    slow = np.array([learning_speed.adiabatic_rate(*form, k) for k in grid])
    ax = style.axes(None)
    first, second = style.PALETTE[:2]
    ax.loglog(kappas, metrics["rate"], "o", color=first, markersize=4, label="simulated")
    ax.plot(grid, exact, color=first, lw=1.0, label="closed form")
    seen = slow < 5 * max(limit, metrics["event_rate"])
    dashes = {"color": style.QUIET, "lw": 1.0, "ls": (0, (5, 1.5))}
    ax.plot(grid[seen], slow[seen], **dashes, label="slow learning")
    ax.axhline(limit, color=style.INK, lw=1.0, ls=(0, (1, 1)), label="speed limit")
    ax.axhline(metrics["event_rate"], color=second, lw=1.0, label="single steps,\nafter settling")
    ax.set_title("Learning from activities on their way has a limit")
    ax.set_xlabel("kappa: speed of learning, relative to the circuit's")
    ax.set_ylabel("rate at which the error falls (per tau)")
    ax.margins(x=0.01)
    style.legend_right(ax)
    return ax.figure


@style.styled
def _draw_errors(times, errors, moments, left, kappas, limit):
    """Draw the errors of the first circuit while only the slowest mode is left, and all errors of the second."""
    from matplotlib import colormaps

    ax = style.axes(None)
    shades = colormaps["viridis"](np.linspace(0.85, 0.0, len(kappas)))
    for colour, k in zip(shades, np.argsort(kappas), strict=True):
        course = errors[:, k] / errors[0, k]
        style.line(ax, times, course, color=colour, label=f"kappa {kappas[k]:g}")
    fall = np.exp(-limit * times)
    ax.plot(times, fall, color=style.INK, lw=1.0, ls=(0, (1, 1)), label="speed limit")
    dots = {"color": style.PALETTE[1], "markersize": 3}
    ax.plot(moments, left, "o", **dots, label="single steps,\nafter settling")
    ax.set(xlim=(-0.01 * times[-1], 1.01 * times[-1]), yscale="log", ylim=(0.3 * fall[-1], 1.3))
    ax.set(xlabel="time (s)", ylabel="error, relative to the first")
    ax.set_title("The error falls no faster than the limit")
    style.legend_right(ax)
    return ax.figure
