"""The back ends `numpy` and `cython`, in which Python calls Brian2's code objects in every step."""
