"""Every signal follows its closed form on the grid of time steps."""

import numpy as np
import pytest
from comparisons import gap
from reference_problems import (
    FAST,
    leaky,
    leaky_protocol,
)

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.population import Population
from dendrosim.errors import ParameterError
from dendrosim.experiments.run import run
from dendrosim.protocol.phases import Block, Phase, Recording
from dendrosim.protocol.protocol import Protocol
from dendrosim.signals.biexponential import BiExponential
from dendrosim.signals.constant import Constant
from dendrosim.signals.hyperbolic import Hyperbolic
from dendrosim.signals.pulse import Pulse
from dendrosim.signals.ramp import Ramp
from dendrosim.signals.samples import Samples
from dendrosim.signals.sine import Sine
from dendrosim.signals.step import Step
from dendrosim.signals.table import Table

DT, PHASE_STEPS = 0.5e-3, (40, 12)
KINDS = ("step", "pulse", "ramp", "sine", "bi", "hyper", "mix", "held_table", "linear_table")
PROBE = f"dv/dt = (-v + gain*({' + '.join(KINDS)})*ohm)/(5*ms) : volt\n" + "\n".join(
    f"{kind} : amp" for kind in KINDS
)
ONSETS = np.array([2e-3, 7.5e-3])
TABLE = np.array([[1.0, -2.0], [3.0, 5.0], [0.5, 0.0], [-4.0, 1.0]])
ROWS = np.array([[1e-9, 2e-9], [3e-9, 5e-9], [7e-9, 11e-9]])


def probe_protocol():
    """Two trials of a phase with every kind of signal and a phase where others stand in for them."""
    onsets = ["2 ms", "7.5 ms"]
    signals = {
        "probe.step": Step("3 nA", onsets),
        "probe.pulse": Pulse(["3 nA", "4 nA"], onsets, "5 ms"),
        "probe.ramp": Ramp("6 nA", onsets, ["4 ms", "8 ms"]),
        "probe.sine": Sine("2 nA", "70 Hz", [0.0, 0.5], "1 nA"),
        "probe.bi": BiExponential("5 nA", onsets, "1 ms", ["4 ms", "9 ms"]),
        "probe.hyper": Hyperbolic(["8 nA", "9 nA"], "10 ms"),
        "probe.mix": (
            Constant(["1 nA", "2 nA"]), Samples("rows"), Step("1 nA", "1 ms"), Step("2 nA", onsets),
            Table(TABLE[:, 0], "2 ms", "nA"), Sine("1 nA", "50 Hz"),
        ),
        "probe.held_table": Table(TABLE, "1.5 ms", "nA"),
        "probe.linear_table": Table(TABLE, "4 ms", "nA", linear=True),
    }  # fmt: skip
    other = {
        "probe.step": Pulse("9 nA", "1 ms", "1 ms"),
        "probe.pulse": "0 A",
        "probe.mix": Step("1 nA", "2 ms"),
        "probe.held_table": Samples("rows"),
    }
    circuit = Circuit(
        (Population("probe", 2, PROBE, inputs=list(k.split(".")[1] for k in signals)),),
        gates={"gain": 1.0},
    )
    block = Block(
        "run",
        (
            Phase("all", "20 ms", {"gain": Hyperbolic(2.0, "30 ms")}),
            Phase("other", "6 ms", {"gain": 0.5}, other),
        ),
        trials=2,
    )
    return Protocol(
        circuit,
        (block,),
        "0.5 ms",
        (Recording("probe.*", "0.5 ms"),),
        signals,
        {"rows": ROWS},
        batch=2,
    )


def closed_forms():
    """Every input and the gate at t = k dt, by NumPy: name -> (steps, units, samples)."""
    first, second = (np.arange(n)[:, None] * DT for n in PHASE_STEPS)
    on = ONSETS[None, :]
    decay = np.array([4e-3, 9e-3])
    peak = 1e-3 * decay / (decay - 1e-3) * np.log(decay / 1e-3)
    height = np.exp(-peak / decay) - np.exp(-peak / 1e-3)
    since = np.maximum(first - on, 0)

    def held(t, interval, columns):
        return columns[np.minimum((np.arange(len(t)) * DT / interval + 1e-9).astype(int), 3)]

    linear = np.stack(
        [np.interp(first[:, 0], np.arange(4) * 4e-3, TABLE[:, u]) for u in range(2)], axis=1
    )
    drives = []
    for trial in range(2):
        rows = ROWS[[2 * trial % 3, (2 * trial + 1) % 3]].T  # units x samples
        block = first + trial * 26e-3
        late = second + trial * 26e-3 + 20e-3
        one = {
            "step": 3e-9 * (first >= on),
            "pulse": np.array([3e-9, 4e-9]) * ((first >= on) & (first < on + 5e-3)),
            "ramp": 6e-9 * np.clip((first - on) / np.array([4e-3, 8e-3]), 0, 1),
            "sine": 1e-9 + 2e-9 * np.sin(2 * np.pi * 70 * first + np.array([0.0, 0.5])),
            "bi": 5e-9 * (np.exp(-since / decay) - np.exp(-since / 1e-3)) / height,
            "hyper": np.array([8e-9, 9e-9]) / (1 + block / 10e-3),
            "mix": np.array([1e-9, 2e-9])
            + 1e-9 * (first >= 1e-3)
            + 2e-9 * (first >= on)
            + 1e-9 * held(first, 2e-3, TABLE[:, :1])
            + 1e-9 * np.sin(2 * np.pi * 50 * first),
            "held_table": 1e-9 * held(first, 1.5e-3, TABLE),
            "linear_table": 1e-9 * linear,
        }
        two = {
            "step": 9e-9 * ((second >= 1e-3) & (second < 2e-3)) + 0 * on,
            "pulse": 0 * second + 0 * on,
            "ramp": 6e-9 * np.clip((second - on) / np.array([4e-3, 8e-3]), 0, 1),
            "sine": 1e-9 + 2e-9 * np.sin(2 * np.pi * 70 * second + np.array([0.0, 0.5])),
            "bi": 5e-9
            * (
                np.exp(-np.maximum(second - on, 0) / decay)
                - np.exp(-np.maximum(second - on, 0) / 1e-3)
            )
            / height,
            "hyper": np.array([8e-9, 9e-9]) / (1 + late / 10e-3),
            "mix": 1e-9 * (second >= 2e-3) + 0 * on,
            "held_table": 0 * second + 0 * on,
            "linear_table": 1e-9
            * np.stack(
                [np.interp(second[:, 0], np.arange(4) * 4e-3, TABLE[:, u]) for u in range(2)], 1
            ),
        }
        for number, phase in enumerate((one, two)):
            full = {k: np.repeat(v[:, :, None], 2, axis=2) for k, v in phase.items()}
            full["mix" if number == 0 else "held_table"] = (
                full["mix" if number == 0 else "held_table"] + rows
            )
            time = first if number == 0 else second
            full["gain"] = 2.0 / (1 + block / 30e-3) if number == 0 else 0.5 + 0 * time
            drives.append(full)
    return {k: np.concatenate([d[k] for d in drives]) for k in drives[0]}


@pytest.mark.parametrize("backend", FAST)
def test_every_signal_follows_its_closed_form(backend):
    result = run(probe_protocol(), backend)
    expected = closed_forms()
    gain = expected.pop("gain")
    v, total = np.zeros((2, 2)), sum(expected.values())
    for name, course in expected.items():
        found = result.traces[f"probe.{name}"].values
        assert found.shape == course.shape == (104, 2, 2)
        assert gap(found, course) < 1e-12, name
    for k in range(104):
        assert gap(result.traces["probe.v"].values[k], v) < 1e-10
        v = v + DT * (-v + gain[k] * total[k]) / 5e-3
    assert gap(result.state["probe.v"], v) < 1e-10


def test_the_peak_of_a_biexponential_is_its_amplitude():
    protocol = leaky_protocol(
        blocks=(Block("run", (Phase("on", "30 ms"),)),), dt="0.01 ms",
        recordings=(Recording("cell.current", "0.01 ms"),),
        signals={"cell.current": BiExponential("50 pA", "3 ms", "2 ms", "8 ms")},
    )  # fmt: skip
    trace = run(protocol, "numpy").traces["cell.current"]
    when = 3e-3 + 2e-3 * 8e-3 / 6e-3 * np.log(4)
    assert np.max(trace.values) == pytest.approx(50e-12, rel=1e-5)
    assert trace.time[np.argmax(trace.values)] == pytest.approx(when, abs=1e-5)
    assert np.all(trace.values[trace.time < 3e-3 - 1e-9] == 0)


@pytest.mark.parametrize(
    ("backend", "precision"), [("numpy", "double"), ("numpy", "single"), ("cpp", "single")]
)
def test_a_pulse_lasts_the_whole_number_of_steps_it_says(backend, precision):
    onsets, lengths = np.arange(60), 1 + np.arange(60) % 7
    pulse = Pulse("1 pA", [f"{k / 10} ms" for k in onsets], [f"{n / 10} ms" for n in lengths])
    protocol = leaky_protocol(
        circuit=leaky(60), blocks=(Block("run", (Phase("on", "8 ms"),)),),
        recordings=(Recording("cell.current", "0.1 ms"),), signals={"cell.current": pulse},
    )  # fmt: skip
    shown = run(protocol, backend, precision=precision).traces["cell.current"].values[:, :, 0] > 0
    for k, length in zip(onsets, lengths, strict=True):
        assert np.flatnonzero(shown[:, k]).tolist() == list(range(k, k + length))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Hyperbolic(1.0, "0 s"), r"Hyperbolic\.decay is 0 s; it must be positive"),
        (lambda: Hyperbolic(1.0, ["1 s", "-100 s"]), r"Hyperbolic\.decay is .*must be positive"),
        (lambda: Ramp(1.0, "0 s", "0 s"), r"Ramp\.duration is 0 s; it must be positive"),
        (lambda: Ramp(1.0, "0 s", "-1 s"), r"Ramp\.duration is -1 s; it must be positive"),
        (lambda: Pulse(1.0, "0 s", "-1 s"), r"Pulse\.duration is -1 s; it must be .*not negative"),
    ],
)
def test_a_length_that_makes_a_formula_meaningless_is_refused(make, message):
    with pytest.raises(ParameterError, match=message):
        make()
