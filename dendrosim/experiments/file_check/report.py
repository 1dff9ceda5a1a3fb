"""The report of a thorough check of a file: findings, and checks that do not apply."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from dendrosim.display.short import ShortRepr
from dendrosim.errors import DendrosimError, SpecError, UnknownNameError

T = TypeVar("T")


@dataclass(frozen=True)
class Finding:
    """One defect of a model or protocol file.

    Parameters
    ----------
    object : str
        The model or protocol, such as `model 'leaky'`.
    field : str
        The part of the model or protocol with the defect, such as `parameter 'tau'`, `section 'Sources'` or `state
        'unit.v'`.
    message : str
        The defect, and what to do about it.

    Examples
    --------
    >>> for finding in ds.check_model("my_model.py"):
    ...     print(finding.field, finding.message)
    """

    object: str
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.object}, {self.field}: {self.message}"


@dataclass
class Report(ShortRepr):
    """The findings of a check, and the parts of it that do not apply to the file.

    Parameters
    ----------
    object : str
        The model or protocol.
    findings : list of Finding
        Empty if all is well.
    not_applicable : dict of str
        For each part of the check that was left out, the reason.
    """

    object: str
    findings: list[Finding] = field(default_factory=list)
    not_applicable: dict[str, str] = field(default_factory=dict)

    def add(self, field: str, message: str) -> None:
        """Add a finding about the object."""
        self.findings.append(Finding(self.object, field, message))

    def skip(self, part: str, reason: str) -> None:
        """Note that a part of the check does not apply."""
        self.not_applicable[part] = reason

    def attempt(self, field: str, action: Callable[[], T]) -> T | None:
        """Return what an action returns; any error becomes a finding, and None is returned."""
        try:
            return action()
        except Exception as error:
            self.add(field, describe_error(error))
            return None


def describe_error(error: Exception) -> str:
    """Return the message of an error; an error that is not dendrosim's own has its type in front."""
    return str(error) if isinstance(error, DendrosimError) else f"{type(error).__name__}: {error}"


def is_python_error(error: Exception) -> bool:
    """Return whether an error comes from a mistake in Python code and not from a check of a value.

    Errors that a file raises arrive as a SpecError that has the original error as its cause. A lack of
    memory is not such a mistake.
    """
    cause = error if error.__cause__ is None else error.__cause__
    return not isinstance(cause, DendrosimError | MemoryError)


def is_certain_mistake(error: Exception) -> bool:
    """Return whether an error of a file comes from a mistake in its code, whatever the numbers are.

    Such mistakes are names, attributes or modules that do not exist, a wrong type in a line of the file itself,
    and a function that returns something else than it must. Other errors, such as an index that is too large, may
    be due to numbers that are missing.
    """
    cause = error.__cause__
    if cause is None:
        return type(error) is SpecError or isinstance(error, UnknownNameError)
    if isinstance(cause, TypeError):
        innermost = traceback.extract_tb(cause.__traceback__)[-1]
        return str(error).startswith(innermost.filename)
    return isinstance(cause, NameError | AttributeError | ImportError | SyntaxError)
