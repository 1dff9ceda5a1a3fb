"""The shipped figures for editors and type checkers; `__init__.py` finds figures by their files, not here."""

from collections.abc import Callable
from typing import Any

from ._angles import angles as angles
from ._branch import branch as branch
from ._curve import curve as curve
from ._decoded import decoded as decoded
from ._drift_field import drift_field as drift_field
from ._families import families as families
from ._images import images as images
from ._overview import overview as overview
from ._panels import panels as panels
from ._phase_plane import phase_plane as phase_plane
from ._place_fields import place_fields as place_fields
from ._plasticity import plasticity as plasticity
from ._psth import psth as psth
from ._raster import raster as raster
from ._receptive_fields import receptive_fields as receptive_fields
from ._save import save as save
from ._spectrum import spectrum as spectrum
from ._stability_map import stability_map as stability_map
from ._sweep import sweep as sweep
from ._traces import traces as traces
from ._transient import transient as transient
from ._weight_change import weight_change as weight_change
from ._weight_distribution import weight_distribution as weight_distribution
from ._weight_traces import weight_traces as weight_traces
from ._weights import weights as weights
from ._window import window as window

def __getattr__(name: str) -> Callable[..., Any]: ...
