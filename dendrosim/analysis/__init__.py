"""Closed forms for comparison with simulated circuits, and measures of the behaviour of circuits.

`ds.analysis` has the public functions by name; modules of this package have the others.
"""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from dendrosim.analysis.train_statistics import spike_statistics as spike_statistics
    from dendrosim.analysis.weight_drift.drift import drift as drift

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={"train_statistics": ["spike_statistics"], "weight_drift.drift": ["drift"]},
)
