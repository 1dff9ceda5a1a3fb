"""Circuits shared by the tests, each with a forward-Euler loop written from its equations.

The loops are plain NumPy and know nothing of dendrosim: they take the drives as arrays
(steps, units, samples) and return what every variable is at the start of each step, and the state at the
end.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.matrix import Matrix, Projection
from dendrosim.circuit.population import Population
from dendrosim.experiments.run import run
from dendrosim.protocol.phases import Block, Phase, Recording
from dendrosim.protocol.protocol import Protocol
from dendrosim.results.result import Result
from dendrosim.signals.samples import Samples
from dendrosim.units import Quantity, unit

Arrays = dict[str, NDArray[np.float64]]
BACKENDS = ("numpy", "cython", "cpp")
FAST = ("numpy", "cpp")  # cython compiles each population and matrix by itself, which takes seconds
PATIENT = ("numpy", pytest.param("cython", marks=pytest.mark.slow), "cpp")
"""All back ends, cython with the slow tests only: nearly all tests of back ends use this list."""


def gate_course(protocol_phases: list[tuple[int, float]]) -> NDArray[np.float64]:
    """The course of a gate that is constant for so many steps at a time."""
    return np.concatenate([np.full(steps, value) for steps, value in protocol_phases])


def held(data: NDArray[np.float64], rows: NDArray[np.int64], steps: int) -> NDArray[np.float64]:
    """Rows of a data set, (trials, samples) of them, each held for so many steps."""
    shown = data[rows].transpose(0, 2, 1)  # trials, units, samples
    return np.repeat(shown, steps, axis=0)


def stack(rows: list[Arrays]) -> Arrays:
    """A list of dicts of arrays as a dict of arrays with time in front."""
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


# -- a cortical microcircuit: three compartments and interneurons -----------------------------------

_random = np.random.default_rng(3)
MICRO_X = _random.normal(size=(7, 4))
MICRO_Y = _random.normal(size=(7, 3))
MICRO_W = 0.5 * _random.normal(size=(5, 4))
MICRO_B = 0.5 * _random.normal(size=(5, 3))
MICRO_Q = 0.5 * _random.normal(size=(5, 5))
MICRO_DT = 0.5e-3
MICRO_FREE, MICRO_LEARN, MICRO_TRIALS = 4, 9, 3

PYRAMIDAL = """
dbasal/dt = (-basal + bottom_up)/tau_b : 1
dapical/dt = (-apical + top_down)/tau_a : 1
dsoma/dt = (-soma + s(basal))/tau_s : 1
plateau = apical - inhibition : 1
bottom_up : 1
top_down : 1
inhibition : 1
"""


def microcircuit() -> Circuit:
    """Pyramidal cells and interneurons: q is used forward and transposed, w1 learns from the plateau."""
    return Circuit(
        populations=(
            Population("input", 4, "x : 1", inputs=["x"]),
            Population("target", 3, "y : 1", inputs=["y"]),
            Population("pyramidal", 5, PYRAMIDAL, transfer="tanh", initial={"soma": 0.3}),
            Population("inter", 5, "dn/dt = (-n + drive)/tau_n : 1\ndrive : 1"),
        ),
        matrices=(
            Matrix(
                "w1", "pyramidal", "input", MICRO_W,
                "dw/dt = learn*eta*ds(basal_post)*plateau_post*x_pre : 1",
            ),
            Matrix("b", "pyramidal", "target", MICRO_B, "dw/dt = learn*eta*(soma_post*y_pre - w) : 1"),
            Matrix(
                "q", "pyramidal", "inter", MICRO_Q,
                "dw/dt = learn*eta/ratio*(soma_post*n_pre - w) : 1", parameters={"ratio": 0.5},
            ),
        ),
        projections=(
            Projection("input.x", "w1", "pyramidal.bottom_up"),
            Projection("target.y", "b", "pyramidal.top_down"),
            Projection("inter.n", "q", "pyramidal.inhibition"),
            Projection("pyramidal.soma", "q", "inter.drive", transpose=True),
        ),
        parameters={"tau_b": "2 ms", "tau_a": "3 ms", "tau_s": "4 ms", "tau_n": "5 ms", "eta": "40 Hz"},
        gates={"learn": 1.0},
    )  # fmt: skip


def microcircuit_protocol(batch: int = 1, **changes: Any) -> Protocol:
    """Shuffled trials of a free and a learning phase, then one sequential trial without learning."""
    settings: dict[str, Any] = {
        "circuit": microcircuit(),
        "blocks": (
            Block(
                "train",
                (
                    Phase("free", "2 ms", gates={"learn": 0}),
                    Phase("learning", "4.5 ms", gates={"learn": 1.5}),
                ),
                trials=MICRO_TRIALS,
                order="shuffled",
            ),
            Block("test", (Phase("free", "2 ms", gates={"learn": 0}),)),
        ),
        "dt": "0.5 ms",
        "recordings": (Recording(("*.*", "w1", "b", "q"), "0.5 ms"),),
        "signals": {"input.x": Samples("x"), "target.y": Samples("y")},
        "data": {"x": MICRO_X, "y": MICRO_Y},
        "batch": batch,
    }  # fmt: skip
    return Protocol(**{**settings, **changes})


def microcircuit_drives(rows: NDArray[np.int64]) -> tuple[Arrays, Arrays]:
    """Drives and gates of the protocol when its trials show these rows, (trials, samples)."""
    train, test = rows[:MICRO_TRIALS], rows[MICRO_TRIALS:]
    drives = {
        path: np.concatenate(
            [held(data, train, MICRO_FREE + MICRO_LEARN), held(data, test, MICRO_FREE)]
        )
        for path, data in (("input.x", MICRO_X), ("target.y", MICRO_Y))
    }
    trial = [(MICRO_FREE, 0.0), (MICRO_LEARN, 1.5)]
    return drives, {"learn": gate_course(trial * MICRO_TRIALS + [(MICRO_FREE, 0.0)])}


def microcircuit_loop(
    drives: Arrays, gates: Arrays, start: Mapping[str, Any] = MappingProxyType({})
) -> tuple[Arrays, Arrays]:
    """Forward Euler, written from the equations."""
    steps, _, batch = drives["input.x"].shape
    dt, eta, ratio = MICRO_DT, 40.0, 0.5
    tau_b, tau_a, tau_s, tau_n = 2e-3, 3e-3, 4e-3, 5e-3
    basal, apical, n = (
        np.array(start.get(k, np.zeros((5, batch)))) for k in ("basal", "apical", "n")
    )
    soma = np.array(start.get("soma", np.full((5, batch), 0.3)))
    w1, b, q = (
        np.array(start.get(k, v)) for k, v in (("w1", MICRO_W), ("b", MICRO_B), ("q", MICRO_Q))
    )
    rows = []
    for k in range(steps):
        x, y, learn = drives["input.x"][k], drives["target.y"][k], gates["learn"][k]
        bottom_up = np.einsum("pi,is->ps", w1, x)
        top_down = np.einsum("pi,is->ps", b, y)
        inhibition = np.einsum("pi,is->ps", q, n)
        drive = np.einsum("pi,ps->is", q, soma)
        plateau = apical - inhibition
        rows.append({
            "input.x": x, "target.y": y, "pyramidal.basal": basal, "pyramidal.apical": apical,
            "pyramidal.soma": soma, "pyramidal.plateau": plateau, "pyramidal.bottom_up": bottom_up,
            "pyramidal.top_down": top_down, "pyramidal.inhibition": inhibition, "inter.n": n,
            "inter.drive": drive,
            "w1": w1, "b": b, "q": q,
        })  # fmt: skip
        slope = 1 - np.tanh(basal) ** 2
        dw1 = learn * eta * np.einsum("ps,is->pi", slope * plateau, x) / batch
        db = learn * eta * (np.einsum("ps,is->pi", soma, y) / batch - b)
        dq = learn * eta / ratio * (np.einsum("ps,is->pi", soma, n) / batch - q)
        basal, apical, soma, n = (
            basal + dt * (-basal + bottom_up) / tau_b,
            apical + dt * (-apical + top_down) / tau_a,
            soma + dt * (-soma + np.tanh(basal)) / tau_s,
            n + dt * (-n + drive) / tau_n,
        )
        w1, b, q = w1 + dt * dw1, b + dt * db, q + dt * dq
    final = {
        "pyramidal.basal": basal, "pyramidal.apical": apical, "pyramidal.soma": soma,
        "inter.n": n, "w1": w1, "b": b, "q": q,
    }  # fmt: skip
    return stack(rows), final


# -- a chain of layers in physical units: same-step dependencies, one matrix used three times --------

CHAIN_X = _random.normal(size=(5, 3))
CHAIN_W = _random.normal(size=(4, 3))
CHAIN_V = 40e-12 * _random.normal(size=(2, 4))
CHAIN_TAU = np.array([3e-3, 4e-3, 5e-3, 8e-3])
CHAIN_H = np.array([0.1, -0.2, 0.3, 0.0])
CHAIN_DT = 0.25e-3
CHAIN_STEPS, CHAIN_TRIALS = 8, 3

HIDDEN = """
dh/dt = (-h + f + apical/(20*pA))/tau : 1
f = s(basal) : 1
basal : 1
apical : amp
tau : second
"""
OUTPUT = """
dv/dt = (E - v + R*(now + 0.5*lagging))/tau : volt
rate = 1/(1 + exp(-(v - half)/slope)) : 1
now : amp
lagging : amp
"""


def chain() -> Circuit:
    """Input, hidden rates and output voltages.

    The hidden layer's f depends on what `w` delivers in the same step, and is itself a source; `v` carries
    f and h upwards and, transposed, the output rate downwards.
    """
    return Circuit(
        populations=(
            Population("layer0", 3, "x : 1", inputs=["x"]),
            Population(
                "layer1", 4, HIDDEN, transfer="softplus",
                parameters={"tau": [f"{tau!r} s" for tau in CHAIN_TAU.tolist()]},
                initial={"h": CHAIN_H},
            ),
            Population(
                "layer2", 2, OUTPUT, parameters={"R": "100 Mohm", "tau": "10 ms"},
                initial={"v": ["-70 mV", "-62 mV"]},
            ),
        ),
        matrices=(
            Matrix("w", "layer1", "layer0", CHAIN_W),
            Matrix(
                "v", "layer2", "layer1", Quantity(CHAIN_V, unit("pA")[0]),
                "dw/dt = alpha*rate_post*f_pre - w/tau_w : amp",
                parameters={"alpha": "9000 pA/s", "tau_w": "50 ms"},
            ),
        ),
        projections=(
            Projection("layer2.rate", "v", "layer1.apical", transpose=True),
            Projection("layer1.f", "v", "layer2.now"),
            Projection("layer1.h", "v", "layer2.lagging"),
            Projection("layer0.x", "w", "layer1.basal"),
        ),
        parameters={"E": "-65 mV", "half": "-64 mV", "slope": "3 mV"},
    )  # fmt: skip


def chain_protocol(batch: int = 1, **changes: Any) -> Protocol:
    """Sequential trials; with a batch, the data set is taken up again after its last row."""
    settings: dict[str, Any] = {
        "circuit": chain(),
        "blocks": (Block("show", (Phase("on", "2 ms"),), trials=CHAIN_TRIALS),),
        "dt": "0.25 ms",
        "recordings": (Recording(("layer*", "w", "v"), "0.25 ms"),),
        "signals": {"layer0.x": Samples("x")},
        "data": {"x": CHAIN_X},
        "batch": batch,
    }
    return Protocol(**{**settings, **changes})


def chain_loop(
    drives: Arrays, gates: Arrays, start: Mapping[str, Any] = MappingProxyType({})
) -> tuple[Arrays, Arrays]:
    """Forward Euler, written from the equations."""
    steps, _, batch = drives["layer0.x"].shape
    h = np.repeat(CHAIN_H[:, None], batch, axis=1)
    u = np.repeat(np.array([[-70e-3], [-62e-3]]), batch, axis=1)
    w, v = CHAIN_W.copy(), CHAIN_V.copy()
    rows = []
    for k in range(steps):
        x = drives["layer0.x"][k]
        basal = np.einsum("hi,is->hs", w, x)
        f = np.log(1 + np.exp(basal))
        rate = 1 / (1 + np.exp(-(u + 64e-3) / 3e-3))
        now, lagging = np.einsum("oh,hs->os", v, f), np.einsum("oh,hs->os", v, h)
        apical = np.einsum("oh,os->hs", v, rate)
        rows.append({
            "layer0.x": x, "layer1.h": h, "layer1.f": f, "layer1.basal": basal, "layer1.apical": apical,
            "layer2.v": u, "layer2.rate": rate, "layer2.now": now, "layer2.lagging": lagging, "w": w, "v": v,
        })  # fmt: skip
        dh = (-h + f + apical / 20e-12) / CHAIN_TAU[:, None]
        du = (-65e-3 - u + 100e6 * (now + 0.5 * lagging)) / 10e-3
        dv = 9000e-12 * np.einsum("os,hs->oh", rate, f) / batch - v / 50e-3
        h, u, v = h + CHAIN_DT * dh, u + CHAIN_DT * du, v + CHAIN_DT * dv
    return stack(rows), {"layer1.h": h, "layer2.v": u, "w": w, "v": v}


# -- a single leaky unit ------------------------------------------------------------------------------

LEAKY_DT = 0.1e-3
LEAKY_STEPS = 25


def leaky(size: int = 1) -> Circuit:
    """A membrane with a leak and an injected current."""
    return Circuit(
        (
            Population(
                "cell", size, "dv/dt = (E - v + R*current)/tau : volt\ncurrent : amp",
                inputs={"current": "0 A"}, initial={"v": "-70 mV"},
            ),
        ),
        parameters={"E": "-70 mV", "R": "200 Mohm", "tau": "20 ms"},
    )  # fmt: skip


def leaky_protocol(batch: int = 1, **changes: Any) -> Protocol:
    """A constant current."""
    settings: dict[str, Any] = {
        "circuit": leaky(),
        "blocks": (Block("run", (Phase("on", f"{LEAKY_STEPS * 0.1} ms"),)),),
        "dt": "0.1 ms",
        "recordings": (Recording(("cell.*",), "0.1 ms"),),
        "signals": {"cell.current": "50 pA"},
        "batch": batch,
    }
    return Protocol(**{**settings, **changes})


def leaky_loop(
    drives: Arrays, gates: Arrays, start: Mapping[str, Any] = MappingProxyType({})
) -> tuple[Arrays, Arrays]:
    """Forward Euler, written from the equation."""
    current = drives["cell.current"]
    v = np.full(current.shape[1:], -70e-3)
    rows = []
    for k in range(len(current)):
        rows.append({"cell.v": v, "cell.current": current[k]})
        v = v + LEAKY_DT * (-70e-3 - v + 200e6 * current[k]) / 20e-3
    return stack(rows), {"cell.v": v}


# -- all of them --------------------------------------------------------------------------------------


def sequential(trials: int, batch: int, available: int) -> NDArray[np.int64]:
    """The rows that trials show one after the other."""
    return np.arange(trials * batch).reshape(trials, batch) % available


def shown_rows(shown: NDArray[np.float64], data: NDArray[np.float64]) -> NDArray[np.int64]:
    """Which rows of a data set an array (..., units, samples) shows."""
    gap = np.abs(np.moveaxis(shown, -2, -1)[..., None, :] - data).max(axis=-1)
    assert gap.min(axis=-1).max() == 0
    return gap.argmin(axis=-1)


@dataclass(frozen=True)
class Problem:
    """`protocol(batch, **changes)`, `loop(drives, gates)` -> (history, final), `drives(result, batch)`.

    `drives` takes from a result no more than which rows a shuffled block has shown.
    """

    name: str
    protocol: Callable[..., Protocol]
    loop: Callable[..., tuple[Arrays, Arrays]]
    drives: Callable[[Any, int], tuple[Arrays, Arrays]]

    def __repr__(self) -> str:
        return self.name


def _microcircuit_drives(result: Any, batch: int) -> tuple[Arrays, Arrays]:
    cycle = MICRO_FREE + MICRO_LEARN
    shown = result.traces["input.x"].values[: MICRO_TRIALS * cycle : cycle]
    return microcircuit_drives(
        np.concatenate([shown_rows(shown, MICRO_X), sequential(1, batch, len(MICRO_X))])
    )


def _chain_drives(result: Any, batch: int) -> tuple[Arrays, Arrays]:
    rows = sequential(CHAIN_TRIALS, batch, len(CHAIN_X))
    return {"layer0.x": held(CHAIN_X, rows, CHAIN_STEPS)}, {}


def _leaky_drives(result: Any, batch: int) -> tuple[Arrays, Arrays]:
    return {"cell.current": np.full((LEAKY_STEPS, 1, batch), 50e-12)}, {}


PROBLEMS = (
    Problem("microcircuit", microcircuit_protocol, microcircuit_loop, _microcircuit_drives),
    Problem("chain", chain_protocol, chain_loop, _chain_drives),
    Problem("leaky", leaky_protocol, leaky_loop, _leaky_drives),
)


@cache
def run_once(
    problem: Problem, backend: str, batch: int, seed: int = 2, precision: str = "double"
) -> Result:
    """Result of a reference problem; tests of one process that ask for the same share it."""
    return run(problem.protocol(batch), backend, seed, precision)
