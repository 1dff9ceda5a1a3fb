"""Small Brian2 groups of our own: shared numbers, weight matrices, element-wise factors.

Brian2's `NeuronGroup` has spikes and equations; these groups only hold named variables, so that code objects can
be attached to them.
"""

from typing import Any

from brian2.core.clocks import Clock
from brian2.core.variables import Variables
from brian2.groups.group import Group
from brian2.units.fundamentalunits import DIMENSIONLESS

from dendrosim.engine.network.functions import FUNCTIONS


class Holder(Group):
    """A group of `count` elements with variables that are added after construction.

    To attach code, add variables and references, then make a `CodeRunner` with this group.
    """

    add_to_magic_network = False

    def __init__(self, name: str, count: int, clock: Clock) -> None:
        Group.__init__(self, clock=clock, when="start", order=0, name=name, namespace=FUNCTIONS)
        self.variables = Variables(self)
        self.variables.add_constant("N", count)
        self.variables.create_clock_variables(clock)
        self._enable_group_attributes()


def add_number(
    group: Group, name: str, dtype: Any, dimension: Any = DIMENSIONLESS, constant: bool = False
) -> None:
    """Add a number that all elements share; unless it is constant, it may change during a run."""
    group.variables.add_array(
        name, size=1, scalar=True, dtype=dtype, dimensions=dimension, constant=constant
    )


def add_array(
    group: Group, name: str, count: int, dtype: Any, dimension: Any = DIMENSIONLESS,
    constant: bool = False,
) -> None:  # fmt: skip
    """Add an array with one number per element."""
    group.variables.add_array(
        name, size=count, dtype=dtype, dimensions=dimension, constant=constant
    )


def event_list(event: str) -> str:
    """Return the name of Brian2's array of the elements with an event in a step; the last number counts them."""
    return f"_{event}space"
