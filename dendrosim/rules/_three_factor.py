"""Learning by three factors: coincident activity leaves an eligibility, which a third factor turns into a change.

    de/dt = eta x y - e/tau,   dw/dt = c e M

M is a modulator: a number for all synapses, such as a gate for a reward, or a variable of the postsynaptic unit,
such as its apical plateau. Without it, weights follow their eligibility. e is a matrix of its own, between the
same populations, which the rule of the weight reads.

A coincidence of area a leaves e = eta a, so that a reward of area R after the time T changes the weight by
c eta a R exp(-T/tau); a constant product x y from t = 0 on gives e = eta tau x y (1 - exp(-t/tau)) and, without
modulator, w = c eta tau x y (t - tau (1 - exp(-t/tau))).
"""

import re
from typing import Any

from dendrosim.checks import as_time
from dendrosim.circuit.matrix_rule import MatrixRule
from dendrosim.circuit.validation import as_name, as_symbol
from dendrosim.rules.rule_values import as_learning_rate

SOURCES = """
Izhikevich (2007), Cerebral Cortex 17:2443: eligibility and dopamine, and the time constant of 1 s. Fremaux &
Gerstner (2016), Frontiers in Neural Circuits 9:85: the family of rules.
"""


def three_factor(
    pre: str = "x",
    post: str = "y",
    modulator: str | None = "modulator",
    *,
    eligibility: str = "eligibility",
    eta: Any = "1 Hz",
    tau: Any = "1 s",
    gain: Any = "1 Hz",
    unit: str = "1",
    eligibility_unit: str = "1",
) -> MatrixRule:
    """Return the rule of learning by an eligibility and a modulator.

    The circuit needs the eligibility as a second matrix: `rule.traces[0]` is its rule.

    Parameters
    ----------
    pre, post : str, optional
        Variables of the presynaptic and the postsynaptic population (default `x` and `y`).
    modulator : str or None, optional
        Symbol of the modulator: a gate or parameter of the circuit (default `modulator`), or a variable of the
        postsynaptic population with the ending `_post`, such as `plateau_post`. None means that there is none.
    eligibility : str, optional
        Name of the matrix of eligibilities (default `eligibility`).
    eta : quantity, optional
        Growth of the eligibility, at least 0, such that eta x y is an eligibility per time (default 1 Hz).
    tau : time, optional
        Time constant with which the eligibility decays (default 1 s).
    gain : quantity, optional
        c, at least 0, such that c e M is a weight per time (default 1 Hz).
    unit, eligibility_unit : str, optional
        Units of the weights and of the eligibility (default no unit).

    Returns
    -------
    MatrixRule
        The rule, with the rule of the eligibility in `traces`.

    Raises
    ------
    ParameterError
        If eta or the gain is negative, or the time constant not positive.
    SpecError
        If a name is not a valid symbol.

    References
    ----------
    Izhikevich (2007), Cerebral Cortex 17:2443; Fremaux & Gerstner (2016), Frontiers in Neural Circuits 9:85.

    Examples
    --------
    >>> import dendrosim as ds
    >>> rule = ds.rules.three_factor(modulator="reward", gain="0.1 Hz")
    >>> circuit = ds.Circuit(
    ...     (ds.Population("input", 5, "x : 1", inputs="x"), ds.Population("cell", 1, "y : 1")),
    ...     [ds.Matrix("w", "cell", "input", ds.Normal(0.1), rule=rule)]
    ...     + [ds.Matrix(t.name, "cell", "input", rule=t) for t in rule.traces],
    ...     [ds.Projection("input.x", "w", "cell.y")],
    ...     gates={"reward": 0.0},
    ... )
    """
    x, y = as_symbol("three_factor: pre", pre), as_symbol("three_factor: post", post)
    name = as_name("three_factor: eligibility", eligibility)
    rate = f"gain*{name}"
    if modulator is not None:
        as_symbol("three_factor: modulator", re.sub("_(post|pre)$", "", modulator))
        rate += f"*{modulator}"
    trace = MatrixRule(
        name,
        f"dtrace/dt = eta*{y}_post*{x}_pre - trace/tau_eligibility : {eligibility_unit}",
        {
            "eta": as_learning_rate("three_factor: eta", eta),
            "tau_eligibility": as_time("three_factor: tau", tau),
        },
    )
    return MatrixRule(
        "three_factor",
        f"dw/dt = {rate} : {unit}",
        {"gain": as_learning_rate("three_factor: gain", gain)},
        traces=(trace,),
        sources=SOURCES,
    )
