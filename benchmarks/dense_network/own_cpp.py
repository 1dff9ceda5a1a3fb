"""dendrosim with the back end cpp."""

from benchmarks.dense_network.own import Own


class Contestant(Own):
    backend = "cpp"
