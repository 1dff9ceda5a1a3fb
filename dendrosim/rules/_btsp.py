"""Behavioural time-scale plasticity: a plateau changes synapses that were active seconds before or after.

    tau_E dE/dt = x - E,   tau_I dI/dt = P - I,   s = c E I
    dw/dt = k_plus q_plus(s) (w_max - w) - k_minus q_minus(s) w

E is the eligibility of a presynaptic unit, I the instructive signal that a plateau P leaves in the postsynaptic
unit. q_plus and q_minus are logistic functions 1/(1 + exp(-2 (s - threshold)/width)), shifted and scaled so that
they run from 0 at s = 0 to 1 at s = 1. The scale c makes the largest s about 1. At a fixed overlap s, the weight
tends to

    w* = w_max k_plus q_plus/(k_plus q_plus + k_minus q_minus)   at the rate   k_plus q_plus + k_minus q_minus,

so that weak synapses grow and strong ones shrink. As s is a product inside of a function, the rule is computed
element by element, not as a matrix product.
"""

from math import exp
from typing import Any

from dendrosim.checks import as_time, number
from dendrosim.circuit.matrix_rule import MatrixRule
from dendrosim.circuit.validation import as_symbol
from dendrosim.rules.matrix_values import as_level
from dendrosim.rules.rule_values import as_learning_rate

SOURCES = """
Milstein, Li, Bittner, Grienberger, Soltesz, Magee & Romani (2021), eLife 10:e73046: the weight-dependent model;
the defaults are medians over its 22 fitted cells. Bittner, Milstein, Grienberger, Romani & Magee (2017), Science
357:1033: the phenomenon.
"""
GATE = "(1/(1 + exp(-2*({s} - threshold_{way})/width_{way})) - low_{way})/span_{way}"
_as_number = number("above 0", lambda x: x > 0)


def btsp(
    pre: str = "x",
    plateau: str = "plateau",
    *,
    k_plus: Any = "1.53 Hz",
    k_minus: Any = "0.103 Hz",
    threshold_plus: float = 0.125,
    width_plus: float = 0.116,
    threshold_minus: float = 0.0034,
    width_minus: float = 0.0226,
    w_max: Any = 4.1,
    scale: float = 1.0,
    tau_eligibility: Any = "924 ms",
    tau_instructive: Any = "502 ms",
    eligibility: str = "eligibility",
    instructive: str = "instructive",
    unit: str = "1",
) -> MatrixRule:
    """Return the weight-dependent rule of behavioural time-scale plasticity.

    Both populations need a filter of their variable: `add_to(population, "pre")` adds the eligibility, and
    `add_to(population)` the instructive signal.

    Parameters
    ----------
    pre : str, optional
        Variable of the presynaptic population, without unit (default `x`).
    plateau : str, optional
        Variable of the postsynaptic population that is 1 during a plateau and 0 otherwise (default `plateau`).
    k_plus, k_minus : rate, optional
        Largest rates of potentiation and depression, at least 0 (default 1.53 and 0.103 Hz).
    threshold_plus, width_plus, threshold_minus, width_minus : float, optional
        Overlap at which the logistic function of potentiation and that of depression are steepest, and their
        half-width, above 0 (default 0.125, 0.116, 0.0034 and 0.0226).
    w_max : quantity, optional
        Largest weight, above 0, where a weight of a silent cell is 1 (default 4.1).
    scale : float, optional
        c, above 0 (default 1): 1 over the largest product of E and I.
    tau_eligibility, tau_instructive : time, optional
        Time constants of E and I (default 924 and 502 ms).
    eligibility, instructive : str, optional
        Names of E and I in the two populations (default `eligibility` and `instructive`).
    unit : str, optional
        Unit of the weights (default no unit).

    Returns
    -------
    MatrixRule
        The rule.

    Raises
    ------
    ParameterError
        If a number is out of its range or a time constant not positive.
    SpecError
        If a name is not a valid symbol.

    References
    ----------
    Milstein et al. (2021), eLife 10:e73046.

    Examples
    --------
    >>> import dendrosim as ds
    >>> rule = ds.rules.btsp("rate", "plateau", w_max=3.0)
    >>> print(rule.post_equations)
    dinstructive/dt = (plateau - instructive)/tau_instructive : 1
    """
    x, p, e, i = (
        as_symbol(f"btsp: {role}", name)
        for role, name in (
            ("pre", pre), ("plateau", plateau), ("eligibility", eligibility), ("instructive", instructive)
        )
    )  # fmt: skip
    overlap = f"scale*{e}_pre*{i}_post"
    plus, minus = (GATE.format(s=overlap, way=way) for way in ("plus", "minus"))
    given = {
        "plus": (threshold_plus, width_plus, k_plus),
        "minus": (threshold_minus, width_minus, k_minus),
    }
    parameters: dict[str, Any] = {"w_max": as_level("btsp: w_max", w_max)}
    parameters["scale"] = _as_number("btsp: scale", scale)
    for way, (threshold, width, rate) in given.items():
        threshold = _as_number(f"btsp: threshold_{way}", threshold)
        width = _as_number(f"btsp: width_{way}", width)
        low, high = (1 / (1 + exp(-2 * (s - threshold) / width)) for s in (0, 1))
        parameters |= {
            f"k_{way}": as_learning_rate(f"btsp: k_{way}", rate),
            f"threshold_{way}": threshold,
            f"width_{way}": width,
            f"low_{way}": low,
            f"span_{way}": high - low,
        }
    return MatrixRule(
        "btsp",
        f"dw/dt = k_plus*{plus}*(w_max - w) - k_minus*{minus}*w : {unit}",
        parameters,
        post_equations=f"d{i}/dt = ({p} - {i})/tau_{i} : 1",
        pre_equations=f"d{e}/dt = ({x} - {e})/tau_{e} : 1",
        post_parameters={f"tau_{i}": as_time("btsp: tau_instructive", tau_instructive)},
        pre_parameters={f"tau_{e}": as_time("btsp: tau_eligibility", tau_eligibility)},
        sources=SOURCES,
    )
