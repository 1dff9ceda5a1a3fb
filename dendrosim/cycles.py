"""Cycles of phases in which circuits of target propagation settle and learn.

A cycle shows one trial:

    free      the circuits settle without a target; what is held follows
    nudged    the circuits settle under the target; what is held stays
    learn     basal weights take one step; so do apical weights that learn by reconstruction, where both pathways
              are apart, so that the nudge has no part in what they reconstruct
    rest      one step in which nothing changes, so that what `learn` did to the weights can be recorded
    sleep     the circuits settle without a target; then apical weights that learn by reconstruction take one step
    noise{i}  layer i is perturbed; when all has settled, apical weights that learn by differences take one step

A cycle has those that its circuits have gates for. Apical weights change after basal ones have learned: if they
changed between `free` and `nudged`, basal weights would learn from that change too. A step of learning changes a
weight by tau times its rate of change, whatever the time step. With continuous plasticity there are no single
steps: apical weights learn all through `sleep` (or `nudged`), basal ones all through `nudged`, at a rate such that
a passage comes to the same.
"""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from dendrosim.analysis import target_propagation
from dendrosim.circuit import Circuit
from dendrosim.errors import DendrosimWarning, ParameterError
from dendrosim.phases import Phase
from dendrosim.signals.held_noise import HeldNoise
from dendrosim.signals.pulse import Pulse

Plasticity = Literal["events", "continuous"]


@dataclass(frozen=True)
class Settling:
    """How long a circuit needs: `time` to settle, `slowest` the time constant of its slowest mode, in seconds."""

    time: float
    slowest: float


def settling(circuit: Circuit, *, apical_scale: float = 1.0) -> Settling:
    """Return how long a circuit of layers needs to settle, from the spectrum of its dynamics.

    Parameters
    ----------
    circuit : Circuit
        Of a model of target propagation, or `backprop`, with linear units in mind.
    apical_scale : float
        Eigenvalue of Q_i W_(i+1): 1 where apical weights are inverses, else the one farthest from it.

    Raises
    ------
    ParameterError
        If the circuit cannot settle, because a mode grows.
    """
    values = {name: float(q.value) for name, q in circuit.parameters.items()}
    layers = len(circuit.populations) - 1
    if "mu" in values:
        live: tuple[target_propagation.Top, ...] = ("free", "nudged")
        tops = live if "teach" in circuit.gates else ("clamped",)
        mu, eta_hat, tau = values["mu"], values.get("eta_hat", 1.0), values["tau"]
        times, rates = [], []
        for top in tops:
            options: dict[str, Any] = {"top": top, "eta_hat": eta_hat, "nu": apical_scale}
            times.append(target_propagation.settling_time(mu, layers, **options))
            rates.append(target_propagation.slowest_rate(mu, layers, **options))
        return Settling(tau * max(times), tau / min(rates))
    if "tau_basal" in values:
        tau = max(values["tau_basal"], values.get("tau_apical", 0.0))
        return Settling(tau * target_propagation.cascade_time(2 * layers - 1), tau)
    tau = values["tau"]
    return Settling(tau * target_propagation.cascade_time(2 * layers), tau)


def settling_steps(members: Mapping[str, Settling], dt: float, given: float | None = None) -> int:
    """Return the steps to settle: what the slowest member needs, or the given time in seconds.

    Warns
    -----
    DendrosimWarning
        If the given time is shorter than the time constant of a member's slowest mode.
    """
    if given is None:
        return max(1, math.ceil(max(m.time for m in members.values()) / dt - 1e-9))
    for name, member in members.items():
        if given < member.slowest * (1 - 1e-9):
            warnings.warn(
                f"settle is {given * 1e3:.4g} ms, shorter than the time constant {member.slowest * 1e3:.4g} ms of "
                f"the slowest mode of {name}, which needs about {member.time * 1e3:.4g} ms to settle; it learns "
                "from activities that are still on their way",
                DendrosimWarning,
                stacklevel=2,
            )
    steps = round(given / dt)
    if steps < 1 or abs(given / dt - steps) > 1e-6 * max(1.0, steps):
        raise ParameterError(
            f"settle is {given * 1e3:g} ms; it must be a whole number of time steps of {dt * 1e3:g} ms"
        )
    return steps


def learning_cycle(
    members: Mapping[str, Circuit],
    *,
    dt: float,
    tau: float,
    steps: int,
    plasticity: Plasticity = "events",
    observed: bool = False,
) -> tuple[Phase, ...]:
    """Return the phases in which circuits settle and learn.

    Parameters
    ----------
    members : mapping
        Circuits by the prefix that they have in the joined circuit; "" for one by itself.
    dt : float
        Time step in seconds.
    tau : float
        A step of learning changes a weight by so many seconds times its rate of change.
    steps : int
        Time steps in which the circuits settle.
    plasticity : {"events", "continuous"}
        See the module.
    observed : bool
        Whether `rest` is there.
    """
    gates = {g for circuit in members.values() for g in circuit.gates}
    perturbed = sorted(g for g in gates if g.startswith("sleep") and g != "sleep")
    events = plasticity == "events"
    if perturbed and not events:
        raise ParameterError(
            "plasticity is continuous, but apical weights that learn by differences (inverse=drl) do so in "
            "events; choose plasticity=events"
        )
    sleeping = perturbed or any("sleep" in c.gates and not _apart(c) for c in members.values())
    names = ["free"] if "hold" in gates else []
    names += ["nudged", *(["learn"] if events else []), *(["rest"] if observed else [])]
    names += ["sleep"] if sleeping else []
    names += [f"noise{g.removeprefix('sleep')}" for g in perturbed]
    single = {"learn", "rest"}
    return tuple(
        _phase(name, members, dt, 1 if name in single else steps, tau, events) for name in names
    )


def _apart(circuit: Circuit) -> bool:
    """Whether activity goes up and targets come down on pathways of their own."""
    return "tau_basal" in circuit.parameters


def without_learning(phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
    """Return phases in which basal weights stay as they are: apical weights learn by themselves."""
    return tuple(
        p.replace(
            gates={k: 0.0 if k.rpartition("_")[2] == "learn" else v for k, v in p.gates.items()}
        )
        for p in phases
        if p.name != "rest"
    )


def recall(members: Mapping[str, Circuit], *, dt: float, steps: int) -> Phase:
    """Return a phase in which circuits settle without target and nothing learns."""
    return _phase("recall", members, dt, steps, 0.0, events=True)


def _phase(
    name: str, members: Mapping[str, Circuit], dt: float, steps: int, tau: float, events: bool
) -> Phase:
    gates: dict[str, object] = {}
    signals: dict[str, object] = {}
    last = steps * dt - dt
    step = Pulse(tau / dt, f"{last!r} s", f"{dt!r} s") if name != "learn" else tau / dt
    spread = tau / (steps * dt)
    for prefix, circuit in members.items():
        start = f"{prefix}_" if prefix else ""
        held, own = "hold" in circuit.gates, dict.fromkeys(circuit.gates, 0.0)
        opened: dict[str, object] = {}
        if name in ("nudged", "learn", "rest") or (not held and name == "free"):
            opened["teach"] = 1.0
        if name in ("free", "sleep", "recall"):
            opened["hold"] = 1.0
        if name == ("learn" if events else "nudged"):
            opened["learn"] = step if events else spread
            if _apart(circuit):
                opened["sleep"] = opened["learn"]
        if name == "sleep" and not _apart(circuit):
            opened["sleep"] = step if events else spread
        number = name.removeprefix("noise")
        if number != name and f"sleep{number}" in circuit.gates:
            opened[f"sleep{number}"] = step
            signals[f"{start}layer{number}.noise"] = HeldNoise(0.0, circuit.parameters["sigma"])
        gates |= {start + gate: opened.get(gate, closed) for gate, closed in own.items()}
    return Phase(name, f"{steps * dt!r} s", gates=gates, signals=signals)
