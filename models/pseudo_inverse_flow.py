"""The iteration of Ben-Israel and Cohen for the pseudo-inverse, as a circuit that is shown white inputs.

    dX/dt = eta (X - X A X),   with concurrent=True also dA/dt = eta (A - A X A)

A is a matrix (upper x lower) and X a matrix (lower x upper). An input y to the upper layer goes down, up and down
again; over white y, the mean of (X A X y) y^T is X A X. One step of dt = 1/eta is the iteration X <- 2 X - X A X.
A white input u to the lower layer does the same for A.

From X0 = alpha A^T, each singular direction of A with the singular value s, where X has x, is a logistic course,

    x(t) = x0 e^(eta t)/(1 + s x0 (e^(eta t) - 1)),

which tends to 1/s at the rate eta whatever s is; if x0 < 0, it diverges after ln(1 + 1/(s |x0|))/eta.

Sources
-------
"A biologically-plausible learning rule using reciprocal feedback connections" (workshop abstract), which cites
Ben-Israel & Cohen (1966).

Statements that fail
--------------------
"Starting from a matrix X_0 satisfying X_0 A = (X_0 A)^T", the iteration is said to converge to the pseudo-inverse:
X0 = alpha A^T + Z with Z A = 0 has this property and converges to another left inverse of A, and X0 = -alpha A^+
diverges. It is sufficient that X0 = alpha A^T with alpha below 2 over the square of the largest singular value.

The rules of recirculation are "nearly identical" to this iteration: if both matrices follow it concurrently from
random values, X does not become the pseudo-inverse of A, whereas the weights of recirculation do (protocol
`reciprocal_alignment`).
"""

import dendrosim as ds

LOWER = """
x : 1   # fed by x from y
r : 1   # fed by x from z: X A X y
"""
UPPER = """
y : 1   # input: white
z : 1   # fed by a from x
"""
LOWER_TOO = """
u : 1   # input: white
q : 1   # fed by x from p
"""
UPPER_TOO = """
p : 1   # fed by a from u
m : 1   # fed by a from q: A X A u
"""
X = "dw/dt = learn*eta*(w - r_post*y_pre) : 1"
A = "dw/dt = learn*eta*(w - m_post*u_pre) : 1"


class Parameters(ds.Parameters):
    lower: int = ds.parameter(4, "number of lower units", least=1)
    upper: int = ds.parameter(6, "number of upper units", least=1)
    concurrent: bool = ds.parameter(False, "whether A follows the same flow")
    eta: ds.Quantity = ds.parameter("1 Hz", "rate of the flow", above=0)
    gain: float = ds.parameter(1.4, "largest singular value of A at the beginning", above=0)
    condition: float = ds.parameter(2.0, "condition number of A at the beginning", least=1)
    alpha: float = ds.parameter(0.3, "initial X over the transpose of A")


def circuit(p: Parameters) -> ds.Circuit:
    """Return the circuit; its inputs are `upper.y` and, if concurrent, `lower.u`."""
    both = p.concurrent
    a = ds.Matrix(
        "a", "upper", "lower", ds.WellConditioned(p.gain, p.condition), A if both else None
    )
    x = ds.Matrix("x", "lower", "upper", ds.Transpose("a", p.alpha), X)
    projections = [
        ds.Projection("upper.y", "x", "lower.x"),
        ds.Projection("lower.x", "a", "upper.z"),
        ds.Projection("upper.z", "x", "lower.r"),
    ]
    if both:
        projections += [
            ds.Projection("lower.u", "a", "upper.p"),
            ds.Projection("upper.p", "x", "lower.q"),
            ds.Projection("lower.q", "a", "upper.m"),
        ]
    return ds.Circuit(
        (
            ds.Population(
                "lower", p.lower, LOWER + (LOWER_TOO if both else ""), ["u"] if both else ()
            ),
            ds.Population("upper", p.upper, UPPER + (UPPER_TOO if both else ""), inputs=["y"]),
        ),
        (a, x),
        projections,
        p,
        gates={"learn": 1.0},
    )
