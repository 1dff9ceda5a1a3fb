"""The class `Measurement`, which the function `measure(result)` of a protocol file returns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dendrosim.checks import as_any_text, as_label
from dendrosim.errors import SpecError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Measurement:
    """Numbers computed from a result, and figures of the result, which are drawn on demand.

    The function `measure(result)` of a protocol file returns a `Measurement`.

    Parameters
    ----------
    metrics : mapping of str to value
        Metrics by name. Each is a number, bool or string, a nested list or array of numbers (outer axis first), or
        a mapping of these, such as one value per model. Numbers are in SI units.
    figures : mapping of str to function, optional
        Figures by name. Each is a function without arguments that returns a Matplotlib figure.
    units : mapping of str to str, optional
        SI unit of each metric that has one, such as `"Hz"`.
    references : mapping of str to value, optional
        For each name of a metric, the value with which the summary compares it: the result of a formula, a number
        from the literature, or the value of another model.

    Raises
    ------
    SpecError
        If a name of a metric is not text, or a figure has a name that cannot be that of a file in a folder, or no
        function.

    Examples
    --------
    >>> import dendrosim as ds
    >>> ds.Measurement({"rate": 12.5}, units={"rate": "Hz"}, references={"rate": 12.0}).metrics["rate"]
    12.5
    """

    metrics: Mapping[str, Any]
    figures: Mapping[str, "Callable[[], Figure]"] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.metrics:
            as_any_text("Measurement: a name of a metric", name)
        for name, draw in self.figures.items():
            _check_figure(name, draw)


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
