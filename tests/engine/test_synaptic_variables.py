"""Variables of synapses in recordings, in the final state and in files, against a loop that is independent."""

import re
from functools import cache

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.engine.plan.synapse_tables import synapse_tables
from dendrosim.errors import (
    NonFiniteError,
    ParameterError,
    UnknownEntryError,
    UnknownMemberError,
)

DT, STEPS, SIZE, DELAY = 1e-4, 1000, 6, 7
BACKENDS = ("numpy", "cpp")
DRIVE = np.array([1.5, 2.0, 2.5, 3.0, 1.2, 1.8])

ON_PRE = """
g_post += weight*left
left = left*0.9
weight = clip(weight + 0.01*after, 0, 0.5)
before += 1
"""
ON_POST = """
weight = clip(weight - 0.004*before, 0, 0.5)
after += 0.5
"""


def pathway(**changes):
    options = {
        "connect": ds.Probability(0.5), "weight": ds.Uniform(0.1, 0.3), "delay": f"{DELAY * 0.1} ms",
        "equations": "before : 1\nafter : 1\nleft : 1", "initial": {"left": 1.0}, "on_post": ON_POST,
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
    pre, post, weight = table.pre.tolist(), table.post.tolist(), table.values["weight"].tolist()
    count = len(pre)
    before, after, left = [0.0] * count, [0.0] * count, [1.0] * count
    v, g = np.zeros(SIZE), np.zeros(SIZE)
    fired, rows = [], []
    for step in range(STEPS):
        rows.append((list(before), list(after), list(left), list(weight), list(g)))
        slope_v, slope_g = (DRIVE + g - v) / 10e-3, -g / 5e-3
        v, g = v + DT * slope_v, g + DT * slope_g
        fired.append(v > 1)
        arriving = fired[step - DELAY] if step >= DELAY else np.zeros(SIZE, dtype=bool)
        for k in range(count):
            if arriving[pre[k]]:
                g[post[k]] += weight[k] * left[k]
                left[k] *= 0.9
                weight[k] = min(max(weight[k] + 0.01 * after[k], 0.0), 0.5)
                before[k] += 1
        for k in range(count):
            if fired[step][post[k]]:
                weight[k] = min(max(weight[k] - 0.004 * before[k], 0.0), 0.5)
                after[k] += 0.5
        v = np.where(fired[step], 0.0, v)
    final = {"before": before, "after": after, "left": left, "weight": weight}
    names = ("before", "after", "left", "weight", "g")
    courses = {n: np.array([row[i] for row in rows]) for i, n in enumerate(names)}
    return np.array(pre), np.array(post), courses, final


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["before", "after", "left", "weight"])
def test_recordings_and_final_state_equal_the_loop(backend, name):
    result = recorded(backend)
    pre, post, courses, final = loop()
    course = result[f"ee.{name}"]
    assert course.dims == ("time", "synapse")
    assert np.ptp(courses[name][-1]) > 0  # the case is not trivial
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
