"""Intervals of confidence for rates and burst probabilities of independent trains.

Sources
-------
Wilson (1927), JASA 22:209, and its Poisson counterpart (score intervals); ratio estimator and its linearised
variance: Cochran (1977), "Sampling Techniques", chapter 6; effective number of events: Korn & Graubard (1998),
Survey Methodology 24:193.
"""

from typing import NamedTuple

import numpy as np

from dendrosim.arrays import AnyArray, Array, Booleans


class Interval(NamedTuple):
    """Bounds of an interval of confidence; each has the shape of the value it belongs to."""

    lower: Array
    upper: Array


class Counts(NamedTuple):
    """Sums over the trains of each group in each window; every shape is (groups, windows).

    `e` and `b` are a train's events and bursts, `ee`, `eb` and `bb` their products; `inside` are
    the spikes in bursts and `active` the trains with events.
    """

    e: Array
    b: Array
    ee: Array
    eb: Array
    bb: Array
    inside: Array
    active: Array


def ratio(above: AnyArray, below: AnyArray) -> Array:
    """Quotient, nan where the denominator is zero."""
    above, below = np.broadcast_arrays(above, below)
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)


def _quantile(degrees: Array, confidence: float, spread: Booleans) -> Array:
    """Student's two-sided quantile where the spread over trains is used, else the normal one."""
    upper = 0.5 + 0.5 * confidence
    from scipy.special import ndtri, stdtrit  # takes longer to import than all else here

    student = stdtrit(np.maximum(degrees, 1.0), upper)
    return np.where(spread, student, ndtri(upper))


def rate_interval(
    total: Array, squares: Array, trains: AnyArray, width: float, confidence: float
) -> Interval:
    """Score interval of a rate in Hz whose counts vary ``phi`` times as much as Poisson counts.

    Its ends are the roots ``x`` of ``(total - x)^2 = q^2 phi x``.
    """
    deviation = squares - ratio(total * total, trains)
    # Counts are integers: below this the deviation is the rounding of a quotient.
    spread = (trains > 1) & (deviation > 1e-9 * squares)
    phi = np.where(spread, ratio(deviation * trains, total * (trains - 1)), 1.0)
    q = _quantile(trains - 1.0, confidence, spread)
    middle = total + 0.5 * phi * q**2
    half = q * np.sqrt(phi * (total + 0.25 * phi * q**2))
    exposure = trains * width
    return Interval(ratio(np.maximum(middle - half, 0.0), exposure), ratio(middle + half, exposure))


def ratio_interval(counts: Counts, confidence: float) -> Interval:
    """Wilson's interval of bursts over events, with the effective number of events."""
    p = np.minimum(
        ratio(counts.b, counts.e), 1.0
    )  # counted at second spikes, bursts may exceed events
    residual = counts.bb - 2.0 * p * counts.eb + p * p * counts.ee
    binomial = counts.e * p * (1.0 - p)
    spread = (counts.active > 1) & (residual > 1e-9 * counts.bb) & (binomial > 0)
    inflated = ratio(residual * counts.active, counts.active - 1.0)
    effective = np.where(spread, counts.e * ratio(binomial, inflated), counts.e)
    q = _quantile(counts.active - 1.0, confidence, spread)
    share = ratio(q**2, effective)
    middle = p + 0.5 * share
    half = np.sqrt(share * (p * (1.0 - p) + 0.25 * share))
    return Interval(
        np.maximum((middle - half) / (1.0 + share), 0.0),
        np.minimum((middle + half) / (1.0 + share), 1.0),
    )
