"""Weights of networks of any size, given for one number of synapses."""

from dendrosim.units import Quantity


def scale_weight(value: Quantity, standard: float, cells: int, probability: float) -> Quantity:
    """Return a weight such that the mean sum over the synapses of a cell does not depend on their number.

    Parameters
    ----------
    value : quantity
        Weight, bound of weights or learning rate in a network whose cells have `standard` synapses each.
    standard : float
        This number of synapses.
    cells : int
        Number of presynaptic cells.
    probability : float
        Probability of a connection, above 0.
    """
    return Quantity(standard / (cells * probability) * value.value, value.dimension)
