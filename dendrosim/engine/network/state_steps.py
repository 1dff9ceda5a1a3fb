"""One step of a population's states, as code for Brian2.

Brian2's own method passes all equations through SymPy, which changes what they mean for some numbers: it cancels
factors that can be 0, simplifies `sqrt(x**2)`, rounds numbers to 15 digits and takes roots of negative numbers as
complex. These methods keep the texts as they are, and need no time for SymPy.
"""

from typing import Any

from brian2.equations.equations import Equations

BEGIN = "ds_begin_"
"""Prefix of the values of states at the beginning of a step."""


def euler_step(equations: Equations, variables: Any = None, method_options: Any = None) -> str:
    """Return the statements of a forward Euler step; all rates are those of the state at its beginning."""
    rates = dict(equations.diff_eq_expressions)
    return "\n".join([*_new_values(rates), *(f"{name} = _{name}" for name in rates)])


def heun_predictor(equations: Equations, variables: Any = None, method_options: Any = None) -> str:
    """Return the statements of the first half of a step of Heun's method, which keeps the state before it."""
    kept = [f"{BEGIN}{name} = {name}" for name, _ in equations.diff_eq_expressions]
    return "\n".join([*kept, euler_step(equations)])


def heun_corrector(equations: Equations) -> str:
    """Return the statements of the second half: the mean of the first state and that after two Euler steps."""
    rates = dict(equations.diff_eq_expressions)
    means = [f"{name} = 0.5*({BEGIN}{name} + _{name})" for name in rates]
    return "\n".join([*_new_values(rates), *means])


def _new_values(rates: dict[str, Any]) -> list[str]:
    return [f"_{name} = {name} + dt*({rate.code})" for name, rate in rates.items()]


STEPS = {"euler": euler_step, "rk2": heun_predictor}
"""For each method of a protocol, the statements that follow the first evaluation of the vector field."""
