"""Events and bursts of spike trains, and their statistics: event rate, burst rate and burst probability.

A spike is an *event* if it is the first of its train, or if the interval to the spike before it is longer than a
threshold (16 ms). Every other spike belongs to the burst of the event before it. An event that is followed by at
least one such spike is a *burst*, counted once. With ``E`` events and ``B`` bursts of all trains together in a
time ``T``, event rate and burst rate are ``E / T`` and ``B / T`` divided by the number of trains, and the burst
probability is ``B / E``: a ratio of sums over the trains, never a mean of ratios.

The definition leaves two decisions open:

- A spike at an interval of exactly the threshold belongs to the burst. Two times that differ by less than 1 ns
  (plus the rounding errors of stored times) count as equal, so neither this decision nor the edge of a window
  depends on how ``n * dt`` was rounded.
- A burst counts in the window of its second spike, or, on request, in the window of its event; in the second case
  no window has more bursts than events.

Sources
-------
Naud & Sprekeler (2018), "Sparse bursts optimize information transmission in a multiplexed neural code", PNAS
115:E6329. The threshold and the count at the second spike are those of Payeur et al. (2021), Nature Neuroscience
24:1010. Their simulations detect bursts by a spike trace of 16 ms instead of by the interval, which gives slightly
different results after long bursts. Confidence intervals: see `_intervals`.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dendrosim.analysis._intervals import Counts, Interval, rate_interval, ratio, ratio_interval
from dendrosim.analysis._trains import (
    INSTANT,
    check_below,
    check_positive,
    check_spikes,
    group_labels,
    instant_of,
    train_order,
)
from dendrosim.arrays import Array, Booleans, Integers
from dendrosim.display.short import ShortRepr
from dendrosim.errors import ParameterError, UnknownMemberError
from dendrosim.results.result_data import Spikes

BURST_THRESHOLD = 16e-3
"""Longest interval within a burst, in seconds."""


@dataclass(frozen=True)
class Bursts(ShortRepr):
    """The events of spike trains, sorted by unit, then sample, then time.

    Attributes
    ----------
    unit, sample : ndarray of int, shape (events,)
        Indices of the train; `sample` is 0 in a run without batch.
    time : ndarray, shape (events,)
        Time of the event's first spike in seconds.
    burst : ndarray of bool, shape (events,)
        Whether the event is a burst.
    second : ndarray, shape (events,)
        Time of the second spike of a burst in seconds; NaN for a single spike.
    spikes : ndarray of int, shape (events,)
        Number of spikes: 1 for a single spike, 2 or more for a burst.
    """

    unit: Integers
    sample: Integers
    time: Array
    burst: Booleans
    second: Array
    spikes: Integers


@dataclass(frozen=True)
class BurstStatistics(ShortRepr):
    """Rates and burst probability of groups of cells in time windows.

    The shape of the values is ``(groups, windows)``. The axis of groups is missing if `burst_statistics` was
    called without `groups`, and the axis of windows if it was called without `window`. `time` has the axis of
    windows only, and `trains` has the axis of groups only.

    Attributes
    ----------
    time : ndarray
        Centre of each window, or of the whole span, in seconds.
    trains : ndarray of int
        Number of spike trains (cells times samples) in each group.
    rate, event_rate, burst_rate : ndarray
        Spikes, events and bursts per second and train, in Hz: 0 in silence, NaN for a group without a cell.
    burst_probability : ndarray
        Bursts divided by events; NaN without events.
    spikes_per_burst : ndarray
        Mean number of spikes of a burst, at least 2; NaN without bursts.
    event_rate_interval, burst_rate_interval, burst_probability_interval : Interval
        Confidence intervals; NaN where the value is NaN.
    """

    time: Array
    trains: Integers
    rate: Array
    event_rate: Array
    burst_rate: Array
    burst_probability: Array
    spikes_per_burst: Array
    event_rate_interval: Interval
    burst_rate_interval: Interval
    burst_probability_interval: Interval


def find_bursts(spikes: Spikes, threshold: float = BURST_THRESHOLD) -> Bursts:
    """Return the events and bursts of spike trains, found by the intervals between spikes.

    Parameters
    ----------
    spikes : Spikes
        Spikes in any order. The spikes of one unit in one sample are a train.
    threshold : float, default 0.016
        Longest interval within a burst, in seconds.

    Returns
    -------
    Bursts
        A burst that is cut by the beginning or the end of the recording consists of the spikes that were recorded:
        an event whose second spike would have come after the end is a single spike.

    Raises
    ------
    ShapeError
        If the arrays of `spikes` are not one-dimensional and of the same length.
    ParameterError
        If a time is not finite, an index is not an integer of at least 0, or the threshold is not positive.

    References
    ----------
    Payeur et al. (2021), Nature Neuroscience 24:1010.
    """
    check_positive("threshold", threshold)
    unit, time, sample = check_spikes(spikes)
    train = unit * (int(sample.max(initial=0)) + 1) + sample
    order = train_order(train, time)
    instant = instant_of(time)
    train, when = train[order], time[order].astype(np.float64, copy=False)
    event = np.ones(len(when), dtype=bool)
    event[1:] = (np.diff(when) > threshold + instant) | (train[1:] != train[:-1])
    first = np.flatnonzero(event)
    count = np.diff(first, append=len(when))
    burst = count > 1
    second = np.full(len(first), np.nan)
    second[burst] = when[first[burst] + 1]
    source = order[first]
    return Bursts(unit[source], sample[source], when[first], burst, second, count)


def burst_statistics(
    spikes: Spikes,
    start: float,
    stop: float,
    *,
    cells: int,
    samples: int = 1,
    units: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    window: float | None = None,
    threshold: float = BURST_THRESHOLD,
    confidence: float = 0.95,
    burst_at: Literal["second", "event"] = "second",
) -> BurstStatistics:
    """Return event rate, burst rate and burst probability over ``[start, stop)``, with confidence intervals.

    Events and bursts are found in whole trains, so a burst that began before a window is not a new event in that
    window. The time of a burst is the time of its second spike, because only a burst has a second spike; with
    ``burst_at="event"``, it is the time of the event.

    An event less than the threshold before the end of the *recording* may lack the spike that makes it a burst. If
    `stop` is the end of the recording, this lowers the burst probability, on average by at most the fraction
    ``threshold / (stop - start)``. To avoid this, choose a `stop` that is earlier than the end by at least the
    threshold.

    Parameters
    ----------
    spikes : Spikes
        All recorded spikes in any order, including those before `start` and after `stop`.
    start, stop : float
        Span of time in seconds.
    cells : int
        Number of units of the population; silent units count too.
    samples : int, default 1
        Number of samples of the batch.
    units : array_like of int, or of bool and shape (cells,), optional
        Cells to use (default: all).
    groups : array_like of int, shape (cells,) or (cells, samples), optional
        Label of each cell or train, from 0 to G - 1; trains with a negative label are left out. With `groups`, the
        values have a first axis of length G.
    window : float, optional
        Length of a window in seconds. With `window`, the values have a last axis of whole windows from `start` on;
        a remainder that is shorter than a window is left out.
    threshold : float, default 0.016
        Longest interval within a burst, in seconds.
    confidence : float, default 0.95
        Probability with which each interval contains the true value, between 0 and 1.
    burst_at : {"second", "event"}, default "second"
        Whether a burst counts in the window of its second spike or of its event. With "second", a window with few
        events can have more bursts than events.

    Returns
    -------
    BurstStatistics

    Raises
    ------
    ShapeError
        If the sizes of arrays do not fit together.
    ParameterError
        If a number is out of its range, or `spikes` has a unit or sample beyond `cells` and `samples`.
    UnknownMemberError
        If `burst_at` is neither "second" nor "event".

    Notes
    -----
    The confidence intervals are score intervals (Wilson 1927; for rates their Poisson counterpart). Their variance
    is estimated from the trains, which count as independent replicates, because the events of one train are
    neither Poisson nor independent. Input that all cells share is taken as given and does not add to the
    uncertainty.

    For a rate, the count ``k`` of a group of ``n`` trains has ``phi`` times the variance of a Poisson count, where
    ``phi`` is the variance of the trains' counts divided by their mean. For the burst probability
    ``p = sum b / sum e`` over the ``m`` trains with events, the ratio estimator has the variance
    ``m / (m - 1) sum (b - p e)^2 / (sum e)^2`` (Cochran 1977), and Wilson's interval is computed with the number
    of independent events that would have this variance (Korn & Graubard 1998). The quantile is that of Student's
    distribution with ``n - 1`` or ``m - 1`` degrees of freedom. If this variance is zero (no bursts, bursts only,
    or equal trains) or not defined (one train), the interval is that of Poisson counts or of a binomial number of
    bursts. With few trains of very unequal rates, an interval at 95 % may contain the true value in little more
    than 90 % of cases.

    Examples
    --------
    >>> spikes = ds.run(protocol).spikes["pyramidal"]
    >>> burst_statistics(spikes, 0.5, 2.0, cells=100, window=0.1).burst_probability
    """
    edges = _Windows.make(start, stop, window)
    label = group_labels(cells, samples, units, groups)
    if not 0.0 < confidence < 1.0:
        raise ParameterError(f"confidence is {confidence}; it must lie between 0 and 1")
    if burst_at not in ("second", "event"):
        raise UnknownMemberError("time of a burst", str(burst_at), ("second", "event"))
    unit, time, sample = check_spikes(spikes)
    check_below("unit", unit, "cells", cells)
    check_below("sample", sample, "samples", samples)
    bursts = find_bursts(spikes, threshold)

    instant = instant_of(time)
    shape = (int(label.max()) + 1, edges.number)
    trains = np.bincount(label[label >= 0], minlength=shape[0])
    counts = _counts(bursts, label, edges, instant, shape, burst_at)
    place = _place(label[unit, sample], edges.find(time, instant), edges.number)
    fired = np.bincount(place[place >= 0], minlength=shape[0] * shape[1]).reshape(shape)
    exposure = trains[:, None] * edges.width
    replicates = np.broadcast_to(trains[:, None], shape)
    axes = (slice(None) if groups is not None else 0, slice(None) if window is not None else 0)

    def cut(values: Array) -> Array:
        return values[axes]

    def bounds(interval: Interval) -> Interval:
        return Interval(cut(interval.lower), cut(interval.upper))

    return BurstStatistics(
        time=edges.centres[axes[1]],
        trains=trains[axes[0]],
        rate=cut(ratio(fired, exposure)),
        event_rate=cut(ratio(counts.e, exposure)),
        burst_rate=cut(ratio(counts.b, exposure)),
        burst_probability=cut(ratio(counts.b, counts.e)),
        spikes_per_burst=cut(ratio(counts.inside, counts.b)),
        event_rate_interval=bounds(
            rate_interval(counts.e, counts.ee, replicates, edges.width, confidence)
        ),
        burst_rate_interval=bounds(
            rate_interval(counts.b, counts.bb, replicates, edges.width, confidence)
        ),
        burst_probability_interval=bounds(ratio_interval(counts, confidence)),
    )


# -- counting -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Windows:
    """Adjacent windows: `number` windows of `width` seconds, the first of which begins at `start`."""

    start: float
    width: float
    number: int

    @classmethod
    def make(cls, start: float, stop: float, window: float | None) -> "_Windows":
        if not (np.isfinite(start) and np.isfinite(stop) and start < stop):
            raise ParameterError(
                f"start is {start} s and stop is {stop} s; both must be finite, and stop must be later than start"
            )
        if window is None:
            return cls(start, stop - start, 1)
        check_positive("window", window)
        number = int(np.floor((stop - start + INSTANT) / window))
        if number < 1:
            raise ParameterError(
                f"window is {window} s; it must not exceed stop - start = {stop - start} s"
            )
        return cls(start, window, number)

    @property
    def centres(self) -> Array:
        return np.float64(self.start) + (np.arange(self.number) + 0.5) * self.width

    def find(self, time: NDArray[np.floating], instant: float) -> Integers:
        """Return the index of the window that contains each time, or -1 if no window does."""
        since = time.astype(np.float64) - np.float64(self.start - instant)
        index = np.floor(since / self.width)
        return np.where((index >= 0) & (index < self.number), index, -1).astype(np.int64)


def _counts(
    bursts: Bursts,
    label: Integers,
    edges: _Windows,
    instant: float,
    shape: tuple[int, int],
    burst_at: str,
) -> Counts:
    """Return the sums over the trains of each group in each window."""
    group = label[bursts.unit, bursts.sample]
    train = bursts.unit * label.shape[1] + bursts.sample
    is_burst = np.flatnonzero(bursts.burst)
    time = bursts.second if burst_at == "second" else bursts.time
    events = _place(group, edges.find(bursts.time, instant), shape[1])
    burst = _place(group[is_burst], edges.find(time[is_burst], instant), shape[1])
    kept, kept_burst = np.flatnonzero(events >= 0), is_burst[burst >= 0]
    # One entry per train and window with events or bursts; `place` is the group and window in which the entry
    # counts.
    places = np.concatenate([events[kept], burst[burst >= 0]])
    trains = np.concatenate([train[kept], train[kept_burst]])
    keys, cell = np.unique(trains * shape[1] + places % shape[1], return_inverse=True)
    place = np.zeros(len(keys), dtype=np.int64)
    place[cell] = places
    e = np.bincount(cell[: len(kept)], minlength=len(keys)).astype(np.float64)
    b = np.bincount(cell[len(kept) :], minlength=len(keys)).astype(np.float64)
    inside = np.bincount(cell[len(kept) :], bursts.spikes[kept_burst], minlength=len(keys))

    def total(values: Array) -> Array:
        sums = np.bincount(place, values, minlength=shape[0] * shape[1])
        return sums.astype(np.float64).reshape(shape)

    return Counts(
        e=total(e),
        b=total(b),
        ee=total(e * e),
        eb=total(e * b),
        bb=total(b * b),
        inside=total(inside.astype(np.float64)),
        active=total((e > 0).astype(np.float64)),
    )


def _place(label: Integers, window: Integers, windows: int) -> Integers:
    """Return indices into the flattened array (groups, windows), or -1 for events in no group or no window."""
    return np.where((label >= 0) & (window >= 0), label * windows + window, -1)
