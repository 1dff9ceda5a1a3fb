"""Names of the array types that the package uses."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
"""Numbers in double precision, of any shape."""

Complex = NDArray[np.complex128]
"""Complex numbers of any shape, such as eigenvalues and eigenvectors."""

AnyArray = NDArray[Any]
"""Numbers of any type and shape; states are complex, for instance, while a complex step computes a derivative."""

NamedArrays = dict[str, AnyArray]
"""Arrays by name, such as states by `population.variable`."""

Integers = NDArray[np.int64]
"""Counts and indices, of any shape."""

Booleans = NDArray[np.bool_]
"""Truth values, of any shape."""
