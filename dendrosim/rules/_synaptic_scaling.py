"""Synaptic scaling: all weights of a unit are multiplied by one factor until its activity has reached a target.

    dw/dt = (1 - a/target) w/tau,   tau_average da/dt = y - a

a is the average activity of the unit. As all its weights have the same relative rate of change, their ratios
stay as they are: what has been learnt is kept. The average must be faster than the scaling; if both take about
the same time, the activity oscillates.
"""

from typing import Any

from dendrosim.checks import as_time
from dendrosim.circuit.matrix_rule import MatrixRule
from dendrosim.circuit.validation import as_symbol
from dendrosim.rules.matrix_values import as_level

SOURCES = """
Turrigiano, Leslie, Desai, Rutherford & Nelson (1998), Nature 391:892: scaling in proportion to the weight. As a
differential equation: van Rossum, Bi & Turrigiano (2000), Journal of Neuroscience 20:8812.
"""


def synaptic_scaling(
    post: str = "y",
    *,
    target: Any = 1.0,
    tau: Any = "30 s",
    tau_average: Any = "10 s",
    average: str = "average",
    unit: str = "1",
    activity: str = "1",
) -> MatrixRule:
    """Return multiplicative scaling of the weights of each unit towards a target of its activity.

    The postsynaptic population needs the average as a state: `add_to` adds it. To combine it with a rule that
    learns, give both to the matrix, `rule=(learning, scaling)`.

    Parameters
    ----------
    post : str, optional
        Variable of the postsynaptic population (default `y`).
    target : float or quantity, optional
        Average activity at which weights stay, above 0, in the unit of the variable (default 1).
    tau : time, optional
        Time constant with which the weights of a silent unit grow (default 30 s).
    tau_average : time, optional
        Time constant of the average (default 10 s).
    average : str, optional
        Name of the average in the postsynaptic population (default `average`).
    unit : str, optional
        Unit of the weights (default no unit).
    activity : str, optional
        Unit of the postsynaptic variable (default no unit).

    Returns
    -------
    MatrixRule
        The rule.

    Raises
    ------
    ParameterError
        If the target or a time constant is not positive.
    SpecError
        If a name is not a valid symbol.

    References
    ----------
    Turrigiano et al. (1998), Nature 391:892; van Rossum, Bi & Turrigiano (2000), Journal of Neuroscience 20:8812.

    Examples
    --------
    >>> import dendrosim as ds
    >>> ds.rules.synaptic_scaling("h", target=0.5).plasticity
    'dw/dt = w*(1 - average_post/target)/tau_scaling : 1'
    """
    y = as_symbol("synaptic_scaling: post", post)
    name = as_symbol("synaptic_scaling: average", average)
    return MatrixRule(
        "synaptic_scaling",
        f"dw/dt = w*(1 - {name}_post/target)/tau_scaling : {unit}",
        {
            "target": as_level("synaptic_scaling: target", target),
            "tau_scaling": as_time("synaptic_scaling: tau", tau),
        },
        post_equations=f"d{name}/dt = ({y} - {name})/tau_{name} : {activity}",
        post_parameters={f"tau_{name}": as_time("synaptic_scaling: tau_average", tau_average)},
        sources=SOURCES,
    )
