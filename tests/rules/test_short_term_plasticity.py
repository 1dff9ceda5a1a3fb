"""Short-term plasticity: printed ratios, stationary responses in closed form, and every back end the same.

The printed ratios were computed with independent code (forward recursion over the spikes).
"""

import numpy as np
import pytest
from printed_responses import TRAINS, TWENTY_HERTZ
from reference_problems import PATIENT

import dendrosim as ds
from dendrosim.errors import (
    EquationError,
    ParameterError,
    ShapeError,
    UnitError,
    UnknownMemberError,
)
from dendrosim.rules.short_term_plasticity import NAMED


def times_of(interval, count):
    return interval * np.arange(count)


# -- numbers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "interval", "ratios", "half"), TRAINS)
def test_decoders_respond_as_printed(name, interval, ratios, half):
    released = ds.ShortTerm.named(name).released(times_of(interval * 1e-3, len(ratios)))
    assert released / released[0] == pytest.approx(np.array(ratios), abs=half)


@pytest.mark.parametrize(("name", "second", "eighth"), TWENTY_HERTZ)
def test_classes_respond_as_printed(name, second, eighth):
    released = ds.ShortTerm.named(name).released(times_of(0.05, 8))
    assert released[[1, 7]] / released[0] == pytest.approx(np.array([second, eighth]), abs=0.005)


@pytest.mark.parametrize("name", NAMED)
def test_a_long_train_reaches_the_stationary_response(name):
    """Where a spike and the pause after it undo each other, u and x solve one linear equation each."""
    synapse, interval = ds.ShortTerm.named(name), 0.03
    keep_u, keep_x = (
        np.exp(-interval / t.value) for t in (synapse.tau_facilitation, synapse.tau_depression)
    )
    rest, step = synapse.utilisation, synapse.increment
    if synapse.variant == "extended":  # u before the spike
        u = (rest * (1 - keep_u) + step * keep_u) / (1 - (1 - step) * keep_u)
    else:  # u after it has grown
        u = rest / (1 - (1 - rest) * keep_u)
    stationary = u * (1 - keep_x) / (1 - (1 - u) * keep_x)
    assert synapse.released(times_of(interval, 1000))[-1] == pytest.approx(stationary, rel=1e-12)


@pytest.mark.parametrize("name", NAMED)
def test_the_first_spike_releases_the_utilisation_and_so_does_one_after_a_long_pause(name):
    synapse = ds.ShortTerm.named(name)
    released = synapse.released([0.0, 0.01, 100.0])
    assert released[[0, 2]] == pytest.approx(synapse.utilisation, rel=1e-12)
    assert synapse.released([]).shape == (0,)


# -- pathways --------------------------------------------------------------------------------------

STEPS, CELLS = 500, 3
SPIKES = np.random.default_rng(4).random((STEPS, CELLS)) < [0.005, 0.02, 0.1]
SPIKES[300:310, 0] = True  # in every step
SPIKES[-10:] = False  # let the last arrive
SYNAPSES = {
    "one": ds.ShortTerm("extended", 0.3, "40 ms", "25 ms", 0.15),
    "two": ds.ShortTerm("canonical", 0.2, "35 ms", "60 ms"),
}
OTHERS = {
    "one": ds.ShortTerm.named("facilitating"),
    "two": ds.ShortTerm.named("I pseudo-linear", tau_depression="10 ms"),
}


def protocol(synapses):
    """Sources whose spikes are given; cells keep what the last one released, and the sum of all."""
    cell = "".join(f"d{k}_{n}/dt = 0*Hz : 1\n" for n in synapses for k in ("last", "sum"))
    return ds.Protocol(
        ds.Circuit(
            (
                ds.Population("source", CELLS, "x : 1", inputs=["x"], threshold="x > 0.5"),
                ds.Population("cell", CELLS, cell),
            ),
            pathways=[
                ds.Pathway(
                    name,
                    "source",
                    "cell",
                    f"last_{name}_post = released\nsum_{name}_post += weight*released",
                    connect=ds.OneToOne(),
                    weight=2.5,
                    delay="0.4 ms" if name == "two" else None,
                    rule=ds.rules.short_term(synapse),
                )
                for name, synapse in synapses.items()
            ],
        ),
        (ds.Block("run", (ds.Phase("on", f"{STEPS / 10} ms"),)),),
        dt="0.1 ms",
        recordings=(ds.Recording("cell.*", "0.1 ms"),),
        signals={"source.x": ds.Table(SPIKES.astype(float), "0.1 ms")},
    )  # fmt: skip


def assert_exact(result, synapses):
    for name, synapse in synapses.items():
        late = 4 if name == "two" else 0
        for unit in range(CELLS):
            steps = np.flatnonzero(SPIKES[:, unit])
            released = synapse.released(steps * 1e-4)
            found = result[f"cell.last_{name}"].values[steps + late + 1, unit]
            assert found == pytest.approx(released, rel=1e-12)
            total = result.final[f"cell.sum_{name}"].values[unit]
            assert total == pytest.approx(2.5 * released.sum(), rel=1e-12)


@pytest.mark.parametrize("backend", PATIENT)
def test_pathways_release_what_the_recursion_says(backend):
    assert_exact(ds.run(protocol(SYNAPSES), backend=backend), SYNAPSES)
    # Every number is data: other synapses of the same variants run in the same program.
    again = ds.run(protocol(OTHERS), backend=backend)
    assert_exact(again, OTHERS)
    assert not again.provenance["compiled"]


def test_numbers_of_a_synapse_are_no_part_of_the_program():
    assert protocol(SYNAPSES).circuit.structure() == protocol(OTHERS).circuit.structure()


def test_a_pathway_may_have_variables_and_numbers_of_its_own_besides():
    pathway = ds.Pathway(
        "p",
        "a",
        "a",
        "gain = scale + potentiation\ng_post += gain*released*(1 - resources)",
        ds.OneToOne(),
        equations="potentiation : 1",
        on_post="potentiation += 0.1*utilisation",
        parameters={"scale": 0.5},
        initial={"potentiation": 0.25, "resources": 0.5},
        rule=ds.rules.short_term(SYNAPSES["one"]),
    )
    circuit = ds.Circuit(
        (ds.Population("a", 1, "dg/dt = -g/(5*ms) : 1", threshold="g > 1"),), pathways=[pathway]
    )
    assert list(circuit.pathways[0].variables) == ["utilisation", "resources", "potentiation"]
    assert circuit.pathways[0].initial["resources"].value.value == 0.5


# -- look-up and bad input -------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["E facilitating", "e-Facilitating", " e _ facilitating"])
def test_names_are_read_generously(text):
    assert ds.ShortTerm.named(text) == NAMED["e_facilitating"]


def test_some_numbers_can_be_changed():
    changed = ds.ShortTerm.named("depressing", tau_depression="30 ms")
    assert changed.tau_depression.value == 0.03
    assert changed.replace(tau_depression="20 ms") == NAMED["depressing"]


def test_an_unknown_synapse_is_answered_with_the_nearest():
    with pytest.raises(
        UnknownMemberError, match="'e_pseudolinear'; did you mean 'e_pseudo_linear'"
    ):
        ds.ShortTerm.named("e_pseudolinear")


GOOD = {
    "variant": "extended",
    "utilisation": 0.1,
    "tau_depression": "50 ms",
    "tau_facilitation": "50 ms",
    "increment": 0.1,
}


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"variant": "extnded"}, UnknownMemberError, "did you mean 'extended'"),
        ({"utilisation": 0}, ParameterError, "utilisation is 0; it must be above 0 and at most 1"),
        ({"utilisation": 1.01}, ParameterError, "utilisation"),
        ({"utilisation": np.nan}, ParameterError, "utilisation"),
        ({"utilisation": "0.2 ms"}, ParameterError, "utilisation"),
        ({"increment": -0.1}, ParameterError, "increment"),
        ({"increment": None}, ParameterError, "'extended' needs an increment"),
        ({"variant": "canonical"}, ParameterError, "no effect with variant 'canonical'"),
        ({"tau_depression": "0 ms"}, ParameterError, "tau_depression is 0 s; it must be positive"),
        ({"tau_depression": "inf ms"}, ParameterError, "tau_depression"),
        ({"tau_facilitation": 0.05}, UnitError, "tau_facilitation is 0.05; it must be a time"),
        ({"tau_facilitation": "5 mV"}, UnitError, "tau_facilitation"),
        ({"tau_facilitation": ["5 ms", "6 ms"]}, UnitError, "tau_facilitation"),
    ],
)
def test_impossible_numbers_are_refused(changes, error, message):
    with pytest.raises(error, match=message):
        ds.ShortTerm(**{**GOOD, **changes})


@pytest.mark.parametrize(
    ("effect", "message"),
    [
        ("g_post += weight", "does not use 'released'"),
        ("", "does not use 'released'"),
        ("released *= 2\ng_post += released", "on_pre must not assign to 'released'"),
        ("resources = released", "on_pre must not assign to 'resources'"),
        ("g_post", "cannot read"),
    ],
)
def test_effects_that_bypass_the_synapse_are_refused(effect, message):
    with pytest.raises(EquationError, match=message):
        ds.Pathway("p", "a", "b", effect, weight=1, rule=ds.rules.short_term(ds.ShortTerm(**GOOD)))


@pytest.mark.parametrize(
    ("times", "error"),
    [([0.1, 0.0], ParameterError), ([0.0, np.nan], ParameterError), (0.1, ShapeError)],
)
def test_times_must_be_an_ascending_list(times, error):
    with pytest.raises(error, match="times"):
        ds.ShortTerm(**GOOD).released(times)
