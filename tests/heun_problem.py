"""A rate circuit with every kind of plastic matrix, and Heun's map of its vector field."""

import numpy as np

import dendrosim as ds
from dendrosim.circuit.paths import is_variable

DT = 0.5e-3
TABLE = np.array([[0.3, -0.2, 0.5], [0.9, 0.4, -0.7], [0.1, 0.0, 0.2]])

INPUT = """
dz/dt = (x + 0.2*back - z)/(3*ms) : 1
x : 1
back : 1
"""
LOW = """
da/dt = (tanh(up) + 0.3*down + 0.1*sin(t/(2*ms)) - a)/(4*ms) : 1
active = 1/(1 + exp(-a)) : 1
up : 1
down : 1
"""
MIDDLE = "db/dt = (tanh(drive) - b)/(5*ms) : 1\ndrive : 1"
HIGH = "dc/dt = (drive + 0.3*back - c)/(6*ms) : 1\ndrive : 1\nback : 1"

OUTER = "dw/dt = learn*(40*Hz*a_post*z_pre - 30*Hz*w) : 1"
TWO_OUTER = "dw/dt = learn*40*Hz*(b_post*active_pre - 0.5*b_post**2*a_pre) : 1"
MIXED = "dw/dt = 20*Hz*(1 - w**2)*b_post*c_pre + 15*Hz*tanh(b_post + w*c_pre) - 3*Hz*w**3 : 1"
BOUNDED = "dw/dt = 60*Hz*c_post*b_pre + learn*1500*Hz*(w - 0.1) : 1"
SPARSE = "dw/dt = 90*Hz*c_post*a_pre - 800*Hz*(0.4 - w) : 1"
RELAY = "dw/dt = 20*Hz*(b_post - w*c_pre)*c_pre : 1"
SQUARE = "dw/dt = 3*Hz*(b_post*b_pre - 0.5*w) : 1"


def circuit():
    """Dense, bounded, sparse, signed, one-to-one and inverted matrices, with rules of all kinds."""
    start = ds.Normal(0.0, 0.6)
    return ds.Circuit(
        (
            ds.Population("input", 3, INPUT, inputs=["x"], initial={"z": start}),
            ds.Population("low", 5, LOW, initial={"a": start}),
            ds.Population("middle", 4, MIDDLE, initial={"b": start}),
            ds.Population("high", 4, HIGH, initial={"c": start}),
        ),
        (
            ds.Matrix("outer", "low", "input", start, OUTER),
            ds.Matrix("two_outer", "middle", "low", start, TWO_OUTER),
            ds.Matrix("mixed", "middle", "high", start, MIXED),
            ds.Matrix("bounded", "high", "middle", ds.Uniform(0.0, 0.2), BOUNDED, bounds=(0.0, 0.2)),
            ds.Matrix(
                "sparse", "high", "low", ds.Uniform(0.0, 0.5), SPARSE, connect=ds.Probability(0.6),
                sign="excitatory",
            ),
            ds.Matrix("relay", "middle", "high", start, RELAY, connect=ds.OneToOne()),
            ds.Matrix("square", "middle", "middle", ds.WellConditioned(1.0, 2.0), SQUARE),
            ds.Matrix("inverse", "middle", "middle", inverse_of="square"),
        ),
        (
            ds.Projection("input.z", "outer", "low.up"),
            ds.Projection("low.a", "outer", "input.back", transpose=True),
            ds.Projection("low.active", "two_outer", "middle.drive"),
            ds.Projection("middle.b", "two_outer", "low.down", transpose=True),
            ds.Projection("high.c", "mixed", "middle.drive"),
            ds.Projection("high.c", "relay", "middle.drive"),
            ds.Projection("middle.b", "bounded", "high.drive"),
            ds.Projection("low.a", "sparse", "high.drive"),
            ds.Projection("middle.b", "inverse", "high.back"),
        ),
        gates={"learn": 0.0},
    )  # fmt: skip


def protocol(batch, *, steps=1, **changes):
    """A phase whose input, gate and equations change in time."""
    drives = [ds.Sine(0.5, "90 Hz"), ds.Table(TABLE, "0.8 ms", linear=True)]
    phase = ds.Phase(
        "on", f"{steps * 1e3 * DT} ms", gates={"learn": ds.Sine(0.8, "70 Hz", offset=1.0)}
    )
    return ds.Protocol(
        circuit(), (ds.Block("run", (phase,)),), f"{DT} s", signals={"input.x": drives}, batch=batch,
        **{"method": "rk2", **changes},
    )  # fmt: skip


def heun_step(given, k=0, state=None):
    """The state after step k of the only phase of a protocol, from the vector field at its beginning and end."""
    first, second = (
        ds.vector_field(given, unfrozen="*", time=f"{(k + ahead) * DT} s", values=state, seed=1)
        for ahead in (0, 1)
    )

    def limit(y):
        parts = first.unpack(y)
        limits = {n: given.circuit.matrix(n).limits for n in parts if not is_variable(n)}
        return first.pack(
            {n: np.clip(v, *limits.get(n, (-np.inf, np.inf))) for n, v in parts.items()}
        )

    y = first.start
    rate = first.f(y)
    free = y + DT * rate
    end = y + DT / 2 * (rate + second.f(limit(free)))
    return first.unpack(limit(end)), first.unpack(y), first.unpack(free)
