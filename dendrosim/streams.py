"""Named streams of random numbers: one generator per seed and name.

Every draw that a run makes in Python comes from a stream named after the object and the variable that it is for.
Adding an object to a circuit therefore changes no other object's numbers, and every back end starts from the same.
"""

import hashlib

import numpy as np


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the random generator of the stream `name`.

    Parameters
    ----------
    seed : int
        Seed of the run, at least 0.
    name : str
        Such as `initial.layer1.h`. Streams of different names or seeds are independent of each other.
    """
    words = np.frombuffer(hashlib.sha256(name.encode()).digest(), dtype=np.uint32)
    return np.random.default_rng([seed, *(int(w) for w in words)])
