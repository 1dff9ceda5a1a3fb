"""The back ends `numpy` and `cython`, which step Brian2's code objects from Python."""
