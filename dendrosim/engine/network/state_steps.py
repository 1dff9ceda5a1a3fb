"""One forward Euler step of a population's states, as code for Brian2.

Brian2's own method passes all equations through SymPy, which changes what they mean for some numbers: it cancels
factors that can be 0, simplifies `sqrt(x**2)`, rounds numbers to 15 digits and takes roots of negative numbers as
complex. This method keeps the texts as they are, and needs no time for SymPy.
"""

from typing import Any

from brian2.equations.equations import Equations


def euler_step(equations: Equations, variables: Any = None, method_options: Any = None) -> str:
    """Return the statements of a step; all rates are computed from the state at its beginning."""
    rates = dict(equations.diff_eq_expressions)
    new = [f"_{name} = {name} + dt*({rate.code})" for name, rate in rates.items()]
    return "\n".join([*new, *(f"{name} = _{name}" for name in rates)])
