"""Every exception type of dendrosim.

Each error is one sentence that names the object and the field, says what is allowed, and what to do.
`exit_code` is what the command line returns for it (0 done, 2 usage, 3 invalid, 4 non-finite
or no fixed point, 5 back end missing, 1 anything else).
"""

import difflib
from collections.abc import Iterable
from typing import Any


class DendrosimError(Exception):
    """Base of all errors that dendrosim raises on purpose."""

    exit_code = 1


class DendrosimWarning(UserWarning):
    """Something that runs, but perhaps not as it is meant to."""


class UsageError(DendrosimError):
    """A command, option or value that cannot be read."""

    exit_code = 2


class UnknownNameError(UsageError):
    """A name that nothing answers to: protocol, model, parameter, back end, recording."""

    def __init__(self, kind: str, name: str, allowed: Iterable[str]) -> None:
        self.kind, self.name, self.allowed = kind, name, sorted(allowed)
        super().__init__(f"unknown {kind} {name!r}{suggestion(name, self.allowed)}")


class DataError(UsageError):
    """A data or result file that is missing, truncated or of another kind."""


class ResumeError(UsageError):
    """A run that cannot be resumed: done, none, of another version, or not the one that was asked for."""


class SpecError(DendrosimError):
    """A circuit or protocol that is readable but invalid."""

    exit_code = 3


class UnknownMemberError(UnknownNameError, SpecError):
    """A name inside of a circuit or protocol that nothing answers to."""

    exit_code = 3


class ParameterError(SpecError):
    """A parameter value outside of what is allowed."""


class UnitError(SpecError):
    """A missing or wrong physical unit."""


class ShapeError(SpecError):
    """Sizes that do not fit together."""


class EquationError(SpecError):
    """Equation text that cannot be parsed, or that uses or leaves unused a symbol."""


class LoopError(SpecError):
    """Projections and subexpressions that depend on each other within one step."""


class DifferentiationError(SpecError):
    """Something in a circuit that has no derivative, so that its stability cannot be analysed."""


class NonFiniteError(DendrosimError):
    """The state became infinite or not a number.

    `partial` is the Result up to that point, `variable` the first offender, `unit` its index,
    `time` the simulated time in seconds.
    """

    exit_code = 4

    def __init__(
        self,
        message: str,
        *,
        variable: str = "",
        unit: tuple[int, ...] = (),
        time: float = float("nan"),
        partial: object = None,
    ) -> None:
        self.variable, self.unit, self.time, self.partial = variable, unit, time, partial
        super().__init__(message)


class NotConvergedError(DendrosimError):
    """No fixed point was found.

    `point` is the best FixedPoint of the search, `where` the label of its largest residual.
    """

    exit_code = 4

    def __init__(self, message: str, *, point: Any = None, where: str = "") -> None:
        self.point, self.where = point, where
        super().__init__(message)


class BackendMissingError(DendrosimError):
    """A back end that does not work on this machine."""

    exit_code = 5


class CompilationError(DendrosimError):
    """The generated program did not compile or link."""


class ProgramError(DendrosimError):
    """The compiled program stopped in a way it should not."""


class StorageError(DendrosimError):
    """A folder or file that cannot be written: read-only, full disk."""


class MemoryLimitError(DendrosimError):
    """More synapses or spikes than the memory holds; `partial`, if any, is what was recorded until then."""

    def __init__(self, message: str, *, partial: object = None) -> None:
        self.partial = partial
        super().__init__(message)


class RunInterruptedError(DendrosimError):
    """The user interrupted a run; `partial` holds what was recorded until then."""

    def __init__(self, message: str, *, partial: object = None) -> None:
        self.partial = partial
        super().__init__(message)


def suggestion(name: str, allowed: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` or the list of what is allowed."""
    names = list(allowed)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    if not names:
        return "; there are none"
    return "; there are: " + ", ".join(names)


class prefix_errors:
    """Context that puts a place in front of the message of a `SpecError` raised inside it.

    Parameters
    ----------
    where : str
        Such as `Population 'soma': parameter 'tau'`.
    """

    def __init__(self, where: str) -> None:
        self.where = where

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, SpecError):
            error.args = (f"{self.where}: {error}",)
