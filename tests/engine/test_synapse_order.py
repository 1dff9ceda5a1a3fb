"""Texts whose result depends on the order of spikes mean the same everywhere: compared with a loop over synapses.

Spikes are given. In each step, the loop executes a text for one synapse after the other, with Python.
"""

import math
import re
from itertools import product

import numpy as np
import pytest
from comparisons import gap, same_bits
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from reference_problems import PATIENT

import dendrosim as ds
from dendrosim.engine.backends import check_supported
from dendrosim.engine.cuda.backend import Cuda
from dendrosim.engine.plan.synapse_order import depends_on_order, ordered_effects
from dendrosim.engine.plan.synapse_tables import synapse_tables
from dendrosim.equations.assignments import parse_assignments
from dendrosim.errors import SpecError
from dendrosim.experiments.run import run

STEPS, UNITS, TAU, HELD = 40, 9, 3e-3, 5
NAMES = ("g", "h")
SPIKES = np.random.default_rng(1).random((STEPS, 2, UNITS)) < 0.15
CONNECT = (
    ds.Condition("(i*j + i) % 3 != 1"),  # with synapses of a unit on itself
    ds.Pairings([0, 0, 3, 3, 3, 5, 8, 1, 1, 7], [2, 2, 3, 3, 4, 2, 2, 1, 2, 0]),
)
DELAYS = (None, "0.4 ms", ds.Expression("0.1*(1 + (i + 3*j) % 5) + 0.1*int(rand() < 0.5)", "ms"))


def protocol(texts):
    """One pathway for each pair of texts, in turns from a to b and from b to b, on variables of its own."""
    lines = [
        f"d{n}{k}/dt = -{n}{k}/tau : 1" + " (unless refractory)" * (n == "h")
        for k in range(len(texts))
        for n in NAMES
    ]
    initial = {f"{n}{k}": 0.3 + 0.05 * np.arange(UNITS) for k in range(len(texts)) for n in NAMES}
    cells = [
        ds.Population(
            cell, UNITS, "\n".join([*lines, "fire : 1"]), inputs=["fire"], threshold="fire > 0.5",
            refractory=f"{HELD / 10}*ms", initial=initial,
        ) for cell in ("a", "b")
    ]  # fmt: skip
    paths = [
        ds.Pathway(
            f"p{k:02}", pre_of(k), "b", placed(on_pre, k), CONNECT[k // 2 % 2], ds.Uniform(0.5, 1),
            DELAYS[k // 2 % 3], "r : 1", placed(on_post, k), initial={"r": 0.2},
        ) for k, (on_pre, on_post) in enumerate(texts)
    ]  # fmt: skip
    names = [f"{cell}.{n}{k}" for cell in "ab" for k in range(len(texts)) for n in NAMES]
    return ds.Protocol(
        ds.Circuit(tuple(cells), pathways=tuple(paths), parameters={"tau": f"{TAU} s"}),
        (ds.Block("run", (ds.Phase("on", f"{STEPS / 10} ms"),)),), "0.1 ms",
        tuple(ds.Recording(n, "0.1 ms") for n in names),
        {f"{c}.fire": ds.Table(SPIKES[:, k].astype(float), "0.1 ms") for k, c in enumerate("ab")},
    )  # fmt: skip


def pre_of(k):
    return "ab"[k % 2]


def placed(text, k):
    """A text on the variables of pathway k; it uses all variables of synapses."""
    text += "\nr += 0*weight"
    for name in NAMES:
        for end in ("_pre", "_post"):
            text = text.replace(f"{name}{end}", f"{name}{k}{end}")
    return text


OPERATIONS = {
    "=": lambda _, y: y, "+=": lambda x, y: x + y, "-=": lambda x, y: x - y,
    "*=": lambda x, y: x * y, "/=": lambda x, y: x / y,
}  # fmt: skip


class Synapses:
    """A pathway of the loop; `states` has the variables of both populations."""

    def __init__(self, table, lines, k, states):
        self.pre, self.post = table.pre, table.post
        self.delay = np.broadcast_to(np.rint(table.delays / 1e-4).astype(int), table.pre.shape)
        self.weight, self.r = table.values["weight"].copy(), np.full(len(table.pre), 0.2)
        self.lines, self.k, self.states = lines, k, states

    def arrivals(self, step, side, fired):
        """The synapses that spikes reach in a step, in their order."""
        if side == "post":
            order = sorted(range(len(self.post)), key=lambda n: (self.post[n], n))
            return [n for n in order if fired["b"][step, self.post[n]]]
        order = sorted(range(len(self.pre)), key=lambda n: (-self.delay[n], self.pre[n], n))
        sent = step - self.delay
        return [n for n in order if sent[n] >= 0 and fired[pre_of(self.k)][sent[n], self.pre[n]]]

    def act(self, n, side, free):
        """Do a text for synapse n."""
        places = {
            f"{name}{self.k}{end}": (cell, f"{name}{self.k}", unit)
            for name in NAMES
            for end, cell, unit in (
                ("_pre", pre_of(self.k), self.pre[n]),
                ("_post", "b", self.post[n]),
            )
        }
        own = {"r": self.r, "weight": self.weight}
        local = {}
        for target, operator, code in self.lines[side]:
            values = {x: array[n] for x, array in own.items()}
            values |= {x: self.states[c, name][u] for x, (c, name, u) in places.items()} | local
            new = OPERATIONS[operator](values.get(target), eval(code, {"sin": math.sin}, values))
            if target in places:
                cell, name, unit = places[target]
                if not name.startswith("h") or free[cell][unit]:
                    self.states[cell, name][unit] = new
            elif target in own:
                own[target][n] = new
            else:
                local[target] = new


def loop(texts):
    made = protocol(texts)
    tables = synapse_tables(made, 5)
    states = {
        (c, f"{n}{k}"): 0.3 + 0.05 * np.arange(UNITS)
        for c in "ab"
        for n in NAMES
        for k in range(len(texts))
    }
    paths = []
    for k, (on_pre, on_post) in enumerate(texts):
        lines = {
            side: [
                (x.target, x.operator, compile(x.expression, "text", "eval"))
                for x in parse_assignments(placed(text, k))
            ]
            for side, text in (("pre", on_pre), ("post", on_post))
        }
        paths.append(Synapses(tables[f"p{k:02}"], lines, k, states))
    fired = {c: np.zeros((STEPS, UNITS), bool) for c in "ab"}
    last = {c: np.full(UNITS, -HELD) for c in "ab"}
    traces = {f"{c}.{n}": np.zeros((STEPS, UNITS)) for c, n in states}
    for step in range(STEPS):
        for (c, n), array in states.items():
            traces[f"{c}.{n}"][step] = array
            held = (step - last[c] < HELD) if n.startswith("h") else np.zeros(UNITS, bool)
            array -= np.where(held, 0, 1e-4 * array / TAU)
        for index, c in enumerate("ab"):
            fired[c][step] = SPIKES[step, index] & (step - last[c] >= HELD)
            last[c][fired[c][step]] = step
        free = {c: step - last[c] >= HELD for c in "ab"}
        for side in ("pre", "post"):
            for path in paths:
                for n in path.arrivals(step, side, fired):
                    path.act(n, side, free)
    return traces


def check(texts, backend, threads=1):
    result = run(protocol(texts), backend, 5, threads=threads)
    for name, expected in loop(texts).items():
        found = result.traces[name].values.reshape(STEPS, UNITS)
        assert gap(found, expected) < 1e-12, (name, backend, texts)


TEXTS = (
    ("g_post *= 0.9\ng_post += weight", ""),
    ("g_post *= 0.9\ng_post += weight", ""),
    ("h_post += 0.1*g_pre\ng_post += 0.1*weight", "g_post = 0.5*g_post + 0.1*h_pre"),
    ("g_post += 0.1*g_pre", "g_pre += 0.1*g_post\nh_post *= 0.9"),
    ("g_pre = weight\nh_post = g_pre", "h_pre = r\nr = 0.5*g_post"),
    ("g_post += 1\ng_pre += 1\nh_pre *= 0.9\nh_post += 0.1*g_pre", "g_post -= 0.2*weight"),
    ("y = g_post\ng_post = 0.5*weight\nh_pre = 0.5*y\nr += y", "h_post = r"),
    ("r = g_pre - g_post\ng_post += 0.2*r\ng_pre -= 0.2*r", "y = h_pre\nh_pre = h_post\nh_post = y"),
)  # fmt: skip


@pytest.mark.parametrize("backend", PATIENT)
def test_each_spike_acts_on_one_synapse_after_the_other(backend):
    check(TEXTS, backend)


def _texts():
    names = st.sampled_from(["g_pre", "g_post", "h_pre", "h_post", "r", "weight"])
    inside = st.tuples(names, names).map(lambda p: f"sin(0.7*{p[0]} + 0.5*{p[1]})")
    signs = st.sampled_from(list(OPERATIONS))
    scale = {"=": "0.8*", "+=": "0.3*", "-=": "0.2*", "*=": "0.9 + 0.1*", "/=": "1.2 + 0.1*"}
    line = st.tuples(names, signs, inside).map(lambda p: f"{p[0]} {p[1]} {scale[p[1]]}{p[2]}")
    code = st.lists(line, min_size=1, max_size=4)
    return st.tuples(*[code.map("\n".join)] * 2)


@pytest.mark.slow
@settings(max_examples=8, deadline=None, phases=[Phase.generate], suppress_health_check=HealthCheck)
@given(st.lists(_texts(), min_size=12, max_size=12))
def test_random_texts_mean_the_same_everywhere(texts):
    for backend, threads in (("numpy", 1), ("cpp", 1), ("cpp", 2)):
        check(texts, backend, threads)


@pytest.mark.parametrize(
    ("text", "own", "recurrent", "expected"),
    [
        ("g_post += weight", (), True, False),
        ("g_post -= weight\nx_pre *= 2\nx_pre /= y_pre", (), False, False),
        ("g_post *= 0.9\ng_post += weight", (), False, True),
        ("g_post += g_pre", (), False, False),
        ("g_post += g_pre", (), True, True),
        ("g_post += x_pre", (), True, False),
        ("y = g_post\nw += y\ng_post += 1", ("w",), False, True),
        ("g_pre += 1\ng_post += 1", (), True, True),
        ("x_pre = 0", (), False, False),
        ("x_pre = y_pre + weight", (), False, False),
        ("x_pre = y_post", (), False, True),
        ("x_pre = weight", ("weight",), False, True),
        ("y = 2\nx_pre = y", (), False, True),
        ("w = w + 1\ng_post += w", ("w",), True, False),
    ],
)
def test_the_analysis_finds_texts_that_depend_on_the_order(text, own, recurrent, expected):
    assert depends_on_order(parse_assignments(text), own, recurrent) is expected


def _next(text, v, i, j):
    """The index and the value of what a synapse from i to j changes; r is 2*v, and q is 1 + r."""
    return {
        "v_post += weight*r_pre": lambda: (j, v[j] + 0.01 * 2 * v[i]),
        "v_post += weight*q_post": lambda: (j, v[j] + 0.01 * (1 + 2 * v[j])),
        "v_post *= 0.99; v_post += weight*r_post": lambda: (j, 0.99 * v[j] * (1 + 0.02)),
        "v_pre += weight*r_post": lambda: (i, v[i] + 0.01 * 2 * v[j]),
    }[text]()


BEHIND = (
    "v_post += weight*r_pre", "v_post += weight*q_post", "v_post *= 0.99; v_post += weight*r_post",
    "v_pre += weight*r_post",
)  # fmt: skip


@pytest.mark.parametrize(("backend", "threads"), [("numpy", 1), ("cpp", 1), ("cpp", 2)])
def test_variables_behind_subexpressions_count(backend, threads):
    """Compared with a loop; rows are long enough for two threads."""
    units, start, of_all = 90, np.linspace(0, 1, 90), range(len(BEHIND))
    lines = [
        f"dv{k}/dt = -v{k}/(10*ms) : 1\nr{k} = 2*v{k} : 1\nq{k} = 1 + r{k} : 1" for k in of_all
    ]
    cells = ds.Population(
        "b", units, "\n".join([*lines, "fire : 1"]), inputs=["fire"], threshold="fire > 0.5",
        initial={f"v{k}": start for k in of_all},
    )  # fmt: skip
    paths = [
        ds.Pathway(f"p{k}", "b", "b", re.sub(r"\b([vrq])_", rf"\g<1>{k}_", text), weight=0.01)
        for k, text in enumerate(BEHIND)
    ]
    fire = np.random.default_rng(2).random((12, units)) < 0.3
    made = ds.Protocol(
        ds.Circuit((cells,), pathways=paths), (ds.Block("run", (ds.Phase("on", "1.2 ms"),)),), "0.1 ms",
        signals={"b.fire": ds.Table(fire.astype(float), "0.1 ms")},
    )  # fmt: skip
    final = ds.run(made, backend, threads=threads).final
    for k, text in enumerate(BEHIND):
        v = start.copy()
        for row in fire:
            v -= 1e-4 * v / 1e-2
            for i, j in product(np.flatnonzero(row), range(units)):
                at, value = _next(text, v, i, j)
                v[at] = value
        assert gap(final[f"b.v{k}"].values, v) < 1e-12, text


@pytest.mark.parametrize(("pre", "expected"), [("a", False), ("b", True)])
def test_one_to_one_synapses_have_no_order(pre, expected):
    text = "g_post *= 0.9\ng_post += weight*g_pre"
    cells = [ds.Population(n, 3, "dg/dt = -g/ms : 1", threshold="g > 1") for n in "ab"]
    path = ds.Pathway("p", pre, "b", text, ds.OneToOne(), 0.5)
    circuit = ds.Circuit(tuple(cells), pathways=(path,))
    assert list(ordered_effects(circuit, path).values()) == [expected]


def test_the_gpu_refuses_them_and_says_what_can():
    with pytest.raises(
        SpecError, match=r"depends on the order of spikes, .* Pathway 'p00'; choose .*cpp"
    ):
        check_supported(Cuda(), protocol(TEXTS))


# -- long rows ------------------------------------------------------------------------------------------------


WIDE = 4200


def wide():
    """Rows that are long enough to be divided into several blocks."""
    cell = ds.Population(
        "cell", WIDE, "dg/dt = -g/(3*ms) : 1\ndh/dt = -h/(3*ms) : 1\nfire : 1", inputs=["fire"],
        threshold="fire > 0.5", initial={"g": 0.1},
    )  # fmt: skip
    fire = np.random.default_rng(3).random((6, WIDE)) < 4e-4
    paths = (
        ds.Pathway("chain", "cell", "cell", "g_post += 0.3*sin(g_pre + g_post)", ds.Probability(0.065), None,
                   ds.Expression("0.1 + 0.1*(j % 2)", "ms")),
        ds.Pathway("back", "cell", "cell", "h_pre = 0.9*h_pre + 0.1*sin(h_post)\nh_post += 0.1",
                   ds.Probability(0.035)),
    )  # fmt: skip
    return ds.Protocol(
        ds.Circuit((cell,), pathways=paths), (ds.Block("run", (ds.Phase("on", "0.6 ms"),)),), "0.1 ms",
        (ds.Recording("cell.g", "0.1 ms"), ds.Recording("cell.h", "0.1 ms")),
        {"cell.fire": ds.Table(fire.astype(float), "0.1 ms")},
    )  # fmt: skip


def test_long_rows_and_threads_do_not_change_the_order():
    found = [run(wide(), "cpp", 2, threads=threads) for threads in (1, 2, 3)]
    expected = run(wide(), "numpy", 2)
    for name, trace in expected.traces.items():
        assert np.ptp(trace.values[-1]) > 0.1
        assert gap(found[0].traces[name].values, trace.values) < 1e-12, name
    assert same_bits(found[0], found[1])
    assert same_bits(found[0], found[2])
