"""The parts of a protocol: phases, blocks of phases, and recordings. They are data, checked when they are made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from dendrosim.checks import (
    as_label,
    as_text,
    as_time,
    mapping_of,
    optional,
    sequence_of,
    whole,
    word_or,
)
from dendrosim.circuit.validation import as_name
from dendrosim.errors import SpecError
from dendrosim.signals.coercion import as_drive
from dendrosim.spec import Spec


def _as_patterns(where: str, value: Any) -> tuple[str, ...]:
    return sequence_of(as_text)(where, (value,) if isinstance(value, str) else value)


_as_indices = optional(sequence_of(whole(None)))


Every = Literal["phase", "trial", "spike"]


@dataclass(frozen=True, eq=False)
class Phase(Spec):
    """Declare a named period of time, with the gates and signals that apply during this period.

    Parameters
    ----------
    name : str
        Name, such as `free`, `learning` or `sleep`.
    duration : time
        Length: a positive time, and a whole number of time steps of the protocol.
    gates : mapping of str to float or Signal, optional
        Values of gates during the phase, by name; all other gates have the values that the circuit gives them.
    signals : mapping of str to signals, optional
        For each input `population.variable`, what drives it during the phase, in place of the entry in
        `Protocol.signals`: a signal, a list of signals that add up, or a quantity.

    Raises
    ------
    SpecError
        If the name is not a text; UnitError or ParameterError if the duration is not a positive time. `Protocol`
        checks gates, inputs and units.

    Examples
    --------
    >>> import dendrosim as ds
    >>> phase = ds.Phase(
    ...     "learning", "200 ms", gates={"learn": 1.0}, signals={"cell.current": ds.Step("300 pA", "50 ms")}
    ... )
    """

    name: Annotated[str, as_label]
    duration: Annotated[Any, as_time]
    gates: Annotated[Mapping[str, Any], mapping_of(as_drive)] = field(default_factory=dict)
    signals: Annotated[Mapping[str, Any], mapping_of(as_drive)] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Block(Spec):
    """Repeat a cycle of phases, one cycle per trial.

    Parameters
    ----------
    name : str
        Name; the blocks of a protocol must have different names.
    phases : tuple of Phase
        The phases of the cycle, at least one.
    trials : int or "pass", optional
        Number of trials, at least 1 (default 1); `"pass"` means the number of trials that shows every row of the
        data sets once.
    order : {"sequential", "shuffled"}, optional
        Order in which the trials show the rows of data sets: as they are stored (default), or shuffled by random
        numbers that depend on the seed. After a pass over all rows, a sequential block begins again with the first
        row, and a shuffled block draws a new order.

    Raises
    ------
    SpecError
        If the name is not a text or there is no phase; ParameterError or UnknownMemberError if `trials` or `order`
        has a value that is not allowed.

    Examples
    --------
    >>> import dendrosim as ds
    >>> block = ds.Block(
    ...     "training", (ds.Phase("free", "50 ms"), ds.Phase("nudged", "50 ms")), trials="pass", order="shuffled"
    ... )
    """

    name: Annotated[str, as_label]
    phases: tuple[Phase, ...]
    trials: Annotated[Any, word_or(whole(1), "pass")] = 1
    order: Literal["sequential", "shuffled"] = "sequential"

    def __post_init__(self) -> None:
        if not self.phases:
            raise SpecError(f"Block {self.name!r}: there must be at least one phase")


@dataclass(frozen=True, eq=False)
class Recording(Spec):
    """Choose the variables, units and samples that a run records, and when it records them.

    Parameters
    ----------
    variables : str or tuple of str
        Names of variables of populations (`pyramidal.soma`), variables of the synapses of a pathway
        (`feed.weight`), matrices (`w1`), or spikes and other events of a population (`pyramidal.spike`,
        `pyramidal.burst`). In a name, `*` means any text and `?` any character: `layer*.h`.
    every : time, "phase", "trial" or "spike"
        When to record. A time, which must be a whole number of time steps, keeps the state at the times 0, every,
        2 every, and so on. `"phase"` or `"trial"` keeps the state at the beginning of the last step of each phase
        or trial. `"spike"` keeps every spike or event; a recording of spikes or events requires this word.
    units : tuple of int, optional
        Numbers of the units to keep, counted from 0 (default all). Matrices are always kept as a whole.
    samples : tuple of int, optional
        Numbers of the samples of the batch to keep, counted from 0 (default all).
    phases : str or tuple of str, optional
        Names of the phases in which to record, written `phase` or `block/phase`, with `*` and `?` as in
        `variables` (default all phases).
    thin : int, optional
        A number n: record only every n-th trial of each block, beginning with the first (default 1, all trials).
    synapses : tuple of int, optional
        Numbers of the synapses of a pathway to keep, counted from 0 (default all). Synapses are ordered by
        presynaptic unit, then by postsynaptic unit.
    name : str, optional
        Name of the recording: `result["fine/cell.v"]` is the variable `cell.v` of the recording `fine`. Needed if
        another recording keeps the same variable (default None: the variable is read as `result["cell.v"]`).

    Raises
    ------
    UnitError, ParameterError
        If `every` is neither a positive time nor one of the three words, or `thin` is not an integer of at least
        1. `Protocol` checks names, units and phases.

    Examples
    --------
    >>> import dendrosim as ds
    >>> traces = ds.Recording("cell.v", every="0.5 ms", units=(0, 1))
    >>> spikes = ds.Recording("cell.spike", every="spike", phases="test/*")
    """

    variables: Annotated[Any, _as_patterns]
    every: Annotated[Any, word_or(as_time, "phase", "trial", "spike")]
    units: Annotated[tuple[int, ...] | None, _as_indices] = None
    samples: Annotated[tuple[int, ...] | None, _as_indices] = None
    phases: Annotated[Any, _as_patterns] = ("*",)
    thin: Annotated[int, whole(1)] = 1
    synapses: Annotated[tuple[int, ...] | None, _as_indices] = None
    name: Annotated[str | None, optional(as_name)] = None

    def __str__(self) -> str:
        named = f" {self.name!r}" if self.name else ""
        return f"Recording{named} of {', '.join(self.variables)}"
