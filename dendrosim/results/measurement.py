"""The class `Measurement`, which the function `measure(result)` of a protocol file returns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dendrosim.checks import as_any_text, as_label
from dendrosim.display.short import ShortRepr
from dendrosim.errors import SpecError, UnknownMemberError
from dendrosim.results.reference import Reference, as_reference, part_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Measurement(ShortRepr):
    """Numbers computed from a result, and figures of the result, which are drawn on demand.

    The function `measure(result)` of a protocol file returns a `Measurement`.

    Parameters
    ----------
    metrics : mapping of str to value
        Metrics by name. Each is a number, bool or string, a nested list or array of numbers (outer axis first), or
        a mapping of these, such as one value per model. Numbers are in SI units. A labelled array of xarray is
        reduced to its numbers.
    figures : mapping of str to function, optional
        Figures by name. Each is a function without arguments that returns a Matplotlib figure.
    units : mapping of str to str, optional
        SI unit of each metric that has one, such as `"Hz"`.
    references : mapping of str to Reference, optional
        The value that a metric should have, by the name of the metric; keys of a metric that is a mapping follow
        after dots, as in `"flow.rate"`. `agrees` says whether they agree.

    Raises
    ------
    SpecError
        If a name of a metric is not text, or a figure has a name that cannot be that of a file in a folder, or no
        function; if a reference is not a `Reference`, or there is no metric of its name.

    Examples
    --------
    >>> import dendrosim as ds
    >>> expected = ds.Reference(12.0, 0.6, "statistical", reason="three standard errors")
    >>> ds.Measurement({"rate": 12.5}, units={"rate": "Hz"}, references={"rate": expected}).agrees
    {'rate': True}
    """

    metrics: Mapping[str, Any]
    figures: Mapping[str, "Callable[[], Figure]"] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[str, Reference] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.metrics:
            as_any_text("Measurement: a name of a metric", name)
        object.__setattr__(self, "metrics", _unlabelled(self.metrics))
        for name, draw in self.figures.items():
            _check_figure(name, draw)
        found = {name: self._read_reference(name, given) for name, given in self.references.items()}
        object.__setattr__(self, "references", found)

    @property
    def agrees(self) -> dict[str, bool | None]:
        """Whether each metric that has a reference agrees with it; None if the metric is not a number."""
        return compare(self.metrics, self.references)

    def _read_reference(self, name: Any, given: Any) -> Reference:
        """Return the reference of a metric, with the value of the metric that it names."""
        where = f"Measurement: reference of {name!r}"
        reference = as_reference(where, given)
        for sought in (name, reference.value) if isinstance(reference.value, str) else (name,):
            try:
                found = part_of(self.metrics, sought)
            except (KeyError, TypeError):
                raise UnknownMemberError(f"{where}: metric", str(sought), self.metrics) from None
        return replace(reference, value=found) if isinstance(reference.value, str) else reference


def compare(
    metrics: Mapping[str, Any], references: Mapping[str, Reference]
) -> dict[str, bool | None]:
    """Return by name whether metrics agree with their references; see `Reference.agrees`."""
    return {name: r.agrees(part_of(metrics, name)) for name, r in references.items()}


def _unlabelled(value: Any) -> Any:
    """Return a metric with its numbers only: every sum or selection of xarray is a labelled array."""
    if isinstance(value, Mapping):
        return {name: _unlabelled(part) for name, part in value.items()}
    values = getattr(value, "values", None)
    if isinstance(values, np.ndarray):
        return values[()]  # a number, if there is only one
    return value


def _check_figure(name: Any, draw: Any) -> None:
    text = as_label("Measurement: a name of a figure", name)
    if "/" in text or text.startswith("."):
        raise SpecError(
            f"Measurement: a figure is called {text!r}; its file is in the folder of the result, so the name "
            "must have no '/' and not begin with '.'"
        )
    if not callable(draw):
        raise SpecError(
            f"Measurement: figure {text!r} is a {type(draw).__name__}; it must be a function that draws it, such "
            "as lambda: ds.plot.traces(result)[0].figure"
        )
