"""Figures: one function per kind, one file per function.

A figure function takes the data and an optional Matplotlib `ax` to draw into, and returns the Axes;
it never shows anything and never touches pyplot's global state. To add one, write a file here,
decorate its function with `style.styled` and name it below. A file is imported when its function is
first used, Matplotlib when the first figure is drawn.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dendrosim.plot._angles import angles
    from dendrosim.plot._branch import branch
    from dendrosim.plot._curve import curve
    from dendrosim.plot._decoded import decoded
    from dendrosim.plot._families import families
    from dendrosim.plot._images import images, receptive_fields
    from dendrosim.plot._overview import overview
    from dendrosim.plot._panels import panels
    from dendrosim.plot._phase_plane import phase_plane
    from dendrosim.plot._plasticity import plasticity
    from dendrosim.plot._psth import psth
    from dendrosim.plot._raster import raster
    from dendrosim.plot._save import save
    from dendrosim.plot._spectrum import spectrum
    from dendrosim.plot._stability_map import stability_map
    from dendrosim.plot._traces import traces
    from dendrosim.plot._transient import transient
    from dendrosim.plot._weight_traces import weight_traces
    from dendrosim.plot._weights import weights
    from dendrosim.plot._window import window

__all__ = [
    "angles",
    "branch",
    "curve",
    "decoded",
    "families",
    "images",
    "overview",
    "panels",
    "phase_plane",
    "plasticity",
    "psth",
    "raster",
    "receptive_fields",
    "save",
    "spectrum",
    "stability_map",
    "traces",
    "transient",
    "weight_traces",
    "weights",
    "window",
]

_FILES = {"receptive_fields": "images"}  # of the others the file has the name of the function


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}._{_FILES.get(name, name)}"), name)
    globals()[name] = value
    return value
