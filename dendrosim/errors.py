"""Every exception type of dendrosim.

The message of an error is one sentence that names the object and the field, and says what is wrong, what is
allowed and what to do. The `exit_code` of an error is the exit code of the command line: 2 usage, 3 invalid, 4
non-finite state or no fixed point, 5 back end missing, 1 anything else; 0 means that there was no error.
"""

import difflib
import re
from collections.abc import Iterable
from typing import Any

# Characters that change what a terminal shows: control characters (except tabs and ends of lines), changes of the
# direction of writing, and halves of surrogate pairs, which cannot be encoded.
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str) -> str:
    r"""Return a text in which control characters are written out, such as `\x1b`.

    Texts come from files that anybody may have written, and must not change what a terminal shows.
    """
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def __dir__() -> list[str]:
    """List the exception types, because this module is the public name `ds.errors`."""
    names = (n for n, v in globals().items() if isinstance(v, type) and issubclass(v, Exception))
    return sorted(names)


class DendrosimError(Exception):
    """Base class of all errors that dendrosim raises."""

    exit_code = 1

    def __reduce__(self) -> tuple[Any, ...]:
        # Other processes send errors back by pickle, which would call `__init__` with the message alone.
        return _restore, (type(self), self.args, vars(self))

    def __str__(self) -> str:
        return printable(Exception.__str__(self))  # not that of KeyError, which is a `repr`


def _restore(kind: type[DendrosimError], args: tuple[Any, ...], values: dict[str, Any]) -> Any:
    error = kind.__new__(kind, *args)
    vars(error).update(values)
    return error


class DendrosimWarning(UserWarning):
    """A run or analysis that is possible, but perhaps not intended by the user."""

    def __str__(self) -> str:
        return printable(super().__str__())


class UsageError(DendrosimError):
    """A command, option or value that cannot be read."""

    exit_code = 2


class UnknownNameError(UsageError):
    """An unknown name of a protocol, model, parameter, back end or recording."""

    def __init__(self, what: str, name: str, allowed: Iterable[str], advice: str = "") -> None:
        self.what, self.name, self.allowed, self.advice = what, name, sorted(allowed), advice
        ending = f"; {advice}" if advice else ""
        super().__init__(f"unknown {what} {name!r}{suggestion(name, self.allowed)}{ending}")


class UnknownEntryError(UnknownNameError, KeyError):
    """An unknown name in a result, whose parts are mappings."""


class DataError(UsageError):
    """A data or result file that is missing, truncated or of another kind."""


class ResumeError(UsageError):
    """A run that cannot be resumed: it is complete, does not exist, or was made with other code or settings."""


class SpecError(DendrosimError):
    """A circuit or protocol that is readable but invalid."""

    exit_code = 3


class UnknownMemberError(UnknownNameError, SpecError):
    """An unknown name in a circuit or protocol."""

    exit_code = 3


class ParameterError(SpecError):
    """A value of a parameter that is not allowed."""


class UnitError(SpecError):
    """A missing or wrong physical unit."""


class ShapeError(SpecError):
    """Sizes that do not fit together."""


class EquationError(SpecError):
    """An equation that cannot be read, a symbol that is undefined, or a symbol that is not used."""


class LoopError(SpecError):
    """Projections and subexpressions that depend on each other within one step."""


class DifferentiationError(SpecError):
    """A part of a circuit that has no derivative, so that its stability cannot be analysed."""


class NonFiniteError(DendrosimError):
    """The state became infinite or not a number.

    Attributes
    ----------
    variable : str
        The first variable or matrix that was found to be not finite.
    unit : tuple of int
        Index of the first element of `variable` that is not finite.
    time : float
        Simulated time in seconds.
    partial : Result or None
        What was recorded until that time.
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

    Attributes
    ----------
    point : FixedPoint or None
        The point with the smallest residual that the search reached.
    where : str
        Name of the state with the largest residual at `point`.
    """

    exit_code = 4

    def __init__(self, message: str, *, point: Any = None, where: str = "") -> None:
        self.point, self.where = point, where
        super().__init__(message)


class BackendMissingError(DendrosimError):
    """A back end that does not work on this machine."""

    exit_code = 5


class ExtraMissingError(DendrosimError):
    """A package that is not installed; the message names the extra of dendrosim that installs it."""

    exit_code = 5


class CompilationError(DendrosimError):
    """A generated program that does not compile or link."""


class ProgramError(DendrosimError):
    """A compiled program that ended in an unexpected way."""


class StorageError(DendrosimError):
    """A folder or file that cannot be written: it is read-only, or the disk is full."""


class MemoryLimitError(DendrosimError):
    """More synapses or spikes than fit in memory; `partial` is what was recorded before the error, or None."""

    def __init__(self, message: str, *, partial: object = None) -> None:
        self.partial = partial
        super().__init__(message)


class RunInterruptedError(DendrosimError):
    """A run that the user interrupted; `partial` is what was recorded before the interrupt."""

    def __init__(self, message: str, *, partial: object = None) -> None:
        self.partial = partial
        super().__init__(message)


def suggestion(name: str, allowed: Iterable[str]) -> str:
    """Return the end of a message: `; did you mean 'x'?` if a name is similar, else the list of allowed names."""
    names = list(allowed)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.65)
    if close:
        return f"; did you mean {close[0]!r}?"
    if not names:
        return "; there are none"
    return "; there are: " + ", ".join(names)


def abbreviate(value: object, most: int = 120) -> str:
    """Return a value as text for a message: its `repr` on one line, cut off in the middle if it is long."""
    try:
        text = repr(value)
    except Exception:  # the value is nested too deeply or too large, or its class has a mistake
        return f"a {type(value).__name__}"
    text = " ".join(map(str.strip, text.splitlines()))
    return text if len(text) <= most else f"{text[: most - 20]} ... {text[-12:]}"


class prefix_errors:
    """Context manager that puts a place in front of the message of each `SpecError` that is raised inside it.

    Parameters
    ----------
    where : str
        The place, such as `Population 'soma': parameter 'tau'`.
    """

    def __init__(self, where: str) -> None:
        self.where = where

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, SpecError):
            error.args = (f"{self.where}: {error}",)
