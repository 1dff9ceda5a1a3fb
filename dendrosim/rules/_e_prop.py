"""Learning by e-prop for leaky units: a filtered input, times the slope of the unit, times a learning signal.

    tau dv/dt = -v + sum_j w_j x_j,   y = s(v):      tau dz_j/dt = x_j - z_j,   dw_j/dt = eta L s'(v) z_j

z_j is the derivative of the potential v by the weight w_j, the same for all units with one time constant, so
that the eligibility s'(v) z_j is a product. With L = y* - y and constant weights, the integral of L s'(v) z_j is
exactly the negative gradient of the summed loss (y - y*)^2/2: a layer of leaky units forgets nothing that
matters. In recurrent networks the rule leaves out what an error owes to other units, and is an approximation.

If the learning signal compares a leaky read-out with the time constant tau_readout, the eligibility passes the
same filter, and is a matrix of its own: tau_readout de/dt = s'(v) z_j - e, dw/dt = eta L e.
"""

from typing import Any

from dendrosim.checks import as_time
from dendrosim.circuit.matrix_rule import MatrixRule
from dendrosim.circuit.validation import as_name, as_symbol
from dendrosim.rules.rule_values import as_learning_rate

SOURCES = """
Bellec, Scherr, Subramoney, Hajek, Salaj, Legenstein & Maass (2020), Nature Communications 11:3625; here for units
whose output is a function of their potential, without spikes.
"""


def e_prop(
    pre: str = "x",
    post: str = "v",
    signal: str = "error",
    *,
    tau: Any = "20 ms",
    eta: Any = "1 Hz",
    tau_readout: Any = None,
    filtered: str = "filtered",
    eligibility: str = "eligibility",
    unit: str = "1",
    activity: str = "1",
) -> MatrixRule:
    """Return the rule of e-prop for leaky units.

    The presynaptic population needs the filtered input as a state: `add_to(population, "pre")` adds it. The
    postsynaptic population needs a transfer function.

    Parameters
    ----------
    pre : str, optional
        Variable of the presynaptic population (default `x`).
    post : str, optional
        Potential of the postsynaptic population, the argument of its transfer function (default `v`).
    signal : str, optional
        Learning signal L in the postsynaptic population, target minus output (default `error`).
    tau : time, optional
        Time constant of the potential (default 20 ms).
    eta : quantity, optional
        Learning rate, at least 0, such that eta L x is a weight per time (default 1 Hz).
    tau_readout : time, optional
        Time constant of a leaky read-out. With it, the circuit needs the eligibility as a second matrix, with the
        rule `traces[0]` (default: no read-out).
    filtered : str, optional
        Name of the filtered input in the presynaptic population (default `filtered`).
    eligibility : str, optional
        Name of the matrix of eligibilities, used with `tau_readout` (default `eligibility`).
    unit, activity : str, optional
        Units of the weights and of the presynaptic variable (default no unit).

    Returns
    -------
    MatrixRule
        The rule; without read-out it is one outer product.

    Raises
    ------
    ParameterError
        If eta is negative or a time constant not positive.
    SpecError
        If a name is not a valid symbol.

    References
    ----------
    Bellec et al. (2020), Nature Communications 11:3625.

    Examples
    --------
    >>> import dendrosim as ds
    >>> rule = ds.rules.e_prop("rate", "v", "error")
    >>> rule.plasticity
    'dw/dt = eta*error_post*ds(v_post)*filtered_pre : 1'
    >>> print(rule.pre_equations)
    dfiltered/dt = (rate - filtered)/tau_filtered : 1
    """
    x, v, error, z = (
        as_symbol(f"e_prop: {role}", name)
        for role, name in (("pre", pre), ("post", post), ("signal", signal), ("filtered", filtered))
    )
    traces: tuple[MatrixRule, ...] = ()
    eligible = f"ds({v}_post)*{z}_pre"
    if tau_readout is not None:
        name = as_name("e_prop: eligibility", eligibility)
        text = f"dtrace/dt = ({eligible} - trace)/tau_readout : {activity}"
        given = {"tau_readout": as_time("e_prop: tau_readout", tau_readout)}
        eligible, traces = name, (MatrixRule(name, text, given),)
    return MatrixRule(
        "e_prop",
        f"dw/dt = eta*{error}_post*{eligible} : {unit}",
        {"eta": as_learning_rate("e_prop: eta", eta)},
        pre_equations=f"d{z}/dt = ({x} - {z})/tau_{z} : {activity}",
        pre_parameters={f"tau_{z}": as_time("e_prop: tau", tau)},
        traces=traces,
        sources=SOURCES,
    )
