"""A result is read from disk bit for bit, or a typed error says why not; labels have SI units."""

import errno
import gc
import json
import os
import signal
import subprocess
import sys

import h5py
import numpy as np
import pytest
import result_examples as examples
import xarray
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from result_files import resealed

from dendrosim.errors import DataError, SpecError, StorageError, UnknownNameError
from dendrosim.machine.atomic_file import write_file
from dendrosim.results.reading import FORMAT
from dendrosim.results.result import Result, open_result
from dendrosim.results.result_data import Spikes, Trace


def bits(array):
    return array.dtype.str, array.shape, array.tobytes()


def assert_same(read: Result, result: Result):
    assert read.protocol == result.protocol
    assert (read.status, read.message) == (result.status, result.message)
    assert read.names == result.names
    assert list(read.state) == list(result.state)
    for name, trace in result.traces.items():
        assert bits(read.traces[name].time) == bits(trace.time)
        assert bits(read.traces[name].values) == bits(trace.values)
    for name, values in result.state.items():
        assert bits(read.state[name]) == bits(values)
    for name, spikes in result.spikes.items():
        assert bits(read.spikes[name].unit) == bits(spikes.unit)
        assert bits(read.spikes[name].time) == bits(spikes.time)
        assert (read.spikes[name].sample is None) == (spikes.sample is None)
    assert read.provenance == result.provenance


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("results")


# -- on disk and back -----------------------------------------------------------------------------


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), batch=st.integers(1, 3), dtype=st.sampled_from([np.float32, np.float64]))
def test_every_number_comes_back_bit_for_bit(folder, data, batch, dtype):
    units, inputs = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 2))
    instants = data.draw(st.integers(0, 5))

    def numbers(*shape):
        return data.draw(arrays.arrays(dtype, shape))  # any bits: NaN, infinities, -0.0, subnormals

    time = np.arange(instants) * 1e-3
    result = Result(
        examples.protocol(units, inputs, batch),
        {
            "soma.v": Trace(time, numbers(instants, units, batch)),
            "w": Trace(time, numbers(instants, units, inputs)),
        },
        {"soma.v": numbers(units, batch), "w": numbers(units, inputs)},
        spikes={
            "soma": Spikes(
                np.array(data.draw(st.lists(st.integers(0, units - 1), min_size=3, max_size=3))),
                numbers(3),
                np.zeros(3, dtype=np.int32) if batch > 1 else None,
            )
        },
        provenance={"seed": 1, "versions": {"numpy": "2.0"}},
        status="interrupted",
        message="stopped by the user — after 3 ms",
    )
    assert_same(open_result(result.save(folder / "any.nc")), result)


def test_large_arrays_are_compressed_and_come_back(tmp_path):
    result = examples.result(units=40, inputs=30, batch=2, trials=20, dtype=np.float32)
    result.traces["w"].values[:] = 0.5
    path = result.save(tmp_path / "run.nc")
    assert_same(open_result(path), result)
    assert path.stat().st_size < sum(t.values.nbytes for t in result.traces.values())


def test_no_recording_and_no_spikes_are_fine(tmp_path):
    result = Result(examples.protocol(), {}, {})
    assert_same(open_result(result.save(tmp_path / "empty.nc")), result)
    empty = Spikes(np.zeros(0, dtype=int), np.zeros(0))
    result = Result(examples.protocol(), {}, {}, spikes={"soma": empty})
    assert_same(open_result(result.save(tmp_path / "silent.nc")), result)


def test_protocol_longer_than_an_attribute_can_hold(tmp_path):
    data = {"rows": np.random.default_rng(0).normal(size=(200, 64))}
    result = Result(examples.protocol().replace(data=data), {}, {})
    assert len(result.protocol.to_json()) > 2**16
    assert open_result(result.save(tmp_path / "long.nc")).protocol == result.protocol


def test_metrics_come_back(tmp_path):
    metrics = {
        "excess": 1e-7,
        "missing": float("nan"),
        "bound": float("inf"),
        "converged": True,
        "epochs": 3,
        "rule": "µ-rule",
        "gains": [[0.5, float("nan")], [1.0, 2.0]],
    }
    result = examples.result(metrics=metrics)
    result.metrics["from_numpy"] = np.float64(0.1)
    result.metrics["array"] = np.eye(2)
    result.metrics["flag"] = np.bool_(False)
    read = open_result(result.save(tmp_path / "run.nc")).metrics
    assert np.isnan(read.pop("missing"))
    assert np.isnan(read["gains"][0].pop(1))
    expected = {**metrics, "from_numpy": 0.1, "array": [[1.0, 0.0], [0.0, 1.0]], "flag": False}
    del expected["missing"]
    expected["gains"] = [[0.5], [1.0, 2.0]]
    assert read == expected
    assert type(read["converged"]) is bool


@pytest.mark.parametrize("value", [object(), 1j, np.array([1j]), {1, 2}])
def test_metric_that_cannot_be_stored_is_named(tmp_path, value):
    result = examples.result(metrics={"odd": value})
    with pytest.raises(SpecError, match="metric 'odd' cannot be stored"):
        result.save(tmp_path / "run.nc")
    assert not list(tmp_path.iterdir())


def test_other_programs_can_read_the_file(tmp_path):
    result = examples.result(batch=2)
    path = result.save(tmp_path / "run.nc")
    with xarray.open_dataset(path, group="recordings/soma.v", engine="h5netcdf") as data:
        xarray.testing.assert_identical(data["soma.v"].load(), result["soma.v"])
        assert data["time"].attrs["units"] == "s"
    with xarray.open_dataset(path, group="final/w", engine="h5netcdf") as data:
        np.testing.assert_array_equal(data["w"], result.state["w"])
        assert data["w"].attrs["units"] == "V"
    with h5py.File(path) as file:
        assert json.loads(file["protocol"][()])["kind"] == "Protocol"
        numbers = []
        file.visititems(lambda name, item: numbers.append(item) if hasattr(item, "shape") else None)
        assert all("units" in n.attrs for n in numbers if n.dtype.kind in "fi" and n.shape)


# -- labels ---------------------------------------------------------------------------------------


def test_recording_is_labelled():
    array = examples.result(units=3, batch=2)["soma.v"]
    assert array.dims == ("time", "unit", "sample")
    assert array.attrs == {"units": "V", "long_name": "v of soma"}
    assert array["time"].attrs["units"] == "s"
    np.testing.assert_allclose(array["time"], np.arange(40) * 1e-3)


def test_no_sample_dimension_without_batch():
    result = examples.result(batch=1)
    assert result["soma.u"].dims == ("time", "unit")
    assert result["soma.u"].attrs["units"] == "1"
    assert result.final["soma.u"].dims == ("unit",)
    np.testing.assert_array_equal(result.final["soma.u"], result.state["soma.u"][:, 0])


def test_kept_units_and_samples_carry_their_own_numbers():
    result = examples.result(units=5, batch=4, kept_units=(1, 4), kept_samples=(2,))
    array = result["soma.v"]
    assert array["unit"].values.tolist() == [1, 4]
    assert array["sample"].values.tolist() == [2]
    np.testing.assert_array_equal(array.sel(unit=4), result.traces["soma.v"].values[:, 1])
    assert result.final["soma.v"].shape == (5, 4)


def test_matrix_is_post_by_pre():
    result = examples.result(units=3, inputs=4)
    assert result["w"].dims == ("time", "post", "pre")
    assert result["w"].attrs == {"units": "V", "long_name": "weights w from source to soma"}
    assert result.final["w"].shape == (3, 4)


def test_phases_follow_each_other():
    spans = list(examples.result(trials=3).phases())
    assert [(s.phase, s.trial) for s in spans[:3]] == [("free", 0), ("learning", 0), ("free", 1)]
    assert [s.stop for s in spans[:-1]] == [s.start for s in spans[1:]]
    assert spans[-1].stop == pytest.approx(60e-3)


def test_unknown_recording_is_named_with_the_nearest():
    with pytest.raises(UnknownNameError, match=r"did you mean 'soma\.v'"):
        examples.result()["soma.vv"]
    with pytest.raises(UnknownNameError, match=r"unknown state 'soma\.drive'"):
        examples.result().final["soma.drive"]


def test_unrecorded_state_points_to_its_final_value():
    result = examples.result()
    del result.traces["w"]
    with pytest.raises(UnknownNameError, match=r"was not recorded.*result\.final\['w'\]"):
        result["w"]


def test_repr_says_what_there_is():
    spikes = {"soma": Spikes(np.array([0, 1]), np.array([0.1, 0.2]))}
    text = repr(examples.result(metrics={"excess": 0.25}, spikes=spikes))
    for part in ("example: done", "soma.v (40, 3, 1)", "w (3, 4)", "excess 0.25", "soma 2"):
        assert part in text


# -- what cannot be read --------------------------------------------------------------------------


def foreign(path):
    with h5py.File(path, "w") as file:
        file["x"] = np.zeros(3)


def newer(path):
    examples.result().save(path)
    with h5py.File(path, "a") as file:
        file.attrs["dendrosim_format"] = FORMAT + 1


def without_final(path):
    examples.result().save(path)
    with resealed(path) as file:
        del file["final/w/w"]


def other_protocol(path):
    examples.result().save(path)
    with resealed(path) as file:
        file["protocol"][()] = file["protocol"][()].replace(b'"duration"', b'"lasts"')


UNREADABLE = {
    "missing": (lambda path: None, "there is no result file"),
    "folder": (os.mkdir, "cannot read the result file"),
    "empty": (lambda path: path.write_bytes(b""), "not a result of dendrosim: it is empty"),
    "text": (lambda path: path.write_text("v,t\n1,2\n"), "it is not a NetCDF-4 file"),
    "old_netcdf": (lambda path: path.write_bytes(b"CDF\x01" + bytes(60)), "not a NetCDF-4 file"),
    "foreign": (foreign, "it has no attribute 'dendrosim_format'"),
    "newer": (newer, f"has format {FORMAT + 1}, which a newer dendrosim wrote"),
    "damaged": (without_final, "truncated or damaged"),
    "other_protocol": (other_protocol, "has a protocol that cannot be read"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_unreadable_file_is_named(tmp_path, kind):
    make, message = UNREADABLE[kind]
    path = tmp_path / "run.nc"
    make(path)
    with pytest.raises(DataError, match=message) as caught:
        open_result(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("share", [0.0001, 0.01, 0.3, 0.7, 0.999])
def test_truncated_file_is_refused(tmp_path, share):
    content = examples.result(units=20, inputs=20).save(tmp_path / "whole.nc").read_bytes()
    path = tmp_path / "cut.nc"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match=r"cut\.nc is truncated or damaged"):
        open_result(path)


# -- what cannot be written -----------------------------------------------------------------------


def test_missing_folder(tmp_path):
    with pytest.raises(StorageError, match="there is no folder"):
        examples.result().save(tmp_path / "nowhere" / "run.nc")


def test_folder_in_place_of_the_file(tmp_path):
    with pytest.raises(StorageError, match="it is a folder"):
        examples.result().save(tmp_path)


def test_path_below_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"cannot write .*Not a directory"):
        examples.result().save(tmp_path / "file" / "run.nc")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch, code, step):
    path = examples.result().save(tmp_path / "run.nc")
    before = path.read_bytes()

    def fail(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(StorageError, match=f"{os.strerror(code)}; .*write to another folder") as e:
        examples.result(units=2).save(path)
    assert str(path) in str(e.value)
    assert ("free some space" in str(e.value)) == (code in (errno.ENOSPC, errno.EDQUOT))
    assert os.listdir(tmp_path) == ["run.nc"]
    assert path.read_bytes() == before


def test_interrupt_while_writing_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_file(tmp_path / "run.nc", b"content")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_noticed_while_writing(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "dendrosim.machine.atomic_file.Path.with_name", lambda path, name: type(path)("/dev/full")
    )
    monkeypatch.setattr("dendrosim.machine.atomic_file.Path.unlink", lambda path: None)
    with pytest.raises(StorageError, match="No space left on device; free some space"):
        examples.result().save(tmp_path / "run.nc")


@pytest.mark.parametrize("room", range(0, 24_000, 4_000))
def test_a_disk_that_is_full_after_some_bytes_leaves_nothing(tmp_path, monkeypatch, room):
    write = os.pwrite

    def filling(number, content, place):
        if place + len(content) > room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(number, content, place)

    monkeypatch.setattr(os, "pwrite", filling)
    with pytest.raises(StorageError, match="No space left on device; free some space"):
        examples.result().save(tmp_path / "run.nc")
    gc.collect()  # a file that HDF5 has left open is closed now, or crashes
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("default_signals")
@pytest.mark.parametrize("number", [0, 1, 10])
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, signal.SIGALRM])
def test_an_interrupt_while_hdf5_writes_leaves_nothing(tmp_path, monkeypatch, number, kind):
    if kind != signal.SIGINT:  # as the command line does, or a user's limit of time
        signal.signal(kind, signal.default_int_handler)
    write, calls, before = os.pwrite, [], signal.getsignal(kind)

    def interrupting(*arguments):
        calls.append(arguments)
        if len(calls) == number + 1:
            os.kill(os.getpid(), kind)
        return write(*arguments)

    monkeypatch.setattr(os, "pwrite", interrupting)
    with pytest.raises(KeyboardInterrupt):
        examples.result().save(tmp_path / "run.nc")
    assert calls
    gc.collect()
    assert not list(tmp_path.iterdir())
    assert signal.getsignal(kind) == before
    if kind != signal.SIGINT:
        signal.signal(kind, signal.SIG_DFL)


def test_importing_loads_no_heavy_package():
    code = (
        "import sys, dendrosim.results.result, dendrosim.plot;"
        "print([m for m in ('xarray', 'h5netcdf', 'h5py', 'matplotlib', 'brian2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_chunks_have_checksums_for_other_readers_and_the_file_has_one(tmp_path):
    path = examples.result(units=20, inputs=30).save(tmp_path / "run.nc")
    with h5py.File(path) as file:
        assert file["recordings/w/w"].fletcher32
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        DataError, match=r"run\.nc is truncated or damaged \(its checksum is wrong\)"
    ):
        open_result(path)


def test_a_result_that_does_not_fit_into_the_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("dendrosim.machine.hdf5_reading._LARGE", 1000)
    path = examples.result(units=20, inputs=30).save(tmp_path / "run.nc")
    monkeypatch.setattr("dendrosim.machine.hdf5_reading.available_memory", lambda: 2000.0)
    with pytest.raises(DataError, match=r"needs .* KiB of memory, and 1\.95 KiB are free"):
        open_result(path)
