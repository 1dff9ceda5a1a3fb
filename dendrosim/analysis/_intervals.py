"""Confidence intervals for rates and burst probabilities of independent spike trains.

Sources
-------
Score intervals: Wilson (1927), JASA 22:209, and their Poisson counterpart. Ratio estimator and its linearised
variance: Cochran (1977), "Sampling Techniques", chapter 6. Effective number of events: Korn & Graubard (1998),
Survey Methodology 24:193.
"""

from typing import NamedTuple

import numpy as np

from dendrosim.arrays import AnyArray, Array, Booleans


class Interval(NamedTuple):
    """Bounds of a confidence interval; each bound has the shape of the value to which the interval belongs."""

    lower: Array
    upper: Array


class Counts(NamedTuple):
    """Sums over the trains of each group in each window, all of shape (groups, windows).

    Attributes
    ----------
    e, b : ndarray
        Events and bursts.
    ee, eb, bb : ndarray
        Products of numbers of one train: events squared, events times bursts, bursts squared.
    inside : ndarray
        Spikes in bursts.
    active : ndarray
        Trains with events.
    """

    e: Array
    b: Array
    ee: Array
    eb: Array
    bb: Array
    inside: Array
    active: Array


def ratio(above: AnyArray, below: AnyArray) -> Array:
    """Return the quotient, or NaN where the denominator is zero."""
    above, below = np.broadcast_arrays(above, below)
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)


def _quantile(degrees: Array, confidence: float, spread: Booleans) -> Array:
    """Return Student's two-sided quantile if the variance was estimated from trains, else the normal quantile."""
    # Imported here, because this takes longer than all other imports of the module.
    from scipy.special import ndtri, stdtrit

    upper = 0.5 + 0.5 * confidence
    student = stdtrit(np.maximum(degrees, 1.0), upper)
    return np.where(spread, student, ndtri(upper))


def rate_interval(
    total: Array, squares: Array, trains: AnyArray, width: float, confidence: float
) -> Interval:
    """Return the score interval of a rate in Hz whose counts have ``phi`` times the variance of Poisson counts.

    In counts instead of Hz, the ends of the interval are the roots ``x`` of ``(total - x)^2 = q^2 phi x``, where
    ``q`` is the quantile for `confidence`.
    """
    deviation = squares - ratio(total * total, trains)
    # Counts are integers, so a smaller deviation is only a rounding error of the quotient.
    spread = (trains > 1) & (deviation > 1e-9 * squares)
    phi = np.where(spread, ratio(deviation * trains, total * (trains - 1)), 1.0)
    q = _quantile(trains - 1.0, confidence, spread)
    middle = total + 0.5 * phi * q**2
    half = q * np.sqrt(phi * (total + 0.25 * phi * q**2))
    exposure = trains * width
    return Interval(ratio(np.maximum(middle - half, 0.0), exposure), ratio(middle + half, exposure))


def ratio_interval(counts: Counts, confidence: float) -> Interval:
    """Return Wilson's interval of bursts divided by events, with the effective number of events."""
    # If bursts count at their second spikes, a window may have more bursts than events.
    p = np.minimum(ratio(counts.b, counts.e), 1.0)
    # Zero if all trains have the same share of bursts, apart from rounding errors of its terms, below 1e-9.
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
