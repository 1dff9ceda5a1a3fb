"""Circuits that diverge in many ways, and loops in extended precision that say when and where they do.

A `longdouble` has a far larger range of exponents than a double. So no product overflows in a loop on its way into
a weight, and a weight is beyond the range of a double exactly if it is larger than the largest one. The loops
round only what every back end holds as a double: activities that arrive at a population, sums that are multiplied
by dt/tau, and rates of change of weights that are computed element by element.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.matrix import Matrix, Projection
from dendrosim.circuit.population import Population
from dendrosim.protocol.phases import Block, Phase
from dendrosim.protocol.protocol import Protocol

Arrays = dict[str, Any]
Place = tuple[int, str, tuple[int, ...]]

Wide = np.longdouble
LARGEST = Wide(np.finfo(np.float64).max)
DT, TAU, STEPS = 1e-3, 10e-3, 2000
A, B = 4, 3

RULES = {
    "hebb": "hebb_rate*y_post*x_pre/tau",
    "oja": "oja_rate*(y_post*x_pre - decay*w)/tau",
    "both": "both_rate*(y_post*x_pre + y_post**2*x_pre**2)/tau",
    "scaled": "scaled_rate*w*y_post*x_pre/tau",
    "local": "local_rate*w**3/tau",
    "general": "general_rate*tanh(w*x_pre)*y_post/tau",
}
"""Rules of the matrices from population a to population b."""

SQUARE = "square_rate*(w + spread*tanh(y_post)*tanh(y_pre))/tau"
"""Rule of the matrix that is inverted. It grows by itself and stays well-conditioned."""


def held(values: Any) -> Any:
    """Return numbers as an array of doubles would hold them: infinite beyond the range."""
    return np.where(np.abs(values) <= LARGEST, values, np.copysign(np.inf, values))


def rate(name: str, w: Any, y: Any, x: Any, k: Any) -> Any:
    """Return dw/dt of a rule, with the mean over the batch; y and x are units x samples.

    Rules that are matrix products are added to the weights as they are. The rate of any other is a double.
    """
    mean = lambda post, pre: (post[:, None, :] * pre[None, :, :]).mean(axis=-1)  # noqa: E731
    plain = {
        "hebb": lambda: mean(y, x),
        "oja": lambda: mean(y, x) - k["decay"] * w,
        "both": lambda: mean(y, x) + mean(held(y**2), held(x**2)),
    }
    by_element = {
        "scaled": lambda: w * held(mean(y, x)),
        "local": lambda: held(w**3),
        "general": lambda: (np.tanh(w[:, :, None] * x[None]) * y[:, None, :]).mean(axis=-1),
        "square": lambda: w + k["spread"] * mean(np.tanh(y), np.tanh(x)),
    }
    factor = k[f"{name}_rate"] / Wide(TAU)
    return plain[name]() * factor if name in plain else held(by_element[name]() * factor)


@dataclass(frozen=True)
class Structure:
    """A circuit up to its numbers: the rules of its matrices, and which other parts it has."""

    batch: int
    rules: tuple[str, ...]
    cubic: bool = False
    inverse: bool = False
    cells: bool = False

    def __str__(self) -> str:
        parts = [*self.rules, *(n for n in ("cubic", "inverse", "cells") if getattr(self, n))]
        return f"{'-'.join(parts)}-batch{self.batch}"

    def protocol(self, numbers: Arrays, state: Arrays) -> Protocol:
        """Return a protocol with the numbers and start values of one divergence."""
        drive = "growth*x**3 + f" if self.cubic else "f"
        populations = [
            Population(
                "a", A, f"dx/dt = ({drive} - x)/tau : 1\nf : 1", initial={"x": state["a.x"]}
            ),
            Population("b", B, "dy/dt = (r - y)/tau : 1\nr : 1", initial={"y": state["b.y"]}),
        ]
        matrices = [Matrix(n, "b", "a", state[n], f"dw/dt = {RULES[n]} : 1") for n in self.rules]
        projections = [Projection("a.x", name, "b.r") for name in self.rules]
        projections.append(Projection("b.y", self.rules[0], "a.f", transpose=True))
        if self.inverse:
            matrices += [
                Matrix("square", "b", "b", state["square"], f"dw/dt = {SQUARE} : 1"),
                Matrix("inverse", "b", "b", inverse_of="square"),
            ]
            projections.append(Projection("b.y", "inverse", "b.r"))
        if self.cells:
            equations = "dv/dt = (exp(v) + r - v)/tau : 1\ndu/dt = -u/tau : 1\nr : 1"
            reset = "v = 0\nu = u*jump + 1"
            start = {"v": state["c.v"]}
            populations.append(
                Population("c", B, equations, threshold="v > 1", reset=reset, initial=start)
            )
            matrices.append(Matrix("fixed", "c", "b", state["fixed"]))
            projections.append(Projection("b.y", "fixed", "c.r"))
        circuit = Circuit(
            tuple(populations), tuple(matrices), tuple(projections),
            parameters={**numbers, "tau": "10 ms"},
        )  # fmt: skip
        block = Block("run", (Phase("on", f"{STEPS} ms"),))
        return Protocol(circuit, (block,), "1 ms", batch=self.batch)

    def expected(self, numbers: Arrays, state: Arrays) -> Place | None:
        """Return step, variable and index of the first number beyond the range of a double."""
        k = {name: Wide(value) for name, value in numbers.items()}
        s = {name: np.array(value, dtype=Wide) for name, value in state.items()}
        for name in ("a.x", "b.y", "c.v"):
            s[name] = np.repeat(s[name][:, None], self.batch, axis=1)
        s["c.u"] = np.zeros_like(s["c.v"])
        watched = ["a.x", "b.y", *(["c.v", "c.u"] if self.cells else []), *self.rules]
        if self.inverse:
            s["inverse"] = inverse(s["square"])
            watched += ["square", "inverse"]
        for step in range(1, STEPS + 1):
            self._step(s, k)
            for name in watched:
                beyond = np.argwhere(~(np.abs(s[name]) <= LARGEST))
                if len(beyond):
                    return step, name, tuple(int(i) for i in beyond[0])
        return None

    def _step(self, s: dict[str, Any], k: dict[str, Any]) -> None:
        dt, tau = Wide(DT), Wide(TAU)
        x, y, v, u = s["a.x"], s["b.y"], s["c.v"], s["c.u"]
        r = Wide(0)
        for name in self.rules:
            r = held(r + held(s[name] @ x))
        f, into_c = held(s[self.rules[0]].T @ y), s["fixed"] @ y
        for name in self.rules:
            s[name] = s[name] + dt * rate(name, s[name], y, x, k)
        if self.inverse:
            r = held(r + held(s["inverse"] @ y))
            s["square"] = s["square"] + dt * rate("square", s["square"], y, y, k)
            s["inverse"] = inverse(s["square"])
        drive = k["growth"] * held(x**3) + f if self.cubic else f
        s["a.x"] = x + dt / tau * held(drive - x)
        s["b.y"] = y + dt / tau * held(r - y)
        if self.cells:
            v = v + dt / tau * held(np.exp(v) + into_c - v)
            u = u + dt * (-u) / tau
            s["c.v"] = np.where(v > 1, 0, v)
            s["c.u"] = np.where(v > 1, u * k["jump"] + 1, u)


STRUCTURES = (
    Structure(1, ("hebb", "oja")),
    Structure(3, ("both", "hebb"), cubic=True),
    Structure(1, ("scaled", "local"), cells=True),
    Structure(4, ("oja", "general", "scaled")),
    Structure(300, ("hebb", "both")),
    Structure(2, ("hebb",), cubic=True, inverse=True, cells=True),
)


def inverse(w: NDArray[Any]) -> NDArray[Any]:
    """Invert a matrix by elimination with pivots, in the precision of its numbers."""
    n = len(w)
    both = np.concatenate([w, np.eye(n, dtype=w.dtype)], axis=1)
    for i in range(n):
        pivot = i + int(np.argmax(np.abs(both[i:, i])))
        both[[i, pivot]] = both[[pivot, i]]
        both[i] /= both[i, i]
        for j in range(n):
            if j != i:
                both[j] -= both[j, i] * both[i]
    return both[:, n:]


def draw(structure: Structure, seed: int) -> tuple[Arrays, Arrays]:
    """Return the numbers and the start values of one divergence."""
    random = np.random.default_rng(seed)
    size = lambda low, high: float(10 ** random.uniform(low, high))  # noqa: E731
    numbers: Arrays = {f"{name}_rate": size(-4, 1) for name in structure.rules}
    if structure.cubic:
        numbers["growth"] = size(-3, 1)
    if "oja" in structure.rules:
        numbers["decay"] = random.uniform(0, 2)
    if structure.inverse:
        numbers |= {"square_rate": size(-2, 1.5), "spread": size(-2, 0.5)}
    if structure.cells:
        numbers["jump"] = size(0, 6)
    state: Arrays = {
        "a.x": random.normal(size=A) * 2,
        "b.y": random.normal(size=B) * 2,
        "c.v": random.uniform(-1, 0.9, size=B),
        **{name: random.normal(size=(B, A)) for name in structure.rules},
        "square": random.normal(size=(B, B)) + 3 * np.eye(B),
        "fixed": random.normal(size=(B, B)),
    }
    return numbers, state
