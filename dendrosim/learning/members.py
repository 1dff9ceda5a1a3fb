"""Networks of different rules side by side in one circuit, each shown its samples in the cycle of its own rule."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from dendrosim.circuit.circuit import Circuit
from dendrosim.display.short import ShortRepr
from dendrosim.errors import ParameterError, prefix_errors
from dendrosim.learning.cycle import learning_cycle, recall_phase, sleep_cycle
from dendrosim.learning.network import Network
from dendrosim.learning.own_cycle import Cycle, join_phases
from dendrosim.learning.settling import (
    Settling,
    count_settling_steps,
    find_settling,
    loop_settling,
)
from dendrosim.library.catalogue import find_entry
from dendrosim.library.file_parameters import parameters_of_file
from dendrosim.protocol.phases import Phase
from dendrosim.signals.samples import Samples
from dendrosim.units import Quantity


@dataclass(frozen=True)
class Member(ShortRepr):
    """One network of a comparison of rules.

    Attributes
    ----------
    rule, model : str
        Name of the rule, and name or path of its model.
    number : int
        Number of the network; those of all rules with the same number have the same initial weights and samples.
    circuit : Circuit
        The circuit, with the names of its model.
    network : Network
        What the model declares, with the names of the circuit.
    """

    rule: str
    model: str
    number: int
    circuit: Circuit
    network: Network

    @property
    def key(self) -> str:
        """Name of the network in the joined circuit, whose names begin with it."""
        return f"{Path(self.rule).stem}_{self.number}"

    @property
    def prefix(self) -> str:
        """Beginning of the names in the joined circuit."""
        return f"{self.key}_"

    @property
    def group(self) -> str:
        """Name of the model if it has a cycle of its own, else ""; names of the cycle's phases begin with it."""
        return Path(self.model).stem if self.network.cycle else ""


class JoinedCycle(NamedTuple):
    """Phases of all networks: of a trial, of feedback weights that learn alone, and of recall."""

    learn: tuple[Phase, ...]
    sleep: tuple[Phase, ...]
    recall: Phase


def shared_values(
    model: str, *, sizes: tuple[int, ...], transfer: str, output: str, eta: Quantity, tau: Quantity
) -> dict[str, Any]:
    """Return the values of those parameters that a model has, so that networks of all rules are alike.

    Parameters
    ----------
    model : str
        Name of the model, or path of its file.
    sizes : tuple of int
        Units per layer, input first.
    transfer : str
        Transfer function of the layers.
    output : {"linear", "transfer"}
        Output of the last layer, of models that have the choice.
    eta, tau : Quantity
        Learning rate, and the value of all time constants.

    Raises
    ------
    ParameterError
        If the model has no parameter `sizes`.
    """
    known = {q.name for q in parameters_of_file(find_entry(model, "model"))}
    if "sizes" not in known:
        raise ParameterError(
            f"rules: the model {model} has no parameter sizes, units per layer with the input first, so its depth "
            "cannot be chosen; add one"
        )
    times = dict.fromkeys(("tau", "tau_basal", "tau_apical", "tau_hold"), tau)
    given = {"sizes": sizes, "transfer": transfer, "output": output, "eta": eta, **times}
    return {k: v for k, v in given.items() if k in known}


def join_cycles(members: Sequence[Member], dt: float, tau: float) -> JoinedCycle:
    """Return the phases of networks side by side: of the shared cycle, then of each model with its own.

    While some networks are shown a sample, all gates of the others are closed. All networks of the shared cycle
    settle as long as the slowest of them.

    Parameters
    ----------
    members : sequence of Member
    dt, tau : float
        Time step, and factor by which the rate of change of a weight is multiplied in a step of learning, in
        seconds.

    Raises
    ------
    ParameterError
        If a network cannot settle, or its phases are not those that its rule declares.
    """
    first = {m.rule: m for m in members if m.number == 0 and m.network.cycle is None}
    settlings = {rule: _settling(m, dt) for rule, m in first.items()}
    steps = count_settling_steps(settlings, dt) if settlings else 1
    learn: list[Phase] = []
    sleep: list[Phase] = []
    recall: list[Phase] = []
    for group in dict.fromkeys(m.group for m in members):
        own = [m for m in members if m.group == group]
        circuits = {m.key: m.circuit for m in own}
        found: tuple[Phase, ...]
        if group:
            shown = {m.key: _own_cycle(m, dt, tau) for m in own}
            found = join_phases(group, circuits, {k: c.learn for k, c in shown.items()})
            sleep += join_phases(group, circuits, {k: c.sleep for k, c in shown.items()})
            recall += join_phases(group, circuits, {k: (c.recall,) for k, c in shown.items()})
        else:
            found = learning_cycle(circuits, dt=dt, tau=tau, steps=steps, observed=True)
            if any("sleep" in gate for m in own for gate in m.circuit.gates):
                sleep += sleep_cycle(circuits, dt=dt, tau=tau, steps=steps)
            recall.append(recall_phase(circuits, dt=dt, steps=steps))
        _check_phases(own, [phase.name.removeprefix(f"{group}_") for phase in found])
        learn += found
    closed = {f"{m.prefix}{gate}": 0.0 for m in members for gate in m.circuit.gates}
    longest = max((phase.duration for phase in recall), key=lambda d: float(d.value))
    opened = {gate: value for phase in recall for gate, value in phase.gates.items()}
    return JoinedCycle(
        _with_closed(closed, learn),
        _with_closed(closed, sleep),
        Phase("recall", longest, gates=closed | opened),
    )


def member_signals(members: Iterable[Member], x: str = "x", y: str = "y") -> dict[str, Any]:
    """Return what drives the inputs of networks: data sets `x` and `y` with their number, and further signals.

    Parameters
    ----------
    members : iterable of Member
    x, y : str
        Names of the data sets of inputs and targets; network k has those with k behind the name.
    """
    signals: dict[str, Any] = {}
    for m in members:
        signals[f"{m.prefix}{m.network.input}"] = Samples(f"{x}{m.number}")
        signals[f"{m.prefix}{m.network.target}"] = Samples(f"{y}{m.number}")
        inputs = {i for q in m.circuit.populations for i in (f"{q.name}.{n}" for n in q.inputs)}
        signals |= {f"{m.prefix}{n}": s for n, s in m.network.signals.items() if n in inputs}
    return signals


def phase_name(member: Member, phase: str) -> str:
    """Return the name that a phase of the network's own cycle has in the block `train`."""
    return f"train/{member.group}_{phase}" if member.group else f"train/{phase}"


def _with_closed(closed: dict[str, float], phases: Iterable[Phase]) -> tuple[Phase, ...]:
    return tuple(phase.replace(gates={**closed, **phase.gates}) for phase in phases)


def _settling(member: Member, dt: float) -> Settling:
    network = member.network
    with prefix_errors(f"rule {member.rule}"):
        if network.closed_loop:
            return loop_settling(member.circuit, dt=dt)
        return find_settling(member.circuit, layers=len(network.layers))


def _own_cycle(member: Member, dt: float, tau: float) -> Cycle:
    assert member.network.cycle is not None
    found = member.network.cycle(member.circuit, dt=dt, tau=tau)
    if not isinstance(found, Cycle):
        raise ParameterError(
            f"rules: the cycle of {member.rule} returns {found!r}; it must return a ds.learning.Cycle"
        )
    return found


def _check_phases(members: Iterable[Member], phases: Sequence[str]) -> None:
    """Refuse a rule that learns, or whose dendrites are read, in a phase that a trial does not have."""
    for m in members:
        for field, what in (
            ("learning_phase", "learns"),
            ("apical_phase", "has its dendritic signal"),
        ):
            name = getattr(m.network, field)
            if name and name not in phases:
                raise ParameterError(
                    f"rules: {m.rule} {what} in the phase {name!r}, but the phases of a trial are "
                    f"{', '.join(phases)}"
                )
