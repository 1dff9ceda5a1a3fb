"""The class `Reference`: the value that a metric should have, and the pure function that compares both."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dendrosim.checks import as_any_text, one_of
from dendrosim.errors import ParameterError, SpecError, abbreviate

KINDS = ("closed form", "cited", "grid-limited", "statistical")
"""Where the tolerance of a reference comes from; `Reference` explains them."""


@dataclass(frozen=True, eq=False)
class Reference:
    """The value that a metric should have, and by how much the metric may differ from it.

    Parameters
    ----------
    value : number, array, mapping or str
        The value in SI units. It has the form of the metric: a number, an array, or a mapping of these; a single
        number is compared with each entry of an array. NaN stands for an entry that has no reference. A text is
        the name of another metric of the same `Measurement`, whose value this is; keys of a mapping follow after
        dots, as in `"flow.expected_rate"`.
    tolerance : number, array or mapping, optional
        Largest absolute difference with which both agree, a number or one per entry (default 0). NaN, such as the
        standard error of a single run, leaves the comparison open.
    kind : {"closed form", "cited", "grid-limited", "statistical"}, optional
        What limits the agreement (default "closed form"): rounding, or the time step, where the value is a closed
        form; the accuracy with which a publication states the value (cited); the distance of the values among
        which the metric is found (grid-limited); or chance, so that the tolerance is a multiple of a standard
        error (statistical).
    relative : float, optional
        This number times the size of the value is added to the tolerance (default 0).
    reason : str, optional
        Why the tolerance has this size, in a few words.

    Raises
    ------
    SpecError
        If the value or the tolerance has no numbers, a tolerance is negative or does not have the form of the
        value, or there is no such kind.

    Examples
    --------
    >>> import dendrosim as ds
    >>> rheobase = ds.Reference(24.97e-12, 1e-12, "grid-limited", reason="currents are 1 pA apart")
    >>> rheobase.agrees(25.5e-12)
    True
    """

    value: Any
    tolerance: Any = 0.0
    kind: str = "closed form"
    relative: float = field(default=0.0, repr=False)
    reason: str = ""

    def __post_init__(self) -> None:
        one_of(*KINDS)("Reference: kind", self.kind)
        as_any_text("Reference: reason", self.reason)
        if isinstance(self.value, str):
            return
        where = "Reference: value"
        if not any(True for _ in _numbers(where, self.value)):
            raise ParameterError(f"{where} is {abbreviate(self.value)}; it must have a number")
        object.__setattr__(self, "tolerance", _widen(self.value, self.tolerance, self.relative))
        object.__setattr__(self, "relative", 0.0)

    def agrees(self, metric: Any) -> bool | None:
        """Return whether a metric agrees with the reference; None if that cannot be said.

        Parameters
        ----------
        metric : value
            The metric, in the form of the reference.

        Returns
        -------
        bool or None
            False if an entry differs by more than its tolerance. None if the metric, or an entry of it that has
            a reference, is not a number (text, missing, or NaN), and no other entry differs. Else True.
        """
        if isinstance(self.value, str):
            return None
        return agrees(metric, self.value, self.tolerance)

    def plain(self) -> dict[str, Any]:
        """Return the fields as values that JSON has."""
        numbers = {"value": _plain(self.value), "tolerance": _plain(self.tolerance)}
        return {**numbers, "kind": self.kind, "reason": self.reason}


def as_reference(where: str, value: Any) -> Reference:
    """Return a reference, or a mapping of its fields, as a `Reference`; raises SpecError."""
    if isinstance(value, Reference):
        return value
    if isinstance(value, Mapping) and {"value", "kind"} <= {*value} <= {*Reference.__annotations__}:
        return Reference(**value)
    raise SpecError(
        f"{where} is {abbreviate(value)}; give the value with its tolerance, such as "
        'ds.Reference(0.5, 1e-6, "closed form")'
    )


def agrees(metric: Any, value: Any, tolerance: Any) -> bool | None:
    """Return whether a metric agrees with a reference; see `Reference.agrees`."""
    verdicts = {
        verdict for m, v, t in _entries(metric, value, tolerance) for verdict in _compare(m, v, t)
    }
    if False in verdicts:
        return False
    return None if None in verdicts or not verdicts else True


def part_of(values: Any, name: str) -> Any:
    """Return an entry of nested mappings by its keys joined by dots, which keys may contain; raises KeyError."""
    if name in values:
        return values[name]
    for key, inner in values.items():
        if isinstance(inner, Mapping) and name.startswith(f"{key}."):
            try:
                return part_of(inner, name[len(key) + 1 :])
            except KeyError:
                continue
    raise KeyError(name)


def _entries(metric: Any, value: Any, tolerance: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Yield metric, value and tolerance of each number or array of a reference."""
    if not isinstance(value, Mapping):
        yield metric, value, tolerance
        return
    known = metric if isinstance(metric, Mapping) else {}
    for key, inner in value.items():
        own = tolerance[key] if isinstance(tolerance, Mapping) else tolerance
        yield from _entries(known.get(key), inner, own)


def _compare(metric: Any, value: Any, tolerance: Any) -> set[bool | None]:
    """Return the verdicts of all entries of an array for which there is a reference."""
    expected = np.asarray(value, float)
    known = ~np.isnan(expected) & ~np.isnan(tolerance)
    try:
        found = _as_floats(metric)
        found, expected, allowed, known = np.broadcast_arrays(found, expected, tolerance, known)
    except (TypeError, ValueError):
        return {None} if known.any() else set()
    found, expected, allowed = found[known], expected[known], allowed[known]
    # Infinite numbers are equal, or differ infinitely.
    with np.errstate(invalid="ignore"):
        close = (found == expected) | (np.abs(found - expected) <= allowed)
    return {None if np.isnan(a) else bool(b) for a, b in zip(found, close, strict=True)}


def _as_floats(metric: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    array = np.asarray(metric)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{array.dtype} is no type of numbers")
    return array.astype(float)


def _numbers(where: str, value: Any) -> Iterator[float]:
    """Yield the numbers of a value; raises ParameterError if a part is not a number, array or mapping."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _numbers(f"{where}[{key!r}]", inner)
        return
    try:
        yield from _as_floats(value).ravel().tolist()
    except (TypeError, ValueError):
        raise ParameterError(
            f"{where} is {abbreviate(value)}; it must be a number, an array or a mapping of these"
        ) from None


def _widen(value: Any, tolerance: Any, relative: float) -> Any:
    """Return the tolerance of each number or array of a value, to which a part of the value's size is added."""
    if isinstance(value, Mapping):
        own = dict.fromkeys(value, tolerance)
        if isinstance(tolerance, Mapping):
            if {*tolerance} != {*value}:
                raise SpecError(
                    f"Reference: tolerance has {', '.join(map(str, tolerance))}; it must be a number, or have one "
                    f"for each of {', '.join(map(str, value))}"
                )
            own = dict(tolerance)
        return {key: _widen(inner, own[key], relative) for key, inner in value.items()}
    where = "Reference: tolerance"
    allowed = np.array([*_numbers(where, tolerance)])
    added = np.array([*_numbers("Reference: relative", relative)])
    if np.any(allowed < 0) or np.any(added < 0) or len(added) != 1:
        raise ParameterError(f"{where} is {abbreviate(tolerance)}; it must not be negative")
    try:
        sizes = np.abs(np.asarray(value, float))
        total = np.asarray(tolerance, float) + (added[0] * sizes if added[0] else 0.0)
        if np.broadcast_shapes(total.shape, sizes.shape) != sizes.shape:
            raise ValueError
    except ValueError:
        shapes = np.shape(tolerance), np.shape(value)
        raise SpecError(
            f"{where} has the shape {shapes[0]}; it must be one number, or have that of the value, {shapes[1]}"
        ) from None
    return total if total.ndim else float(total)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    return value if isinstance(value, str) else np.asarray(value).tolist()
