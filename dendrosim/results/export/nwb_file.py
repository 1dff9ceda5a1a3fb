"""A result as a file of Neurodata Without Borders."""

import uuid
from typing import TYPE_CHECKING, Any

import numpy as np

from dendrosim.results.export.extra import import_extra
from dendrosim.results.export.shared import describe, interval, session_start, trains
from dendrosim.results.export.source import Source

if TYPE_CHECKING:
    from xarray import DataArray

EXTRA = "nwb"

SNAPSHOTS = "snapshots"
"""Name of the processing module with recordings that have fewer times than units."""

_UNITS = {"V": "volts", "A": "amperes", "s": "seconds", "S": "siemens", "F": "farads", "1": "n.a."}
"""How NWB writes some SI units; all others are kept as they are."""


def make_nwb(result: Source) -> Any:
    """Return a result as a file of NWB in memory; see `Result.to_nwb`."""
    pynwb, texts = import_extra("pynwb", EXTRA), describe(result)
    start, name = session_start(result), result.protocol.name or "unnamed protocol"
    known = f"{name} {texts.get('parameters')} {result.provenance.get('seed')} {start.isoformat()}"
    file = pynwb.NWBFile(
        session_description=f"Simulation of the dendrosim protocol {name}: {result.status}",
        identifier=str(uuid.uuid5(uuid.NAMESPACE_URL, known)),
        session_start_time=start,
        experiment_description=f"dendrosim protocol {name}",
        keywords=["simulation", "dendrosim"],
        notes="; ".join(f"{key}: {text}" for key, text in texts.items()),
        source_script=str(result.provenance.get("repeat") or "dendrosim"),
        source_script_file_name="dendrosim",
    )
    file.subject = pynwb.file.Subject(
        subject_id="simulation", sex="U", age="P0D",
        description="simulated circuit; there was no animal, so age and sex mean nothing",
    )  # fmt: skip
    # The format takes the longest axis of a series for its time, so recordings at few times are tables.
    short = [name for name in result.names if _is_short(result.traces[name].values.shape)]
    for recording in result.names:
        if recording not in short:
            file.add_acquisition(_series(pynwb, result, recording))
    if short:
        module = file.create_processing_module(SNAPSHOTS, "recordings with fewer times than units")
        for recording in short:
            module.add(_table(pynwb, result, recording))
    _add_spikes(file, result)
    for span in result.phases():
        file.add_epoch(start_time=span.start, stop_time=span.stop, tags=[span.block, span.phase])
    return file


def _is_short(shape: tuple[int, ...]) -> bool:
    """Return whether an axis is longer than the first one, that of time."""
    return max(shape[1:], default=0) > shape[0]


def _table(pynwb: Any, result: Source, name: str) -> Any:
    """Return a recording as a table with one row for each time."""
    array = result[name]
    unit = str(array.attrs["units"])
    parts = {
        "time": ("seconds", array["time"].values.astype(float)),
        "value": (f"in {_UNITS.get(unit, unit)}", array.values),
    }
    columns = [
        pynwb.core.VectorData(name=column, description=said, data=values)
        for column, (said, values) in parts.items()
    ]
    known = {"name": name.replace("/", ":"), "description": _describe(array)}
    return pynwb.core.DynamicTable(**known, columns=columns)


def _describe(array: "DataArray") -> str:
    """Return what an array is, and the places along its dimensions."""
    dims = ", ".join(
        f"{d} {_places(array[str(d)].values)}" if d != "time" else "time" for d in array.dims
    )
    return f"{array.attrs.get('long_name', array.name)}; dimensions: {dims}"


def _series(pynwb: Any, result: Source, name: str) -> Any:
    """Return a recording as a series whose further dimensions are those of the recording."""
    array = result[name]
    unit = str(array.attrs["units"])
    time = array["time"].values.astype(float)
    period = interval(time)
    timing: dict[str, Any] = {"timestamps": time}
    if period is not None:
        timing = {"starting_time": float(time[0]), "rate": 1 / period}
    return pynwb.TimeSeries(
        name=name.replace("/", ":"),
        data=array.values,
        unit=_UNITS.get(unit, unit),
        description=_describe(array),
        **timing,
    )


def _places(values: Any) -> str:
    """Return the range of whole numbers, or all of them if some are left out."""
    first, last = int(values[0]), int(values[-1])
    if np.array_equal(values, np.arange(first, last + 1)):
        return f"{first} to {last}"
    return ", ".join(map(str, values.tolist()))


def _add_spikes(file: Any, result: Source) -> None:
    if not result.spikes:
        return
    file.add_unit_column("population", "population, or population.event")
    file.add_unit_column("number", "number of the unit in its population")
    file.add_unit_column("sample", "sample of the batch")
    span = np.array([[result.start, result.stop]])
    for name in result.spikes:
        for unit, sample, times in trains(result, name):
            file.add_unit(
                spike_times=times, obs_intervals=span, population=name, number=unit, sample=sample
            )
    if file.units is not None:
        file.units.resolution = result.protocol.time_step
