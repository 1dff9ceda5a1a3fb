"""Burst-dependent plasticity, compared with a loop over events that are found by the intervals between spikes."""

from functools import cache

import numpy as np
import pytest
from comparisons import spike_table
from reference_problems import FAST

import dendrosim as ds
from dendrosim.analysis.bursts import find_bursts
from dendrosim.errors import ParameterError, UnitError, UnknownMemberError
from dendrosim.mechanisms.burst_events import burst_relay, longest_interval

DT, STEPS, DELAY, INTERVAL = 1e-4, 8_000, 12, 160  # seconds; numbers of steps
SIZES = {"pre": 3, "post": 4}
RULES = {
    "frozen": {"tau_average": None, "p_start": 0.3},
    "adaptive": {"tau_average": "500 ms", "p_start": 0.6, "rate_start": "2 Hz"},
    "homeostasis": {
        "tau_average": "300 ms", "p_start": 0.2, "rate_start": "4 Hz", "rate_low": "9 Hz", "rate_high": "11 Hz",
        "weight_max": 0.55,
    },
}  # fmt: skip
WEIGHT, SHARED = 0.5, {"eta": 0.02, "tau_trace": "80 ms"}


def trains(size, seed):
    """Spikes at intervals of 3 to 20 or of 30 to 300 ms, some of exactly 16 ms, one step less, and one step."""
    rng = np.random.default_rng(seed)
    unit, time = [], []
    for k in range(size):
        apart = np.where(
            rng.random(400) < 0.5, rng.integers(30, 200, 400), rng.integers(300, 3000, 400)
        )
        apart[rng.random(400) < 0.1] = INTERVAL
        apart[rng.random(400) < 0.1] = INTERVAL - 1
        apart[rng.random(400) < 0.1] = 1
        at = np.cumsum(apart)
        at = at[at < STEPS]
        unit.append(np.full(len(at), k))
        time.append(at * DT)
    unit, time = np.concatenate(unit), np.concatenate(time)
    order = np.argsort(time, kind="stable")
    return unit[order], time[order]


def relays(pathways, gates=None):
    """Populations `pre` and `post` that repeat given spikes."""
    given = [ds.SpikeTimes(f"{n}_spikes", size) for n, size in SIZES.items()]
    feed = [
        ds.Pathway(f"feed_{n}", f"{n}_spikes", n, "fire_post += 1", connect=ds.OneToOne())
        for n in SIZES
    ]
    populations = tuple(burst_relay(n, size) for n, size in SIZES.items())
    return ds.Circuit(
        populations, pathways=(*feed, *pathways), sources=tuple(given), gates=gates or {}
    )


@cache
def result(backend):
    """One run with all rules side by side."""
    rules = [
        ds.Pathway(
            name, "pre", "post", weight=WEIGHT, delay=f"{DELAY * DT!r} s",
            rule=ds.rules.burst_dependent(**SHARED, **values),
        )
        for name, values in RULES.items()
    ]  # fmt: skip
    protocol = ds.Protocol(
        relays(rules),
        (ds.Block("run", (ds.Phase("on", f"{STEPS * DT!r} s"),)),),
        dt=f"{DT!r} s",
        spikes={f"{n}_spikes": trains(size, k) for k, (n, size) in enumerate(SIZES.items())},
        recordings=(
            ds.Recording("*.spike", "spike"),
            ds.Recording(tuple(f"{n}.{e}" for n in SIZES for e in ("event", "burst")), "spike"),
        ),
    )
    return ds.run(protocol, backend)


def events(name, size, seed):
    """Steps of events and bursts of each unit, by the definition; relays spike one step late."""
    unit, time = trains(size, seed)
    found = []
    for k in range(size):
        steps = np.round(time[unit == k] / DT).astype(int) + 1
        alone, kinds = False, {}
        for previous, step in zip([-(10**9), *steps[:-1]], steps, strict=True):
            if step - previous >= INTERVAL:
                kinds[step], alone = "event", True
            elif alone:
                kinds[step], alone = "burst", False
        found.append(kinds)
    return found


def loop(values):
    """Weights and variables of all synapses at the end: every event in turn, decays as exponentials."""
    given = {"p_start": 0.15, "rate_start": "5 Hz", "rate_low": None, "rate_high": None, **values}
    pre, post = (events(n, SIZES[n], k) for k, n in enumerate(("pre", "post")))
    tau = values["tau_average"] and ds.quantity(values["tau_average"]).value
    low, high, start = (
        given[n] and ds.quantity(given[n]).value for n in ("rate_low", "rate_high", "rate_start")
    )
    top, eta, end = values.get("weight_max", np.inf), SHARED["eta"], {}
    floor = 0.0 if "weight_max" in values else -np.inf
    for i in range(SIZES["post"]):
        for j in range(SIZES["pre"]):
            sent = {step + DELAY: "pre" for step, kind in pre[j].items() if kind == "event"}
            w, x, e, b, last = 0.5, 0.0, start, given["p_start"] * start, 0
            for step in sorted(sent.keys() | post[i].keys()):
                x *= np.exp(-(step - last) * DT / 80e-3)
                if tau:
                    e, b = (r * np.exp(-(step - last) * DT / tau) for r in (e, b))
                last = step
                if step in sent and step < STEPS:
                    x += 1
                    if low and e < low:
                        w = min(max(w + eta * (low - e), floor), top)
                kind = post[i].get(step)
                if kind and step < STEPS:
                    expected = min(b / e, 1) if tau else given["p_start"]
                    change = 1.0 if kind == "burst" else -expected
                    if high and e > high:
                        change -= (e - high) / e
                    w = min(max(w + eta * x * change, floor), top)
                    if tau:
                        e, b = e + (kind == "event") / tau, b + (kind == "burst") / tau
            rest = (STEPS - last) * DT
            x *= np.exp(-rest / 80e-3)
            end[j, i] = (w, x, *((r * np.exp(-rest / tau) for r in (e, b)) if tau else ()))
    return np.array([end[pair] for pair in sorted(end)]).T


@pytest.mark.parametrize("backend", FAST)
def test_events_and_bursts_are_those_of_the_intervals_in_steps(backend):
    found = result(backend)
    for seed, (name, size) in enumerate(SIZES.items()):
        rows = {
            (step, unit): kind
            for unit, kinds in enumerate(events(name, size, seed))
            for step, kind in kinds.items()
        }
        for kind in ("event", "burst"):
            table = {(int(s), int(u)) for s, u, _ in spike_table(found, f"{name}.{kind}")}
            assert table == {at for at, k in rows.items() if k == kind}
            assert len(table) > 5
    spikes = find_bursts(found.spikes["post"], 16e-3 - DT / 2)
    assert spikes.burst.sum() == len(found.spikes["post.burst"].time)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("backend", FAST)
def test_weights_and_traces_are_those_of_a_loop_over_events(backend, rule):
    expected = loop(RULES[rule])
    names = ("weight", "trace", "event_rate", "burst_rate")[: len(expected)]
    for name, values in zip(names, expected, strict=True):
        found = result(backend).final[f"{rule}.{name}"].values.ravel()
        np.testing.assert_allclose(found, values, rtol=1e-12, atol=1e-12, err_msg=name)
    assert np.ptp(expected[0]) > 0.01


def test_homeostasis_and_the_bound_of_weights_act():
    free = {n: v for n, v in RULES["homeostasis"].items() if not n.startswith("rate_")}
    bound = loop(RULES["homeostasis"])[0]
    assert np.any(bound == 0.55)
    assert not np.allclose(bound, loop(free)[0], atol=1e-3)


def test_a_gate_switches_learning_off_and_a_spike_keeps_its_effect():
    rule = ds.Pathway(
        "learn", "pre", "post", "drive_post += weight*released", weight=1.0,
        rule=(ds.rules.short_term("depressing"), ds.rules.burst_dependent(gate="open")),
    )  # fmt: skip
    assert set(rule.on_pre) == {"spike", "event"}
    assert "open*eta" in rule.on_post["burst"]
    assert "released" in rule.on_pre["spike"]
    assert {"utilisation", "trace", "event_rate"} <= set(rule.variables)


def silent():
    """Cells that spike, but have no bursts."""
    return ds.Population("post", 4, "dv/dt = (2 - v)/(10*ms) : 1", threshold="v > 1", reset="v = 0")


def test_a_cell_without_bursts_is_refused_by_name():
    rule = ds.Pathway("learn", "pre", "post", weight=0.5, rule=ds.rules.burst_dependent())
    with pytest.raises(
        UnknownMemberError, match=r"event of population 'post', which on_post of Pathway 'learn'"
    ):
        ds.Circuit((burst_relay("pre", 3), silent()), pathways=(rule,))
    pyramidal = ds.load_circuit("pyramidal_burst").populations[0]
    rule = ds.Pathway(
        "learn", "pyramidal", "pyramidal", weight=0.5, rule=ds.rules.burst_dependent()
    )
    with pytest.raises(UnknownMemberError, match="event of population 'pyramidal'"):
        ds.Circuit(
            (pyramidal,), pathways=(rule,), parameters=ds.load_circuit("pyramidal_burst").parameters
        )


@pytest.mark.parametrize("model", ["pyramidal_burst", "pyramidal_burst_conductance"])
def test_shipped_cells_have_the_events_on_request(model):
    assert not ds.load_circuit(model).populations[0].events
    assert set(ds.load_circuit(model, burst_interval="16 ms").populations[0].events) == {
        "event",
        "burst",
    }


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"eta": -0.1}, ParameterError, "burst_dependent: eta is -0.1; it must be at least 0"),
        ({"p_start": 1.5}, ParameterError, "p_start is 1.5; it must be from 0 to 1"),
        ({"tau_trace": "0 ms"}, ParameterError, "tau_trace"),
        ({"tau_average": "-1 s"}, ParameterError, "tau_average"),
        ({"tau_trace": "1 mV"}, UnitError, "tau_trace"),
        ({"rate_start": "0 Hz"}, ParameterError, "rate_start"),
        ({"rate_start": "3 mV"}, UnitError, "rate_start is 0.003 V; it must be a rate"),
        ({"rate_high": "0 Hz"}, ParameterError, "rate_high"),
        ({"weight_max": 0.4}, ParameterError, "outside of its bounds, 0 and 0.4"),
        ({"weight_max": -1}, ParameterError, "weight_max is -1; it must be positive"),
        ({"eta": "1 nS"}, UnitError, "weight"),
        ({"tau_average": None, "rate_low": "2 Hz"}, ParameterError, "rate_low is a limit of the average"),
        ({"tau_average": None, "rate_high": "2 Hz"}, ParameterError, "rate_high is a limit of the average"),
    ],
)  # fmt: skip
def test_values_that_make_no_sense_are_refused(changes, error, words):
    with pytest.raises(error, match=words):
        relays(
            [
                ds.Pathway(
                    "learn", "pre", "post", weight=0.5, rule=ds.rules.burst_dependent(**changes)
                )
            ]
        )


def test_time_steps_need_not_divide_the_longest_interval_of_a_burst():
    """At steps of 0.3 ms, 53 steps are 15.9 ms, and 54 steps are 16.2 ms."""
    dt = 3e-4
    steps = np.array([10, 63, 400, 454])
    protocol = ds.Protocol(
        relays(()),
        (ds.Block("run", (ds.Phase("on", f"{500 * dt!r} s"),)),),
        dt=f"{dt!r} s",
        spikes={f"{n}_spikes": (np.zeros(4, dtype=int), steps * dt) for n in SIZES},
        recordings=(ds.Recording(("post.event", "post.burst"), "spike"),),
    )
    found = ds.run(protocol, "numpy")
    at = {
        n: np.round(found.spikes[f"post.{n}"].time / dt).astype(int) - 1 for n in ("event", "burst")
    }
    assert list(at["event"]) == [10, 400, 454]
    assert list(at["burst"]) == [63]
    assert longest_interval(dt) == pytest.approx(15.9e-3, rel=1e-12)
    assert longest_interval(1e-4) == pytest.approx(15.9e-3, rel=1e-12)
    assert longest_interval(0.25e-3) == pytest.approx(15.75e-3, rel=1e-12)
