"""A spike reaches the other side in exactly the step that its delay says, and changes what its text says.

The reference is a loop with an explicit calendar of arrivals. Within a step come, in this order: state
updates, thresholds, synapses (every `on_pre`, then every `on_post`), resets.
"""

import numpy as np
import pytest
from comparisons import gap, spike_table
from delayed_synapses import (
    CELL,
    CELLS,
    DRIVE,
    SPIKES,
    STP,
    circuit,
    loop,
    protocol,
    recurrent,
    run_once,
)
from reference_problems import FAST, PATIENT

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
from dendrosim.errors import EquationError
from dendrosim.experiments.run import run
from dendrosim.protocol.phases import Block, Phase, Recording
from dendrosim.protocol.protocol import Protocol
from dendrosim.results.result import open_result
from dendrosim.signals.table import Table
from dendrosim.units import quantity

# -- against the loop --------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", PATIENT)
def test_spikes_arrive_in_the_step_of_their_delay_and_do_what_the_text_says(backend):
    result = run_once(backend)
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


@pytest.mark.parametrize("backend", PATIENT)
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
    result = run_once("numpy")
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
    elif isinstance(delays, str):
        size, options = 1, {"delay": delays}
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


@pytest.mark.parametrize("dt", [0.1, 0.125])
def test_half_a_step_of_a_delay_is_rounded_up_as_in_brian2(dt):
    texts = [f"{(n + 0.5) * dt!r} ms" for n in range(1, 12)]
    drawn = one_spike(texts, dt)
    one = np.concatenate([one_spike(text, dt) for text in texts])
    # As in Brian2's cspikequeue.cpp, where 0.65 ms are 6.4999... steps of 0.1 ms.
    expected = [int(quantity(t).value / quantity(f"{dt!r} ms").value + 0.5) for t in texts]
    assert np.array_equal(drawn.argmax(axis=1), 11 + np.array(expected))
    assert np.array_equal(one, drawn)


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


@pytest.mark.parametrize("backend", PATIENT)
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


# -- numbers that all synapses share -------------------------------------------------------------------------


@pytest.mark.parametrize("backend", FAST)
def test_a_shared_number_of_synapses_is_one_of_their_parameters(backend):
    tau, first, last = 3.0, 10, 50
    fire = np.zeros((80, 1))
    fire[[first, last]] = 1
    link = Pathway(
        "feed", "source", "cell", "g_post += k*u\nu += 1", equations=(
            "du/dt = -u/tau_u : 1 (event-driven)\ntau_u : second (shared)\nk : 1 (shared)"
        ),
        parameters={"tau_u": f"{tau} ms", "k": 2.5}, initial={"u": 4.0},
    )  # fmt: skip
    circuit = Circuit(
        (
            Population("source", 1, "x : 1", inputs=["x"], threshold="x > 0.5"),
            Population("cell", 2, "dg/dt = 0*g/second : 1"),
        ),
        pathways=[link],
    )  # fmt: skip
    made = Protocol(
        circuit, (Block("run", (Phase("on", "8 ms"),)),), "0.1 ms",
        (Recording("cell.g", "0.1 ms"),), {"source.x": Table(fire, "0.1 ms")},
    )  # fmt: skip
    result = run(made, backend)
    one = 4 * np.exp(-first * 0.1 / tau)
    two = (one + 1) * np.exp(-(last - first) * 0.1 / tau)
    assert np.allclose(result.traces["cell.g"].values[-1, 0], 2.5 * (one + two), rtol=1e-12)
    assert "feed.tau_u" not in result.final
