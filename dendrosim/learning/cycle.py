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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from dendrosim.analysis.target_propagation import settling as settling_times
from dendrosim.analysis.target_propagation import spectrum
from dendrosim.analysis.target_propagation.chain import Top
from dendrosim.circuit.circuit import Circuit
from dendrosim.errors import DendrosimWarning, ParameterError
from dendrosim.learning.settling import slowest_rate
from dendrosim.protocol.phases import Phase
from dendrosim.signals.held_noise import HeldNoise
from dendrosim.signals.hyperbolic import Hyperbolic
from dendrosim.signals.pulse import Pulse
from dendrosim.units import Quantity, positive

Plasticity = Literal["events", "continuous"]

CASCADE_LEFT = 1e-4
"""What is left of the way of a cascade of filters that has settled."""


@dataclass(frozen=True)
class Settling:
    """How long a circuit needs: `time` to settle, `slowest` the time constant of its slowest mode, in seconds."""

    time: float
    slowest: float


def depth(circuit: Circuit) -> int:
    """Return the number of layers above the input."""
    return sum(p.name.startswith("layer") for p in circuit.populations) - 1


def settling(circuit: Circuit, *, left: float | None = None) -> Settling:
    """Return how long a circuit of layers needs to settle, from the spectrum of its dynamics.

    Where every apical matrix is an inverse, the spectrum is known in closed form; else it is that of the circuit's
    own equations at rest, with the weights of seed 0.

    Parameters
    ----------
    circuit : Circuit
        Of a model of target propagation, or `backprop`.
    left : float, optional
        What may be left of the slowest mode, relative to the learning signal of layer 1 (default: e^-5), or of
        a cascade of filters, relative to where it ends (default: 1e-4).

    Raises
    ------
    ParameterError
        If the circuit cannot settle, because a mode grows.
    """
    values = {name: float(q.value) for name, q in circuit.parameters.items()}
    layers = depth(circuit)
    if "mu" in values:
        part = settling_times.SETTLED if left is None else left
        tops: tuple[Top, ...] = ("clamped",)
        if "teach" in circuit.gates:
            tops = ("free", "nudged")
        rate = min(_slowest(circuit, values, layers, top) for top in tops)
        folds = settling_times.decay_time(values["mu"], layers, part)
        return Settling(folds / rate, 1 / rate)
    part = CASCADE_LEFT if left is None else left
    if "tau_basal" in values:
        tau = max(values["tau_basal"], values.get("tau_apical", 0.0))
        return Settling(tau * settling_times.cascade_time(2 * layers - 1, part), tau)
    tau = values["tau"]
    return Settling(tau * settling_times.cascade_time(2 * layers, part), tau)


def _slowest(circuit: Circuit, values: Mapping[str, float], layers: int, top: Top) -> float:
    """Return the rate of the slowest mode in 1/s."""
    apical = {p.matrix for p in circuit.projections if p.target.endswith(".g")}
    if all(circuit.matrix(name).inverse_of is not None for name in apical):
        eta_hat = values.get("eta_hat", 1.0)
        rate = spectrum.slowest_rate(values["mu"], layers, top=top, eta_hat=eta_hat)
        return rate / values["tau"]
    opened = {"teach": float(top == "nudged"), "hold": 1.0}
    return slowest_rate(circuit, {n: v for n, v in opened.items() if n in circuit.gates})


def time_step(dt: Quantity | None, tau: Quantity, part: float = 0.5) -> float:
    """Return the time step in seconds: the given one, or that part of tau.

    Raises
    ------
    ParameterError
        If it is not positive, or longer than tau: activities would overshoot, and further each time.
    """
    second = float(tau.value)
    if dt is None:
        return second * part
    positive(dt=dt)
    given = float(dt.value)
    if given > second * (1 + 1e-9):
        raise ParameterError(
            f"dt is {given * 1e3:g} ms, longer than tau = {second * 1e3:g} ms: activities overshoot; "
            "choose tau or less"
        )
    return given


def settling_steps(
    members: Mapping[str, Settling], dt: float, settle: Quantity | None = None
) -> int:
    """Return the steps to settle: what the slowest member needs, or the given time.

    Raises
    ------
    ParameterError
        If the given time is not positive, or no whole number of time steps `dt` (in seconds).

    Warns
    -----
    DendrosimWarning
        If the given time is shorter than the time constant of a member's slowest mode.
    """
    if settle is None:
        return max(1, math.ceil(max(m.time for m in members.values()) / dt - 1e-9))
    positive(settle=settle)
    given = float(settle.value)
    steps = round(given / dt)
    if steps < 1 or abs(given / dt - steps) > 1e-6 * max(1.0, steps):
        raise ParameterError(
            f"settle is {given * 1e3:g} ms; it must be a whole number of time steps of {dt * 1e3:g} ms"
        )
    for name, member in members.items():
        if given < member.slowest * (1 - 1e-9):
            warnings.warn(
                f"settle is {given * 1e3:.4g} ms, shorter than the time constant {member.slowest * 1e3:.4g} ms of "
                f"the slowest mode of {name}, which needs about {member.time * 1e3:.4g} ms to settle; its "
                "activities will still be on their way",
                DendrosimWarning,
                stacklevel=2,
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
    dream: float | None = None,
    anneal: Mapping[str, float] | None = None,
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
    dream : float, optional
        While they sleep, circuits that learn by reconstruction see noise of that standard deviation in place of
        samples, so that apical weights invert basal ones in all directions alike.
    anneal : mapping, optional
        By prefix: trials after which a circuit's learning rate has halved (see `Hyperbolic`).
    """
    gates = {g for circuit in members.values() for g in circuit.gates}
    perturbed = _perturbed(gates)
    events = plasticity == "events"
    if perturbed and not events:
        raise ParameterError(
            "plasticity is continuous, but apical weights that learn by differences (inverse=drl) do so in "
            "events; choose plasticity=events"
        )
    awake = [p for p, c in members.items() if _apart(c) and dream is None]
    sleeping = perturbed or any("sleep" in c.gates for p, c in members.items() if p not in awake)
    names = ["free"] if "hold" in gates else []
    names += ["nudged", *(["learn"] if events else []), *(["rest"] if observed else [])]
    names += ["sleep"] if sleeping else []
    names += perturbed
    lengths = {name: 1 if name in ("learn", "rest") else steps for name in names}
    total = sum(lengths.values()) * dt
    return tuple(
        _phase(
            name, members, _Timing(dt, lengths[name], tau, events), awake, dream,
            {p: trials * total for p, trials in (anneal or {}).items()},
        )
        for name in names
    )  # fmt: skip


@dataclass(frozen=True)
class _Timing:
    """Time step, steps of a phase, the seconds that a step of learning stands for, and whether it is one."""

    dt: float
    steps: int
    tau: float
    events: bool


def _apart(circuit: Circuit) -> bool:
    """Whether activity goes up and targets come down on pathways of their own."""
    return "tau_basal" in circuit.parameters


def _perturbed(gates: Iterable[str]) -> list[str]:
    """Return the names of phases in which a layer is perturbed."""
    return sorted(
        f"noise{g.removeprefix('sleep')}" for g in gates if g.startswith("sleep") and g != "sleep"
    )


def sleep_cycle(
    members: Mapping[str, Circuit],
    *,
    dt: float,
    tau: float,
    steps: int,
    plasticity: Plasticity = "events",
) -> tuple[Phase, ...]:
    """Return the phases in which apical weights learn by themselves: `sleep`, then `noise{i}` of every layer.

    There is no target, and basal weights stay as they are. Parameters are those of `learning_cycle`.
    """
    gates = {g for circuit in members.values() for g in circuit.gates}
    timing = _Timing(dt, steps, tau, plasticity == "events")
    names = ("sleep", *_perturbed(gates))
    return tuple(_phase(name, members, timing, (), None, {}) for name in names)


def recall(members: Mapping[str, Circuit], *, dt: float, steps: int) -> Phase:
    """Return a phase in which circuits settle without target and nothing learns."""
    return _phase("recall", members, _Timing(dt, steps, 0.0, True), (), None, {})


def _phase(
    name: str,
    members: Mapping[str, Circuit],
    timing: _Timing,
    awake: Sequence[str],
    dream: float | None,
    anneal: Mapping[str, float],
) -> Phase:
    """Return a phase; `awake` are circuits whose apical weights learn when basal ones do."""
    gates: dict[str, object] = {}
    signals: dict[str, object] = {}
    dt, duration = timing.dt, timing.steps * timing.dt
    amplitude = timing.tau / dt
    at_end: object = Pulse(amplitude, f"{duration - dt!r} s", f"{dt!r} s")
    spread = timing.tau / duration
    learning = "learn" if timing.events else "nudged"
    for prefix, circuit in members.items():
        start = f"{prefix}_" if prefix else ""
        opened: dict[str, object] = {}
        if name in ("nudged", "learn", "rest") or (name == "free" and "hold" not in circuit.gates):
            opened["teach"] = 1.0
        if name in ("free", "sleep", "recall"):
            opened["hold"] = 1.0
        if name == learning:
            opened["learn"] = amplitude if timing.events else spread
            if prefix in awake:
                opened["sleep"] = opened["learn"]
            if prefix in anneal:
                opened["learn"] = Hyperbolic(opened["learn"], f"{anneal[prefix]!r} s")
        if name == "sleep" and prefix not in awake:
            opened["sleep"] = at_end if timing.events else spread
            if dream is not None and "sleep" in circuit.gates:
                signals[f"{start}layer0.h"] = HeldNoise(0.0, dream)
        number = name.removeprefix("noise")
        if number != name and f"sleep{number}" in circuit.gates:
            opened[f"sleep{number}"] = at_end
            signals[f"{start}layer{number}.noise"] = HeldNoise(0.0, circuit.parameters["sigma"])
        gates |= {start + gate: opened.get(gate, 0.0) for gate in circuit.gates}
    return Phase(name, f"{duration!r} s", gates=gates, signals=signals)
