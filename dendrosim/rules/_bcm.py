"""The rule of Bienenstock, Cooper and Munro: the sign of learning changes at a threshold that slides.

    dw/dt = eta y (y - theta) x,   tau_threshold dtheta/dt = y^2/y_0 - theta

The threshold is a metaplastic variable: an active unit finds it harder to strengthen its synapses. With n
orthogonal patterns shown equally often, and a threshold that averages over all of them, the stable states answer
to one pattern alone, with y = n y_0: there theta = y^2/(n y_0) = y. So with two patterns and y_0 = 1 the
responses are (2, 0) or (0, 2). The threshold must follow faster than the weights change; if it is too slow, the
responses oscillate.
"""

from typing import Any

from dendrosim.checks import as_time
from dendrosim.circuit.matrix_rule import MatrixRule
from dendrosim.circuit.validation import as_symbol
from dendrosim.rules.matrix_values import as_level
from dendrosim.rules.rule_values import as_learning_rate

SOURCES = """
Bienenstock, Cooper & Munro (1982), Journal of Neuroscience 2:32. Threshold <y^2>: Intrator & Cooper (1992), Neural
Networks 5:3. The threshold as metaplasticity: Abraham & Bear (1996), Trends in Neurosciences 19:126.
"""


def bcm(
    pre: str = "x",
    post: str = "y",
    *,
    eta: Any = "1 Hz",
    tau_threshold: Any = "1 s",
    scale: Any = 1.0,
    threshold: str = "threshold",
    unit: str = "1",
    activity: str = "1",
) -> MatrixRule:
    """Return the BCM rule with a sliding threshold.

    The postsynaptic population needs the threshold as a state: `add_to` adds it.

    Parameters
    ----------
    pre, post : str, optional
        Variables of the presynaptic and the postsynaptic population (default `x` and `y`).
    eta : quantity, optional
        Learning rate, at least 0, such that eta x y^2 is a weight per time (default 1 Hz).
    tau_threshold : time, optional
        Time constant with which the threshold averages (default 1 s).
    scale : float or quantity, optional
        y_0, above 0, in the unit of the postsynaptic variable: a constant activity y_0 has the threshold y_0
        (default 1).
    threshold : str, optional
        Name of the threshold in the postsynaptic population (default `threshold`).
    unit : str, optional
        Unit of the weights (default no unit).
    activity : str, optional
        Unit of the postsynaptic variable (default no unit).

    Returns
    -------
    MatrixRule
        The rule; it is one outer product.

    Raises
    ------
    ParameterError
        If eta is negative, or the time constant or the scale not positive.
    SpecError
        If a name is not a valid symbol.

    References ---------- Bienenstock, Cooper & Munro (1982), Journal of Neuroscience 2:32; Intrator & Cooper
    (1992), Neural Networks 5:3.

    Examples
    --------
    >>> import dendrosim as ds
    >>> rule = ds.rules.bcm("rate", "h", tau_threshold="500 ms")
    >>> rule.plasticity
    'dw/dt = eta*h_post*(h_post - threshold_post)*rate_pre : 1'
    >>> cell = rule.add_to(ds.Population("cell", 2, "dh/dt = (drive - h)/(10*ms) : 1\\ndrive : 1"))
    >>> cell.states
    ('h', 'threshold')
    """
    x, y = as_symbol("bcm: pre", pre), as_symbol("bcm: post", post)
    name = as_symbol("bcm: threshold", threshold)
    return MatrixRule(
        "bcm",
        f"dw/dt = eta*{y}_post*({y}_post - {name}_post)*{x}_pre : {unit}",
        {"eta": as_learning_rate("bcm: eta", eta)},
        post_equations=f"d{name}/dt = ({y}**2/{name}_scale - {name})/tau_{name} : {activity}",
        post_parameters={
            f"{name}_scale": as_level("bcm: scale", scale),
            f"tau_{name}": as_time("bcm: tau_threshold", tau_threshold),
        },
        sources=SOURCES,
    )
