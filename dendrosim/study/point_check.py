"""Checks the points of a sweep before anything runs: each value of each parameter is built into a protocol."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dendrosim.engine.settings import RunSettings
from dendrosim.engine.simulate import resolve_settings
from dendrosim.engine.standalone.program import describe_structure
from dendrosim.errors import DendrosimError, ParameterError, UnknownNameError
from dendrosim.library.files import watch_files
from dendrosim.library.parameter_types import to_text
from dendrosim.protocol.protocol import Protocol
from dendrosim.study.point import LoadedProtocol, build_point
from dendrosim.study.specification import Axis, SweepSpec

_MOST_BUILT, _OF_NUMBERS = 12, 3
"""Numbers of values of a parameter that are built, of a long list and of a long range, the ends among them."""

_TRIALS = 8
"""Number of further points at which a value is tried before it is refused: it may only not go with others."""


@dataclass(frozen=True)
class CheckedPoints:
    """What the check of the points has found.

    Parameters
    ----------
    files : frozenset of Path
        Files of models and protocols that the points use.
    first : tuple of int
        Numbers of points of which each has another compiled structure; they are computed first, so that programs
        are compiled side by side.
    """

    files: frozenset[Path]
    first: tuple[int, ...]


def check_points(spec: SweepSpec, loaded: LoadedProtocol, settings: RunSettings) -> CheckedPoints:
    """Build protocols with each value, or with some of a long range, and check that they can run.

    Raises
    ------
    ParameterError
        If no protocol could be built with a value, although others were tried.
    UnknownNameError
        If a recording that is to be kept is not a recording of the protocol.
    SpecError
        If the back end cannot compute a protocol, or a protocol does not allow the batch.
    """
    structures: dict[str, int] = {}
    with watch_files() as files:
        files.add(loaded.entry.path)
        for number, index in enumerate(_chosen(spec)):
            protocol, index = _build(spec, loaded, index)
            if number == 0:
                _check_recordings(spec, protocol)
            # Refuses a batch that a protocol does not allow, and what the back end cannot compute.
            protocol, _, resolved = resolve_settings(protocol, settings)
            structures.setdefault(describe_structure(protocol, resolved.precision), index)
    return CheckedPoints(frozenset(files), tuple(structures.values()))


def _chosen(spec: SweepSpec) -> Iterator[int]:
    """Yield the first point, then for each further value a point that differs from the first in it alone."""
    lengths = tuple(spec.dimensions.values())
    strides = [1] * len(lengths)
    for k in range(len(lengths) - 2, -1, -1):
        strides[k] = strides[k + 1] * lengths[k + 1]
    yield 0
    numeric = [len({*map(type, a.coordinates()[0])} - {int, float}) == 0 for a in spec.axes]
    numeric = numeric if spec.sampling == "grid" else [False]
    for length, stride, numbers in zip(lengths[:-1], strides[:-1], numeric, strict=True):
        for value in _spread(length, _OF_NUMBERS if numbers else _MOST_BUILT):
            yield value * stride


def _spread(length: int, most: int) -> Iterable[int]:
    """Return whole numbers from 1 to `length` - 1, the last among them: all, or at most `most` - 1."""
    if length <= most:
        return range(1, length)
    return sorted({round(k * (length - 1) / (most - 1)) for k in range(1, most)})


def _build(spec: SweepSpec, loaded: LoadedProtocol, index: int) -> tuple[Protocol, int]:
    """Return the protocol of a point, or of another one that shares the value, and the number of that point."""
    point = spec.point(index)
    try:
        return build_point(loaded, point.parameters, point.seed), index
    except DendrosimError as error:
        for other in _sharing(spec, index):
            further = spec.point(other)
            try:
                return build_point(loaded, further.parameters, further.seed), other
            except DendrosimError:
                continue
        axis = _changed(spec, index)
        if axis is None:
            raise
        value = to_text(point.varied[axis.name])
        raise type(error)(f"no protocol can be built with {axis.name}={value}: {error}") from error


def _changed(spec: SweepSpec, index: int) -> Axis | None:
    """Return the axis in which a point differs from the first point; None for the first and for drawn points."""
    place = spec.point(index).place[:-1]
    if spec.sampling != "grid":
        return None
    return next((a for a, k in zip(spec.axes, place, strict=True) if k), None)


def _sharing(spec: SweepSpec, index: int) -> Iterator[int]:
    """Yield some points with the same value of the axis in which a point of a grid differs from the first."""
    axis = _changed(spec, index)
    if axis is None:
        count = spec.count
        yield from sorted({k * (count - 1) // _TRIALS for k in range(1, _TRIALS + 1)} - {0, index})
        return
    value, step = (
        spec.point(index).varied[axis.name],
        max(1, spec.count // (_TRIALS * len(axis.values) * 4)),
    )
    found = 0
    for other in range(spec.count - 1, 0, -step):
        if found == _TRIALS:
            return
        if spec.point(other).varied[axis.name] == value:
            found += 1
            yield other


def _check_recordings(spec: SweepSpec, protocol: Protocol) -> None:
    spikes = set(protocol.recordings_of_spikes())
    known = [name for name in protocol.recordings_by_name() if name not in spikes]
    for name in spec.recordings:
        if name in spikes:
            raise ParameterError(
                f"recording {name!r} has spikes, whose number differs from point to point; only traces can be "
                "kept: "
                f"{', '.join(known) or 'there are none'}"
            )
        if name not in known:
            raise UnknownNameError("recording", name, known)
