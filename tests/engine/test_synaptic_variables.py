"""Variables of synapses in recordings, in the final state and in files, against a loop that is independent."""

import re
from functools import cache

import numpy as np
import pytest
from interrupted_runs import interrupt

import dendrosim as ds
from dendrosim.engine.plan.synapse_tables import synapse_tables
from dendrosim.errors import (
    NonFiniteError,
    ParameterError,
    ShapeError,
    UnknownEntryError,
    UnknownMemberError,
    UnknownNameError,
)

DT, STEPS, SIZE, DELAY = 1e-4, 1000, 6, 7
BACKENDS = ("numpy", "cpp")
DRIVE = np.array([1.5, 2.0, 2.5, 3.0, 1.2, 1.8])

ON_PRE = """
g_post += weight*left + 0.01*slow
left = left*0.9
weight = clip(weight + 0.01*after, 0, 0.5)
before += 1
"""
ON_POST = """
weight = clip(weight - 0.004*before, 0, 0.5)
after += 0.5
"""


EQUATIONS = """
before : 1
dafter/dt = -after/(20*ms) : 1 (event-driven)
dleft/dt = (1 - left)/(50*ms) : 1 (event-driven)
dslow/dt = -slow/(70*ms) : 1 (event-driven)
"""
TAU = {"after": 20e-3, "left": 50e-3, "slow": 70e-3}
NAMES = ("before", "after", "left", "slow", "weight")


def pathway(**changes):
    options = {
        "connect": ds.Probability(0.5), "weight": ds.Uniform(0.1, 0.3), "delay": f"{DELAY * 0.1} ms",
        "equations": EQUATIONS, "initial": {"left": 0.7, "slow": 2.0}, "on_post": ON_POST,
    }  # fmt: skip
    return ds.Pathway("ee", "cell", "cell", ON_PRE, **{**options, **changes})


def circuit(*pathways):
    cells = ds.Population(
        "cell", SIZE, "dv/dt = (drive + g - v)/(10*ms) : 1\ndg/dt = -g/(5*ms) : 1\ndrive : 1",
        threshold="v > 1", reset="v = 0", inputs="drive",
    )  # fmt: skip
    return ds.Circuit((cells,), pathways=pathways)


def protocol(*recordings, batch=1, made=None, duration=STEPS * DT):
    return ds.Protocol(
        circuit(pathway() if made is None else made),
        (ds.Block("all", (ds.Phase("on", f"{duration!r} s"),)),), f"{DT!r} s", recordings,
        {"cell.drive": DRIVE}, batch=batch,
    )  # fmt: skip


EVERY = ds.Recording(("ee.*", "cell.g"), every=f"{DT!r} s")


@cache
def recorded(backend, batch=1):
    """The result of one run; tests of one process share it."""
    made = protocol(EVERY, ds.Recording("cell.spike", every="spike"), batch=batch)
    return ds.run(made, seed=4, backend=backend)


@cache
def loop(seed=4):
    """Every variable of every synapse at the beginning of each step, computed synapse by synapse."""
    table = synapse_tables(protocol(), seed)["ee"]
    first = {"before": 0.0, "after": 0.0, "left": 0.7, "slow": 2.0}
    start = {name: np.full(len(table.pre), value) for name, value in first.items()}
    start["weight"] = table.values["weight"]
    return loop_from(table.pre, table.post, start, np.zeros(SIZE), np.zeros(SIZE))


def loop_from(pre_units, post_units, start, v, g):
    """The same from given values, with no spike on its way."""
    pre, post = pre_units.tolist(), post_units.tolist()
    before, after, left, slow, weight = (start[n].tolist() for n in NAMES)
    count = len(pre)
    fired, rows = [], []
    for step in range(STEPS):
        rows.append((list(before), list(after), list(left), list(slow), list(weight), list(g)))
        slope_v, slope_g = (DRIVE + g - v) / 10e-3, -g / 5e-3
        v, g = v + DT * slope_v, g + DT * slope_g
        fired.append(v > 1)
        arriving = fired[step - DELAY] if step >= DELAY else np.zeros(SIZE, dtype=bool)
        for k in range(count):
            if arriving[pre[k]]:
                g[post[k]] += weight[k] * left[k] + 0.01 * slow[k]
                left[k] *= 0.9
                weight[k] = min(max(weight[k] + 0.01 * after[k], 0.0), 0.5)
                before[k] += 1
        for k in range(count):
            if fired[step][post[k]]:
                weight[k] = min(max(weight[k] - 0.004 * before[k], 0.0), 0.5)
                after[k] += 0.5
        v = np.where(fired[step], 0.0, v)
        decay = {name: np.exp(-DT / tau) for name, tau in TAU.items()}
        after = [x * decay["after"] for x in after]
        left = [1 - (1 - x) * decay["left"] for x in left]
        slow = [x * decay["slow"] for x in slow]
    final = dict(zip(NAMES, (before, after, left, slow, weight), strict=True))
    courses = {n: np.array([row[i] for row in rows]) for i, n in enumerate((*NAMES, "g"))}
    return np.array(pre), np.array(post), courses, final


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", NAMES)
def test_recordings_and_final_state_equal_the_loop(backend, name):
    result = recorded(backend)
    pre, post, courses, final = loop()
    course = result[f"ee.{name}"]
    assert course.dims == ("time", "synapse")
    assert np.ptp(courses[name]) > 0  # the case is not trivial
    np.testing.assert_allclose(course.values, courses[name], rtol=1e-12, atol=1e-14)
    last = result.final[f"ee.{name}"]
    assert last.dims == ("synapse",)
    np.testing.assert_allclose(last.values, final[name], rtol=1e-12, atol=1e-14)
    for array in (course, last):
        assert array["pre"].values.tolist() == pre.tolist()
        assert array["post"].values.tolist() == post.tolist()
        np.testing.assert_allclose(array["delay"].values, DELAY * DT, rtol=1e-12)
        assert array["delay"].attrs["units"] == "s"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("resumed", [False, True])
def test_a_run_goes_on_with_the_synapses_of_another(backend, resumed, tmp_path):
    """From a file, with another seed, whose own connections would be others."""
    if resumed and backend == "numpy":
        pytest.skip("only compiled runs are resumed")
    path = recorded(backend).save(tmp_path / "first.nc")
    first, made = ds.open_result(path), protocol(EVERY)
    if resumed:
        result = ds.run(resume=interrupt(made, tmp_path / "out", 400, initial=first, seed=9))
    else:
        result = ds.run(made, seed=9, backend=backend, initial=first)
    pre, post, _, last = loop()
    assert not np.array_equal(synapse_tables(made, 9)["ee"].pre, pre)
    v, g = (first.final[f"cell.{name}"].values for name in ("v", "g"))
    start = {name: first.final[f"ee.{name}"].values for name in last}
    courses, final = loop_from(pre, post, start, v, g)[2:]
    assert result["ee.weight"]["pre"].values.tolist() == pre.tolist()
    assert result["ee.weight"]["post"].values.tolist() == post.tolist()
    for name, course in courses.items():
        path = "cell.g" if name == "g" else f"ee.{name}"
        np.testing.assert_allclose(result[path].values, course, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(result.final["ee.weight"].values, final["weight"], rtol=1e-12)


def test_one_sample_becomes_all_samples_of_a_batch():
    first = recorded("numpy")
    result = ds.run(
        protocol(ds.Recording("ee.*", every="1 ms"), batch=3), backend="numpy", initial=first
    )
    start = result["ee.weight"].isel(time=0)
    assert start.dims == ("synapse", "sample")
    for sample in range(3):
        assert np.array_equal(start.sel(sample=sample), first.final["ee.weight"])


def test_arrays_by_name_give_the_values_of_the_drawn_synapses():
    first = recorded("numpy")
    made = protocol(ds.Recording("ee.weight", every="1 ms"))
    weights = np.linspace(0.1, 0.4, len(loop()[0]))
    given = {**first.state, "ee.weight": weights}
    result = ds.run(made, seed=4, backend="numpy", initial=given)
    assert np.array_equal(result["ee.weight"].values[0], weights)
    for wrong, error, words in (
        (weights[1:], ShapeError, "initial state of ee.weight has shape"),
        (np.full_like(weights, np.nan), ParameterError, "is not finite"),
        (["a"] * len(weights), ParameterError, "is not an array of numbers"),
    ):
        with pytest.raises(error, match=words):
            ds.run(made, seed=4, backend="numpy", initial={**given, "ee.weight": wrong})


def test_a_result_that_does_not_fit_is_refused():
    first = recorded("numpy")
    without = ds.run(protocol(made=pathway(final=False)), seed=4, backend="numpy")
    with pytest.raises(UnknownNameError, match="unknown pathway in the initial result"):
        ds.run(protocol(), backend="numpy", initial=without)
    more = EQUATIONS + "more : 1"
    larger = protocol(made=pathway(equations=more, on_post=ON_POST + "more += 1"))
    with pytest.raises(UnknownNameError, match=r"ee\.more"):
        ds.run(larger, backend="numpy", initial=first)
    batch = recorded("numpy", batch=3)
    with pytest.raises(ShapeError, match=r"ee\.before has shape \(\d+, 3\)"):
        ds.run(protocol(batch=2), backend="numpy", initial=batch)
    coarse = protocol(made=pathway(delay="2 ms"), duration=0.1).replace(dt="1 ms")
    result = ds.run(coarse, backend="numpy", initial=first)  # 0.7 ms are rounded to one step
    assert np.all(result.synapses["ee"].delay == 1e-3)
    coarse = protocol(made=pathway(delay="2 ms"), duration=0.1).replace(dt="2 ms")
    with pytest.raises(ParameterError, match=r"a delay of 0\.0007 s, shorter than the time step"):
        ds.run(coarse, backend="numpy", initial=first)


@pytest.mark.parametrize("backend", BACKENDS)
def test_effects_on_the_units_follow(backend):
    values = recorded(backend)["cell.g"].values
    np.testing.assert_allclose(values, loop()[2]["g"], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_batch_keeps_the_synapses_of_every_sample(backend):
    result = recorded(backend, batch=3)
    course = result["ee.weight"]
    assert course.dims == ("time", "synapse", "sample")
    for sample in range(3):  # all samples have the same input
        np.testing.assert_allclose(
            course.sel(sample=sample).values, loop()[2]["weight"], rtol=1e-12, atol=1e-14
        )


def test_chosen_synapses_and_samples_are_those_of_the_whole_recording():
    chosen = ds.Recording(
        "ee.weight", every="5 ms", synapses=(7, 2), samples=(2,), phases="on", thin=1
    )
    result = ds.run(protocol(chosen, batch=3), seed=4, backend="numpy")
    course = result["ee.weight"]
    assert course["synapse"].values.tolist() == [7, 2]
    pre, post, courses, _ = loop()
    assert course["pre"].values.tolist() == pre[[7, 2]].tolist()
    assert course["post"].values.tolist() == post[[7, 2]].tolist()
    np.testing.assert_allclose(course.values[..., 0], courses["weight"][::50, [7, 2]], rtol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_file_keeps_them(tmp_path, backend):
    result = recorded(backend)
    opened = ds.open_result(result.save(tmp_path / "result.nc"))
    for name in ("ee.weight", "ee.before"):
        assert opened[name].identical(result[name])
        assert opened.final[name].identical(result.final[name])
    for part, kept in zip(opened.synapses["ee"], result.synapses["ee"], strict=True):
        assert np.array_equal(part, kept)


def test_any_reader_finds_the_synapses_in_the_file(tmp_path):
    xarray = pytest.importorskip("xarray")
    path = recorded("numpy").save(tmp_path / "result.nc")
    with xarray.open_dataset(path, group="synapses/ee", engine="h5netcdf") as found:
        assert found["pre"].values.tolist() == loop()[0].tolist()
        assert found["delay"].attrs["units"] == "s"
    with xarray.open_dataset(path, group="final/ee.weight", engine="h5netcdf") as found:
        assert found["ee.weight"].dims == ("synapse",)


def test_synapses_can_be_left_out_of_the_result():
    result = ds.run(protocol(made=pathway(final=False)), seed=4, backend="numpy")
    assert list(result.final) == ["cell.v", "cell.g"]
    with pytest.raises(UnknownEntryError, match="pathway whose synapses were kept"):
        result.synapses["ee"]
    recording = ds.Recording("ee.weight", every="10 ms")
    result = ds.run(protocol(recording, made=pathway(final=False)), seed=4, backend="numpy")
    assert result["ee.weight"]["pre"].values.tolist() == loop()[0].tolist()


def test_one_fixed_weight_is_a_parameter_and_no_variable():
    made = ds.Pathway("ee", "cell", "cell", "g_post += weight", weight=0.1)
    result = ds.run(protocol(made=made), seed=4, backend="numpy")
    assert list(result.final) == ["cell.v", "cell.g"]
    assert len(result.synapses["ee"].pre) == SIZE**2
    with pytest.raises(UnknownMemberError, match=r"ee\.weight"):
        protocol(ds.Recording("ee.weight", every="1 ms"), made=made)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_pathway_without_synapses_has_empty_arrays(backend):
    made = protocol(EVERY, made=pathway(connect=ds.Probability(0.0)), duration=0.01)
    result = ds.run(made, seed=4, backend=backend)
    assert result["ee.weight"].shape == (100, 0)
    assert result.final["ee.weight"].shape == (0,)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_non_finite_variable_of_a_synapse_is_named(backend):
    # The count overflows in the third spike of unit 3, and no unit reads it.
    made = ds.Pathway(
        "ee", "cell", "cell", "huge = huge*1e200", equations="huge : 1", initial={"huge": 1e-200},
        connect=ds.Pairings(pre=[4, 3], post=[0, 2]),
    )  # fmt: skip
    with pytest.raises(NonFiniteError) as caught:
        ds.run(protocol(made=made), seed=4, backend=backend)
    assert caught.value.variable == "ee.huge"
    assert "pathway 'ee', variable 'huge', synapse 0 (3 -> 2)" in str(caught.value)
    assert "within the last 1000 steps" in str(caught.value)


@pytest.mark.parametrize(
    ("recording", "words"),
    [
        ({"variables": "ee.weight", "units": (0,)}, "choose `synapses` in place of `units`"),
        ({"variables": "cell.v", "synapses": (0,)}, "is no variable of synapses"),
        ({"variables": ("ee.weight", "cell.v"), "synapses": (0,)}, "is no variable of synapses"),
        ({"variables": "ee.weight", "synapses": (-1,)}, "has no synapse -1"),
        ({"variables": "ee.weight", "synapses": ()}, "name at least one"),
        ({"variables": "ee.weight", "synapses": (1, 1)}, "each once"),
        ({"variables": "ee.wieght"}, "did you mean 'ee.weight'"),
    ],
)
def test_recordings_that_have_no_meaning_are_refused(recording, words):
    with pytest.raises((ParameterError, UnknownMemberError), match=re.escape(words)):
        protocol(ds.Recording(every="1 ms", **recording))


def test_a_synapse_that_is_not_drawn_is_refused_before_the_run():
    made = protocol(ds.Recording("ee.weight", every="1 ms", synapses=(36,)))
    with pytest.raises(ParameterError, match=r"has no synapse 36, only 0 to \d+"):
        ds.run(made, seed=4, backend="numpy")
    given = pathway(connect=ds.Pairings(pre=[0, 1], post=[1, 0]))
    with pytest.raises(ParameterError, match="has no synapse 2, only 0 to 1"):
        protocol(ds.Recording("ee.weight", every="1 ms", synapses=(2,)), made=given)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("delay", ["1 ms", ds.Uniform("1 ms", "3 ms")], ids=["one", "several"])
@pytest.mark.parametrize("on_post", ["", "g_post += 0.1"], ids=["pre", "both"])
def test_a_state_that_no_spike_changes_follows_its_equation(backend, delay, on_post):
    made = ds.Pathway(
        "ee", "cell", "cell", "g_post += 0.1*slow", on_post=on_post, delay=delay,
        equations="dslow/dt = -slow/(20*ms) : 1 (event-driven)", initial={"slow": 0.5},
    )  # fmt: skip
    plan = protocol(ds.Recording(("ee.slow", "cell.g"), every="1 ms"), made=made, duration=0.05)
    result = ds.run(plan, seed=4, backend=backend)
    course = result["ee.slow"]
    expected = 0.5 * np.exp(-course["time"].values / 20e-3)
    assert np.ptp(result["cell.g"].values) > 0
    np.testing.assert_allclose(course.values, np.repeat(expected[:, None], SIZE**2, 1), rtol=1e-12)
    np.testing.assert_allclose(result.final["ee.slow"], 0.5 * np.exp(-2.5), rtol=1e-12)
