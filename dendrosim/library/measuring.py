"""Measures results with the function `measure` of their protocol's file."""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dendrosim.library.catalogue import find_entry
from dendrosim.library.files import blame_file, check_returned, load_module
from dendrosim.library.stored_names import find_stored_entry
from dendrosim.machine.file_paths import AnyPath
from dendrosim.machine.notebook import release_figure
from dendrosim.protocol.protocol import Protocol, check_protocol
from dendrosim.results.measurement import Measurement

if TYPE_CHECKING:
    from dendrosim.results.result import Result


def measure(result: "Result", protocol: AnyPath | None = None) -> Measurement:
    """Measure a result with the function `measure` in the file of its protocol.

    The name of the protocol that a result keeps is looked up in the catalogue. If it is the path of a file
    elsewhere, that file is executed only if this process has loaded it before (`ds.load_protocol`) or if
    `protocol` names it, because a result may come from anybody.

    Parameters
    ----------
    result : Result
        The result of a run. If its protocol has no name and `protocol` is not given, the measurement is empty.
    protocol : str or path, optional
        Protocol whose file measures the result, by name or path (default: the protocol of the result).

    Returns
    -------
    Measurement
        Measurement that `measure` in the protocol's file returns; empty if the file has no such function.

    Raises
    ------
    UnknownNameError
        If there is no protocol of the name that is stored in the result.
    DataError
        If there is no file `protocol`, or it cannot be read.
    UsageError
        If `protocol` cannot be a name or path.
    SpecError
        If the file raises an error, or `measure` does not return a Measurement.

    Examples
    --------
    >>> measurement = ds.measure(ds.open_result("out/result.nc"))
    >>> print(measurement.metrics)
    """
    if protocol is not None:
        return load_measure(find_entry(protocol, "protocol").path)(result)
    return find_measure(result.protocol)(result)


def find_measure(protocol: Protocol) -> Callable[["Result"], Measurement]:
    """Return the function that measures results of a protocol; raise the errors of `measure`."""
    check_protocol(protocol)
    if not protocol.name:
        return _measure_nothing
    return load_measure(find_stored_entry(protocol.name).path)


def load_measure(path: Path) -> Callable[["Result"], Measurement]:
    """Return the function that measures results of the protocol of a file."""
    function = getattr(load_module(path), "measure", None)
    return _FileMeasure(path, function) if function else _measure_nothing


def _measure_nothing(result: "Result") -> Measurement:
    return Measurement({})


class _FileMeasure:
    """The function `measure` of a file; errors in it, or in functions that draw its figures, name the file."""

    def __init__(self, path: Path, function: Callable[["Result"], Any]) -> None:
        self.path, self.function = path, function

    def __call__(self, result: "Result") -> Measurement:
        with blame_file(self.path):
            measurement = self.function(result)
        check_returned(self.path, "measure", measurement, Measurement)
        figures = {name: self._wrap_figure(draw) for name, draw in measurement.figures.items()}
        return replace(measurement, figures=figures)

    def _wrap_figure(self, draw: Callable[[], Any]) -> Callable[[], Any]:
        @wraps(draw)
        def draw_or_blame() -> Any:
            with blame_file(self.path):
                return release_figure(draw())

        return draw_or_blame
