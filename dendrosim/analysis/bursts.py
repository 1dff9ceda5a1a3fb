"""Events and bursts of spike trains: which spikes they are, their rates and burst probability.

A spike is an *event* if it is the first of its train or follows the spike before it after more
than the threshold (16 ms). Every other spike belongs to the burst of the event before it. An event
followed by at least one such spike is a *burst*, counted once. With ``E`` events and ``B`` bursts
of all trains together, ``E / T`` and ``B / T`` per train are event rate and burst rate, and
``B / E`` is the burst probability: a ratio of ensemble sums, never a mean of ratios.

Two decisions that the definition leaves open:

- An interval of exactly the threshold is not longer than it: the spike belongs to the burst.
  Instants less than 1 ns apart (plus the rounding of the type in which times are stored) are the
  same one, so that neither this nor the edge of a window depends on how ``n * dt`` was rounded.
- Where windows are short, a burst counts at its second spike, or where its event lies if asked
  for: then no window has more bursts than events.

Sources
-------
Naud & Sprekeler (2018), "Sparse bursts optimize information transmission in a multiplexed neural
code", PNAS 115:E6329. The threshold and the count at the second spike are those of Payeur et al.
(2021), Nature Neuroscience 24:1010, whose simulations detect bursts by a spike trace of 16 ms
instead of by the interval, which differs a little after long bursts.
Intervals of confidence: see `_intervals`.
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
    checked_spikes,
    group_labels,
    instant_of,
    train_order,
)
from dendrosim.arrays import Array, Booleans, Integers
from dendrosim.errors import ParameterError, UnknownMemberError
from dendrosim.results.result_data import Spikes

BURST_THRESHOLD = 16e-3
"""Longest interval inside of a burst, in seconds."""


@dataclass(frozen=True)
class Bursts:
    """Every event of some spike trains, by unit, then sample, then time.

    Attributes
    ----------
    unit, sample : ndarray of int, shape (events,)
        Sample is 0 in a run without batch.
    time : ndarray, shape (events,)
        Of the event's first spike, in seconds.
    burst : ndarray of bool, shape (events,)
        Whether another spike belongs to the event.
    second : ndarray, shape (events,)
        Time of the second spike of a burst, in seconds; nan for a single spike.
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
class BurstStatistics:
    """Rates and burst probability of groups of cells in windows of time.

    Every value has shape ``(groups,)``, ``(windows,)``, ``(groups, windows)`` or ``()``: an axis
    is there if the argument of that name was given. `time` has the axis of windows only, and
    `trains` that of groups only.

    Attributes
    ----------
    time : ndarray
        Centre of each window, or of the whole span, in seconds.
    trains : ndarray of int
        Number of spike trains (cells times samples) in each group.
    rate, event_rate, burst_rate : ndarray
        Per train, in Hz: 0 in silence, nan for a group without a cell.
    burst_probability : ndarray
        Bursts over events; nan without events.
    spikes_per_burst : ndarray
        Mean number of spikes of a burst, 2 or more; nan without bursts.
    event_rate_interval, burst_rate_interval, burst_probability_interval : Interval
        Bounds at the confidence that was asked for; nan where the value is.
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
    """Group spikes into events and bursts by the interval to the spike before.

    Parameters
    ----------
    spikes : Spikes
        In any order. A train is what one unit fires in one sample.
    threshold : float
        In seconds. An interval of exactly the threshold still belongs to the burst.

    Returns
    -------
    Bursts
        A burst that the end of the recording cuts has the spikes that were recorded of it: an
        event whose second spike would have come later is a single spike, and a burst that was
        under way at the beginning starts at its first recorded spike.

    Raises
    ------
    ShapeError
        If the arrays of `spikes` are not flat and of the same length.
    ParameterError
        If a time is not finite, an index not an integer of at least 0, or the threshold not
        positive.
    """
    check_positive("threshold", threshold)
    unit, time, sample = checked_spikes(spikes)
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
    """Event rate, burst rate and burst probability over ``[start, stop)``, with confidence.

    Events and bursts are those of the whole trains: a burst that begins before a window is no new
    event in it. A burst has the time of its second spike, when it can first be told from a single
    spike; with ``burst_at="event"`` it counts where its event does.

    An event less than the threshold before the end of the *recording* may lack the spike that makes
    it a burst. If `stop` is that end, this lowers the burst probability, on average by at most
    ``threshold / (stop - start)`` of itself; to avoid it, let `stop` lie at least the threshold
    before.

    Parameters
    ----------
    spikes : Spikes
        In any order. All spikes from before `start` to after `stop`, not a part cut to the span.
    start, stop : float
        In seconds.
    cells, samples : int
        Size of the population and of the batch: silent trains count too.
    units : array of int, or of bool and shape (cells,), optional
        The cells to use; all without it.
    groups : ndarray of int, shape (cells,) or (cells, samples), optional
        Label of each cell or train, from 0 to G - 1; a negative one leaves it out. Values then
        have a first axis of length G.
    window : float, optional
        In seconds. Values then have a last axis with one entry for each whole window from `start`
        on; a rest shorter than a window is left out.
    threshold : float
        As in `find_bursts`, in seconds.
    confidence : float
        Probability with which each single interval shall hold the true value.
    burst_at : {"second", "event"}
        Whether a burst counts in the window of its second spike or of its event. By the second spike,
        a window of few events can have more bursts than events.

    Returns
    -------
    BurstStatistics

    Raises
    ------
    ShapeError
        If arrays have sizes that do not fit together.
    ParameterError
        If a number is outside of what is allowed, or `spikes` has a unit or sample beyond `cells`
        and `samples`.

    Notes
    -----
    Intervals of confidence are score intervals (Wilson 1927; for rates its Poisson counterpart)
    whose variance comes from the trains, which are taken as independent replicates: events of one
    train are neither Poisson nor independent. Input that all cells share is part of what is given,
    not of the uncertainty.

    For a rate, the count ``k`` of a group of ``n`` trains has variance ``phi`` times its mean,
    with ``phi`` the variance over the mean of the trains' counts. For the burst probability
    ``p = sum b / sum e``, over the ``m`` trains with events, the ratio estimator has variance
    ``m / (m - 1) sum (b - p e)^2 / (sum e)^2`` (Cochran 1977), and Wilson's interval is taken with
    the number of independent events that would have this variance (Korn & Graubard 1998). The
    quantile is Student's with ``n - 1``, or ``m - 1``, degrees of freedom. Where this variance is
    zero (no or only bursts, trains all alike) or not defined (one train), the interval is the
    plain one for Poisson counts or binomial bursts. With few trains of very unequal rates, an
    interval of 95 % may hold the true value in little more than 90 % of cases.
    """
    edges = _Windows.make(start, stop, window)
    label = group_labels(cells, samples, units, groups)
    if not 0.0 < confidence < 1.0:
        raise ParameterError(f"confidence is {confidence}; it must lie between 0 and 1")
    if burst_at not in ("second", "event"):
        raise UnknownMemberError("time of a burst", str(burst_at), ("second", "event"))
    unit, time, sample = checked_spikes(spikes)
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
    """`number` windows of `width` seconds side by side from `start` on."""

    start: float
    width: float
    number: int

    @classmethod
    def make(cls, start: float, stop: float, window: float | None) -> "_Windows":
        if not (np.isfinite(start) and np.isfinite(stop) and start < stop):
            raise ParameterError(
                f"start is {start} s and stop is {stop} s; both must be finite, and stop later"
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
        """Window in which each instant lies; -1 outside of all."""
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
    group = label[bursts.unit, bursts.sample]
    train = bursts.unit * label.shape[1] + bursts.sample
    is_burst = np.flatnonzero(bursts.burst)
    time = bursts.second if burst_at == "second" else bursts.time
    events = _place(group, edges.find(bursts.time, instant), shape[1])
    burst = _place(group[is_burst], edges.find(time[is_burst], instant), shape[1])
    kept, kept_burst = np.flatnonzero(events >= 0), is_burst[burst >= 0]
    # One cell for each train in each window that has events or bursts: `place` says where it counts.
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
    """Flat index into (groups, windows); -1 for what counts nowhere."""
    return np.where((label >= 0) & (window >= 0), label * windows + window, -1)
