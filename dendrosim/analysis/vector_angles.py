"""Angles between arrays taken as vectors: of updates, and of feedback weights and what they should become.

Sources
-------
Kahan (2006), "How futile are mindless assessments of roundoff in floating-point computation?", section "Mangled
Angles": accurate angles between vectors.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.arrays import Array
from dendrosim.display.short import ShortRepr
from dendrosim.errors import ShapeError

_RANK_TOLERANCE = 1e-10
"""Singular values below this fraction of the largest one count as zero."""


@dataclass(frozen=True)
class FeedbackAlignment(ShortRepr):
    """Comparison of feedback weights ``Q`` with the forward weights ``W`` that they should invert.

    Attributes
    ----------
    inverse, pseudo_inverse, transpose : float
        Angles in degrees between ``Q`` and ``W^-1`` (NaN unless ``W`` is square and of full rank), ``W^+`` and
        ``W^T``.
    reconstruction_error : float
        Spectral norm of ``Q W - W^+ W``. ``W^+ W`` is the projection onto the row space of ``W``, the best that
        any ``Q`` can reconstruct; it is the identity if ``W`` loses no direction.
    """

    inverse: float
    pseudo_inverse: float
    transpose: float
    reconstruction_error: float


def angle(a: ArrayLike, b: ArrayLike) -> float:
    """Return the angle in degrees between two arrays as vectors, ``acos(<a, b> / (|a| |b|))``.

    The angle is computed from the sum and the difference of the unit vectors (Kahan 2006), so that angles near 0
    and 180 degrees are as accurate as all other angles.

    Parameters
    ----------
    a, b : array_like
        Arrays of the same shape.

    Returns
    -------
    float
        From 0 to 180; NaN if an array is zero or not finite.

    Raises
    ------
    ShapeError
        If the shapes of `a` and `b` differ.
    """
    first, second = np.asarray(a), np.asarray(b)
    if first.shape != second.shape:
        raise ShapeError(f"angle: a has shape {first.shape}, but b {second.shape}")
    return float(angles(first[None], second[None])[0])


def angles(a: ArrayLike, b: ArrayLike) -> Array:
    """Return the angle in degrees between each entry of one array and that of another, as `angle` does.

    Parameters
    ----------
    a, b : array_like, shape (entries, ...)
        Arrays of the same shape.

    Returns
    -------
    ndarray, shape (entries,)
        From 0 to 180; NaN for an entry that is zero or not finite.

    Raises
    ------
    ShapeError
        If the shapes of `a` and `b` differ.
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape:
        raise ShapeError(f"angles: a has shape {first.shape}, but b {second.shape}")
    rows = len(first), math.prod(first.shape[1:])
    u, v = (_unit(vectors.reshape(rows)) for vectors in (first, second))
    between, along = (np.linalg.norm(w, axis=1) for w in (u - v, u + v))
    found: Array = np.degrees(2.0 * np.arctan2(between, along))
    found[~(u.any(axis=1) & v.any(axis=1))] = np.nan
    return found


def feedback_alignment(q: ArrayLike, w: ArrayLike) -> FeedbackAlignment:
    """Return the angles between feedback weights and inverse, pseudo-inverse and transpose of forward weights.

    Parameters
    ----------
    q : array_like, shape (n, m)
        Feedback weights.
    w : array_like, shape (m, n)
        Forward weights. Singular values below ``1e-10`` times the largest count as zero.

    Returns
    -------
    FeedbackAlignment
        All numbers are NaN if a weight is not finite.

    Raises
    ------
    ShapeError
        If `q` does not have the shape of the transpose of `w`.
    """
    feedback, ahead = np.asarray(q, dtype=np.float64), np.asarray(w, dtype=np.float64)
    if ahead.ndim != 2 or not ahead.size or feedback.shape != ahead.T.shape:
        raise ShapeError(
            f"feedback_alignment: q {feedback.shape} must be (n, m) if w {ahead.shape} is (m, n)"
        )
    if not (np.isfinite(feedback).all() and np.isfinite(ahead).all()):
        return FeedbackAlignment(np.nan, np.nan, np.nan, np.nan)
    inverse = np.linalg.pinv(ahead, rcond=_RANK_TOLERANCE)
    to_inverse = angle(feedback, inverse)
    rank = np.linalg.matrix_rank(ahead, rtol=_RANK_TOLERANCE)
    return FeedbackAlignment(
        inverse=to_inverse if rank == len(ahead) == len(feedback) else np.nan,
        pseudo_inverse=to_inverse,
        transpose=angle(feedback, ahead.T),
        reconstruction_error=float(np.linalg.norm((feedback - inverse) @ ahead, 2)),
    )


def feedback_angles(q: Array, w: Array) -> dict[str, Array]:
    """Return the angles between recorded feedback weights and two matrices that they may become.

    Parameters
    ----------
    q : ndarray, shape (entries, n, m)
        Feedback weights.
    w : ndarray, shape (entries, m, n)
        Forward weights of the same times.

    Returns
    -------
    dict of str to ndarray, shape (entries,)
        Angles in degrees to the `pseudo-inverse` and the `transpose` of the forward weights; NaN where a weight is
        not finite.
    """
    usable = np.isfinite(q).all(axis=(1, 2)) & np.isfinite(w).all(axis=(1, 2))
    inverse = np.full(q.shape, np.nan)
    inverse[usable] = np.linalg.pinv(w[usable], rcond=_RANK_TOLERANCE)
    return {"pseudo-inverse": angles(q, inverse), "transpose": angles(q, np.swapaxes(w, 1, 2))}


def _unit(vectors: Array) -> Array:
    """Return each row scaled to length 1, or 0 if it is 0 or not finite; squares do not over- or underflow."""
    largest = np.max(np.abs(vectors), axis=1, keepdims=True, initial=0.0)
    scaled = np.zeros_like(vectors)
    np.divide(vectors, largest, out=scaled, where=np.isfinite(largest) & (largest > 0))
    lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
    return scaled / np.where(lengths, lengths, 1.0)
