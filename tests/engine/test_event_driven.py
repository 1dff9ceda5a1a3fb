"""Event-driven equations are solved exactly: equal to a matrix exponential from each spike to the next."""

import math
from functools import cache

import mpmath
import numpy as np
import pytest
from comparisons import gap
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_problems import PATIENT
from scipy.linalg import expm

import dendrosim as ds
from dendrosim.engine.network.linear_functions import LINEAR
from dendrosim.engine.plan.synapse_tables import synapse_tables
from dendrosim.equations.linear import solve_rates, split_rates
from dendrosim.errors import EquationError
from dendrosim.experiments.run import run

STEPS, CELLS, DT = 300, 4, 1e-3
PARAMETERS = {"tau": 8e-3, "tau_b": 30e-3, "none": 0.0, "rate": 40.0}
UNITS = {"tau": "8 ms", "tau_b": "30 ms", "none": "0 Hz", "rate": "40 Hz"}
EQUATIONS = """
dcounter/dt = rate : 1
dstill/dt = 0*still/second : 1
dconstant/dt = rate - none*constant : 1
drelaxing/dt = (2 - relaxing)/tau_b : 1
dgrowing/dt = (growing/2 - 10**-3)*rate : 1
dfirst/dt = -first/tau : 1
dalpha/dt = (first - alpha)/tau : 1
dslow/dt = (3*first - slow)/tau_b + rate : 1
dsum/dt = first/tau - none*sum + relaxing*rate - counter/second : 1
dturn/dt = -turn/tau + 3*rate*back : 1
dback/dt = -2*rate*turn - back/tau_b : 1
dring/dt = rate*rest - rate*(ring - 1) : 1
drest/dt = -rate*ring : 1
dleft/dt = (right - left)/tau : 1
dright/dt = left/tau_b - right/tau_b : 1
"""
NAMES = ("counter", "still", "constant", "relaxing", "growing", "first", "alpha", "slow", "sum",
         "turn", "back", "ring", "rest", "left", "right")  # fmt: skip
SPIKES = np.random.default_rng(2).random((STEPS, 2, CELLS)) < 0.04


def system():
    """The matrix of the states and a last one, which is always 1."""
    p, at = PARAMETERS, {n: k for k, n in enumerate((*NAMES, "one"))}
    a = np.zeros((len(at), len(at)))
    for name, other, factor in (
        ("counter", "one", p["rate"]), ("constant", "one", p["rate"]),
        ("relaxing", "one", 2 / p["tau_b"]), ("relaxing", "relaxing", -1 / p["tau_b"]),
        ("growing", "growing", p["rate"] / 2), ("growing", "one", -(10**-3) * p["rate"]),
        ("first", "first", -1 / p["tau"]),
        ("alpha", "first", 1 / p["tau"]), ("alpha", "alpha", -1 / p["tau"]),
        ("slow", "first", 3 / p["tau_b"]), ("slow", "slow", -1 / p["tau_b"]), ("slow", "one", p["rate"]),
        ("sum", "first", 1 / p["tau"]), ("sum", "relaxing", p["rate"]), ("sum", "counter", -1.0),
        ("turn", "turn", -1 / p["tau"]), ("turn", "back", 3 * p["rate"]),
        ("back", "turn", -2 * p["rate"]), ("back", "back", -1 / p["tau_b"]),
        ("ring", "ring", -p["rate"]), ("ring", "rest", p["rate"]), ("ring", "one", p["rate"]),
        ("rest", "ring", -p["rate"]),
        ("left", "left", -1 / p["tau"]), ("left", "right", 1 / p["tau"]),
        ("right", "left", 1 / p["tau_b"]), ("right", "right", -1 / p["tau_b"]),
    ):  # fmt: skip
        a[at[name], at[other]] += factor
    return a


def protocol(delay, equal):
    cells = [
        ds.Population(
            n,
            CELLS,
            "dv/dt = 0*v/second : 1\nspike_now : 1",
            inputs="spike_now",
            threshold="spike_now > 0.5",
        )
        for n in ("sender", "cell")
    ]
    equations = EQUATIONS.replace(" : 1\n", " : 1 (event-driven)\n")
    kept = "\n".join(f"seen_{n} : 1" for n in NAMES)
    look = "\n".join(f"seen_{n} = {n}" for n in NAMES)
    pathway = ds.Pathway(
        "pair", "sender", "cell", connect=ds.Condition("(i + j) % 3 > 0"), delay=delay,
        equations=f"{equations}\n{kept}", on_pre=f"{look}\nfirst += 1\ngrowing = 0.5\nturn += 1\nrest -= 1",
        on_post=f"{look}\nrelaxing = 0\nfirst += 0.5\nsum *= 0.5\nleft += 1",
        initial={n: 0.2 if equal else ds.Expression("0.2 + 0.01*i") for n in NAMES},
    )  # fmt: skip
    signals = {f"{c.name}.spike_now": SPIKES[:, k].astype(float) for k, c in enumerate(cells)}
    phase = ds.Phase(
        "on", f"{STEPS} ms", signals={n: ds.Table(x, f"{DT * 1e3} ms") for n, x in signals.items()}
    )
    return ds.Protocol(
        ds.Circuit(tuple(cells), pathways=(pathway,), parameters=UNITS), (ds.Block("run", (phase,)),),
        dt="1 ms", recordings=tuple(ds.Recording(f"pair.seen_{n}", "1 ms") for n in NAMES),
    )  # fmt: skip


DELAYS = {"none": (None, True), "several": (ds.Expression("1 + (i + 2*j) % 5", "ms"), False)}


@cache
def loop(delay):
    """What the spikes see, (states, steps, synapses)."""
    table = synapse_tables(protocol(*DELAYS[delay]), 0)["pair"]
    count = len(table.pre)
    steps = np.broadcast_to(np.rint(table.delays / DT).astype(int), count)
    states = np.ones((count, len(NAMES) + 1))
    states[:, :-1] = np.stack([table.values[n] for n in NAMES], axis=1)
    last, seen = np.zeros(count), np.zeros((len(NAMES), STEPS, count))
    matrix, at = system(), {n: k for k, n in enumerate(NAMES)}
    for step in range(STEPS):
        for s in range(count):
            arrived = step >= steps[s] and SPIKES[step - steps[s], 0, table.pre[s]]
            for side, spikes in (("pre", arrived), ("post", SPIKES[step, 1, table.post[s]])):
                if not spikes:
                    continue
                states[s] = expm(matrix * (step - last[s]) * DT) @ states[s]
                last[s] = step
                if step + 1 < STEPS:
                    seen[:, step + 1, s] = states[s, :-1]
                if side == "pre":
                    states[s, at["first"]] += 1
                    states[s, at["growing"]] = 0.5
                    states[s, at["turn"]] += 1
                    states[s, at["rest"]] -= 1
                else:
                    states[s, at["relaxing"]] = 0
                    states[s, at["first"]] += 0.5
                    states[s, at["sum"]] *= 0.5
                    states[s, at["left"]] += 1
        if step + 1 < STEPS:
            seen[:, step + 1] = np.where(last == step, seen[:, step + 1], seen[:, step])
    return seen


@pytest.mark.parametrize("delay", DELAYS)
@pytest.mark.parametrize("backend", PATIENT)
def test_spikes_see_the_exact_solution(backend, delay):
    seen = loop(delay)
    result = run(protocol(*DELAYS[delay]), backend)
    for k, name in enumerate(NAMES):
        found = np.asarray(result.traces[f"pair.seen_{name}"].values).reshape(STEPS, -1)
        assert gap(found, seen[k]) < 1e-12, name


# -- the functions and the text -----------------------------------------------------------------------------

POWERS = st.floats(-30, 5) | st.sampled_from([0.0, -1.0, -1 - 1e-9, -1.05, 1e-12])


@settings(max_examples=300, deadline=None)
@given(POWERS, POWERS, POWERS)
def test_divided_differences_are_those_of_the_exponential(p, q, r):
    with mpmath.workdps(
        120
    ):  # where equal numbers are moved apart by much less than a rounding error
        a, b, c = (mpmath.mpf(x) + k * mpmath.mpf(10) ** -25 for k, x in enumerate((p, q, r)))
        first, then = (
            (mpmath.exp(x) - mpmath.exp(y)) / (x - y) for x, y in ((a, b), (b, c))
        )  # fmt: skip
        exact = float(first), float((first - then) / (a - c))
    found = [
        LINEAR[n].pyfunc(*(p, q, r)[:count])
        for n, count in (("ds_difference", 2), ("ds_second_difference", 3))
    ]
    assert np.asarray(found, dtype=float) == pytest.approx(exact, rel=1e-12)


RATES = st.floats(-30, 3) | st.sampled_from([0.0, -1.0, -1 - 1e-9, 1e-12, -20.0])
LINKS = st.floats(0.01, 30) | st.floats(-30, -0.01) | st.sampled_from([1.0, 1e-9, -1e-9])


@settings(max_examples=60, deadline=None)
@given(RATES, LINKS, LINKS, RATES, st.sampled_from(["", "equal", "nearly", "singular"]))
def test_pairs_are_solved_like_a_matrix_exponential(a, b, c, d, kind):
    """Each factor has all its digits, except near a change of sign."""
    if kind:
        square = ((a - d) / 2) ** 2
        c = {"equal": -square / b, "nearly": -square / b * (1 + 1e-13), "singular": a * d / b}[kind]
    with mpmath.workdps(40):
        system = mpmath.matrix(4)
        for k, row in enumerate(((a, b), (c, d))):
            system[k, 0], system[k, 1], system[k, 2 + k] = *row, 1
        exact = mpmath.expm(system)
    roots = np.linalg.eigvals([[a, b], [c, d]])
    size = math.exp(max(roots.real))
    scales = {"ds_coupled": (0, size), "ds_driven": (2, max(1, size) / (1 + max(abs(roots))))}
    for name, (column, scale) in scales.items():
        for k, link in enumerate((1.0, min(1.0, abs(b)))):
            found = float(LINEAR[name].pyfunc(1.0, a, b, c, d, 1.0 - k, float(k)))
            expected = float(exact[0, column + k])
            error = 1e-12 * max(abs(expected), 1e-2 * scale * link)
            assert abs(found - expected) <= error, (name, k)


def test_what_is_not_linear_is_refused_and_says_why():
    assert split_rates({"x": "(1 - x)*a/b - 2*x"})["x"].own is not None
    assert solve_rates({"x": "-x/tau"}, "t - l")[0] == "_x = x*exp((-1.0 / tau)*(t - l))"
    for rate in ("x*x", "exp(x)", "1/x", "x**2", "abs(x)", "x*y"):
        with pytest.raises(
            EquationError, match=r"x: .* is not linear in .*'x'.*; write it as a sum"
        ):
            split_rates({"x": rate, "y": "-y"})
    with pytest.raises(
        EquationError,
        match=r"x: it depends on 'y', which depends on 'z'.*in a population, and read",
    ):
        split_rates({"x": "y", "y": "z - y", "z": "-z"})
    for rates in (
        {"x": "y", "y": "x + z", "z": "-z"},
        {"x": "y", "y": "z", "z": "x"},
        {"z": "x", "x": "y", "y": "-x"},
    ):
        with pytest.raises(EquationError, match="or on one state that depends on it in turn"):
            split_rates(rates)
