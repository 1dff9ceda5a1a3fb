"""Random numbers in texts about spikes are those of SplitMix64, in every back end and number of threads.

The loop below draws the numbers itself, from the keys of the streams, the step, the unit or synapse, and the
sample.
"""

import math
from functools import cache

import numpy as np
import pytest
from comparisons import gap
from reference_problems import PATIENT

import dendrosim as ds
from dendrosim.engine.plan.synapse_tables import synapse_tables
from dendrosim.errors import EquationError, SpecError
from dendrosim.experiments.run import run
from dendrosim.streams import stream

STEPS, CELLS, TARGETS, BATCH, DT, TAU = 400, 6, 5, 2, 1e-4, 5e-3
MASK, GAMMA = 2**64 - 1, 0x9E3779B97F4A7C15


def bits(key, place):
    z = (key + GAMMA * (place + 1)) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


class Stream:
    """The numbers of one call."""

    def __init__(self, seed, name):
        self.key = int(stream(seed, f"random.{name}").integers(2**64, dtype=np.uint64))

    def uniform(self, step, unit, sample):
        return ((bits(bits(self.key, step), unit + (sample << 32)) >> 11) + 0.5) * 2.0**-53

    def normal(self, step, unit, sample):
        z = bits(bits(self.key, step), (unit & ~128) + (sample << 32))
        radius, angle = (
            math.sqrt(-2 * math.log(((z >> 32) + 0.5) / 2**32)),
            (z & 0xFFFFFFFF) / 2**32,
        )
        return radius * (math.sin if unit & 128 else math.cos)(2 * math.pi * angle)


def protocol(delay, batch=BATCH):
    sender = ds.Population(
        "sender", CELLS, "dv/dt = (2 - v)/(4*ms) : 1\ndlast/dt = 0*last/second : 1",
        threshold="v > 1 + 0.2*rand()", reset="v = 0.3*randn() - rand()\nlast = v",
    )  # fmt: skip
    cell = ds.Population("cell", TARGETS, "dg/dt = -g/tau : 1", threshold="g > 3", reset="g = 0")
    release = ds.Pathway(
        "release", "sender", "cell", connect=ds.Condition("(i + j) % 4 != 0"), delay=delay,
        equations="p : 1\nreleased : 1", initial={"p": 0.6}, weight=ds.Uniform(0.5, 1.5),
        on_pre="""
            success = int(rand() < p)             # stochastic release
            g_post += success*weight*(1 + 0.1*randn())
            released += success
        """,
        on_post="p = clip(p + 0.2*(rand() - 0.5), 0, 1)",
    )  # fmt: skip
    traces = ("sender.v", "sender.last", "cell.g", "release.p", "release.released")
    return ds.Protocol(
        ds.Circuit((sender, cell), pathways=(release,), parameters={"tau": f"{TAU} s"}),
        (ds.Block("run", (ds.Phase("on", f"{STEPS * DT} s"),)),), dt=f"{DT} s", batch=batch,
        recordings=tuple(ds.Recording(n, f"{DT} s") for n in traces),
    )  # fmt: skip


DELAYS = {"none": None, "several": ds.Expression("0.1 + 0.1*((i*j) % 7)", "ms")}


@cache
def result(backend, delay, threads=1):
    return run(protocol(DELAYS[delay]), backend, 5, threads=threads)


@cache
def loop(delay, seed=5):
    """All traces, (steps, units or synapses, samples)."""
    table = synapse_tables(protocol(DELAYS[delay], 1), seed)["release"]
    count, steps = (
        len(table.pre),
        np.broadcast_to(np.rint(table.delays / DT).astype(int), len(table.pre)),
    )
    calls = {n: Stream(seed, f"sender.ds_rand_{n}") for n in ("threshold0", "reset0", "reset1")}
    calls |= {n: Stream(seed, f"release.ds_rand_{n}") for n in ("pre0", "pre1", "post0")}
    sizes = {"v": CELLS, "last": CELLS, "g": TARGETS, "p": count, "released": count}
    now = {n: np.full((size, BATCH), 0.6 if n == "p" else 0.0) for n, size in sizes.items()}
    traces = {n: np.zeros((STEPS, size, BATCH)) for n, size in sizes.items()}
    due = {}
    for step in range(STEPS):
        for name, array in now.items():
            traces[name][step] = array
        now["v"] = now["v"] + DT * (2 - now["v"]) / 4e-3
        now["g"] = now["g"] - DT * now["g"] / TAU
        for b in range(BATCH):
            spikes = [
                u
                for u in range(CELLS)
                if now["v"][u, b] > 1 + 0.2 * calls["threshold0"].uniform(step, u, b)
            ]
            post = [u for u in range(TARGETS) if now["g"][u, b] > 3]
            for s in range(count):
                if table.pre[s] in spikes:
                    due.setdefault(step + steps[s], []).append((s, b))
            for s in sorted(s for s, sample in due.get(step, ()) if sample == b):
                success = float(calls["pre0"].uniform(step, s, b) < now["p"][s, b])
                strength = table.values["weight"][s] * (1 + 0.1 * calls["pre1"].normal(step, s, b))
                now["g"][table.post[s], b] += success * strength
                now["released"][s, b] += success
            for s in range(count):
                if table.post[s] in post:
                    moved = now["p"][s, b] + 0.2 * (calls["post0"].uniform(step, s, b) - 0.5)
                    now["p"][s, b] = min(max(moved, 0), 1)
            for u in spikes:
                normal, uniform = (
                    calls["reset0"].normal(step, u, b),
                    calls["reset1"].uniform(step, u, b),
                )
                now["v"][u, b] = now["last"][u, b] = 0.3 * normal - uniform
            now["g"][post, b] = 0
    return traces


@pytest.mark.parametrize("delay", DELAYS)
@pytest.mark.parametrize("backend", PATIENT)
def test_traces_are_those_of_the_loop(backend, delay):
    traces = loop(delay)
    assert traces["released"][-1].sum() > 100
    assert np.ptp(traces["p"][-1]) > 0.1
    for name, expected in traces.items():
        path = {"v": "sender", "last": "sender", "g": "cell"}.get(name, "release")
        found = result(backend, delay).traces[f"{path}.{name}"].values
        assert gap(found, expected) < 1e-12, name


def test_threads_change_no_bit():
    one, two = result("cpp", "several"), result("cpp", "several", 2)
    for name in one.traces:
        assert np.array_equal(one.traces[name].values, two.traces[name].values), name


def test_a_function_that_uses_its_argument_twice_draws_one_number():
    cell = ds.Population(
        "cell",
        3,
        "dv/dt = 0*v/second : 1",
        threshold="v < 1",
        reset="v = s(rand()) - s(0)",
        transfer="softplus",
    )
    blocks = (ds.Block("run", (ds.Phase("on", "1 ms"),)),)
    found = run(ds.Protocol(ds.Circuit((cell,)), blocks, dt="1 ms"), "numpy", 2).state["cell.v"]
    drawn = np.array([Stream(2, "cell.ds_rand_reset0").uniform(0, u, 0) for u in range(3)])
    assert gap(found.ravel(), np.log1p(np.exp(drawn)) - np.log(2)) < 1e-12


@pytest.mark.parametrize("text", ["rand(2)", "randn(v)", "rand", "rand()*mV"])
def test_wrong_calls_are_refused_by_name(text):
    with pytest.raises(SpecError, match="Population 'cell': reset"):
        ds.Circuit(
            (ds.Population("cell", 3, "dv/dt = -v/ms : 1", threshold="v > 1", reset=f"v = {text}"),)
        )


@pytest.mark.parametrize("place", ["rate", "subexpression", "refractory"])
def test_equations_take_random_numbers_from_signals(place):
    rate, sub, refractory = (
        ("rand()" if place == p else "1") for p in ("rate", "subexpression", "refractory")
    )
    equations = f"dv/dt = {rate}*r/second : 1\nr = {sub} : 1"
    with pytest.raises(
        EquationError,
        match=r"random numbers come from signals .* rand\(\) and randn\(\) are for thr",
    ):
        ds.Circuit(
            (ds.Population("cell", 3, equations, threshold="v > 1", refractory=f"{refractory}*ms"),)
        )
