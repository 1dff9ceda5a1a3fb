"""Neurons that are to compute the error of an output for a hinge loss: the printed circuit, and one that does.

An output unit has the voltage h, within -M and M, and s is 1 if its class is shown and -1 otherwise. Its error
should be

    delta = 1 if s = 1 and h <= S,  -mu if s = -1 and h >= -S,  otherwise 0           (eq. 6, where S = 1)

An error neuron receives H = h + 2 M s - 2 M t, where t is the rate of a control neuron, which is to shut it off:

    sigma_delta(x) = 1 + eps, 1, 0, -mu, -mu - eps   for x > 2 M + S, x >= M, -M < x < M, x <= -M, x < -2 M - S
    sigma_t(x)     = 1, 0, -1                        for x > 1, -mu <= x <= 1, x < -mu

Circuits (`form`); `error.total` is H, or in current_filtered its filtered value V:

    output_filtered    tau_d ddelta/dt = -delta + sigma_delta(H),   tau_t dt/dt = -t + sigma_t(delta)
    current_filtered   tau_d dV/dt = -V + H, delta = sigma_delta(V),   tau_t dU/dt = -U + delta, t = sigma_t(U)
    feed_forward       tau_d ddelta/dt = -delta + sigma_0(H),   where sigma_0 is 1, 0 or -mu only, and
                       tau_t dt/dt = -t + [s > 0][h > S] - [s < 0][h < -S]: the control neuron looks at h

The gates `update_error` and `update_control` hold the two neurons. With tau_d = tau_t = dt, one step is one tick
of a clock in output_filtered.

Sources
-------
Amit (2021), Deep learning with asymmetric connections and Hebbian updates, appendix 1.

Errata applied
--------------
Appendix 1 writes o_c for delta_c, and in its summary sign(delta_c) h_c and sign(o_c) h_c for sign(s_c) h_c. The
pieces of sigma_delta are printed as closed intervals, which overlap at M and -M; the values there are 1 and -mu.
The error should be 0 where h < -S, not where h < -1 (printed h > -1).

Statements that fail
--------------------
"Ignoring the oscillation this circuit can be thought of as implementing the rule in (6)": where delta should be
0, delta oscillates around (1 + eps)/2 or -(mu + eps)/2 if neurons are clocked; in output_filtered and
current_filtered its mean is 1 or -mu, as if nothing shut it off. The protocol `local_thresholds` shows both. The
reason is that t falls as soon as delta is no longer too large. In feed_forward delta is that of eq. 6.
"""

from typing import Literal

import dendrosim as ds

OUTPUT = """
h           : 1   # input: voltage of the output unit
supervision : 1   # input: s, which is 1 if its class is shown, else -1
"""
FED = """
voltage     : 1   # fed by the output
supervision : 1   # fed by the output
"""
DELTA = (
    "int({x} >= bound)*(1 + excess*int({x} > 2*bound + threshold))"
    " - int({x} <= -bound)*(balance + excess*int({x} < -2*bound - threshold))"
)
TOTAL = "voltage + 2*bound*supervision - 2*bound*control"
ERROR = {
    "output_filtered": f"""
ddelta/dt = update_error*(-delta + {DELTA.format(x="total")})/tau_error : 1
total = {TOTAL} : 1
""",
    "current_filtered": f"""
delta = {DELTA.format(x="total")} : 1
dtotal/dt = update_error*(-total + {TOTAL})/tau_error : 1
""",
    "feed_forward": f"""
ddelta/dt = update_error*(-delta + int(total >= bound) - balance*int(total <= -bound))/tau_error : 1
total = {TOTAL} : 1
""",
}
CONTROL = {
    "output_filtered": """
drate/dt = update_control*(-rate + int(delta > 1) - int(delta < -balance))/tau_control : 1
delta : 1   # fed by the error
""",
    "current_filtered": """
rate = int(filtered > 1) - int(filtered < -balance) : 1
dfiltered/dt = update_control*(-filtered + delta)/tau_control : 1
delta : 1   # fed by the error
""",
    "feed_forward": """
drate/dt = update_control*(-rate + high - low)/tau_control : 1
high = int(supervision > 0)*int(voltage > threshold) : 1
low = int(supervision < 0)*int(voltage < -threshold) : 1
""",
}


class Parameters(ds.Parameters):
    units: int = ds.parameter(2, "number of output units", least=1)
    form: Literal["output_filtered", "current_filtered", "feed_forward"] = ds.parameter(
        "output_filtered", "circuit, as listed above"
    )
    bound: float = ds.parameter(2.0, "largest absolute voltage of outputs, M", above=0)
    threshold: float = ds.parameter(1.0, "voltage that is sufficient, S", above=0)
    balance: float = ds.parameter(0.5, "size of the error of wrong classes, mu", above=0, most=1)
    excess: float = ds.parameter(
        0.2,
        "how much errors exceed the normal ones, eps",
        above=0,
        only={"form": ("output_filtered", "current_filtered")},
    )
    tau_error: ds.Quantity = ds.parameter("10 ms", "time constant of error neurons", above=0)
    tau_control: ds.Quantity = ds.parameter("10 ms", "time constant of control neurons", above=0)


def circuit(p: Parameters) -> ds.Circuit:
    """Return an error and a control neuron per output; its inputs are `output.h` and `output.supervision`."""
    if p.threshold >= p.bound:
        raise ds.errors.ParameterError(
            f"threshold is {p.threshold} and bound {p.bound}; no voltage would be sufficient: choose a threshold "
            "below bound"
        )
    ahead = p.form == "feed_forward"
    error = FED + ERROR[p.form] + "control : 1   # fed by the control neuron\n"
    control = CONTROL[p.form] + (FED if ahead else "")
    ends = [("output.h", "error.voltage"), ("output.supervision", "error.supervision")]
    ends += [("control.rate", "error.control")]
    if ahead:
        ends += [("output.h", "control.voltage"), ("output.supervision", "control.supervision")]
    else:
        ends += [("error.delta", "control.delta")]
    names = [[path.split(".")[0] for path in pair] for pair in ends]
    one = ds.Identity()
    return ds.Circuit(
        (
            ds.Population("output", p.units, OUTPUT, inputs=["h", "supervision"]),
            ds.Population("error", p.units, error),
            ds.Population("control", p.units, control),
        ),
        [ds.Matrix(f"{a}_to_{b}", b, a, one) for a, b in sorted({(a, b) for a, b in names})],
        [
            ds.Projection(source, f"{a}_to_{b}", target)
            for (source, target), (a, b) in zip(ends, names, strict=True)
        ],
        p,
        gates={"update_error": 1.0, "update_control": 1.0},
    )
