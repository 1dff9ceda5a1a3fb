"""A result as a block of Neo: one segment for each sample of the batch."""

from typing import TYPE_CHECKING, Any

import numpy as np

from dendrosim.arrays import AnyArray
from dendrosim.results.export.extra import import_extra
from dendrosim.results.export.shared import describe, interval, session_start, trains
from dendrosim.results.export.source import Source

if TYPE_CHECKING:
    from xarray import DataArray


EXTRA = "neo"


def make_block(result: Source) -> Any:
    """Return a result as a block of Neo; see `Result.to_neo`."""
    neo, pq = import_extra("neo", EXTRA), import_extra("quantities", EXTRA)
    block = neo.Block(
        name=result.protocol.name or "dendrosim",
        rec_datetime=session_start(result).replace(tzinfo=None),
        **describe(result),
    )
    for sample in range(result.protocol.batch):
        segment = neo.Segment(name=f"sample {sample}", index=sample)
        segment.epochs.append(_epochs(neo, pq, result))
        block.segments.append(segment)
    for name in result.names:
        array = result[name]
        samples = array["sample"].values.tolist() if "sample" in array.dims else None
        for sample in range(result.protocol.batch) if samples is None else samples:
            own = array if samples is None else array.sel(sample=sample)
            signal = _signal(neo, pq, name, own)
            segment = block.segments[sample]
            regular = isinstance(signal, neo.AnalogSignal)
            (segment.analogsignals if regular else segment.irregularlysampledsignals).append(signal)
    span = {"t_start": result.start * pq.s, "t_stop": result.stop * pq.s}
    for name in result.spikes:
        for unit, sample, times in trains(result, name):
            train = neo.SpikeTrain(
                times * pq.s, **span, name=f"{name}[{unit}]", population=name, unit=unit
            )
            block.segments[sample].spiketrains.append(train)
    return block


def _signal(neo: Any, pq: Any, name: str, array: "DataArray") -> Any:
    """Return a recording of one sample, with one channel for each unit, synapse or weight."""
    time, values = array["time"].values, array.values.reshape(len(array), -1)
    quantity = _unit(pq, str(array.attrs["units"]))
    given: dict[str, Any] = {
        "name": name, "units": quantity, "si_unit": str(array.attrs["units"]),
        "array_annotations": _channels(array),
    }  # fmt: skip
    period = interval(time)
    if period is None:
        return neo.IrregularlySampledSignal(time * pq.s, values, **given)
    start = float(time[0]) * pq.s
    return neo.AnalogSignal(values, t_start=start, sampling_period=period * pq.s, **given)


def _channels(array: "DataArray") -> dict[str, AnyArray]:
    """Return the places of the channels by dimension, such as `unit`, or `post` and `pre`."""
    axes = [array[str(d)].values for d in array.dims[1:]]
    places = np.meshgrid(*axes, indexing="ij") if axes else []
    return {str(d): p.ravel() for d, p in zip(array.dims[1:], places, strict=True)}


def _unit(pq: Any, text: str) -> Any:
    """Return a unit such as `V` or `A/s`; one that Neo does not know is in the annotation `si_unit` only."""
    if text == "1":
        return pq.dimensionless
    try:
        return pq.CompoundUnit(text.replace("^", "**").replace(" ", "*"))
    except Exception:  # the parser of the package raises errors of many kinds
        return pq.dimensionless


def _epochs(neo: Any, pq: Any, result: Source) -> Any:
    spans = list(result.phases())
    return neo.Epoch(
        times=np.array([s.start for s in spans]) * pq.s,
        durations=np.array([s.stop - s.start for s in spans]) * pq.s,
        labels=np.array([f"{s.block}/{s.phase}" for s in spans], dtype="U"),
        name="phases",
    )
