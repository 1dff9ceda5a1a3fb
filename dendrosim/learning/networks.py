"""Layered networks that learn by target propagation or back-propagation, alone or side by side.

A learner by itself has the names of its model (`layer1.h`, `w1`); side by side they have prefixes (`single_w1`)
and start from the same weights.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.initial_values.copy import Copy
from dendrosim.circuit.initial_values.well_conditioned import WellConditioned
from dendrosim.errors import ParameterError, UnknownNameError
from dendrosim.learning import cycle as cycles
from dendrosim.library.catalogue import find_entry
from dendrosim.library.file_parameters import parameters_of_file
from dendrosim.library.loading import load_circuit
from dendrosim.protocol.phases import Recording

MODELS = {
    "single": "dynamical_tp",
    "two_phase": "two_phase_dtp",
    "multiplexed": "multiplexed_dtp",
    "backprop": "backprop",
}
"""Model of each learner."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Learner:
    """A layered circuit that learns; `start` is the prefix of its names."""

    name: str
    circuit: Circuit
    start: str = ""

    @property
    def last(self) -> int:
        """Number of the last layer."""
        return cycles.depth(self.circuit)

    def settling(self, **options: Any) -> cycles.Settling:
        """Return how long it needs to settle; see `cycles.settling` for options."""
        return cycles.settling(self.circuit, **options)


def load(
    name: str,
    *,
    tau: Any,
    common: Mapping[str, Any],
    own: Mapping[str, Any],
    others: Mapping[str, Any],
    start: str = "",
) -> Learner:
    """Return a learner.

    Parameters
    ----------
    name : str
        Key of `MODELS`.
    tau : time
        Of all its layers.
    common : mapping
        Parameters of every model: `sizes`, `transfer`.
    own : mapping
        Parameters that this learner must have.
    others : mapping
        Parameters that it takes where its model has them: `gain` and `condition` of the initial weights, `mu` ...
    start : str
        Prefix of its names.
    """
    model = MODELS[name]
    known = {p.name for p in parameters_of_file(find_entry(model, "model"))}
    times = {"tau", "tau_basal", "tau_apical", "tau_hold"} & known
    given = {k: v for k, v in others.items() if k in known}
    if name != "backprop":
        made = load_circuit(model, **common, **dict.fromkeys(times, tau), **given, **own)
        return Learner(name, made, start)
    made = load_circuit(model, **common, output="transfer", tau=tau, **own)
    gain, condition = others.get("gain", 1.4), others.get("condition", 2.0)
    first = WellConditioned(gain, condition)
    return Learner(
        name, made.replace(matrices=[m.replace(initial=first) for m in made.matrices]), start
    )


def check_taken(names: Sequence[str], given: Mapping[str, Any], others: Iterable[str] = ()) -> None:
    """Raise UnknownNameError if a parameter belongs to none of the learners; `others` may be meant instead."""
    models = [MODELS[n] for n in names if n != "backprop"]
    known = {p.name for m in models for p in parameters_of_file(find_entry(m, "model"))}
    for parameter in given:
        if parameter not in known:
            allowed = ", ".join(names)
            raise UnknownNameError(f"parameter of {allowed}", parameter, {*known, *others})


def joined(learners: Sequence[Learner]) -> Circuit:
    """Return the learners' circuit, in which all start from the weights of the first."""
    if len(learners) == 1:
        return learners[0].circuit
    circuit = Circuit.join(**{x.name: x.circuit for x in learners})
    first = learners[0]
    copies = {
        f"{x.start}w{i}": f"{first.start}w{i}" for x in learners[1:] for i in range(1, x.last + 1)
    }
    return circuit.replace(
        matrices=[
            m.replace(initial=Copy(copies[m.name])) if m.name in copies else m
            for m in circuit.matrices
        ]
    )


def members(learners: Sequence[Learner]) -> dict[str, Circuit]:
    """Return circuits by prefix, as `cycles` takes them."""
    return {x.start.removesuffix("_"): x.circuit for x in learners}


def drives(learners: Sequence[Learner], x: Any, target: Any) -> dict[str, Any]:
    """Return what drives all learners' inputs and targets."""
    shown = {f"{learner.start}layer0.h": x for learner in learners}
    return shown | {f"{learner.start}layer{learner.last}.target": target for learner in learners}


def recordings(
    learners: Sequence[Learner], *, thin: int, cycle: float, events: bool
) -> tuple[Recording, ...]:
    """Return what `dendrosim.learning.progress` reads, from blocks `train` and `test`.

    Where plasticity goes in events: weights before and after one, in every `thin`-th trial, and what was
    shown. Else: weights as every `thin`-th cycle of `cycle` seconds begins.
    """
    every: dict[str, Any] = (
        {"every": "phase", "phases": "train/learn", "thin": thin}
        if events
        else {"every": f"{thin * cycle!r} s", "phases": "train/*"}
    )
    basal = tuple(f"{x.start}w{i}" for x in learners for i in range(1, x.last + 1))
    outputs = tuple(f"{x.start}layer{x.last}.h" for x in learners)
    first = learners[0]
    kept = [
        Recording(outputs, every="phase", phases="test/*"),
        Recording(
            basal, **({**every, "phases": ("train/learn", "train/rest")} if events else every)
        ),
    ]
    if events:
        kept.append(
            Recording((f"{first.start}layer0.h", f"{first.start}layer{first.last}.target"), **every)
        )
    if apical := tuple(f"{x.start}{q}" for x in learners for q in apical_weights(x)):
        kept.append(Recording(apical, **every))
    if bounded := tuple(f"{x.start}layer*.saturated" for x in learners if x.name == "multiplexed"):
        kept.append(Recording(bounded, **every))
    return tuple(kept)


def apical_weights(learner: Learner) -> list[str]:
    """Return the names of a learner's own apical matrices."""
    return [m.name for m in learner.circuit.matrices if m.name[0] == "q"]


def check_range(learners: Sequence[Learner], targets: Array) -> None:
    """Raise ParameterError if targets lie outside of what a multiplexed circuit can send."""
    largest = float(np.max(np.abs(targets)))
    for learner in learners:
        if "span" in learner.circuit.parameters:
            span = float(learner.circuit.parameters["span"].value)
            if largest > span:
                raise ParameterError(
                    f"targets reach {largest:.4g}, but span is {span:.4g}: event rates and burst probabilities of "
                    f"{MODELS[learner.name]} carry no more; raise span"
                )
