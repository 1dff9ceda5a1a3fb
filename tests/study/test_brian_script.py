"""Scripts for Brian2 alone, executed beside `ds.run` of the same circuit."""

import subprocess
import sys

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.library.catalogue import list_entries
from dendrosim.units import unit

TAU = {"tau": "10 ms"}


def rate_circuit():
    """A chain of fed variables within one step, plasticity with bounds, a transpose, an inverse, two feeds."""
    low = ds.Population(
        "low", 3, "dh/dt = (drive + error - h)/tau : 1\ndrive : 1\nerror : 1\nscaled = gain*h : 1",
        inputs={"drive": 0.4}, parameters={"gain": ds.quantity([0.5, 1.0, 2.0])}, initial={"h": ds.Normal(1.0)},
    )  # fmt: skip
    high = ds.Population(
        "high", 2, "dh/dt = (s(a + b) - h)/tau : 1\na : 1\nb = a : 1\nc : 1", transfer="tanh",
        initial={"h": ds.Uniform(-1, 1)},
    )  # fmt: skip
    pair = ds.Population(
        "pair", 2, "dx/dt = (fed + held - x)/tau : 1\nfed : 1\nheld = opening*x/2 : 1"
    )
    learned = ds.Matrix(
        "w",
        "high",
        "low",
        ds.Uniform(-0.7, 0.7),
        "dw/dt = eta*h_post*h_pre : 1",
        bounds=(-0.8, 0.8),
    )
    return ds.Circuit(
        (low, high, pair),
        matrices=(
            learned,
            ds.Matrix(
                "v", "high", "high", ds.WellConditioned(2.0), "dv/dt = eta*(h_post - v)*h_pre : 1"
            ),
            ds.Matrix("q", "high", "high", inverse_of="v"),
            ds.Matrix("sparse", "pair", "low", ds.Normal(1.0), connect=ds.Probability(0.5)),
            ds.Matrix("one", "pair", "pair", 0.5),
        ),
        projections=(
            ds.Projection("low.scaled", "w", "high.a"),
            ds.Projection("high.b", "v", "high.c"),
            ds.Projection("high.c", "w", "low.error", transpose=True),
            ds.Projection("low.h", "sparse", "pair.fed"),
            ds.Projection("pair.x", "one", "pair.fed"),
        ),
        parameters={**TAU, "eta": "20 Hz"},
        gates={"opening": 0.5},
    )


def spiking_circuit():
    """Given spikes through delayed synapses onto cells with refractoriness, events, and plastic synapses."""
    cell = ds.Population(
        "cell", 3,
        """
        dv/dt = (g*(1 - v) - v + current)/tau : 1 (unless refractory)
        dg/dt = (0.01*total - g)/(5*ms) : 1
        dcount/dt = 0/second : 1
        current = 1.5 + 0.1*i : 1
        total : 1
        """,
        threshold="v > 1", reset="v = 0", refractory="2.5*ms", initial={"v": ds.Uniform(0, 1)},
        events={"close": ds.Event("v > 0.9", "count += 1")},
    )  # fmt: skip
    stdp = ds.Pathway(
        "stdp", "cell", "cell", "g_post += 0.1*weight; weight = clip(weight + late, 0, 2); early += .01",
        equations="dearly/dt = -early/(20*ms) : 1 (event-driven)\ndlate/dt = -late/(20*ms) : 1 (event-driven)",
        on_post="late -= 0.02; weight = clip(weight + early, 0, 2)",
        weight=ds.Uniform(0, 1), connect=ds.Probability(0.6), delay=ds.Uniform("1 ms", "3 ms"),
    )  # fmt: skip
    feed = ds.Pathway(
        "feed", "given", "cell", "g_post += weight*scale", weight=0.3, delay="1 ms", parameters={"scale": 2},
        connect=ds.OneToOne(),
    )  # fmt: skip
    sums = ds.Pathway(
        "sums", "cell", "cell", {"close": "u += 1"}, connect=ds.AllToAll(),
        equations="du/dt = -u/(10*ms) : 1 (clock-driven)\ntotal_post = u*v_pre : 1 (summed)",
    )  # fmt: skip
    return ds.Circuit(
        (cell,), pathways=(stdp, feed, sums), sources=(ds.SpikeTimes("given", 3),), parameters=TAU
    )


def run_script(text):
    """Execute a script and return its objects."""
    found = {}
    exec(compile(text, "script", "exec"), found)
    return found


def run(circuit, duration, dt, **options):
    block = ds.Block("script", (ds.Phase("run", duration),))
    return ds.run(ds.Protocol(circuit, (block,), dt, **options), backend="numpy", seed=3)


def test_rates_weights_and_inverses_are_those_of_a_run():
    circuit = rate_circuit()
    found = run_script(ds.to_brian2(circuit, "30 ms", "0.5 ms", seed=3, record=("high.h",)))
    final = run(circuit, "30 ms", "0.5 ms").final
    for path in ("low.h", "high.h", "pair.x"):
        owner, name = path.split(".")
        np.testing.assert_allclose(getattr(found[owner], f"{name}_")[:], final[path], rtol=1e-11)
    for name, shape in (("w", (2, 3)), ("v", (2, 2)), ("q", (2, 2))):
        weights = getattr(found[name], "v_" if name == "v" else "w_")[:].reshape(shape[::-1]).T
        np.testing.assert_allclose(weights, final[name], rtol=1e-10)
    assert np.max(np.abs(final["w"])) == pytest.approx(0.8, rel=1e-12)  # a bound was reached
    np.testing.assert_allclose(found["sparse"].w_[:], final["sparse"], rtol=1e-12)
    assert found["record_high"].h.shape == (2, 60)


def test_spikes_events_and_plastic_synapses_are_those_of_a_run():
    circuit = spiking_circuit()
    spikes = {"given": ([0, 1, 2, 0], ["2 ms", "2 ms", "7 ms", "7.1 ms"])}
    text = ds.to_brian2(circuit, "80 ms", "0.1 ms", seed=3, spikes=spikes, record=("cell.v",))
    found = run_script(text)
    result = run(
        circuit, "80 ms", "0.1 ms", spikes=spikes,
        recordings=(ds.Recording("cell.spike", every="spike"), ds.Recording("cell.v", every="0.1 ms")),
    )  # fmt: skip
    assert len(result.spikes["cell"].unit) > 10
    np.testing.assert_allclose(
        found["record_cell"].v, result["cell.v"].values.T, rtol=1e-10, atol=1e-12
    )
    for name in ("v", "g", "count", "total"):
        own = getattr(found["cell"], f"{name}_")[:]
        if name != "total":
            np.testing.assert_allclose(own, result.final[f"cell.{name}"], rtol=1e-10, atol=1e-12)
    assert result.final["cell.count"].values.min() > 0
    assert np.ptp(result.final["stdp.weight"].values) > 0.1
    np.testing.assert_allclose(found["stdp"].weight_[:], result.final["stdp.weight"], rtol=1e-10)
    np.testing.assert_allclose(found["sums"].u_[:], result.final["sums.u"], rtol=1e-10, atol=1e-12)


def one_cell(**options):
    given = {"equations": "dx/dt = (fed - x)/(10*ms) : 1\nfed : 1", **options}
    return ds.Population("cell", 2, **given)


def test_what_brian2_lacks_is_refused_by_name():
    matrix, target = ds.Matrix("w", "cell", "cell", 1.0), "cell.fed"
    delayed = ds.Circuit(
        (one_cell(),), (matrix,), (ds.Projection("cell.x", "w", target, delay="1 ms"),)
    )
    with pytest.raises(
        ds.errors.SpecError, match="has a delay, which Brian2's sums over synapses lack"
    ):
        ds.to_brian2(delayed)
    noisy = ds.Circuit(
        (one_cell(),), (matrix,), (ds.Projection("cell.x", "w", target),),
        sources=(ds.PoissonInput("noise", "cell.x", 5, "3 Hz", weight=ds.quantity([0.1, 0.2])),),
    )  # fmt: skip
    with pytest.raises(ds.errors.SpecError, match="takes one weight for all units"):
        ds.to_brian2(noisy)
    named = ds.Population("network", 1, "dx/dt = -x/(10*ms) : 1")
    with pytest.raises(ds.errors.SpecError, match="'network' means something else in the script"):
        ds.to_brian2(ds.Circuit((named,)))
    large = ds.Population("cell", 100_001, "dx/dt = -x/(10*ms) : 1", initial={"x": ds.Normal(1.0)})
    with pytest.raises(ds.errors.MemoryLimitError, match="100,001 numbers"):
        ds.to_brian2(ds.Circuit((large,)))
    with pytest.raises(ds.errors.UnknownMemberError, match="cell"):
        ds.to_brian2(
            ds.Circuit((ds.Population("cell", 1, "dx/dt = -x/(10*ms) : 1"),)), record=["cell.y"]
        )


@pytest.mark.parametrize("name", ["trace", "Q"])  # a function and another object of SymPy
def test_event_driven_variables_with_a_name_of_sympy_are_refused(name):
    cell = ds.Population("cell", 2, "dx/dt = -x/(10*ms) : 1", threshold="x > 1", reset="x = 0")
    pathway = ds.Pathway(
        "link", "cell", "cell", f"x_post += {name}; {name} += 1",
        equations=f"d{name}/dt = -{name}/(5*ms) : 1 (event-driven)",
    )  # fmt: skip
    with pytest.raises(
        ds.errors.SpecError, match=f"{name!r}, because SymPy has something of that name"
    ):
        ds.to_brian2(ds.Circuit((cell,), pathways=(pathway,)))


def test_a_script_runs_where_dendrosim_is_not_imported(tmp_path):
    circuit = ds.Circuit(
        (ds.Population("cell", 2, "dx/dt = -x/(10*ms) : 1", initial={"x": 1.0}),),
        sources=(ds.PoissonInput("noise", "cell.x", 5, "0 Hz", weight=0.1),),
    )
    path = tmp_path / "script.py"
    checked = (
        "\nimport sys\nassert 'dendrosim' not in sys.modules\nprint(repr(float(cell.x_[0])))\n"
    )
    path.write_text(ds.to_brian2(circuit, "10 ms", "1 ms") + checked)
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(0.9**10, rel=1e-12)


# Two have a variable `trace`, a name of SymPy; of the third, the script would be too long.
NOT_WRITTEN = {"burst_teaching", "burst_xor_network", "burst_microcircuit"}
MODELS = [e.name for e in list_entries() if e.file_kind == "model" and e.name not in NOT_WRITTEN]


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_every_model_is_the_same_in_brian2_alone(name):
    circuit = ds.load_circuit(name)
    found = run_script(ds.to_brian2(circuit, "2 ms", "0.1 ms", seed=3))
    signals = {}
    for path in circuit.inputs:
        population, declared = circuit.variable(path)
        if population.inputs[declared.name] is None:
            signals[path] = ds.Quantity(0.0, unit(declared.unit)[0])
    block = ds.Block("script", (ds.Phase("run", "2 ms", signals=signals),))
    result = ds.run(ds.Protocol(circuit, (block,), "0.1 ms"), backend="numpy", seed=3)
    for population in circuit.populations:
        for state in population.states:
            own = getattr(found[population.name], f"{state}_")[:]
            ours = result.final[f"{population.name}.{state}"].values
            np.testing.assert_allclose(own, ours, rtol=1e-11, atol=1e-13 * np.max(np.abs(ours)))
    for matrix in circuit.matrices:
        ours = result.final[matrix.name].values
        own = getattr(found[matrix.name], f"{matrix.weight}_")[:]
        own = own if matrix.connect is not None else own.reshape(ours.shape[::-1]).T
        np.testing.assert_allclose(own, ours, rtol=1e-11, atol=1e-13 * np.max(np.abs(ours)))
