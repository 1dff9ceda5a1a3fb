"""Time steps at which cells that each follow their input with a time constant of their own are unstable."""

from typing import Any

import numpy as np

from dendrosim.circuit.circuit import Circuit
from dendrosim.errors import ParameterError


def check_time_constants(circuit: Circuit, dt: float) -> None:
    """Check that no variable with a time constant is unstable by itself at a time step.

    A forward Euler step multiplies the distance of a variable from its input by 1 - dt/tau.

    Parameters
    ----------
    circuit : Circuit
        A circuit whose time constants are parameters `tau_...` of its own, of its populations or of its matrices;
        after `Circuit.join`, those of a population `cell` are parameters `cell_tau_...`.
    dt : float
        Time step in seconds.

    Raises
    ------
    ParameterError
        If the time step is at least twice a time constant.
    """
    owners: tuple[Any, ...] = (circuit, *circuit.populations, *circuit.matrices)
    for name, value in (item for owner in owners for item in owner.parameters.items()):
        tau = float(np.min(value.value))
        if "_tau_" in f"_{name}" and dt >= 2 * tau:
            raise ParameterError(
                f"dt is {dt * 1e3:g} ms, but {name} is {tau * 1e3:g} ms, and what decays with it is unstable "
                f"from dt = {2e3 * tau:g} ms on; choose a shorter dt"
            )
