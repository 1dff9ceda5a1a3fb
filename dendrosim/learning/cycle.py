"""Cycles of phases in which circuits of target propagation settle and learn.

A cycle shows one trial. Its phases are, in this order:

    free      the circuits settle without a target; the variables that hold their activity follow it
    nudged    the circuits settle under the target; the held values stay
    learn     basal weights take one step; so do apical weights that learn by reconstruction in circuits with two
              separate pathways, because there the nudge does not change what they reconstruct
    rest      one time step in which nothing changes, so that the effect of `learn` on the weights can be recorded
    sleep     the circuits settle without a target; then apical weights that learn by reconstruction take one step
    noise{i}  layer i is perturbed; when the circuit has settled, apical weights that learn by differences take one
    step

A cycle has only the phases for which its circuits have gates. Apical weights change after basal ones have learned:
if they changed between `free` and `nudged`, basal weights would learn from that change too. A step of learning
changes a weight by tau times its rate of change, whatever the time step is.

With continuous plasticity there are no single steps: apical weights learn throughout `sleep` (or `nudged`), basal
ones throughout `nudged`, at a rate at which the total change is that of a single step if activities do not change.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from dendrosim.circuit.circuit import Circuit
from dendrosim.errors import ParameterError
from dendrosim.protocol.phases import Phase
from dendrosim.signals.held_noise import HeldNoise
from dendrosim.signals.hyperbolic import Hyperbolic
from dendrosim.signals.pulse import Pulse

GATES = ("hold", "teach", "learn", "sleep")
"""Gates that phases of a cycle open; and so they do with `sleep{i}`, where layer i is perturbed."""

Plasticity = Literal["events", "continuous"]
"""Whether weights learn in single steps after settling, or all the time."""


def learning_cycle(
    circuits: Mapping[str, Circuit],
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
    circuits : mapping of str to Circuit
        Circuits by the prefix that they have in the joined circuit; "" for a circuit that is not joined.
    dt : float
        Time step in seconds.
    tau : float
        Seconds by which the rate of change of a weight is multiplied in a step of learning.
    steps : int
        Number of time steps in which the circuits settle.
    plasticity : {"events", "continuous"}, default "events"
        Whether weights learn in single steps after settling, or all the time.
    observed : bool, default False
        Whether the cycle has the phase `rest`.
    dream : float, optional
        Standard deviation of the noise that replaces the samples during `sleep` in circuits that learn by
        reconstruction. With noise, apical weights invert basal ones equally well in all directions.
    anneal : mapping of str to float, optional
        For the prefix of a circuit, the number of trials after which its learning rate has halved (see
        `Hyperbolic`).

    Raises
    ------
    ParameterError
        If plasticity is continuous and apical weights learn by differences, or if a circuit has a gate that no
        phase opens.
    """
    gates = {g for circuit in circuits.values() for g in circuit.gates}
    for prefix, circuit in circuits.items():
        _check_gates(prefix, circuit)
    perturbed = _noise_phases(gates)
    events = plasticity == "events"
    if perturbed and not events:
        raise ParameterError(
            "plasticity is continuous, but apical weights that learn by differences (inverse=drl) need single "
            "steps; choose plasticity=events"
        )
    awake = [p for p, c in circuits.items() if _has_separate_pathways(c) and dream is None]
    sleeping = perturbed or any("sleep" in c.gates for p, c in circuits.items() if p not in awake)
    names = ["free"] if "hold" in gates else []
    names += ["nudged", *(["learn"] if events else []), *(["rest"] if observed else [])]
    names += ["sleep"] if sleeping else []
    names += perturbed
    lengths = {name: 1 if name in ("learn", "rest") else steps for name in names}
    total = sum(lengths.values()) * dt
    return tuple(
        _phase(
            name, circuits, _Timing(dt, lengths[name], tau, events), awake, dream,
            {p: trials * total for p, trials in (anneal or {}).items()},
        )
        for name in names
    )  # fmt: skip


def sleep_cycle(
    circuits: Mapping[str, Circuit],
    *,
    dt: float,
    tau: float,
    steps: int,
    plasticity: Plasticity = "events",
) -> tuple[Phase, ...]:
    """Return the phases in which apical weights learn alone: `sleep`, then `noise{i}` for each gate `sleep{i}`.

    There is no target, and basal weights do not change. Parameters are those of `learning_cycle`.
    """
    gates = {g for circuit in circuits.values() for g in circuit.gates}
    timing = _Timing(dt, steps, tau, plasticity == "events")
    names = ("sleep", *_noise_phases(gates))
    return tuple(_phase(name, circuits, timing, (), None, {}) for name in names)


def recall_phase(circuits: Mapping[str, Circuit], *, dt: float, steps: int) -> Phase:
    """Return a phase `recall`, in which circuits settle without a target and nothing learns.

    Parameters are those of `learning_cycle`.
    """
    return _phase("recall", circuits, _Timing(dt, steps, 0.0, True), (), None, {})


@dataclass(frozen=True)
class _Timing:
    """Time step, number of steps of a phase, seconds per step of learning, and whether learning is in steps."""

    dt: float
    steps: int
    tau: float
    events: bool


def _has_separate_pathways(circuit: Circuit) -> bool:
    """Return whether activity goes up and targets come down on separate pathways."""
    return "tau_basal" in circuit.parameters


def _check_gates(prefix: str, circuit: Circuit) -> None:
    """Refuse gates that would stay closed in all phases."""
    for gate in circuit.gates:
        number = gate.removeprefix("sleep")
        if gate not in GATES and not (number != gate and number.isdigit()):
            of = f"circuit {prefix!r}" if prefix else "the circuit"
            raise ParameterError(
                f"{of} has the gate {gate!r}, which no phase of this cycle opens; it opens {', '.join(GATES)}, "
                "and sleep1, sleep2 and so on. Use these names, or declare phases of your own, "
                "as LEARNING = ds.learning.Network(..., cycle=...)"
            )


def _noise_phases(gates: Iterable[str]) -> list[str]:
    """Return the names of the phases in which a layer is perturbed, one for each gate `sleep{i}`."""
    return sorted(
        f"noise{g.removeprefix('sleep')}" for g in gates if g.startswith("sleep") and g != "sleep"
    )


def _phase(
    name: str,
    circuits: Mapping[str, Circuit],
    timing: _Timing,
    awake: Sequence[str],
    dream: float | None,
    anneal: Mapping[str, float],
) -> Phase:
    """Return a phase; `awake` are the circuits whose apical weights learn together with the basal ones."""
    gates: dict[str, object] = {}
    signals: dict[str, object] = {}
    dt, duration = timing.dt, timing.steps * timing.dt
    # One Euler step of dt with a gate of tau/dt changes a weight by tau times its rate of change.
    amplitude = timing.tau / dt
    at_end: object = Pulse(amplitude, f"{duration - dt!r} s", f"{dt!r} s")
    spread = timing.tau / duration
    learning = "learn" if timing.events else "nudged"
    for prefix, circuit in circuits.items():
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
