"""Reads what a user asks of a sweep: parameters and their values, seeds, sampling."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from dendrosim.checks import as_whole_number
from dendrosim.engine.settings import SEED as SEED_PARAMETER
from dendrosim.engine.settings import RunSettings
from dendrosim.errors import ParameterError, UnknownNameError, UsageError, abbreviate
from dendrosim.library.catalogue import Entry, lookup_name
from dendrosim.library.loading import find_parameters
from dendrosim.library.parameter_types import Several, to_text
from dendrosim.library.parameters import Parameter
from dendrosim.results.seed_statistics import SEED
from dendrosim.streams import stream
from dendrosim.study.axis_texts import (
    MOST_POINTS,
    between,
    is_ranged,
    read_span,
    read_values,
    split_outside,
)
from dendrosim.study.specification import SAMPLINGS, Axis, SweepSpec
from dendrosim.units import Quantity, quantity


def design_sweep(
    entry: Entry,
    grid: Mapping[str, Any],
    seeds: Sequence[int],
    settings: RunSettings,
    sampling: str = "grid",
    points: int | None = None,
    sampling_seed: int = 0,
    recordings: Iterable[str] = (),
) -> SweepSpec:
    """Return the specification of a sweep.

    Parameters
    ----------
    entry : Entry
        The protocol.
    grid : mapping
        Values by parameter: a text as on the command line, a list of values, or one value, which does not vary.
    seeds : sequence of int
        Seeds of the runs at each point.
    settings : RunSettings
        Settings of all runs; their seed does not matter.
    sampling : {"grid", "random", "latin"}
        `grid` combines each value with each other. `random` and `latin` draw `points` combinations, and a
        parameter may have a span START:STOP of numbers.
    points : int, optional
        Number of combinations that are drawn.
    sampling_seed : int
        Seed of the drawing.
    recordings : iterable of str
        Recordings that are kept.

    Raises
    ------
    UnknownNameError
        If there is no such parameter or sampling.
    UsageError
        If a value cannot be read.
    SpecError
        If a value is not allowed, or there is no point.
    """
    if sampling not in SAMPLINGS:
        raise UnknownNameError("sampling", sampling, SAMPLINGS)
    if (sampling == "grid") != (points is None):
        raise UsageError(
            "points (--points) is the number of combinations that are drawn: give it with sampling random or latin"
            if points is not None
            else f"sampling {sampling} draws combinations: give their number with points (--points N)"
        )
    parameters = find_parameters(entry, grid)
    if SEED in parameters:
        raise UsageError(
            f"{SEED} is set as a parameter; give the seeds of a sweep with seeds (--seeds), for instance "
            f"--seeds 3,7, from which a parameter {SEED_PARAMETER!r} also gets its value"
        )
    found = {n: _read_choices(p, grid[n], sampling) for n, p in parameters.items()}
    fixed = {n: values[0] for n, values in found.items() if isinstance(values, list)}
    varied = {n: values for n, values in found.items() if not isinstance(values, list)}
    spans: dict[str, str] = {}
    if points is not None:
        if not varied:
            raise UsageError(
                f"sampling {sampling} needs a parameter that varies: give a span START:STOP"
            )
        count = as_whole_number("points", points, 1, MOST_POINTS)
        numbers = _draw(sampling, count, len(varied), sampling_seed)
        chosen = [
            _choose(parameters[n], v, u) for (n, v), u in zip(varied.items(), numbers, strict=True)
        ]
        drawn = dict(zip(varied, chosen, strict=True))
        spans = {n: _span_text(values) for n, values in varied.items()}
    else:
        drawn = {n: tuple(v) for n, v in varied.items()}
    return SweepSpec(
        lookup_name(entry),
        fixed,
        tuple(Axis(n, v, _si_unit(parameters[n], v)) for n, v in drawn.items()),
        tuple(seeds),
        {k: v for k, v in asdict(settings).items() if k != "seed"},
        sampling,  # type: ignore[arg-type]
        tuple(recordings),
        spans,
        sampling_seed if spans else 0,
    )


def read_seeds(given: Any) -> tuple[int, ...]:
    """Return the seeds that a number of seeds, a list, or a text such as `5` or `3,7` means.

    Raises
    ------
    UsageError
        If the value cannot be read.
    ParameterError
        If there is no seed, or one of them is negative; a `SweepSpec` refuses equal ones.
    """
    if isinstance(given, str):
        texts = given.rstrip().removesuffix(",").split(",")
        try:
            numbers = [int(t) for t in texts]
        except ValueError:
            raise UsageError(
                f"cannot read the seeds {abbreviate(given)}: write their number, as in --seeds 5 (seeds 0 to 4), "
                "or a list, as in --seeds 3,7"
            ) from None
        given = numbers if "," in given else numbers[0]
    if isinstance(given, Iterable):
        return tuple(as_whole_number("a seed", s, 0, 2**63 - 1) for s in given)
    return tuple(range(as_whole_number("the number of seeds", given, 1, MOST_POINTS)))


class _Span(tuple[Any, Any]):
    """Two ends between which values are drawn."""


def _read_choices(
    parameter: Parameter, given: Any, sampling: str
) -> list[Any] | tuple[Any, ...] | _Span:
    """Return the value of a fixed parameter as a list of one, all values of one that varies, or a span."""
    if isinstance(given, str):
        span = read_span(parameter, given) if sampling != "grid" else None
        if span is not None:
            return _Span(span)
        values = read_values(parameter, given)
        alone = len(values) == 1 and len(split_outside(given, ",")) == 1
        return values if alone else tuple(values)
    given = given.to_numpy() if hasattr(given, "to_numpy") else given
    if isinstance(given, Quantity) and not given.scalar:
        given = [Quantity(number, given.dimension) for number in given.value]
    if not isinstance(given, Iterable) or (isinstance(given, np.ndarray) and given.ndim == 0):
        return [parameter.check(given)]
    listed = list(given)
    if isinstance(parameter.type, Several) and not any(isinstance(v, list | tuple) for v in listed):
        return [parameter.check(tuple(listed))]
    values = [parameter.check(value) for value in listed]
    if not values:
        raise ParameterError(f"parameter {parameter.name!r} has no values; give at least one")
    return tuple(values)


def _draw(sampling: str, count: int, axes: int, seed: int) -> Any:
    """Return numbers from 0 to 1, of shape (axes, count)."""
    generator = stream(as_whole_number("sampling_seed", seed), "sweep")
    if sampling == "latin":
        from scipy.stats.qmc import LatinHypercube

        return LatinHypercube(axes, rng=generator).random(count).T
    return generator.random((count, axes)).T


def _choose(parameter: Parameter, choices: Any, numbers: Any) -> tuple[Any, ...]:
    """Return the values that numbers from 0 to 1 choose from a list or a span."""
    if not isinstance(choices, _Span):
        return tuple(choices[int(u * len(choices))] for u in numbers)
    if isinstance(parameter.check(choices[0]), int):  # each whole number is equally probable
        first, last = sorted(choices)
        return tuple(parameter.check(first + int(u * (last - first + 1))) for u in numbers)
    return tuple(between(parameter, choices, float(u)) for u in numbers)


def _span_text(choices: Any) -> str:
    """Return the text that means a span, or a list of values from which points are drawn."""
    return (":" if isinstance(choices, _Span) else ", ").join(map(to_text, choices))


def _si_unit(parameter: Parameter, values: Sequence[Any]) -> str | None:
    if not is_ranged(parameter) or not all(isinstance(v, str) for v in values):
        return None
    return quantity(values[0]).unit
