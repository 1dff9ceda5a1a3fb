"""What a protocol's `measure(result)` returns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Measurement:
    """Named numbers read off a result, and figures that are drawn when asked for.

    Parameters
    ----------
    metrics : mapping
        Name to number, bool, string, or nested list or array of numbers (outer axis first), SI; or to a
        mapping of these, such as one a model.
    figures : mapping, optional
        Name to a function without arguments that returns a Matplotlib figure.
    units : mapping, optional
        SI unit of each metric that has one.
    references : mapping, optional
        What a metric is compared with in the summary: a closed form, a cited number, another model.
    """

    metrics: Mapping[str, Any]
    figures: Mapping[str, "Callable[[], Figure]"] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[str, Any] = field(default_factory=dict)
