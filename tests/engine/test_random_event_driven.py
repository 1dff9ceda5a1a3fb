"""Random systems of event-driven equations: numpy and cpp give what matrix exponentials give.

Each pathway has a system of its own, whose states its spikes see and change.
"""

import numpy as np
import pytest
from comparisons import gap
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

import dendrosim as ds
from dendrosim.engine.plan.synapse_tables import synapse_tables
from dendrosim.experiments.run import run

STEPS, CELLS, SYSTEMS = 80, 3, 8
SPIKES = np.random.default_rng(4).random((STEPS, 2, CELLS)) < 0.08
FACTORS = st.sampled_from([0.0, 1.0, -1.0, -5.0, 2.5, -0.3, -40.0, 30.0, -1e-9])
LINKS = st.sampled_from([1.0, -1.0, 20.0, -20.0, 0.3, -3.7, 1e-9])


@st.composite
def systems(draw):
    """A matrix in 1/s of up to four states and a last one, which is always 1."""
    kind, count = draw(st.sampled_from(["chain", "pair", "both"])), 2
    matrix = np.zeros((5, 5))
    for k in range(4):
        matrix[k, k] = draw(FACTORS)
        matrix[k, 4] = draw(st.sampled_from([0.0, 0.0, 1.0, -3.0]))
    if kind in ("pair", "both"):
        matrix[0, 1], matrix[1, 0] = draw(LINKS), draw(LINKS)
        if draw(st.booleans()):
            matrix[1, 1] = matrix[0, 0]
    if kind in ("chain", "both"):
        first, count = (2, 4) if kind == "both" else (0, 3)
        for k in range(first + 1, count):
            matrix[k, first] = draw(LINKS)
            matrix[k, k] = matrix[first, first] if draw(st.booleans()) else matrix[k, k]
    kept = [*range(count), 4]
    return matrix[np.ix_(kept, kept)], draw(st.sampled_from(DELAYS)), draw(st.booleans())


DELAYS = (None, "2 ms", ds.Expression("1 + (i + 2*j) % 3", "ms"))


def equations(matrix):
    lines = []
    for k, row in enumerate(matrix[:-1]):
        own, constant = float(row[k]), float(row[-1])
        terms = [f"({float(row[m])!r})*y{m}" for m in range(len(row) - 1) if m != k and row[m]]
        terms += [f"({own!r})*y{k}"] if own else []
        terms += [f"({constant!r})"] if constant or not terms else []
        lines.append(f"dy{k}/dt = ({' + '.join(terms)})*rate : 1 (event-driven)\nsee{k} : 1")
    return "\n".join(lines)


def protocol(drawn):
    cells = [
        ds.Population(n, CELLS, "dv/dt = 0*v/second : 1\nfire : 1", inputs="fire", threshold="fire > 0.5")
        for n in ("a", "b")
    ]  # fmt: skip
    paths = []
    for k, (matrix, delay, equal) in enumerate(drawn):
        states = range(len(matrix) - 1)
        look = "\n".join(f"see{s} = y{s}" for s in states)
        paths.append(
            ds.Pathway(
                f"p{k}", "a", "b", f"{look}\ny0 += 1", ds.Condition("(i + j) % 3 > 0"), delay=delay,
                equations=equations(matrix), on_post=f"{look}\ny1 *= 0.5\ny1 += 0.5",
                initial={f"y{s}": 0.2 if equal else ds.Expression("0.2 + 0.1*i - 0.1*j") for s in states},
            )
        )  # fmt: skip
    seen = tuple(
        ds.Recording(f"p{k}.see{s}", "1 ms")
        for k, (m, *_) in enumerate(drawn)
        for s in range(len(m) - 1)
    )
    return ds.Protocol(
        ds.Circuit(tuple(cells), pathways=tuple(paths), parameters={"rate": "10 Hz"}),
        (ds.Block("run", (ds.Phase("on", f"{STEPS} ms"),)),), "1 ms", seen,
        {f"{c.name}.fire": ds.Table(SPIKES[:, k].astype(float), "1 ms") for k, c in enumerate(cells)},
    )  # fmt: skip


def loop(made, drawn):
    traces = {}
    for k, (matrix, *_) in enumerate(drawn):
        table = synapse_tables(made, 0)[f"p{k}"]
        delays = np.broadcast_to(np.rint(table.delays / 1e-3).astype(int), len(table.pre))
        size = len(matrix) - 1
        seen = np.zeros((size, STEPS, len(table.pre)))
        for n, (pre, post, delay) in enumerate(zip(table.pre, table.post, delays, strict=True)):
            state = np.array([*(table.values[f"y{s}"][n] for s in range(size)), 1.0])
            last, shown = 0, np.zeros(size)
            for step in range(STEPS):
                seen[:, step, n] = shown
                arrived = step >= delay and SPIKES[step - delay, 0, pre]
                for side, spikes in ((0, arrived), (1, SPIKES[step, 1, post])):
                    if not spikes:
                        continue
                    state = expm(matrix * 10 * (step - last) * 1e-3) @ state
                    shown, last = state[:-1].copy(), step
                    if side == 0:
                        state[0] += 1
                    else:
                        state[1] = 0.5 * state[1] + 0.5
        traces |= {f"p{k}.see{s}": seen[s] for s in range(size)}
    return traces


@pytest.mark.slow
@settings(max_examples=6, deadline=None, phases=[Phase.generate], suppress_health_check=HealthCheck)
@given(st.lists(systems(), min_size=SYSTEMS, max_size=SYSTEMS))
def test_random_systems_are_solved_exactly(drawn):
    made = protocol(drawn)
    expected = loop(made, drawn)
    for backend in ("numpy", "cpp"):
        result = run(made, backend, 0)
        for name, seen in expected.items():
            found = result.traces[name].values.reshape(STEPS, -1)
            assert gap(found, seen) < 1e-12, (name, backend, drawn)
