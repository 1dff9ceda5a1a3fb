"""Named streams of random numbers: one generator for each seed and name.

Random numbers that a run draws in Python come from a stream that is named after the object and the variable. A new
object in a circuit therefore does not change the numbers of other objects, and every back end starts from the same
numbers.
"""

import hashlib

import numpy as np


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the random generator of a stream.

    Parameters
    ----------
    seed : int
        Seed of the run, at least 0.
    name : str
        Name of the stream, such as `initial.layer1.h`. Streams that differ in name or seed are independent.
    """
    words = np.frombuffer(hashlib.sha256(name.encode()).digest(), dtype=np.uint32)
    return np.random.default_rng([seed, *(int(w) for w in words)])
