"""Several recordings of one variable, each with a name."""

import re
from functools import cache

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.errors import SpecError, UnknownEntryError

FINE = ds.Recording(("cell.v", "w", "relay.weight"), every="1 ms", phases="late", name="fine")
SOME = ds.Recording("cell.v", every="1 ms", units=(2,), name="some")
SPIKES = ds.Recording("cell.spike", every="spike")
LATE = ds.Recording("cell.spike", every="spike", phases="late", units=(1, 2), name="late")


def protocol(*recordings):
    cells = ds.Population(
        "cell", 3, "dv/dt = (drive + u - v)/(10*ms) : 1\nu : 1\ndrive : 1", threshold="v > 1",
        reset="v = 0", inputs="drive",
    )  # fmt: skip
    matrix = ds.Matrix(
        "w", "cell", "cell", plasticity="dw/dt = (v_post*v_pre - w)/(100*ms) : 1", initial=0.0
    )
    relay = ds.Pathway("relay", "cell", "cell", "v_post += 0.1*weight\nweight *= 0.9", weight=1.0)
    circuit = ds.Circuit(
        (cells,), (matrix,), (ds.Projection("cell.v", "w", "cell.u"),), pathways=(relay,)
    )
    phases = (ds.Phase("early", "20 ms"), ds.Phase("late", "20 ms"))
    return ds.Protocol(
        circuit, (ds.Block("all", phases),), "0.1 ms", recordings, {"cell.drive": [1.2, 1.6, 2.0]}
    )


@cache
def result(backend):
    coarse = ds.Recording(("cell.v", "w", "relay.weight"), every="5 ms")
    return ds.run(protocol(coarse, FINE, SOME, SPIKES, LATE), seed=1, backend=backend)


@pytest.mark.parametrize("backend", ["numpy", "cpp"])
@pytest.mark.parametrize("name", ["cell.v", "w", "relay.weight"])
def test_both_recordings_keep_the_same_values_at_common_times(backend, name):
    coarse, fine = result(backend)[name], result(backend)[f"fine/{name}"]
    assert len(coarse) == 8
    assert len(fine) == 20
    common = np.isin(np.round(fine["time"] / 1e-4), np.round(coarse["time"] / 1e-4))
    assert common.sum() == 4
    assert np.array_equal(fine.values[common], coarse.values[4:])
    assert np.ptp(fine.values) > 0


@pytest.mark.parametrize("backend", ["numpy", "cpp"])
def test_recordings_choose_their_own_units(backend):
    some, fine = result(backend)["some/cell.v"], result(backend)["fine/cell.v"]
    assert some["unit"].values.tolist() == [2]
    assert np.array_equal(some.values[20:, 0], fine.values[:, 2])


@pytest.mark.parametrize("backend", ["numpy", "cpp"])
def test_spikes_have_several_recordings_as_well(backend):
    everything, late = (result(backend).spikes[name] for name in ("cell", "late/cell"))
    kept = (everything.time >= 0.02 - 1e-9) & (everything.unit > 0)
    assert kept.any()
    assert not kept.all()
    assert np.array_equal(late.time, everything.time[kept])
    assert np.array_equal(late.unit, everything.unit[kept])


@pytest.mark.parametrize("backend", ["numpy", "cpp"])
def test_the_file_keeps_the_names(tmp_path, backend):
    kept = result(backend)
    opened = ds.open_result(kept.save(tmp_path / "result.nc"))
    assert opened.names == kept.names
    assert list(opened.spikes) == list(kept.spikes)
    for name in kept.names:
        assert opened[name].identical(kept[name])


def test_the_message_says_under_which_name_a_variable_was_recorded():
    only = ds.run(protocol(FINE), seed=1, backend="numpy")
    with pytest.raises(
        UnknownEntryError, match=re.escape("'cell.v' was recorded as 'fine/cell.v'")
    ):
        only["cell.v"]


def test_figures_are_drawn_for_every_recording(tmp_path):
    for draw in ds.plot.overview(result("numpy")).values():
        draw()
    assert ds.plot.traces(result("numpy"), "fine/cell.v")[0].lines
    assert ds.plot.raster(result("numpy"), "late/cell").collections


@pytest.mark.parametrize("name", [None, "fine"])
def test_two_recordings_of_one_variable_need_different_names(name):
    twice = [ds.Recording("cell.v", every=time, name=name) for time in ("1 ms", "2 ms")]
    with pytest.raises(SpecError, match="give the recordings different names"):
        protocol(*twice)


@pytest.mark.parametrize("name", ["", "a/b", "a.b", "A", 3, "x" * 200])
def test_a_name_must_be_a_name(name):
    with pytest.raises(SpecError):
        ds.Recording("cell.v", every="1 ms", name=name)
