"""Runs of `tp_student_teacher` by the loop in `loop.cpp`, which shares no code with the generated programs.

Layers, rates, phases and numbers of samples are read from the protocol, and what a seed draws (teacher, samples,
initial weights, keys of noise) is drawn as a run of dendrosim draws it.
"""

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import dendrosim as ds
from benchmarks.spiking_cells.native import library
from dendrosim.analysis import learning_signals
from dendrosim.learning.networks import MODELS
from dendrosim.streams import stream

KINDS = ("free", "nudged", "learn", "rest", "sleep")  # phases; `noise{i}` follows
INVERSES = ("exact", "learned", "drl", "transpose")
DECODERS = ("inverse", "linear", "error")
TRANSFERS = ("linear", "smooth_leaky", "leaky_relu")
MOST = 9  # length of the lists of a plan

_COUNTS = (
    "model", "inverse", "decoder", "bounded", "batch", "layers", "transfer", "samples", "trials", "thin", "kept",
    "fresh", "phases",
)  # fmt: skip
_LISTS = ("sizes", "kinds", "steps")
_NUMBERS = (
    "mu", "eta_hat", "eta", "reach", "eta_q", "decay_q", "sigma", "tau", "dt", "span", "half"
)  # fmt: skip


_SHOWN = ("x", "y", "fresh", "expected")


class _Seed(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in _SHOWN),
        *((name, ctypes.c_void_p * MOST) for name in ("w", "q")),
        *((name, ctypes.c_void_p) for name in ("keys", "losses")),
    ]


class _Plan(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int32) for name in _COUNTS),
        *((name, ctypes.c_int32 * MOST) for name in _LISTS),
        *((name, ctypes.c_double) for name in _NUMBERS),
    ]


@dataclass(frozen=True)
class Loop:
    """Training of one combination of parameters of `tp_student_teacher`; `protocol` is that of any seed."""

    protocol: ds.Protocol

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        populations = [p for p in self.protocol.circuit.populations if p.name.startswith("layer")]
        return tuple(p.size for p in populations)

    @cached_property
    def plan(self) -> Any:
        """The numbers that the loop needs, read from the circuit and from the phases of the protocol."""
        protocol, given = self.protocol, self.protocol.parameters
        circuit, last, dt = protocol.circuit, len(self.sizes) - 1, protocol.time_step
        thin = protocol.references["thin"]
        train = next(b for b in protocol.blocks if b.name == "train")
        top = circuit.population(f"layer{last}")
        values = {n: float(q.value) for n, q in circuit.parameters.items()}
        fall = 1.0 if "mu" not in values else values["mu"] / (1 - values["mu"])
        if (
            "mu" in values
        ):  # rates and bounds belong to layers, and are larger and smaller by the fall of the signal
            values["eta"] = (
                float(circuit.matrix(f"w{last}").parameters["eta"].value) * fall * values["eta_hat"]
            )
            values["reach"] = float(top.parameters.get("reach", ds.quantity(1.0)).value) / fall
        else:  # the circuit's rate is divided by the nudge already
            values["eta"] *= values["eta_hat"]
        values.setdefault("tau", values.get("tau_basal", 0.0))
        defaults = {
            "mu": 0.5,
            "eta_q": 0.0,
            "decay_q": 0.0,
            "sigma": 1.0,
            "span": np.inf,
            "reach": 1.0,
            "half": np.inf,
        }
        learn = next(phase for phase in train.phases if phase.name == "learn").gates["learn"][0]
        if isinstance(learn, ds.Hyperbolic):
            values["half"] = float(learn.decay.value)
        plan = _Plan(
            model=list(MODELS).index(given["model"]), inverse=INVERSES.index(self._inverse),
            decoder=DECODERS.index(self._decoder(top.equations)), bounded="plateau" in top.equations,
            batch=protocol.batch, layers=last, transfer=TRANSFERS.index(given["transfer"]),
            samples=len(protocol.data["x"]), trials=train.trials, thin=thin, kept=-(-train.trials // thin),
            fresh=len(protocol.data["fresh"]), phases=len(train.phases),
            **{n: (defaults | values)[n] for n in _NUMBERS if n != "dt"}, dt=dt,
        )  # fmt: skip
        plan.sizes[: last + 1] = self.sizes
        for k, phase in enumerate(train.phases):
            number = phase.name.removeprefix("noise")
            kind = len(KINDS) + int(number) if number != phase.name else KINDS.index(phase.name)
            plan.kinds[k] = kind
            plan.steps[k] = round(float(phase.duration.value) / dt)
        return plan

    @property
    def _inverse(self) -> str:
        circuit = self.protocol.circuit
        if not any(m.name == "q1" for m in circuit.matrices):
            return "transpose"
        q = circuit.matrix("q1")
        if q.inverse_of:
            return "exact"
        return "learned" if "sleep" in circuit.gates else "drl"

    @staticmethod
    def _decoder(equations: str) -> str:
        line = next(x for x in equations.splitlines() if x.startswith(("preimage =", "cause =")))
        return "inverse" if "inv_s" in line else "error" if "ds(" in line else "linear"

    def losses(self, seeds: Sequence[int]) -> np.ndarray:
        """Return the losses of networks on fresh inputs, before kept trials and at the end: (seeds, losses)."""
        code = library(Path(__file__).with_name("loop.cpp"))
        together = code.at_once(ctypes.byref(self.plan))
        losses = np.full((len(seeds), self.plan.kept + 1), np.nan)
        for first in range(0, len(seeds), together):
            chosen = list(seeds[first : first + together])
            # Places that are left are filled with the last network, which is trained several times.
            drawn = [self._arrays(seed) for seed in chosen]
            drawn += [self._arrays(chosen[-1]) for _ in range(together - len(chosen))]
            code.train(ctypes.byref(self.plan), (_Seed * together)(*map(_seed, drawn)))
            losses[first : first + together] = [d["losses"] for d in drawn[: len(chosen)]]
        return losses

    def _arrays(self, seed: int) -> dict[str, Any]:
        """Return what a network is trained with, and an array for its losses."""
        shapes = list(pairwise(self.sizes))
        w = [self._drawn(seed, i, shape[::-1]) for i, shape in enumerate(shapes, 1)]
        return dict(zip(_SHOWN, self._samples(seed), strict=True)) | {
            "w": [None, *w],
            "q": [None, *(np.ascontiguousarray(np.linalg.pinv(weights)) for weights in w[1:])],
            "keys": np.array([0, *self._keys(seed)], dtype=np.uint64),
            "losses": np.full(self.plan.kept + 1, np.nan),
        }

    def _samples(self, seed: int) -> tuple[np.ndarray, ...]:
        """Return inputs and targets, then fresh ones, each (units, samples), as the protocol draws them."""
        rng, given = np.random.default_rng(seed), self.protocol.parameters
        start = self.protocol.circuit.matrix("w1").initial
        teacher = [start.sample(shape[::-1], rng) for shape in pairwise(self.sizes)]
        counts = (self.plan.samples, self.plan.fresh)
        shown, fresh = (rng.normal(size=(self.sizes[0], n)) for n in counts)
        y, expected = (
            learning_signals.forward(teacher, a, given["transfer"]).activities[-1]
            for a in (shown, fresh)
        )
        return tuple(np.ascontiguousarray(a) for a in (shown, y, fresh, expected))

    def _drawn(self, seed: int, i: int, shape: tuple[int, int]) -> np.ndarray:
        start = self.protocol.circuit.matrix(f"w{i}").initial
        return np.ascontiguousarray(start.sample(shape, stream(seed, f"initial.w{i}")))

    def _keys(self, seed: int) -> Iterator[int]:
        for i in range(1, len(self.sizes)):
            rng = stream(seed, f"noise.layer{i}.noise.HeldNoise.0")
            yield int(rng.integers(2**64, dtype=np.uint64))


def _seed(arrays: dict[str, Any]) -> _Seed:
    seed = _Seed()
    for name, value in arrays.items():
        if name in ("w", "q"):
            getattr(seed, name)[: len(value)] = [
                None if a is None else a.ctypes.data for a in value
            ]
        else:
            setattr(seed, name, value.ctypes.data)
    return seed
