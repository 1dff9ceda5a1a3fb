"""Gaussian inputs and targets whose sample covariances equal prescribed covariances exactly.

The linear optimum of a task (principal, canonical or regression subspaces) is a function of the covariances alone.
Sample covariances of random data deviate by about 1/sqrt(samples). With exact covariances, the weights that a
circuit has learned can be compared with a closed form up to rounding errors.
"""

from collections.abc import Sequence

import numpy as np

from dendrosim.arrays import Array
from dendrosim.errors import ParameterError


def canonical_gaussian(
    inputs: int,
    outputs: int,
    canonical: Sequence[float],
    samples: int,
    rng: np.random.Generator,
    coloured: bool = False,
    condition: float = 4.0,
) -> tuple[Array, Array]:
    """Draw inputs and targets with exactly prescribed canonical correlations.

    The uncentred covariances are Cxx = x x^T / samples, Cxy = x y^T / samples and Cyy = y y^T / samples. Cyy is
    the identity, and Cxx^(-1/2) Cxy has the singular values `canonical` (the rest are 0) along random directions.

    Parameters
    ----------
    inputs : int
        Number of rows of x.
    outputs : int
        Number of rows of y.
    canonical : sequence of float
        Canonical correlations in any order, each above 0 and at most 1. Their number is at most min(`inputs`,
        `outputs`).
    samples : int
        Number of columns of x and y, at least `inputs` + `outputs`.
    rng : numpy.random.Generator
        Generator of all random numbers.
    coloured : bool, default False
        Whether the eigenvalues of Cxx form a geometric progression with mean 1, along random directions; otherwise
        they are all 1.
    condition : float, default 4
        Largest eigenvalue of a coloured Cxx divided by the smallest, at least 1.

    Returns
    -------
    x : ndarray, shape (inputs, samples)
        Inputs.
    y : ndarray, shape (outputs, samples)
        Targets.

    Raises
    ------
    ParameterError
        If an argument is out of its range.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x, y = canonical_gaussian(10, 3, [0.9, 0.5], 500, rng)
    >>> x.shape, y.shape
    ((10, 500), (3, 500))
    """
    _check(inputs, outputs, canonical, samples, condition)
    white = _white(inputs + outputs, samples, rng)
    x_white, noise = white[:inputs], white[inputs:]

    # In canonical coordinates y_i = c_i x_i + sqrt(1 - c_i^2) noise_i, so y is white and correlates by c with x.
    correlation = np.zeros(outputs)
    correlation[: len(canonical)] = canonical
    paired = min(inputs, outputs)
    y_white = np.sqrt(1 - correlation**2)[:, None] * noise
    y_white[:paired] += correlation[:paired, None] * x_white[:paired]

    x = _rotation(inputs, rng) @ x_white
    y = _rotation(outputs, rng) @ y_white
    if coloured:
        variances = np.geomspace(1, condition, inputs)
        scale = np.sqrt(variances / variances.mean())
        x = _rotation(inputs, rng) @ (scale[:, None] * x)
    return x, y


def _check(
    inputs: int, outputs: int, canonical: Sequence[float], samples: int, condition: float
) -> None:
    for name, size in (("inputs", inputs), ("outputs", outputs)):
        if size < 1:
            raise ParameterError(f"canonical_gaussian.{name}: {size} is less than 1")
    if samples < inputs + outputs:
        raise ParameterError(
            f"canonical_gaussian.samples: {samples} samples cannot have a prescribed covariance; "
            f"at least inputs + outputs = {inputs + outputs} are needed"
        )
    if len(canonical) > min(inputs, outputs):
        raise ParameterError(
            f"canonical_gaussian.canonical: {len(canonical)} values, but {inputs} inputs and "
            f"{outputs} outputs have at most {min(inputs, outputs)} canonical correlations"
        )
    for value in canonical:
        if not 0 < value <= 1:
            raise ParameterError(
                f"canonical_gaussian.canonical: {value} is not a correlation above 0 and at most 1"
            )
    if not 1 <= condition < np.inf:
        raise ParameterError(
            f"canonical_gaussian.condition: {condition} is not a finite number of at least 1"
        )


def _white(rows: int, samples: int, rng: np.random.Generator) -> Array:
    """Draw normal numbers (rows, samples) whose uncentred sample covariance is the identity."""
    return np.sqrt(samples) * _orthonormal(rng.standard_normal((samples, rows))).T


def _rotation(size: int, rng: np.random.Generator) -> Array:
    """Draw an orthogonal matrix from the uniform distribution."""
    return _orthonormal(rng.standard_normal((size, size)))


def _orthonormal(columns: Array) -> Array:
    """Return orthonormal columns with fixed signs; those of a QR decomposition depend on the LAPACK library."""
    q, r = np.linalg.qr(columns)
    return q * np.copysign(1.0, np.diag(r))
