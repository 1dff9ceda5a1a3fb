"""The class `Measurement`, which the function `measure(result)` of a protocol file returns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

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
