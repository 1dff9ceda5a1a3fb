"""What a protocol consists of: phases, blocks of them, recordings. Pure data, validated."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from dendrosim.errors import ParameterError, SpecError, UnknownMemberError
from dendrosim.signals.coercion import as_signals
from dendrosim.spec import Spec, freeze_mapping
from dendrosim.units import as_time, as_whole_number, is_whole

Every = Literal["phase", "trial", "spike"]


@dataclass(frozen=True, eq=False)
class Phase(Spec):
    """A named stretch of time.

    Parameters
    ----------
    name : str
        Such as `free`, `learning`, `sleep`.
    duration : time
        A whole number of time steps.
    gates : mapping, optional
        Values of gates during the phase: a number, or a signal.
    signals : mapping, optional
        What drives an input during the phase, in place of the protocol's own signal for it.
    """

    name: str
    duration: Any
    gates: Mapping[str, Any] = field(default_factory=dict)
    signals: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_label("Phase", self.name)
        self._set(
            duration=as_time(f"Phase {self.name!r}: duration", self.duration),
            gates=freeze_mapping({k: as_signals(v) for k, v in self.gates.items()}),
            signals=freeze_mapping({k: as_signals(v) for k, v in self.signals.items()}),
        )


@dataclass(frozen=True, eq=False)
class Block(Spec):
    """`trials` cycles through `phases`; `pass`: as many as show every row of the data set once.

    `order` says which rows of the data sets the trials show: `sequential`, or `shuffled` (every row once
    per pass, in an order drawn from the seed). Rows are taken up again after the last.
    """

    name: str
    phases: tuple[Phase, ...]
    trials: Any = 1
    order: Literal["sequential", "shuffled"] = "sequential"

    def __post_init__(self) -> None:
        _check_label("Block", self.name)
        self._set(phases=tuple(self.phases))
        if self.trials != "pass":
            if not is_whole(self.trials) or self.trials < 1:
                raise ParameterError(
                    f"Block {self.name!r}: trials is {self.trials!r}; it must be an integer of at "
                    "least 1, or 'pass' for one pass over the data set"
                )
            self._set(trials=int(self.trials))
        if not self.phases:
            raise SpecError(f"Block {self.name!r}: there must be at least one phase")
        if self.order not in ("sequential", "shuffled"):
            raise UnknownMemberError("order of a block", self.order, ("sequential", "shuffled"))


@dataclass(frozen=True, eq=False)
class Recording(Spec):
    """What is kept of the run.

    Parameters
    ----------
    variables : str or tuple of str
        Patterns such as `pyramidal.soma`, `layer*.h` or the name of a matrix; `*` and `?` are wild.
        Spikes are `pyramidal.spike`.
    every : time, `phase`, `trial` or `spike`
        How often: a whole number of time steps (the state at 0, every, 2 every, ...), or once in
        the last step of each phase or trial; for spikes `spike`: every one of them.
    units : tuple of int, optional
        Which units (default all; not for matrices).
    samples : tuple of int, optional
        Which samples of the batch (default all).
    phases : str or tuple of str, optional
        Only in phases whose `name` or `block/name` matches (default all).
    thin : int, optional
        Only in every so-many-th trial of a block, from its first on (default 1: in all).
    """

    variables: Any
    every: Any
    units: tuple[int, ...] | None = None
    samples: tuple[int, ...] | None = None
    phases: Any = ("*",)
    thin: int = 1

    def __post_init__(self) -> None:
        every = self.every
        if every not in ("phase", "trial", "spike"):
            every = as_time("Recording.every", every)
        self._set(
            variables=_strings(self.variables),
            phases=_strings(self.phases),
            every=every,
            thin=as_whole_number("Recording.thin", self.thin, 1),
            units=None if self.units is None else tuple(int(u) for u in self.units),
            samples=None if self.samples is None else tuple(int(s) for s in self.samples),
        )

    def __str__(self) -> str:
        return f"Recording of {', '.join(self.variables)}"


def _check_label(kind: str, name: Any) -> None:
    if not isinstance(name, str) or not name:
        raise SpecError(f"{kind}: its name is {name!r}; it must be text such as 'learning'")


def _strings(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
