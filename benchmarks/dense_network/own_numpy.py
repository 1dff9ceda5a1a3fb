"""dendrosim with the back end numpy."""

from benchmarks.dense_network.own import Own


class Contestant(Own):
    backend = "numpy"
