"""Events: what units do under a condition. A spike is the event called `spike`."""

from dataclasses import dataclass
from typing import Annotated, Any

from dendrosim.checks import as_code
from dendrosim.circuit.paths import VariablePath
from dendrosim.equations.assignments import Assignment, parse_assignments
from dendrosim.errors import EquationError, abbreviate
from dendrosim.spec import Spec

SPIKE = "spike"
"""The name of the event that a population with a threshold has."""


def _as_condition(where: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise EquationError(
            f"{where} is {abbreviate(value)}; it must be a condition such as 'v > -40*mV'"
        )
    return as_code(where, value)


@dataclass(frozen=True, eq=False)
class Event(Spec):
    """Declare what happens to a unit in each time step in which a condition holds.

    Parameters
    ----------
    condition : str
        Condition under which the event happens to a unit, such as `v > v_threshold and t - lastspike < 16*ms`. It
        is tested in every step, also in the refractory period, on the same state as the threshold; `lastspike` is
        the time of the spike before this step. The condition and the action may draw random numbers, as a
        threshold may.
    action : str, optional
        Assignments to states of the unit, one per line or separated by semicolons (default: none). They are done
        after pathways and after the reset of spikes. If a unit has several events in one step, their actions are
        done in alphabetical order of the names of events.

    Raises
    ------
    EquationError
        If the condition is empty. `Population` and `Circuit` check both texts.

    Examples
    --------
    Count the bursts of a cell, which begin with a second spike within 16 ms:

    >>> import dendrosim as ds
    >>> burst = ds.Event("v > v_threshold and t - lastspike < 16*ms", "bursts += 1")
    >>> cell = ds.Population(
    ...     "cell", 1, "dv/dt = (2 - v)/(10*ms) : 1\\ndbursts/dt = 0/second : 1", threshold="v > v_threshold",
    ...     reset="v = 0", parameters={"v_threshold": 1}, events={"burst": burst},
    ... )
    """

    condition: Annotated[str, _as_condition]
    action: Annotated[str, as_code] = ""

    @property
    def assignments(self) -> tuple[Assignment, ...]:
        """The assignments of the action."""
        return parse_assignments(self.action)


def event_path(label: str) -> VariablePath:
    """Return the population and the event that the label of a recording names; without event, these are spikes."""
    owner, event = VariablePath.parse(label)
    return VariablePath(owner, event or SPIKE)
