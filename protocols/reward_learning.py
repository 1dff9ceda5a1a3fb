"""Reward that comes late: an eligibility bridges the delay between a cue and its reward.

Cells are active while cues are shown. A cue leaves an eligibility at its synapses, which decays; a reward
releases a modulator, which turns what is left of the eligibility into a change of the weight
(`ds.rules.three_factor`). Each cell has its own delay between the end of the cue and the reward, so that one run
shows all delays. A second cue is followed by no reward.

    rewarded     the first cue, and the reward after the delay
    unrewarded   the second cue

Measured, per delay:

    change            change of the weight of the rewarded cue, per trial
    expected_change   the same by the closed form, with tau_e and tau_m of eligibility and modulator:
                      gain eta a R exp(-T/tau_e) tau_e/(tau_e + tau_m), where a and R are the areas of cue and
                      reward, times the mean of exp(-t/tau_e) over the durations of both
    other_change      change of the weight of the other cue
    half_delay        delay at which the change is half of that without delay, by a fit; it is tau_e ln 2

Sources
-------
Izhikevich (2007), Cerebral Cortex 17:2443: eligibility with 1 s, dopamine with 0.2 s. The protocol is a choice.
"""

import numpy as np

import dendrosim as ds
from dendrosim.errors import ParameterError
from dendrosim.mechanisms.time_constants import check_time_constants
from dendrosim.plot import style

CELL = """
reward : 1   # input
active : 1   # input: 1 while cues are shown
dmodulator/dt = (reward - modulator)/tau_modulator : 1
"""
SHOWN = 200  # recorded moments of a trial
LEAD = 0.05  # seconds before the cue


class Parameters(ds.Parameters):
    delays: tuple[ds.Quantity, ...] = ds.parameter(
        ("0 s", "0.25 s", "0.5 s", "1 s", "2 s", "3 s"), "delays from cue to reward", least=0
    )
    trials: int = ds.parameter(5, "number of trials", least=1)
    cue: ds.Quantity = ds.parameter("100 ms", "duration of a cue", above=0)
    reward: ds.Quantity = ds.parameter("100 ms", "duration of a reward", above=0)
    pause: ds.Quantity = ds.parameter("6 s", "time after the last reward of a trial", above=0)
    tau_eligibility: ds.Quantity = ds.parameter("1 s", "time constant of eligibility", above=0)
    tau_modulator: ds.Quantity = ds.parameter("200 ms", "time constant of the modulator", above=0)
    eta: ds.Quantity = ds.parameter("1 Hz", "growth of the eligibility", above=0)
    gain: ds.Quantity = ds.parameter("1 Hz", "learning rate", above=0)
    dt: ds.Quantity = ds.parameter("5 ms", "time step", above=0)


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    if len(p.delays) < 2:
        raise ParameterError(
            "delays has fewer than 2 values; give at least 2, so that a decay can be fitted"
        )
    rule = ds.rules.three_factor(
        "x", "active", "modulator_post", eta=p.eta, tau=p.tau_eligibility, gain=p.gain
    )
    cells = ds.Population(
        "cell", len(p.delays), CELL, inputs={"reward": 0.0, "active": 1.0},
        parameters={"tau_modulator": p.tau_modulator},
    )  # fmt: skip
    circuit = ds.Circuit(
        (ds.Population("cue", 2, "x : 1", inputs={"x": 0.0}), cells),
        [
            ds.Matrix("w", "cell", "cue", rule=rule),
            *(ds.Matrix(t.name, "cell", "cue", rule=t) for t in rule.traces),
        ],
    )
    check_time_constants(circuit, float(p.dt.value))
    onsets = [f"{float(LEAD + p.cue.value + delay.value)!r} s" for delay in p.delays]
    total = LEAD + p.cue.value + max(d.value for d in p.delays) + p.reward.value + p.pause.value
    duration = f"{round(total / p.dt.value) * float(p.dt.value)!r} s"
    reward = ds.Pulse(1.0, onsets, p.reward)
    phases = (
        ds.Phase("rewarded", duration, signals={"cue.x": _cue(p, 0), "cell.reward": reward}),
        ds.Phase("unrewarded", duration, signals={"cue.x": _cue(p, 1)}),
    )
    every = max(1, round(total / p.dt.value / SHOWN)) * float(p.dt.value)
    return ds.Protocol(
        circuit,
        (ds.Block("learn", phases, trials=p.trials),),
        dt=p.dt,
        method="rk2",
        recordings=(
            ds.Recording(("eligibility", "w"), every=f"{every!r} s"),
            ds.Recording("cell.modulator", every=f"{every!r} s"),
        ),
    )


def _cue(p, which):
    """Return the pulse of one cue of two."""
    return ds.Pulse([float(k == which) for k in range(2)], f"{LEAD} s", p.cue)


def _expected(p):
    """Return the change per trial by delay."""
    tau, slow = float(p.tau_eligibility.value), float(p.tau_modulator.value)
    areas = [float(x.value) for x in (p.cue, p.reward)]
    means = [
        tau * (1 - np.exp(-area / tau)) for area in areas
    ]  # area times the mean of exp(-t/tau)
    delays = np.array([float(d.value) for d in p.delays])
    return p.gain.value * p.eta.value * np.prod(means) * np.exp(-delays / tau) * tau / (tau + slow)


def measure(result: ds.Result) -> ds.Measurement:
    """Compare changes of weights with the closed form."""
    p = Parameters(**result.protocol.parameters)
    change = result.state["w"] / p.trials
    expected = _expected(p)
    delays = np.array([float(d.value) for d in p.delays])
    slope = np.polyfit(delays, np.log(np.maximum(change[:, 0], 1e-300)), 1)[0]
    metrics = {
        "delay": delays,
        "change": change[:, 0],
        "expected_change": expected,
        "other_change": change[:, 1],
        "half_delay": float(-np.log(2) / slope),
    }
    left = np.exp(-float(p.pause.value / p.tau_eligibility.value))
    references = {
        "change": ds.Reference(
            "expected_change", relative=0.01 + 2 * left, reason="steps, and the end of a trial"
        ),
        "other_change": ds.Reference(
            0.0, float(expected.max() * (1e-3 + 2 * left)), reason="the end of a trial"
        ),
        "half_delay": ds.Reference(
            float(np.log(2) * p.tau_eligibility.value),
            relative=0.01 + 2 * left,
            reason="as for change",
        ),
    }
    figures = {"change": lambda: _draw(metrics), "trial": lambda: _draw_trial(result, p)}
    return ds.Measurement(
        metrics, figures, units={"delay": "s", "half_delay": "s"}, references=references
    )


@style.styled
def _draw(metrics):
    ax = style.axes(None, (4.8, 3.0))
    for k, (name, label) in enumerate((("change", "rewarded cue"), ("other_change", "other cue"))):
        ax.plot(metrics["delay"], metrics[name], "o", color=style.PALETTE[k], label=label)
    order = np.argsort(metrics["delay"])
    ax.plot(
        metrics["delay"][order],
        metrics["expected_change"][order],
        color=style.INK,
        lw=1,
        label="closed form",
    )
    ax.set(xlabel="delay of the reward (s)", ylabel="change of the weight per trial")
    style.legend_right(ax)
    return ax.figure


@style.styled
def _draw_trial(result, p):
    """Draw eligibility, modulator and weight of the cell with the middle delay in the first trial."""
    k = int(np.argsort([d.value for d in p.delays])[len(p.delays) // 2])
    panels = style.panels(3, (5.6, 4.2))
    end = next(iter(result.phases())).stop
    for ax, name, label in zip(
        panels,
        ("eligibility", "cell.modulator", "w"),
        ("eligibility", "modulator", "weight"),
        strict=True,
    ):
        trace = result.traces[name]
        shown = trace.time <= end
        ax.plot(trace.time[shown], trace.values[shown, k, 0], color=style.PALETTE[0])
        ax.set_ylabel(label)
    panels[0].set_title(f"reward {p.delays[k]} after the cue")
    panels[-1].set_xlabel("time (s)")
    return panels[0].figure
