"""How a circuit with gates of its own is shown a sample, and circuits with such cycles side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dendrosim.circuit.circuit import Circuit
from dendrosim.display.short import ShortRepr
from dendrosim.errors import SpecError
from dendrosim.protocol.phases import Phase

AFTER = "rest"
"""Phase of a cycle in which weights have learned."""


@dataclass(frozen=True)
class Cycle(ShortRepr):
    """The phases in which a circuit is shown a sample; gates that a phase does not name are closed.

    Parameters
    ----------
    learn : tuple of Phase
        Phases of a trial. One of them is `rest`, in which nothing changes and weights have learned; one before the
        weights change is the `learning_phase` of the declared network.
    recall : Phase
        Phase after which the output is what the circuit answers, without a target.
    sleep : tuple of Phase, default ()
        Phases in which feedback weights learn alone.

    Raises
    ------
    SpecError
        If there is no phase `rest`, or two phases of `learn` or of `sleep` have the same name.

    Examples
    --------
    >>> import dendrosim as ds
    >>> up, step = ds.Phase("up", "50 ms"), ds.Phase("step", "5 ms", gates={"adapt": 1.0})
    >>> cycle = ds.learning.Cycle(learn=(up, step, ds.Phase("rest", "5 ms")), recall=up)
    """

    learn: tuple[Phase, ...]
    recall: Phase
    sleep: tuple[Phase, ...] = ()

    def __post_init__(self) -> None:
        for name in ("learn", "sleep"):
            names = [phase.name for phase in getattr(self, name)]
            if len(set(names)) < len(names):
                raise SpecError(
                    f"Cycle.{name} has the phases {', '.join(names)}; give no name twice"
                )
        if AFTER not in [phase.name for phase in self.learn]:
            raise SpecError(
                f"Cycle.learn has no phase {AFTER!r}; add one of a single time step after the weights have learned"
            )


def join_phases(
    name: str, circuits: Mapping[str, Circuit], phases: Mapping[str, Sequence[Phase]]
) -> tuple[Phase, ...]:
    """Return the phases of circuits side by side; a circuit rests in phases that it does not have.

    Parameters
    ----------
    name : str
        Name of the group; the names of its phases begin with it.
    circuits : mapping of str to Circuit
        Circuits by the prefix that they have in the joined circuit, without its underscore.
    phases : mapping of str to sequence of Phase
        Phases of each circuit, with its own names of gates and inputs.

    Raises
    ------
    SpecError
        If a phase has different durations in two circuits, or a circuit lacks one of its gates.
    """
    order: list[str] = []
    for own in phases.values():
        place = 0
        for phase in own:
            if phase.name not in order:
                order.insert(place, phase.name)
            place = order.index(phase.name) + 1
    return tuple(_joined(name, one, circuits, phases) for one in order)


def _joined(
    name: str,
    phase: str,
    circuits: Mapping[str, Circuit],
    phases: Mapping[str, Sequence[Phase]],
) -> Phase:
    """Return one phase of all circuits that have it."""
    gates: dict[str, object] = {}
    signals: dict[str, object] = {}
    durations = {}
    for key, circuit in circuits.items():
        found = next((one for one in phases[key] if one.name == phase), None)
        if found is None:
            continue
        if unknown := sorted(set(found.gates) - set(circuit.gates)):
            raise SpecError(
                f"phase {phase} of {name} opens the gate {unknown[0]!r}, but the circuit has the gates "
                f"{', '.join(circuit.gates)}"
            )
        durations[float(found.duration.value)] = found.duration
        gates |= {f"{key}_{gate}": value for gate, value in found.gates.items()}
        signals |= {f"{key}_{path}": drive for path, drive in found.signals.items()}
    if len(durations) > 1:
        several = ", ".join(f"{seconds:g} s" for seconds in durations)
        raise SpecError(
            f"phase {phase} of {name} has the durations {several}; give it one for all rules of the model"
        )
    return Phase(f"{name}_{phase}", next(iter(durations.values())), gates=gates, signals=signals)
