"""Statistics of spike trains, computed by the package Elephant."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.arrays import Array
from dendrosim.checks import as_time
from dendrosim.display.short import ShortRepr
from dendrosim.errors import ParameterError, ShapeError
from dendrosim.results.export.extra import import_extra


@dataclass(frozen=True, eq=False)
class SpikeStatistics(ShortRepr):
    """Statistics of several spike trains.

    Attributes
    ----------
    rate : array, shape (trains,)
        Mean rate in Hz.
    cv : array, shape (trains,)
        Standard deviation of the intervals between spikes over their mean: 1 for a Poisson process, 0 for a clock;
        NaN with fewer than 3 spikes.
    local_variation : array, shape (trains,)
        The same for pairs of successive intervals, which slow changes of the rate do not affect; NaN with fewer
        than 3 spikes.
    fano_factor : float
        Variance of the number of spikes of a train over its mean, over trains; NaN if there are no spikes.
    correlation : array, shape (trains, trains)
        Correlation coefficients of the numbers of spikes in bins; NaN for trains without spikes.
    frequency, power : array, shape (frequencies,)
        Power spectrum of the numbers of spikes in bins, as a mean over trains, in Hz^2/Hz, by frequency in Hz. For
        Poisson trains it is twice their rate.
    """

    rate: Array
    cv: Array
    local_variation: Array
    fano_factor: float
    correlation: Array
    frequency: Array
    power: Array


def spike_statistics(
    times: ArrayLike,
    units: ArrayLike,
    count: int,
    *,
    start: Any = "0 s",
    stop: Any,
    bin_width: Any = "5 ms",
) -> SpikeStatistics:
    """Return statistics of spike trains: rates, irregularity, correlations and power spectrum.

    Parameters
    ----------
    times : array_like, shape (spikes,)
        Times of all spikes, in seconds.
    units : array_like, shape (spikes,)
        The train of each spike, from 0.
    count : int
        Number of trains, at least 1; those without spikes count too.
    start, stop : time
        Interval in which spikes are counted; `start` is 0 by default.
    bin_width : time, optional
        Width of bins for correlations and the power spectrum, above 0 (default 5 ms).

    Returns
    -------
    SpikeStatistics

    Raises
    ------
    ExtraMissingError
        If Elephant is not installed.
    ShapeError
        If `times` and `units` do not have the same shape (spikes,).
    ParameterError
        If the interval is empty or a unit is out of range.

    References
    ----------
    Elephant, the Electrophysiology Analysis Toolkit, https://elephant.readthedocs.io. Shinomoto, Shima & Tanji
    (2003), Neural Computation 15:2823: local variation.

    Examples
    --------
    >>> import dendrosim as ds
    >>> spikes = ds.analysis.spike_statistics([0.01, 0.02, 0.03], [0, 0, 0], 1, stop="40 ms")  # doctest: +SKIP
    >>> spikes.cv  # doctest: +SKIP
    array([0.])
    """
    moments, owners = np.asarray(times, dtype=float), np.asarray(units)
    if moments.ndim != 1 or moments.shape != owners.shape:
        raise ShapeError(
            f"spike_statistics: times have shape {moments.shape}, units {owners.shape}; give one unit per spike"
        )
    begin = float(as_time("spike_statistics: start", start, or_zero=True).value)
    end = float(as_time("spike_statistics: stop", stop).value)
    width = float(as_time("spike_statistics: bin_width", bin_width).value)
    if end - begin < 2 * width:
        raise ParameterError(
            f"spike_statistics: from {begin:g} s to {end:g} s there are fewer than two bins of {width:g} s; give "
            "a longer interval or smaller bins"
        )
    if count < 1 or (len(owners) and (owners.min() < 0 or owners.max() >= count)):
        raise ParameterError(f"spike_statistics: units must be from 0 to count - 1 = {count - 1}")
    inside = (moments >= begin) & (moments < end)
    trains = [np.sort(moments[inside & (owners == k)]) for k in range(count)]
    return _by_elephant(trains, begin, end, width)


def _by_elephant(trains: list[Array], begin: float, end: float, width: float) -> SpikeStatistics:
    neo, pq = (import_extra(name, "spikes") for name in ("neo", "quantities"))
    conversion, spectral, pairs, statistics = (
        import_extra(f"elephant.{name}", "spikes")
        for name in ("conversion", "spectral", "spike_train_correlation", "statistics")
    )
    given = [neo.SpikeTrain(t, units="s", t_start=begin, t_stop=end) for t in trains]
    long = [np.diff(t) if len(t) > 2 else None for t in trains]
    binned = conversion.BinnedSpikeTrain(given, bin_size=width * pq.s, tolerance=None)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = pairs.correlation_coefficient(binned)
    counts = binned.to_array() / width
    samples = min(counts.shape[1], 256)
    frequency, power = spectral.welch_psd(
        counts - counts.mean(axis=1, keepdims=True), n_segments=1, len_segment=samples,
        fs=1 / width, window="hann", overlap=0.5,
    )  # fmt: skip
    return SpikeStatistics(
        rate=np.array([len(t) / (end - begin) for t in trains]),
        cv=np.array([np.nan if i is None else statistics.cv(i) for i in long]),
        local_variation=np.array([np.nan if i is None else statistics.lv(i) for i in long]),
        fano_factor=float(statistics.fanofactor(given)),
        correlation=np.atleast_2d(np.asarray(correlation, dtype=float)),
        frequency=np.asarray(frequency, dtype=float),
        power=np.asarray(power, dtype=float).mean(axis=0),
    )
