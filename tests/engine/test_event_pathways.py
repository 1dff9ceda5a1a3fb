"""Pathways transmit spikes and other events of both ends, each with its own effect."""

from functools import cache

import numpy as np
import pytest
from comparisons import assert_identical, same_bits, spike_table
from continued_runs import assert_one_run, runs
from interrupted_runs import interrupt
from reference_problems import FAST

import dendrosim as ds

CELL = """
dv/dt = (drive - v)/(10*ms) : 1
dg/dt = -g/(5*ms) : 1
dh/dt = -h/(8*ms) : 1
drive : 1
"""
# `a` and `b` are traces of one end, `z` starts with other values in all synapses, and `w` is plastic.
EQUATIONS = """
da/dt = -a/(20*ms) : 1 (event-driven)
db/dt = (0.1 - b)/(30*ms) : 1 (event-driven)
dz/dt = -z/(40*ms) : 1 (event-driven)
w : 1
"""
PATH = {
    "on_pre": {
        "spike": "a += 1\ng_post += w\nw = clip(w - 0.01*b, 0, 1)\nz += 0.1",
        "burst": "a = 0.5*a + 1\nh_post += w*z*a\nz += 0.2*w",
    },
    "on_post": {
        "burst": "b = 2*b + 0.1\nz *= 0.9",
        "spike": "b += 1\nw = clip(w + 0.02*a, 0, 1)\nz += 0.01*w",
    },
}
SIZE, BATCH, STEPS, DT = 6, 2, 1200, 1e-4
DRIVES = np.random.default_rng(8).uniform(0.95, 1.7, (BATCH, SIZE))
DELAYS = {"none": None, "one": "1.5 ms", "several": ds.Uniform("0.5 ms", "4 ms")}
POST_DELAYS = {"none": None, "one": "2.3 ms", "several": ds.Uniform("0.1 ms", "5 ms")}
CASES = [
    ("none", "none"), ("one", "none"), ("several", "none"), ("none", "one"), ("one", "one"),
    ("several", "one"), ("one", "several"), ("several", "several"),
]  # fmt: skip
RATES, GOALS = {"a": 1 / 20e-3, "b": 1 / 30e-3, "z": 1 / 40e-3}, {"a": 0.0, "b": 0.1, "z": 0.0}


def protocol(delay="one", post_delay="none", **changes):
    cell = ds.Population(
        "cell", SIZE, CELL, inputs=["drive"], threshold="v > 1", reset="v = 0",
        events={"burst": ds.Event("v > 1 and t - lastspike < 16*ms - dt/2")},
    )  # fmt: skip
    path = ds.Pathway(
        "path", "cell", "cell", connect=ds.Probability(0.6), equations=EQUATIONS, delay=DELAYS[delay],
        initial={"z": ds.Uniform(0, 1), "w": ds.Uniform(0.2, 0.8)},
        **{**PATH, "post_delay": POST_DELAYS[post_delay], **changes},
    )  # fmt: skip
    return ds.Protocol(
        ds.Circuit((cell,), pathways=(path,)),
        (ds.Block("run", (ds.Phase("on", f"{STEPS * 0.1} ms"),)),),
        dt="0.1 ms",
        recordings=(
            ds.Recording("cell.*", every="spike"),
            ds.Recording(("cell.g", "cell.h"), every="0.1 ms"),
            ds.Recording("path.*", every="3.7 ms"),
        ),
        signals={"cell.drive": ds.Samples("drives")},
        data={"drives": DRIVES},
        batch=BATCH,
    )


@cache
def result(backend, delays, threads=1):
    return ds.run(protocol(*delays), backend=backend, seed=4, threads=threads)


class Synapse:
    """A synapse as its text says, with effects done one statement after the other."""

    def __init__(self, values):
        self.x, self.last = dict(values), 0.0

    def bring_to(self, t):
        for name, rate in RATES.items():
            goal = GOALS[name]
            self.x[name] = goal + (self.x[name] - goal) * np.exp(-rate * (t - self.last))
        self.last = t

    def apply(self, trigger, g, h, post):
        x = self.x
        if trigger == ("pre", "spike"):
            x["a"] += 1
            g[post] += x["w"]
            x["w"] = np.clip(x["w"] - 0.01 * x["b"], 0, 1)
            x["z"] += 0.1
        elif trigger == ("pre", "burst"):
            x["a"] = 0.5 * x["a"] + 1
            h[post] += x["w"] * x["z"] * x["a"]
            x["z"] += 0.2 * x["w"]
        elif trigger == ("post", "spike"):
            x["b"] += 1
            x["w"] = np.clip(x["w"] + 0.02 * x["a"], 0, 1)
            x["z"] += 0.01 * x["w"]
        else:
            x["b"] = 2 * x["b"] + 0.1
            x["z"] *= 0.9


def loop(found, start, before=None):
    """Synapse by synapse, from the events that were recorded; return g, h and the final variables.

    The run may start from the end of another one, `before`.
    """
    at = found.synapses["path"]
    steps = {"pre": np.round(at.delay / DT).astype(int), "post": np.zeros(len(at.pre), int)}
    if at.post_delay is not None:
        steps["post"] = np.round(at.post_delay / DT).astype(int)
    synapses = [
        [Synapse({n: v[k, b] for n, v in start.items()}) for b in range(BATCH)]
        for k in range(len(at.pre))
    ]
    sent = {
        event: {tuple(row) for row in spike_table(found, label)}
        for event, label in (("spike", "cell"), ("burst", "cell.burst"))
    }
    g, h, rows = np.zeros((SIZE, BATCH)), np.zeros((SIZE, BATCH)), []
    if before is not None:
        g, h = (before.final[f"cell.{n}"].values.copy() for n in "gh")
    for step in range(STEPS):
        rows.append((g.copy(), h.copy()))
        g, h = g - DT * g / 5e-3, h - DT * h / 8e-3
        for side in ("pre", "post"):
            for event in ("spike", "burst"):
                for k, pair in enumerate(synapses):
                    for sample, synapse in enumerate(pair):
                        unit = getattr(at, side)[k]
                        if (step - steps[side][k], unit, sample) in sent[event]:
                            synapse.bring_to(step * DT)
                            synapse.apply((side, event), g, h, (at.post[k], sample))
    for pair in synapses:
        for synapse in pair:
            synapse.bring_to(STEPS * DT)
    final = {n: np.array([[s.x[n] for s in pair] for pair in synapses]) for n in start}
    return [np.stack(x) for x in zip(*rows, strict=True)], final


@pytest.mark.parametrize("delays", CASES, ids="-".join)
@pytest.mark.parametrize("backend", FAST)
def test_each_event_has_its_effect_after_its_delay(backend, delays):
    found = result(backend, delays)
    kinds = (1 if d == "one" else 8 if d == "several" else 0 for d in delays)
    at = found.synapses["path"]
    for kind, delay in zip(kinds, (at.delay, at.post_delay), strict=True):
        assert (kind == 0 and (delay is None or not delay.any())) or len(set(delay)) >= kind
    assert len(found.spikes["cell.burst"].time) > 30
    start = {n: found[f"path.{n}"].values[0] for n in ("a", "b", "z", "w")}
    (g, h), final = loop(found, start)
    np.testing.assert_allclose(found["cell.g"].values, g, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(found["cell.h"].values, h, rtol=1e-12, atol=1e-14)
    other = result("cpp" if backend == "numpy" else "numpy", delays)
    for name, values in final.items():
        for ours, theirs in (
            (found.final[f"path.{name}"].values, values),
            (found[f"path.{name}"].values, other[f"path.{name}"].values),
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14, err_msg=name)


def test_events_with_two_threads_have_the_same_bits():
    """Fifty cells spike at once, so that threads share their synapses, unless postsynaptic delays differ."""
    size = 200
    cell = protocol().circuit.populations[0].replace(size=size, inputs={"drive": 0.0})
    paths = tuple(
        ds.Pathway(
            f"path_{'_'.join(delays)}", "cell", "cell", connect=ds.InDegree(100), equations=EQUATIONS,
            initial={"z": ds.Uniform(0, 1), "w": ds.Uniform(0.2, 0.8)}, delay=DELAYS[delays[0]],
            post_delay=POST_DELAYS[delays[1]], on_pre=PATH["on_pre"],
            on_post={**PATH["on_post"], "burst": "b = 2*b + 0.1\nz *= 0.9\nh_post += 0.1*z"},
        )
        for delays in (("one", "one"), ("several", "several"))
    )  # fmt: skip
    made = protocol().replace(
        circuit=ds.Circuit((cell,), pathways=paths), batch=1, recordings=(),
        signals={"cell.drive": np.repeat([1.2, 1.3, 1.5, 1.7], size // 4)}, data={},
        blocks=(ds.Block("run", (ds.Phase("on", "60 ms"),)),),
    )  # fmt: skip
    one, two = (ds.run(made, backend="cpp", threads=n) for n in (1, 2))
    assert same_bits(one, two)
    assert np.all(one.final["cell.h"].values > 0)
    numpy = ds.run(made, backend="numpy")
    for name in one.state:
        np.testing.assert_allclose(one.state[name], numpy.state[name], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("delays", [("one", "one"), ("several", "several")], ids="-".join)
def test_an_interrupted_run_keeps_all_events_that_are_on_their_way(delays, tmp_path):
    out = interrupt(protocol(*delays), tmp_path / "run", step=300, seed=4)
    assert_identical(ds.run(resume=out), result("cpp", delays))


def test_a_run_from_a_result_with_delays_of_another_kind_says_which():
    without, one, several = (result("numpy", ("one", kind)) for kind in ("none", "one", "several"))
    for start, kind, words in (
        (without, "one", "no post_delay"),
        (several, "one", "has post_delays from"),
        (several, "none", "has post_delays from"),
    ):
        with pytest.raises(ds.errors.ParameterError, match=f"Pathway 'path'.*{words}"):
            ds.run(protocol("one", kind), backend="numpy", initial=start)
    later = ds.run(protocol("one", "several"), backend="cpp", initial=one)
    assert set(later.synapses["path"].post_delay) == {2.3e-3}


@pytest.mark.parametrize("delays", [("one", "one"), ("several", "several")], ids="-".join)
@pytest.mark.parametrize("backend", FAST)
def test_a_run_in_two_pieces_is_the_whole_one(backend, delays):
    bursts = spike_table(result(backend, delays), "cell.burst")[:, 0]
    cut = int(bursts[len(bursts) // 2]) + 4  # before all synapses know of a burst
    blocks = [
        ds.Block(name, (ds.Phase("on", f"{0.1 * steps} ms"),))
        for name, steps in (("a", cut), ("b", 900 - cut))
    ]
    whole, *pieces = (protocol(*delays).replace(blocks=b) for b in (blocks, blocks[:1], blocks[1:]))
    parts = runs(pieces, backend=backend, seed=4)
    for end in ("pre", "pre_burst", "post", "post_burst"):
        assert len(parts[0].carried[f"path.ds_flying_{end}"]), f"nothing was on its way: {end}"
    assert_one_run(parts, ds.run(whole, backend=backend, seed=4))


@pytest.mark.parametrize("delays", [("one", "one"), ("several", "several")], ids="-".join)
@pytest.mark.parametrize("backend", FAST)
def test_delays_of_both_ends_are_in_results_and_in_runs_from_them(backend, delays, tmp_path):
    found = result(backend, delays)
    read = ds.open_result(found.save(tmp_path / "result.nc"))
    at = read.synapses["path"]
    for ours, theirs in zip(found.synapses["path"], at, strict=True):
        assert np.array_equal(ours, theirs)
    final = read.final["path.w"]
    assert np.array_equal(final["post_delay"].values, at.post_delay)
    assert final["post_delay"].attrs["units"] == "s"
    later = ds.run(protocol(*delays), backend=backend, seed=9, initial=read)
    assert np.array_equal(later.synapses["path"].post_delay, at.post_delay)
    start = {n: later[f"path.{n}"].values[0] for n in ("a", "b", "z", "w")}
    for name, values in start.items():
        assert np.array_equal(values, read.final[f"path.{name}"].values)
    g, _ = loop(later, start, read)[0]
    np.testing.assert_allclose(later["cell.g"].values, g, rtol=1e-12, atol=1e-14)


def test_a_mapping_of_spikes_alone_is_the_text_itself():
    plain = protocol(on_pre="g_post += w + a + b + z", on_post="")
    mapped = protocol(on_pre={"spike": "g_post += w + a + b + z"}, on_post={})
    assert plain == mapped
    both = protocol()
    assert ds.Protocol.from_json(both.to_json()) == both
    assert list(both.circuit.pathway("path").effects) == [
        ("pre", "spike"), ("pre", "burst"), ("post", "spike"), ("post", "burst"),
    ]  # fmt: skip


@pytest.mark.parametrize("backend", FAST)
def test_states_of_synapses_decay_also_while_the_other_end_changes_only_its_trace(backend):
    """The postsynaptic unit spikes at 10 and 30 ms, the presynaptic one at 20 and 40 ms."""
    cell = ds.Population("cell", 2, "x : 1", inputs=["x"], threshold="x > 0.5")
    path = ds.Pathway(
        "path", "cell", "cell", on_pre="a += 1", on_post="z += a + 1", connect=ds.Pairings([1], [0]),
        equations="da/dt = -a/(20*ms) : 1 (event-driven)\ndz/dt = -z/(10*ms) : 1 (event-driven)",
    )  # fmt: skip
    spikes = np.zeros((500, 2))
    spikes[[100, 300], path.connect.post[0]] = spikes[[200, 400], path.connect.pre[0]] = 1
    made = ds.Protocol(
        ds.Circuit((cell,), pathways=(path,)), (ds.Block("run", (ds.Phase("on", "50 ms"),)),),
        dt="0.1 ms", signals={"cell.x": ds.Table(spikes, "0.1 ms")},
    )  # fmt: skip
    z = np.exp(-4.0) + np.exp(-2.0) * (np.exp(-0.5) + 1)
    found = ds.run(made, backend=backend).final["path.z"].values
    np.testing.assert_allclose(found, [z], rtol=1e-12)
