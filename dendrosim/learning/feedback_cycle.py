"""Cycles of phases in which circuits of the model `feedback_alignment` settle and learn.

A cycle shows one trial. Its phases are, for layers 1 to L and in this order:

    forward        activity goes up; circuits with both signals at once also send their errors down
    feedback{i}    i = L .. 1: the soma of layer i changes from activity to error, and apical dendrites of layer
                   i - 1 charge (with direct feedback, those of all layers charge in feedback{L})
    learn{i}       after feedback{i}: weights between layers i - 1 and i take one step. Circuits with both signals
                   at once learn with all their weights in learn1
    rest           one time step in which nothing changes, so that the effect on weights can be recorded
    mirror         hidden layers are perturbed, the input is silent; then the feedback weights of circuits with
                   `rule=weight_mirror` take one step
    reconstruct    bidirectional feedback alignment: the target goes down
    rise{i}        i = 0 .. L - 1: the soma of layer i changes to the error of the reconstruction
    learn_back{i}  after rise{i - 1}: feedback weights between layers i - 1 and i take one step

A cycle has only the phases for which its circuits have gates. Circuits may have different numbers of layers: L is
then the largest, and a circuit with fewer layers waits while there is nothing for it to do. A step of learning
changes a weight by tau times its rate of change, whatever the time step is.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from scipy.special import bdtr

from dendrosim.circuit.circuit import Circuit
from dendrosim.errors import ParameterError
from dendrosim.learning.own_cycle import Cycle
from dendrosim.learning.settling import layer_count
from dendrosim.protocol.phases import Phase
from dendrosim.signals.held_noise import HeldNoise
from dendrosim.signals.pulse import Pulse

LEFT = 1e-4
"""Fraction of the way to its final state that the last filter of a cascade has still to go when a phase ends."""

ROUNDS = 4
"""Number of times that signals go up and down before circuits with both signals at once learn: where errors act on
somata, they change what goes up, and so themselves, by a factor of the size of the coupling in each round."""


def settling_steps(stages: int, part: float, left: float = LEFT) -> int:
    """Return the number of forward Euler steps in which a cascade of equal low-pass filters settles.

    After n steps of `part` time constants, filter k has covered the fraction of its way that is the probability
    of at least k successes in n trials of probability `part`. With `part` = 1 the cascade has settled exactly
    after as many steps as it has filters.

    Parameters
    ----------
    stages : int
        Number of filters, at least 1.
    part : float
        Time step in time constants, above 0 and at most 1.
    left : float, optional
        Fraction of its way that the last filter may lack.

    Raises
    ------
    ParameterError
        If `part` is out of range.
    """
    if not 0 < part <= 1 + 1e-9:
        raise ParameterError(
            f"the time step is {part:g} time constants; it must be above 0 and at most 1"
        )
    steps = stages
    while part < 1 and bdtr(stages - 1, steps, part) > left:
        steps += 1
    return steps


def feedback_cycle(
    circuits: Mapping[str, Circuit],
    *,
    dt: float,
    tau: float,
    left: float = LEFT,
    observed: bool = False,
    rounds: int = ROUNDS,
) -> tuple[Phase, ...]:
    """Return the phases in which circuits settle and learn.

    Parameters
    ----------
    circuits : mapping of str to Circuit
        Circuits by the prefix that they have in the joined circuit; "" for a circuit that is not joined.
    dt : float
        Time step in seconds.
    tau : float
        Time constant of the circuits in seconds, also the factor by which the rate of change of a weight is
        multiplied in a step of learning.
    left : float, optional
        See `settling_steps`.
    observed : bool, default False
        Whether the cycle has the phase `rest`.
    rounds : int, optional
        Number of times that signals go up and down in circuits whose errors act on somata (see `ROUNDS`).
    """
    timing = _Timing(dt, tau, left, rounds)
    return tuple(_phase(name, circuits, timing) for name in _names(circuits, observed))


def feedback_recall(
    circuits: Mapping[str, Circuit], *, dt: float, tau: float, left: float = LEFT
) -> Phase:
    """Return a phase `recall`, in which activity goes up and nothing else happens; see `feedback_cycle`."""
    return _phase("recall", circuits, _Timing(dt, tau, left, 1))


def feedback_phases(circuit: Circuit, *, dt: float, tau: float) -> Cycle:
    """Return how one circuit is shown a sample, as `dendrosim.learning.Network.cycle` expects it.

    Feedback weights of `rule=weight_mirror` learn in the phase `mirror`, also alone; others do not learn alone.
    """
    learn = feedback_cycle({"": circuit}, dt=dt, tau=tau, observed=True)
    recall = feedback_recall({"": circuit}, dt=dt, tau=tau)
    return Cycle(learn, recall, tuple(phase for phase in learn if phase.name == "mirror"))


class _Timing(NamedTuple):
    """Time step and time constant in seconds, and the further arguments of `feedback_cycle`."""

    dt: float
    tau: float
    left: float
    rounds: int


def _deepest(circuits: Mapping[str, Circuit]) -> int:
    """Return the largest number of layers above the input."""
    return max(layer_count(circuit) for circuit in circuits.values())


def _names(circuits: Mapping[str, Circuit], observed: bool) -> list[str]:
    gates = {g for circuit in circuits.values() for g in circuit.gates}
    last = _deepest(circuits)
    names = ["forward"]
    down = range(last, 0, -1) if "forward" in gates else ()
    names += [f"{name}{i}" for i in down for name in ("feedback", "learn")]
    names += ["learn1"] if "forward" not in gates else []
    names += ["rest"] if observed else []
    names += ["mirror"] if "sleep1" in gates else []
    if "reconstruct" in gates:
        names += ["reconstruct"]
        names += [n for i in range(last) for n in (f"rise{i}", f"learn_back{i + 1}")]
    return names


def _stages(name: str, layers: int, circuits: Iterable[Circuit], rounds: int) -> int | None:
    """Return the number of filters that settle one after the other in a phase, or None for a single step."""
    if name.startswith("learn") or name == "rest":
        return None
    if name == "forward":
        coupled = [c.parameters["coupling"] for c in circuits if "coupling" in c.parameters]
        if coupled:  # apical dendrites settle as well
            return 3 * layers * (rounds if any(c.value for c in coupled) else 1)
    # Noise begins one step late, and acts on weights one step before the phase ends.
    further = 2 if name == "mirror" else 0
    return 2 * layers + further if name in ("forward", "recall", "mirror", "reconstruct") else 2


def _phase(name: str, circuits: Mapping[str, Circuit], timing: _Timing) -> Phase:
    dt, tau = timing.dt, timing.tau
    stages = _stages(name, _deepest(circuits), circuits.values(), timing.rounds)
    duration = dt * (1 if stages is None else settling_steps(stages, dt / tau, timing.left))
    gates: dict[str, object] = {}
    signals: dict[str, object] = {}
    for prefix, circuit in circuits.items():
        start = f"{prefix}_" if prefix else ""
        # One Euler step of dt with a gate of tau/dt changes a weight by tau times its rate of change.
        layers = layer_count(circuit)
        opened = _opened(name, circuit, layers, tau / dt)
        if name == "mirror" and "sleep1" in circuit.gates:
            signals[f"{start}layer0.h"] = 0.0
            for i in range(1, layers):
                opened[f"sleep{i}"] = Pulse(tau / dt, f"{duration - dt!r} s", f"{dt!r} s")
                signals[f"{start}layer{i}.noise"] = HeldNoise(0.0, circuit.parameters["sigma"])
        gates |= {start + gate: opened.get(gate, 0.0) for gate in circuit.gates}
    return Phase(name, f"{duration!r} s", gates=gates, signals=signals)


def _opened(name: str, circuit: Circuit, layers: int, amplitude: float) -> dict[str, object]:
    """Return the gates of a circuit that are open in a phase, apart from those of sleep."""
    kind = name.rstrip("0123456789")
    number = int(name[len(kind) :] or 0)
    opened: dict[str, object] = {}
    if kind in ("forward", "recall", "mirror"):
        opened["forward"] = 1.0
    if kind in ("forward", "feedback", "learn", "rest"):
        opened["teach"] = 1.0
    if kind in ("learn", "learn_back"):
        opened[name] = amplitude
    if name == "learn1":
        opened["learn"] = amplitude
    if kind == "feedback":
        opened[name] = 1.0
        direct = any(m.name.startswith("b") for m in circuit.matrices)
        heard = range(1, layers) if direct and number == layers else [number - 1]
        opened |= {f"listen{i}": 1.0 for i in heard if i > 0 and not (direct and number < layers)}
    if kind == "reconstruct":
        opened |= {"reconstruct": 1.0} | {f"listen{i}": 1.0 for i in range(layers)}
    if kind in ("rise", "learn_back"):
        opened["rise"] = 1.0
    if kind == "rise":
        opened[name] = 1.0
    return opened
