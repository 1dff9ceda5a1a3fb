"""Checks of the function `measure` of a protocol file: its metrics, their units, and its figures."""

from collections.abc import Mapping
from typing import Any

from dendrosim.engine.settings import RunSettings
from dendrosim.engine.simulate import run
from dendrosim.experiments.file_check.probe import STEPS
from dendrosim.experiments.file_check.report import Report, describe_error, is_certain_mistake
from dendrosim.library.measuring import find_measure
from dendrosim.protocol.protocol import Protocol
from dendrosim.results.measurement import Measurement
from dendrosim.results.result import Result
from dendrosim.units import unit

MEASURE = "measure"
CHEAP_STEPS = 2000
"""A protocol with at most this number of steps is run as a whole to measure it, which takes seconds on numpy."""


def check_measure(protocol: Protocol, cut: Result | None, report: Report) -> None:
    """Measure a protocol, as a whole if it is short.

    Parameters
    ----------
    protocol : Protocol
        The protocol.
    cut : Result or None
        Result of the protocol cut to a few steps, which is measured if the protocol is long; None if that run
        failed.
    report : Report
        Report to which the findings are added.
    """
    whole = protocol.total_steps <= CHEAP_STEPS
    result = cut
    if whole:
        result = report.attempt("run", lambda: run(protocol, RunSettings("numpy"), progress=False))
    if result is None:
        return
    try:
        measurement = find_measure(result.protocol)(result)
    except Exception as error:
        _add_failure(MEASURE, error, whole, report)
        return
    _check_units(measurement.metrics, measurement.units, report)
    _draw_figures(measurement, whole, report)


def _add_failure(part: str, error: Exception, whole: bool, report: Report) -> None:
    """Report an error of a part; after a cut run, errors that the missing steps may cause are no findings."""
    if whole or is_certain_mistake(error):
        report.add(part, describe_error(error))
    else:
        reason = f"it fails for the protocol cut to {STEPS} steps: {describe_error(error)}"
        report.skip(part, reason)


def _draw_figures(measurement: Measurement, whole: bool, report: Report) -> None:
    for name, draw in measurement.figures.items():
        part = f"figure {name!r}"
        try:
            drawn = draw()
        except Exception as error:
            _add_failure(part, error, whole, report)
            continue
        if not hasattr(getattr(drawn, "figure", drawn), "savefig"):
            kind = type(drawn).__name__
            report.add(part, f"its function returned {kind!r}; it must return a Matplotlib figure")


def _check_units(metrics: Mapping[str, Any], units: Mapping[str, str], report: Report) -> None:
    """Check that each unit exists and belongs to a metric, or to an entry of a metric that is a mapping."""
    names = {*metrics, *(n for m in metrics.values() if isinstance(m, Mapping) for n in m)}
    for name, text in units.items():
        if name not in names:
            report.add(f"unit of {name!r}", "there is no metric of this name")
        else:
            report.attempt(f"unit of {name!r}", lambda text=text: unit(text))  # type: ignore[misc]
