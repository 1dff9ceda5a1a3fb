"""Tries out other values of each parameter; they must change the circuit or protocol, or be refused clearly."""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import combinations, islice
from typing import Any

from dendrosim.circuit.circuit import Circuit
from dendrosim.experiments.file_check.report import Report, describe_error, is_python_error
from dendrosim.experiments.file_check.second_values import is_choice, second_values
from dendrosim.library.parameter_types import to_text
from dendrosim.library.parameters import Parameter
from dendrosim.protocol.protocol import Protocol

Settings = Mapping[str, Any]
"""Plain values of some parameters."""


MOST_SETTINGS = 100
"""Largest number of settings of other parameters in which to try out a parameter that has no effect by itself. A
few are enough if it belongs to one option of a choice. Large protocols need the limit: each takes a second."""


class ParameterTrial:
    """Circuits or protocols of a file with other values of its parameters.

    Parameters
    ----------
    load : callable
        Returns the circuit or protocol for values of some parameters.
    reference : Circuit or Protocol
        The circuit or protocol with the given values, and defaults for all other parameters.
    given : mapping
        Values that all trials share.
    parameters : tuple of Parameter
        All parameters of the file.
    elsewhere : mapping of Parameter
        Parameters of models by name; see `second_values`.
    report : Report
        Report to which the findings are added.
    """

    def __init__(
        self,
        load: Callable[..., Circuit | Protocol],
        reference: Circuit | Protocol,
        given: Settings,
        parameters: tuple[Parameter, ...],
        elsewhere: Mapping[str, Parameter],
        report: Report,
    ) -> None:
        self._load, self._given, self._report = load, given, report
        self.values = {
            p.name: second_values(p, given.get(p.name, p.default), elsewhere) for p in parameters
        }
        self._parameters = {p.name: p for p in parameters}
        self._loaded: dict[str, Circuit | Protocol | Exception] = {
            self._key({}): without_record(reference)
        }
        self.variants: dict[str, Any] = {}
        """By `name=value`, the circuit or protocol for each option of a choice other than that of the
        reference."""
        self.second: dict[str, Any] = {}
        """For each parameter that is not a choice, the first value that changes the circuit or protocol."""
        self.second_options: dict[str, Any] = {}
        """For each choice, the first option that changes the circuit or protocol."""

    def check(self, read_elsewhere: Callable[[str], bool]) -> None:
        """Check every parameter; `read_elsewhere` says whether the file uses a parameter in another function."""
        unchanged = [name for name in self._parameters if not self._check_values(name)]
        for name in unchanged:
            if not read_elsewhere(name) and not self._changes_in_another_setting(name):
                shown = ", ".join(to_text(v) for v in self.values[name][:3])
                self._report.add(
                    f"parameter {name!r}",
                    f"other values ({shown}) change nothing; use the parameter, or leave it out",
                )

    def _check_values(self, name: str) -> bool:
        """Try out values of one parameter; return whether one has an effect or is refused clearly.

        If a parameter has only one possible value, there is nothing to try, and the result is True.
        """
        unclear = ""
        effective = not self.values[name]
        parameter = self._parameters[name]
        for value in self.values[name]:
            loaded = self.try_setting({name: value})
            if isinstance(loaded, Exception):
                if is_python_error(loaded):
                    self._report.add(
                        f"parameter {name!r}",
                        f"{to_text(value)} makes the file fail: {describe_error(loaded)}",
                    )
                    return True
                if self._is_named(name, value, loaded):
                    effective = True
                elif not unclear:
                    unclear = (
                        f"{to_text(value)} is refused, but not by name: {describe_error(loaded)}"
                    )
            elif is_choice(parameter):
                self.variants[f"{name}={to_text(value)}"] = loaded
                if loaded != self._reference:
                    self.second_options.setdefault(name, value)
                    effective = True
            elif loaded != self._reference:
                self.second[name] = value
                effective = True
                break
        if unclear:
            self._report.add(f"parameter {name!r}", unclear)
            return True
        return effective

    def _is_named(self, name: str, value: Any, error: Exception) -> bool:
        """Return whether an error names the parameter or, if its value is text, quotes the value.

        A lack of memory counts as well.
        """
        if isinstance(error, MemoryError):
            return True
        words = re.findall(r"\w+", str(error))
        return name in words or (isinstance(value, str) and to_text(value) in str(error))

    def _changes_in_another_setting(self, name: str) -> bool:
        """Return whether a parameter has an effect, or is refused, when other parameters are changed as well."""
        for setting in islice(self._settings(name), MOST_SETTINGS):
            before = self.try_setting(setting)
            if isinstance(before, Exception):
                continue
            for value in self.values[name]:
                after = self.try_setting({**setting, name: value})
                if isinstance(after, Exception):
                    if not is_python_error(after) and self._is_named(name, value, after):
                        return True
                elif after != before:
                    return True
        return False

    def _settings(self, name: str) -> Iterator[Settings]:
        """Yield values of one other parameter (choices before other types), and then values of two choices."""
        others = sorted(
            (p for p in self._parameters.values() if p.name != name),
            key=lambda p: not is_choice(p),
        )
        for other in others:
            yield from ({other.name: value} for value in self.values[other.name])
        choices = [p.name for p in others if is_choice(p)]
        for one, two in combinations(choices, 2):
            for first in self.values[one]:
                yield from ({one: first, two: second} for second in self.values[two])

    @property
    def _reference(self) -> Any:
        return self._loaded[self._key({})]

    def try_setting(self, setting: Settings) -> Any:
        """Return the circuit or protocol of a setting, or the error with which it is refused."""
        key = self._key(setting)
        if key not in self._loaded:
            try:
                self._loaded[key] = without_record(self._load(**{**self._given, **setting}))
            except Exception as error:
                self._loaded[key] = error
        return self._loaded[key]

    def _key(self, setting: Settings) -> str:
        return repr(sorted(setting.items()))


def without_record(loaded: Circuit | Protocol) -> Circuit | Protocol:
    """Return a circuit, or a protocol without the record of the parameters that made it."""
    if isinstance(loaded, Protocol):
        return loaded.replace(name="", parameters={})
    return loaded
