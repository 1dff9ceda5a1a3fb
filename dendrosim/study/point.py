"""One point of a sweep: run the protocol with its values and its seed, and measure the result.

`measure_point` is the only function in which points are computed. It gets a protocol file that is already loaded,
so that what all points share is done once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from dendrosim.engine.settings import SEED, RunSettings
from dendrosim.experiments.run import Measure, run_and_measure
from dendrosim.library.catalogue import Entry
from dendrosim.library.file_parameters import parameters_of_file
from dendrosim.library.loading import build_protocol
from dendrosim.library.measuring import load_measure
from dendrosim.protocol.protocol import Protocol
from dendrosim.study.record import RecordedArray

if TYPE_CHECKING:
    from dendrosim.results.result import Result


@dataclass(frozen=True)
class LoadedProtocol:
    """A protocol file that is loaded: its entry, its function `measure`, and whether it has a parameter `seed`."""

    entry: Entry
    measure: Measure
    takes_seed: bool


class Measured(NamedTuple):
    """What is kept of a point: metrics with their units, recordings, and the seconds that its time steps took."""

    metrics: Mapping[str, Any]
    units: Mapping[str, str]
    recordings: dict[str, RecordedArray]
    stepping: float


def load_protocol_file(entry: Entry) -> LoadedProtocol:
    """Load the file of a protocol once for many points; raises the errors of `load_protocol`."""
    takes_seed = any(p.name == SEED for p in parameters_of_file(entry))
    return LoadedProtocol(entry, load_measure(entry.path), takes_seed)


def build_point(loaded: LoadedProtocol, parameters: Mapping[str, Any], seed: int) -> Protocol:
    """Return the protocol of a point, with its seed in the parameter `seed` if there is one."""
    own = {SEED: seed} if loaded.takes_seed else {}
    return build_protocol(loaded.entry, {**parameters, **own})


def measure_point(
    loaded: LoadedProtocol,
    parameters: Mapping[str, Any],
    seed: int,
    settings: RunSettings,
    recordings: Iterable[str] = (),
) -> Measured:
    """Run a protocol with some values of its parameters, and measure it.

    Parameters
    ----------
    loaded : LoadedProtocol
        The protocol.
    parameters : mapping
        Plain values of some parameters; all others have their defaults.
    seed : int
        Seed of the run.
    settings : RunSettings
        Settings of the run, of which `seed` replaces the seed.
    recordings : iterable of str
        Names of the recordings that are kept.

    Raises
    ------
    DendrosimError
        Whatever the run or its measurement raises.
    """
    protocol = build_point(loaded, parameters, seed)
    settings = replace(settings, seed=seed)
    result, measurement = run_and_measure(
        protocol, settings, progress=False, measure=loaded.measure
    )
    kept = {name: _recorded(result, name) for name in recordings}
    stepping = float(result.provenance.get("seconds", {}).get("steps", 0.0))
    return Measured(measurement.metrics, measurement.units, kept, stepping)


def _recorded(result: "Result", name: str) -> RecordedArray:
    array = result[name]
    dimensions = tuple(str(d) for d in array.dims)
    return RecordedArray(
        dimensions, array["time"].values, array.values, str(array.attrs.get("units", "1"))
    )
