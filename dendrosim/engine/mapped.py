"""Arrays that stay in their files: the system reads what is used, and drops it where memory is short."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def mapped(path: Path, dtype: Any) -> NDArray[Any]:
    """Return a file's numbers; what is written into the array does not reach the file.

    The file may be deleted meanwhile: its content stays until nobody holds the array. Numbers that a file ends in
    the middle of are left out.
    """
    count = path.stat().st_size // np.dtype(dtype).itemsize
    if not count:
        return np.zeros(0, dtype)
    return np.asarray(np.memmap(path, dtype, "c", shape=(count,)))
