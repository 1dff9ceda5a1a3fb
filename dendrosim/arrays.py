"""The array types of this package, named once."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
"""Numbers in double precision, of any shape."""

Integers = NDArray[np.int64]
"""Counts and indices, of any shape."""

Booleans = NDArray[np.bool_]
"""Truth values, of any shape."""
