"""Two neurons that shut off the feedback to a hidden unit whose activity is saturated.

A unit with the transfer function min(max(h, -1), 1) has the slope 0 where its activity x is -1 or 1, so the
feedback delta has to be replaced by 0 there. Two neurons look at x, and inhibit the unit while it receives delta,
|delta| < K:

    tau du/dt = -u + [x >= 1],   tau dv/dt = -v - [x <= -1]
    tau dshut/dt = -shut + sigma(delta - 2 K u + 2 K v),   sigma(y) = y for y > -K, else 0

With a clock (tau = dt), u is 1 or 0, and every delta with |delta| < K is shut off at once. In continuous time u
approaches 1 and never reaches it, so sigma passes on y for another tau ln(2 K/(K - delta)) after x has reached 1.

Sources
-------
Amit (2021), Deep learning with asymmetric connections and Hebbian updates, appendix 1 (eq. 3).

Errata applied
--------------
The paper keeps y where y >= -K (`edge=printed`). Then, with a clock, -K is left of a feedback of K while u or v
is active. With `edge=strict` nothing is left, but a feedback of -K does not pass at any time. In continuous time,
-K is left of a feedback of K in both cases, because y stays above -K.
"""

from typing import Literal

import dendrosim as ds

UNIT = """
dshut/dt = (-shut + y*int(y {sign} -bound))/tau : 1
y = delta - 2*bound*high + 2*bound*low          : 1
delta                                           : 1   # input: feedback
x                                               : 1   # input: activity
high                                            : 1   # fed by u
low                                             : 1   # fed by v
"""
HIGH = """
drate/dt = (-rate + int(x >= 1))/tau  : 1
x                                     : 1   # fed by the unit
"""
LOW = """
drate/dt = (-rate - int(x <= -1))/tau : 1
x                                     : 1   # fed by the unit
"""


class Parameters(ds.Parameters):
    units: int = ds.parameter(2, "number of hidden units", least=1)
    bound: float = ds.parameter(1.0, "bound K of the feedback", above=0)
    edge: Literal["strict", "printed"] = ds.parameter(
        "strict", "whether sigma(-K) is 0 (strict) or -K"
    )
    tau: ds.Quantity = ds.parameter("10 ms", "time constant of all neurons", above=0)


def circuit(p: Parameters) -> ds.Circuit:
    """Return the units with their control neurons; the inputs are `unit.x` and `unit.delta`."""
    text = UNIT.format(sign=">" if p.edge == "strict" else ">=")
    one = ds.Identity()
    return ds.Circuit(
        (
            ds.Population("unit", p.units, text, inputs=["x", "delta"]),
            ds.Population("u", p.units, HIGH),
            ds.Population("v", p.units, LOW),
        ),
        [ds.Matrix(f"{name}_to_unit", "unit", name, one) for name in "uv"]
        + [ds.Matrix(f"unit_to_{name}", name, "unit", one) for name in "uv"],
        [
            ds.Projection("unit.x", "unit_to_u", "u.x"),
            ds.Projection("unit.x", "unit_to_v", "v.x"),
            ds.Projection("u.rate", "u_to_unit", "unit.high"),
            ds.Projection("v.rate", "v_to_unit", "unit.low"),
        ],
        p,
    )
