"""Results as tables of pandas, blocks of Neo and files of NWB keep every number, place, time and unit."""

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import result_examples

import dendrosim as ds
from dendrosim.errors import ExtraMissingError, ShapeError, UnknownEntryError
from dendrosim.results.export.shared import interval, trains
from dendrosim.results.result_data import Spikes


def recorded(batch=1):
    """A hand-made result with recordings at regular times and at the ends of phases."""
    known = {"seed": 3, "finished": "2026-01-02T03:04:05+00:00", "seconds": {"run": 5.0}}
    metrics = {"rate": np.array([2.0, np.nan])}
    return result_examples.result(inputs=6, batch=batch, metrics=metrics, provenance=known)


@pytest.fixture(scope="module")
def spikes():
    """A short run of four cells that fire at the times that are given here."""
    cells = ds.SpikeTimes("given", 4)
    unit = ds.Population("unit", 1, "dv/dt = -v/(10*ms) : 1")
    times = ([2, 0, 2], [0.0005, 0.001, 0.002])
    protocol = ds.Protocol(
        ds.Circuit((unit,), sources=(cells,)),
        (ds.Block("all", (ds.Phase("on", "4 ms"),)),),
        dt="0.1 ms",
        recordings=(ds.Recording("given.spike", every="spike"), ds.Recording("unit.v", "1 ms")),
        spikes={"given": times},
    )
    return ds.run(protocol, backend="numpy", seed=3)


def test_a_table_has_one_row_for_each_number():
    result = recorded(batch=2)
    table = result.to_dataframe("soma.v", "soma.u")
    assert table.index.names == ["time", "unit", "sample"]
    assert table.shape == (40 * 3 * 2, 2)
    assert table.loc[(0.007, 2, 1), "soma.u"] == result["soma.u"].values[7, 2, 1]
    long = result.to_dataframe()
    own = long[long.recording == "w"]
    assert len(long) == sum(trace.values.size for trace in result.traces.values())
    row = own[(own.post == 2) & (own.pre == 1)]
    assert np.array_equal(row.value, result["w"].values[:, 2, 1])
    with pytest.raises(ShapeError, match=r"'soma\.v' and 'w' do not have the same times and units"):
        result.to_dataframe("soma.v", "w")
    with pytest.raises(UnknownEntryError, match=r"soma\.v"):
        result.to_dataframe("soma.w")


def test_a_table_of_spikes_has_unit_and_time_of_each(spikes):
    table = spikes.to_dataframe("given.spike")
    assert sorted(zip(table.unit, table.time, strict=True)) == [(0, 0.001), (2, 0.0005), (2, 0.002)]


def test_trains_of_a_batch_go_to_unit_and_sample(spikes):
    given = Spikes(np.array([2, 0, 2]), np.array([0.003, 0.001, 0.002]), np.array([1, 0, 1]))
    two = SimpleNamespace(spikes={"given": given}, protocol=spikes.protocol.replace(batch=2))
    found = {(u, s): t.tolist() for u, s, t in trains(two, "given")}
    assert found == {(u, s): [] for u in range(4) for s in range(2)} | {
        (0, 0): [0.001], (2, 1): [0.002, 0.003],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (0.1e-3 * np.arange(100_000), 0.1e-3),
        (7.0 + 1e-4 * np.arange(3), 1e-4),
    ],
)
def test_times_are_regular_up_to_rounding(time, expected):
    assert interval(time) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("time", [[0.0, 1.0, 2.5], [1.0], [0.0, 1e-3, 2.000001e-3]])
def test_other_times_are_not_regular(time):
    assert interval(np.array(time)) is None


def test_a_block_of_neo_has_samples_as_segments_and_comes_back_from_a_file(tmp_path):
    neo = pytest.importorskip("neo")
    result = recorded(batch=2)
    path = str(tmp_path / "block.mat")
    neo.io.NeoMatlabIO(filename=path).write_block(result.to_neo())
    (block,) = neo.io.NeoMatlabIO(filename=path).read()
    assert len(block.segments) == 2
    for sample, segment in enumerate(block.segments):
        signals = {signal.name: signal for signal in segment.analogsignals}
        assert np.array_equal(signals["soma.v"].magnitude, result["soma.v"].values[:, :, sample])
        assert signals["soma.v"].dimensionality.string == "V"
        assert float(signals["soma.v"].sampling_rate.rescale("Hz")) == pytest.approx(1000)
    made = result.to_neo().segments[1]
    (weights,) = made.irregularlysampledsignals
    assert np.array_equal(weights.times.rescale("s").magnitude, result["w"].time.values)
    channel = weights.array_annotations
    place = (channel["post"] == 1) & (channel["pre"] == 2)
    assert np.array_equal(weights.magnitude[:, place][:, 0], result["w"].values[:, 1, 2])
    assert made.epochs[0].labels.tolist() == ["train/free", "train/learning"] * 2
    assert np.allclose(made.epochs[0].durations.magnitude, [5e-3, 15e-3] * 2)
    assert json.loads(result.to_neo().annotations["provenance"])["seed"] == 3


def test_trains_of_neo_are_those_of_the_result(spikes):
    pytest.importorskip("neo")
    found = spikes.to_neo().segments[0].spiketrains
    assert [train.magnitude.tolist() for train in found] == [[0.001], [], [0.0005, 0.002], []]
    assert found[2].t_stop.rescale("s").magnitude == pytest.approx(0.004)


@pytest.mark.parametrize("kind", ["traces", "spikes"])
def test_a_file_of_nwb_has_every_number_and_passes_the_inspector(tmp_path, kind, request):
    pynwb, inspector = pytest.importorskip("pynwb"), pytest.importorskip("nwbinspector")
    result = recorded(batch=5) if kind == "traces" else request.getfixturevalue("spikes")
    path = tmp_path / "result.nwb"
    with pynwb.NWBHDF5IO(str(path), "w") as file:
        file.write(result.to_nwb())
    found = list(inspector.inspect_nwbfile(nwbfile_path=str(path)))
    assert not [f for f in found if f.importance.name in ("CRITICAL", "ERROR", "PYNWB_VALIDATION")]
    with pynwb.NWBHDF5IO(str(path), "r") as file:
        read = file.read()
        snapshots = read.processing["snapshots"] if kind == "traces" else {}
        left = [name for name in result.names if name not in read.acquisition]
        assert left == (["w"] if kind == "traces" else [])
        for name in left:  # weights at four times, fewer than units
            assert np.array_equal(snapshots[name]["value"][:], result[name].values)
            assert np.array_equal(snapshots[name]["time"][:], result[name].time.values)
        for name in read.acquisition:
            series = read.acquisition[name]
            assert np.array_equal(series.data[:], result[name].values)
            times = result[name].time.values
            given = series.timestamps
            kept = given[:] if given is not None else times[0] + np.arange(len(times)) / series.rate
            assert kept == pytest.approx(times, rel=1e-12, abs=1e-15)
        assert read.acquisition[result.names[0]].unit == ("volts" if kind == "traces" else "n.a.")
        epochs = read.epochs.to_dataframe()
        assert epochs.stop_time.iloc[-1] == pytest.approx(result.stop)
        if kind == "spikes":
            units = read.units.to_dataframe()
            assert [list(t) for t in units.spike_times] == [[0.001], [], [0.0005, 0.002], []]
            assert units.number.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("package", "call", "extra"), [("neo", "to_neo", "neo"), ("pynwb", "to_nwb", "nwb")]
)
def test_a_missing_package_is_named_with_its_extra(monkeypatch, package, call, extra):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        ExtraMissingError, match=rf"package '{package}'.*dendrosim\[{extra}\]"
    ) as raised:
        getattr(recorded(), call)()
    assert raised.value.exit_code == 5
