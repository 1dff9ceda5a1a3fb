"""A spike reaches the other side in exactly the step that its delay says, and changes what its text says.

The reference is a loop with an explicit calendar of arrivals. Within a step come, in this order: state
updates, thresholds, synapses (every `on_pre`, then every `on_post`), resets.
"""

from functools import cache

import numpy as np
import pytest
from reference_problems import BACKENDS
from test_spiking import gap, spike_table

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.connectivity.all_to_all import AllToAll
from dendrosim.circuit.connectivity.in_degree import InDegree
from dendrosim.circuit.connectivity.one_to_one import OneToOne
from dendrosim.circuit.connectivity.pairings import Pairings
from dendrosim.circuit.connectivity.probability import Probability
from dendrosim.circuit.initial_values.normal import Normal
from dendrosim.circuit.initial_values.uniform import Uniform
from dendrosim.circuit.pathway import Pathway
from dendrosim.circuit.population import Population
from dendrosim.engine.plan.synapse_tables import wirings
from dendrosim.engine.simulate import run
from dendrosim.errors import EquationError, ParameterError
from dendrosim.protocol.phases import Block, Phase, Recording
from dendrosim.protocol.protocol import Protocol
from dendrosim.results.result import open_result
from dendrosim.signals.constant import Constant
from dendrosim.signals.table import Table

DT = 1e-4
TAU_G, TAU_M, TAU_F, TAU_D, T_REF = 5e-3, 10e-3, 80e-3, 120e-3, 1.5e-3
REFRACTORY = 15
CELL = """
dv/dt = (-v + g + drive)/tau_m : 1 (unless refractory)
dg/dt = -g/tau_g : 1
drive : 1
"""
# Tsodyks-Markram: both variables recover between spikes, each spike releases and facilitates.
STP = """
dfacil/dt = (U - facil)/tau_f : 1 (event-driven)
dresource/dt = (1 - resource)/tau_d : 1 (event-driven)
potentiation : 1
"""
ON_PRE = """
v = facil*resource          # a name of its own, which is also a state of the target
g_post += (weight + potentiation)*v
resource -= v
facil += U*(1 - facil)
"""
ON_POST = "potentiation += 0.05*facil"

SOURCES, CELLS, STEPS = 5, 4, 1200
_rng = np.random.default_rng(8)
FEED_PRE = np.array([0, 0, 1, 2, 3, 4, 4, 2, 2])
FEED_POST = np.array([0, 1, 1, 2, 3, 0, 3, 0, 0])  # the last two are a double synapse
FEED_STEPS = np.array([1, 17, 3, 40, 5, 8, 8, 2, 9])
FEED_WEIGHT = _rng.uniform(2.0, 6.0, 9)
SPIKES = _rng.random((STEPS, SOURCES)) < 0.02
SPIKES[:6] = False
SPIKES[300:305, 1] = True  # spikes in every step: several in flight at a time


def circuit():
    """Sources whose spikes are given, cells that they excite, and that inhibit each other at random."""
    return Circuit(
        (
            Population("source", SOURCES, "x : 1", inputs=["x"], threshold="x > 0.5"),
            Population(
                "cell", CELLS, CELL, inputs=["drive"], threshold="v > 1", reset="v = 0",
                refractory="t_ref",
            ),
        ),
        parameters={
            "tau_m": "10 ms", "tau_g": "5 ms", "tau_f": "80 ms", "tau_d": "120 ms", "t_ref": "1.5 ms",
        },
        pathways=(
            Pathway(
                "feed", "source", "cell", ON_PRE, Pairings(FEED_PRE, FEED_POST), FEED_WEIGHT,
                [f"{n / 10} ms" for n in FEED_STEPS], STP, ON_POST, {"U": 0.3},
                {"facil": 0.3, "resource": 1.0},
            ),
            Pathway(
                "rec", "cell", "cell", "v_post -= weight", Probability(0.6, self_connections=False),
                Uniform(0.05, 0.3), Uniform("0.1 ms", "4 ms"),
            ),
            Pathway("self", "cell", "cell", "g_post += weight", OneToOne(), 0.1),
        ),
    )  # fmt: skip


DRIVE = np.array([[0.9, 1.3, 0.5, 1.8], [1.6, 0.2, 1.1, 1.4]])  # sample x unit


def protocol(batch=1, **changes):
    settings = {
        "circuit": circuit(),
        "blocks": (Block("run", (Phase("on", f"{STEPS / 10} ms"),)),),
        "dt": "0.1 ms",
        "recordings": (
            Recording(("cell.v", "cell.g"), "0.1 ms"), Recording("*.spike", every="spike"),
        ),
        "signals": {
            "source.x": Table(SPIKES.astype(float), "0.1 ms"), "cell.drive": Constant(DRIVE[0]),
        },
        "batch": batch,
    }  # fmt: skip
    return Protocol(**{**settings, **changes})


def decayed(value, rest, steps, tau):
    """The exact solution of dx/dt = (rest - x)/tau after so many steps."""
    return rest + (value - rest) * np.exp(-steps * DT / tau)


def loop(drive, rec, fire=SPIKES):
    """One sample, from the wiring of the recurrent pathway (pre, post, delay in steps, weight)."""
    rec_pre, rec_post, rec_steps, rec_weight = rec
    v, g, since = np.zeros(CELLS), np.zeros(CELLS), np.full(CELLS, 10**9)
    facil, resource, potentiation = np.full(9, 0.3), np.ones(9), np.zeros(9)
    updated = np.zeros(9, dtype=int)
    feed_calendar = [[] for _ in range(STEPS + 100)]
    rec_calendar = [[] for _ in range(STEPS + 100)]
    rows, spikes = [], []
    for step in range(STEPS):
        rows.append((v.copy(), g.copy()))
        open_ = since >= REFRACTORY
        v, g = np.where(open_, v + DT * (-v + g + drive) / TAU_M, v), g + DT * -g / TAU_G
        fired = (v > 1) & open_
        open_ &= ~fired
        spikes += [(step, unit) for unit in np.flatnonzero(fired)]
        for k in range(9):
            if fire[step, FEED_PRE[k]]:
                feed_calendar[step + FEED_STEPS[k]].append(k)
        for k in range(len(rec_pre)):
            if fired[rec_pre[k]]:
                rec_calendar[step + rec_steps[k]].append(k)
        back = [k for k in range(9) if fired[FEED_POST[k]]]
        for k, kind in [*((k, "pre") for k in feed_calendar[step]), *((k, "post") for k in back)]:
            facil[k] = decayed(facil[k], 0.3, step - updated[k], TAU_F)
            resource[k] = decayed(resource[k], 1.0, step - updated[k], TAU_D)
            updated[k] = step
            if kind == "post":
                potentiation[k] += 0.05 * facil[k]
                continue
            released = facil[k] * resource[k]
            g[FEED_POST[k]] += (FEED_WEIGHT[k] + potentiation[k]) * released
            resource[k] -= released
            facil[k] += 0.3 * (1 - facil[k])
        for k in rec_calendar[step]:
            if open_[rec_post[k]]:  # a state that stands still takes no spikes either
                v[rec_post[k]] -= rec_weight[k]
        g += 0.1 * fired
        v, since = np.where(fired, 0.0, v), np.where(fired, 0, since) + 1
    v_, g_ = (np.stack([row[i] for row in rows]) for i in (0, 1))
    return {"v": v_, "g": g_}, np.array(spikes).reshape(-1, 2)


def recurrent(made, seed):
    """The drawn wiring of one sample: pre, post, delay in steps, weight."""
    drawn = wirings(made, seed)["rec"]
    mine = drawn.pre % made.batch == 0
    return (
        drawn.pre[mine] // made.batch, drawn.post[mine] // made.batch,
        np.round(drawn.delays[mine] / DT).astype(int), drawn.values["weight"][mine],
    )  # fmt: skip


@cache
def done(backend, batch=1):
    return run(protocol(batch), backend, 3)


# -- against the loop --------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_spikes_arrive_in_the_step_of_their_delay_and_do_what_the_text_says(backend):
    result = done(backend)
    wiring = recurrent(result.protocol, 3)
    assert len(set(wiring[2])) > 3  # of different delays
    history, spikes = loop(DRIVE[0], wiring)
    assert len(spikes) > 30
    assert len(set(spikes[:, 1])) == CELLS
    assert np.array_equal(spike_table(result)[:, :2], spikes)
    for name, expected in history.items():
        assert gap(result.traces[f"cell.{name}"].values[:, :, 0], expected) < 1e-10, name
    steps, units = np.nonzero(SPIKES)
    assert np.array_equal(spike_table(result, "source")[:, :2], np.stack([steps, units], axis=1))


@pytest.mark.parametrize("backend", BACKENDS)
def test_other_numbers_in_the_same_circuit_do_too(backend):
    """Another seed, another drive: the wiring is data, so nothing is compiled anew."""
    result = run(protocol(signals={**protocol().signals, "cell.drive": DRIVE[1]}), backend, 11)
    history, spikes = loop(DRIVE[1], recurrent(result.protocol, 11))
    assert np.array_equal(spike_table(result)[:, :2], spikes)
    assert gap(result.traces["cell.v"].values[:, :, 0], history["v"]) < 1e-10


def test_samples_of_a_batch_share_connections_and_nothing_else():
    from dendrosim.signals.samples import Samples

    signals = {**protocol().signals, "cell.drive": Samples("drive")}
    both = run(protocol(2, signals=signals, data={"drive": DRIVE}), "numpy", 3)
    ours = spike_table(both)
    for sample in (0, 1):
        history, spikes = loop(DRIVE[sample], recurrent(both.protocol, 3))
        assert np.array_equal(ours[ours[:, 2] == sample][:, :2], spikes)
        for name, expected in history.items():
            assert gap(both.traces[f"cell.{name}"].values[:, :, sample], expected) < 1e-10, name
    assert not np.array_equal(ours[ours[:, 2] == 0][:, :2], ours[ours[:, 2] == 1][:, :2])


def test_a_result_with_pathways_comes_back_from_a_file(tmp_path):
    result = done("numpy")
    read = open_result(result.save(tmp_path / "result.nc"))
    assert read.protocol.to_json() == result.protocol.to_json()
    again = run(read.protocol, "numpy", 3)
    assert np.array_equal(spike_table(again), spike_table(result))


# -- one spike ---------------------------------------------------------------------------------------------


def one_spike(delays, dt=0.1, at=10, steps=60):
    """The g of cells at the start of every step, after one spike that reaches each with its delay."""
    fire = np.zeros((steps, 1))
    fire[at] = 1
    if delays is None:
        size, options = 1, {}
    else:
        size = len(delays)
        options = {"delay": delays, "connect": Pairings([0] * size, range(size))}
    circuit = Circuit(
        (
            Population("source", 1, "x : 1", inputs=["x"], threshold="x > 0.5"),
            Population("cell", size, "dg/dt = 0*g/second : 1"),
        ),
        pathways=[Pathway("feed", "source", "cell", "g_post += weight", weight=1.0, **options)],
    )
    made = Protocol(
        circuit, (Block("run", (Phase("on", f"{steps * dt!r} ms"),)),), f"{dt!r} ms",
        (Recording("cell.g", f"{dt!r} ms"),), {"source.x": Table(fire, f"{dt!r} ms")},
    )  # fmt: skip
    return run(made, "numpy").traces["cell.g"].values[:, :, 0].T


def test_without_delay_the_effect_is_there_at_the_end_of_the_step_of_the_spike():
    assert np.array_equal(one_spike(None), [[0] * 11 + [1] * 49])


@pytest.mark.parametrize("dt", [0.1, 0.02, 0.3, 1 / 3])
def test_with_a_delay_of_n_steps_it_is_there_n_steps_later(dt):
    delays = (1, 2, 7, 31)
    for n, g in zip(delays, one_spike([f"{n * dt!r} ms" for n in delays], dt), strict=True):
        assert np.array_equal(g, [0] * (11 + n) + [1] * (49 - n))


def test_a_delay_is_rounded_to_the_nearest_step():
    g = one_spike(["0.14 ms", "0.16 ms", "0.449 ms"])
    assert np.array_equal(g.argmax(axis=1), [12, 13, 15])


@pytest.mark.parametrize("at", [0, 59])
def test_spikes_in_the_first_and_in_the_last_step_count(at):
    assert one_spike(None, at=at).sum() == 59 - at
    assert np.array_equal(one_spike(["0.1 ms", "10 ms"], at=at).sum(axis=1), [max(58 - at, 0), 0])


def test_what_a_spike_does_to_the_presynaptic_unit_goes_to_that_unit():
    circuit = Circuit(
        (
            Population("up", 2, "dx/dt = 1/ms : 1", threshold="x > 5", reset="x = 0"),
            Population("down", 3, "dg/dt = 0*g/second : 1"),
        ),
        pathways=[
            Pathway("feed", "up", "down", "g_post += weight\nx_pre = -20", Pairings([1], [2]), 2.0, "1 ms")
        ],
    )  # fmt: skip
    made = Protocol(
        circuit, (Block("run", (Phase("on", "20 ms"),)),), "1 ms", (Recording("*.*", "1 ms"),)
    )
    result = run(made, "numpy")
    assert np.array_equal(result.state["down.g"][:, 0], [0, 0, 2])
    x = result.traces["up.x"].values[:, :, 0]
    # x is 6 after the update of step 5: a spike, a reset; the synapse sets it in step 6.
    assert np.array_equal(x[:8, 1], [0, 1, 2, 3, 4, 5, 0, -20])
    assert np.array_equal(x[:8, 0], [0, 1, 2, 3, 4, 5, 0, 1])


# -- short-term plasticity ---------------------------------------------------------------------------------


@pytest.mark.parametrize("tau_f", [20.0, 500.0])
def test_a_regular_train_releases_what_the_exact_recursion_says(tau_f):
    """n-th response of a Tsodyks-Markram synapse, by the recursion of its exact solution."""
    interval, count, usage, tau_d = 130, 8, 0.15, 90e-3
    fire = np.zeros((interval * count + 1, 1))
    fire[::interval] = 1
    circuit = Circuit(
        (
            Population("source", 1, "x : 1", inputs=["x"], threshold="x > 0.5"),
            Population("cell", 1, "dg/dt = 0*g/second : 1"),
        ),
        pathways=[
            Pathway(
                "feed", "source", "cell",
                "released = facil*resource\ng_post = released\nresource -= released\nfacil += U*(1 - facil)",
                equations=STP.replace("potentiation : 1\n", ""), initial={"facil": usage, "resource": 1.0},
                parameters={"U": usage, "tau_f": f"{tau_f} ms", "tau_d": "90 ms"},
            )
        ],
    )  # fmt: skip
    made = Protocol(
        circuit, (Block("run", (Phase("on", f"{len(fire) / 10} ms"),)),), "0.1 ms",
        (Recording("cell.g", "0.1 ms"),), {"source.x": Table(fire, "0.1 ms")},
    )  # fmt: skip
    g = run(made, "numpy").traces["cell.g"].values[:, 0, 0]
    facil, resource, expected = usage, 1.0, []
    for _ in range(count):
        expected.append(facil * resource)
        resource -= facil * resource
        facil += usage * (1 - facil)
        facil = usage + (facil - usage) * np.exp(-13e-3 / (tau_f * 1e-3))
        resource = 1 + (resource - 1) * np.exp(-13e-3 / tau_d)
    assert np.allclose(g[1::interval], expected, rtol=1e-12)


# -- joined circuits ---------------------------------------------------------------------------------------


def pair(tau, weight):
    """Two cells, one driven, joined by one synapse."""
    return Circuit(
        (
            Population(
                "cell", 2, "dv/dt = (drive + g - v)/tau : 1\ndg/dt = -g/(4*ms) : 1\ndrive : 1",
                inputs={"drive": [1.5, 0.0]}, threshold="v > 1", reset="v = 0",
            ),
        ),
        parameters={"tau": tau, "w": weight},
        pathways=[Pathway("link", "cell", "cell", "g_post += w", Pairings([0], [1]), delay="1 ms")],
    )  # fmt: skip


def pair_run(circuit):
    made = Protocol(
        circuit, (Block("run", (Phase("on", "60 ms"),)),), "0.1 ms",
        (Recording("*.spike", every="spike"), Recording("*.v", "0.1 ms")),
    )  # fmt: skip
    return run(made, "numpy")


def test_joined_circuits_do_what_each_does_alone_until_a_pathway_between_them_is_added():
    left, right = pair("10 ms", 1.5), pair("6 ms", 4.0)
    joined = pair_run(Circuit.join(left=left, right=right))
    for name, alone in (("left", pair_run(left)), ("right", pair_run(right))):
        assert np.array_equal(
            spike_table(joined, f"{name}_cell"), spike_table(alone)
        )  # scopes: each has its own tau and w
        values = joined.traces[f"{name}_cell.v"].values
        assert gap(values, alone.traces["cell.v"].values) < 1e-12
    assert len(spike_table(joined, "right_cell")) > len(spike_table(joined, "left_cell")) > 3
    across = Pathway(
        "across", "left_cell", "right_cell", "v_post -= weight", OneToOne(), 0.2, "2 ms"
    )
    together = pair_run(Circuit.join((), [across], left=left, right=right))
    assert np.array_equal(spike_table(together, "left_cell"), spike_table(joined, "left_cell"))
    assert len(spike_table(together, "right_cell")) < len(spike_table(joined, "right_cell"))
    assert [p.name for p in together.circuit.pathways] == ["left_link", "right_link", "across"]


# -- what may be left out, and what may not be started from ------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_pathway_that_connects_nobody_changes_nothing(backend):
    """In the program of the reference circuit, whose wiring is data."""
    given = circuit()
    feed, rec, own = given.pathways
    alone = Pathway(
        "rec",
        "cell",
        "cell",
        rec.on_pre,
        Probability(0),
        Uniform(0.05, 0.3),
        Uniform("0.1 ms", "4 ms"),
    )
    nobody = tuple(np.zeros(0, dtype=int) for _ in range(4))
    made = protocol(circuit=given.replace(pathways=(feed, alone, own)))
    result = run(made, backend, 3)
    history, spikes = loop(DRIVE[0], nobody)
    assert np.array_equal(spike_table(result)[:, :2], spikes)
    assert gap(result.traces["cell.v"].values[:, :, 0], history["v"]) < 1e-10


def test_a_run_cannot_start_from_another_with_spikes_in_flight():
    result = done("numpy")
    with pytest.raises(
        ParameterError, match=r"Pathway 'feed' has delays or variables .* `initial`"
    ):
        run(protocol(), "numpy", initial=result)


def test_a_run_starts_from_another_whose_pathways_remember_nothing():
    circuit = Circuit(
        (
            Population(
                "cell", 6, CELL, inputs={"drive": np.linspace(0, 2, 6)}, threshold="v > 1", reset="v = 0",
                refractory="t_ref",
            ),
        ),
        parameters={"tau_m": "10 ms", "tau_g": "5 ms", "t_ref": "1.5 ms"},
        pathways=[Pathway("rec", "cell", "cell", "g_post += weight", InDegree(2), Normal(0.3, 0.5))],
    )  # fmt: skip

    def made(duration):
        return Protocol(
            circuit, (Block("run", (Phase("on", duration),)),), "0.1 ms",
            (Recording("cell.spike", every="spike"),),
        )  # fmt: skip

    whole, first = run(made("100 ms"), "numpy", 4), run(made("43.7 ms"), "numpy", 4)
    second = run(made("56.3 ms"), "numpy", 4, initial=first)
    later = spike_table(second) + np.array([437, 0, 0])
    assert np.array_equal(np.concatenate([spike_table(first), later]), spike_table(whole))
    assert np.array_equal(second.state["cell.v"], whole.state["cell.v"])


def test_a_rate_that_is_read_from_outside_of_its_population_must_be_kept_by_it():
    cell = {"equations": "dv/dt = -v/ms : 1", "threshold": "v > 1", "reset": "v = 0"}
    late = Pathway("a", "cell", "cell", "v_post += int(t - lastspike_post > 5*ms)", AllToAll())
    with pytest.raises(EquationError, match="undefined symbol 'lastspike_post'"):
        Circuit((Population("cell", 1, **cell),), pathways=[late])
    Circuit((Population("cell", 1, **cell, refractory="1*ms"),), pathways=[late])
