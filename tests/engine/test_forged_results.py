"""A changed result whose clock would be continued is refused: no part of it contradicts another one in silence."""

import dataclasses
import gc
import logging
from functools import cache

import numpy as np
import pytest
from continued_runs import spiking

import dendrosim as ds
from dendrosim.errors import DataError, DendrosimError, ParameterError
from dendrosim.protocol.beginning import LATEST, Beginning

STEPS = 60


@cache
def first():
    return ds.run(spiking((("a", STEPS),)), "numpy", seed=4)


@cache
def second():
    return ds.run(spiking((("b", 20),)), initial=first(), continue_clock=True)


def changed(result, **fields):
    """Return a result with other fields."""
    kept = {name: value for name, value in vars(result).items() if name != "state"}
    return ds.Result(**{**kept, "final": result.state, "metrics": {}, **fields})


@pytest.fixture
def forge(tmp_path):
    """Return a function that changes fields of a result in a file, with a right checksum, and opens the file."""

    def change(result, **fields):
        return ds.open_result(changed(result, **fields).save(tmp_path / "forged.nc"))

    return change


def go_on(result, protocol=None):
    protocol = spiking((("c", 20),)) if protocol is None else protocol
    return ds.run(protocol, initial=result, continue_clock=True)


def carried_without(result, key):
    return {name: array for name, array in result.carried.items() if name != key}


def noisy(name, signals=True):
    cell = ds.Population("u", 3, "dv/dt = (x - v)/(10*ms) : 1\nx : 1", inputs={"x": 0.0})
    signal = {"u.x": ds.OrnsteinUhlenbeck(1, 1, "50 ms")} if signals else {}
    return ds.Protocol(
        ds.Circuit((cell,)),
        [ds.Block(name, (ds.Phase("on", "2 ms"),))],
        dt="0.1 ms",
        signals=signal,
    )


def test_results_that_nobody_changed(forge):
    for result in (first(), second()):
        again, expected = go_on(forge(result)), go_on(result)
        for name, array in expected.state.items():
            assert again.state[name].tobytes() == array.tobytes(), name


def test_state_values_may_be_changed(forge):
    result = forge(first(), final={**first().state, "cell.v": np.full((6, 2), 0.3)})
    assert go_on(result).start == result.stop


def test_each_array_is_needed_in_its_shape():
    gc.collect()
    with heard() as warnings:
        for key, array in first().carried.items():
            with pytest.raises((DataError, ParameterError), match=key):
                go_on(changed(first(), carried=carried_without(first(), key)))
            with pytest.raises((DataError, ParameterError), match=key):
                go_on(changed(first(), carried={**first().carried, key: array[:-1].ravel()}))
        gc.collect()
    assert warnings == []


class heard:
    """The warnings of Brian2 while this is open, such as those of objects that no network has included."""

    def __enter__(self):
        self.records = []
        self.handler = logging.Handler(logging.WARNING)
        self.handler.emit = lambda record: self.records.append(record.getMessage())
        logging.getLogger("brian2").addHandler(self.handler)
        return self.records

    def __exit__(self, *_):
        logging.getLogger("brian2").removeHandler(self.handler)


@pytest.mark.filterwarnings("ignore:the run that is continued has random signals")
def test_the_state_of_a_random_signal_is_needed(forge):
    key = "u.ds_slot_OrnsteinUhlenbeck0_x_z"
    before = ds.run(noisy("a"), "numpy", seed=1)
    with pytest.raises(DataError, match=f"no {key}, the state of a random signal"):
        go_on(forge(before, carried=carried_without(before, key)), noisy("b"))
    # the signal stands still in the second run, whose protocol does not have it
    between = go_on(before, noisy("b", signals=False))
    with pytest.raises(DataError, match=f"no {key}, the state of a random signal"):
        go_on(forge(between, carried=carried_without(between, key)), noisy("c"))
    # a signal that no run before had begins as in a run of its own
    quiet = ds.run(noisy("a", signals=False), "numpy", seed=1)
    assert go_on(forge(quiet), noisy("b")).start == 2e-3


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        *(("batch", wrong, "batch is .* in provenance, but 2") for wrong in (1, 3, None, 2.0, True)),
        *(("precision", wrong, "precision is") for wrong in ("single", "auto", None, "x")),
        *(("backend", wrong, "back ?end") for wrong in ("auto", None, "x", ["numpy"])),
        ("seed", -1, "seed is -1"),
        ("continued", {"step": 5}, "step of its beginning is 0, but 5 in provenance"),
        ("continued", 5, "the run before it is 5 in provenance"),
        ("continued", {"step": 0, "signals": [[]]}, "it has no"),
    ],
)  # fmt: skip
def test_settings_in_provenance(forge, field, value, message):
    with pytest.raises(DendrosimError, match=message):
        go_on(forge(first(), provenance={**first().provenance, field: value}))


def test_precision_is_that_of_the_arrays(forge):
    single = ds.run(noisy("a"), "numpy", precision="single")
    assert go_on(forge(single), noisy("b")).provenance["precision"] == "single"
    with pytest.raises(DataError, match=r"precision is 'double' .* numbers of single precision"):
        go_on(forge(single, provenance={**single.provenance, "precision": "double"}), noisy("b"))


BEGINNINGS = [
    Beginning(7),
    *(Beginning(step, {"a": 1}, "a") for step in (61, 2**55, 2**61, 2**62 - 1, LATEST - 10)),
    Beginning(STEPS, {"a": 2**62 - 1}, "a"),
    Beginning(STEPS, {"a": 2}, "a"),
    Beginning(STEPS, {"b": 1}, "b"),
    Beginning(STEPS, {"a": 1}, "b"),
    Beginning(STEPS, {"a": 1}, "a", 5),
    Beginning(STEPS, {"a": 1, "b": 50}, "a", 40),
]


@pytest.mark.parametrize("begin", BEGINNINGS)
def test_the_beginning_of_the_run(forge, begin):
    with pytest.raises(DataError, match=r"beginning of a run|of its beginning"):
        forge(second(), begin=begin)
    with pytest.raises(DataError, match=r"beginning of a run|of its beginning"):
        go_on(changed(second(), begin=begin))


@pytest.mark.parametrize("step", [40, 2**40, LATEST - 10])
def test_a_beginning_that_provenance_says_as_well(forge, step):
    provenance = second().provenance
    fields = {
        "begin": dataclasses.replace(second().begin, step=step),
        "provenance": {**provenance, "continued": {**provenance["continued"], "step": step}},
    }
    with pytest.raises(DataError, match=r"has a time outside|at most 2,199"):
        forge(second(), **fields)
    with pytest.raises(
        DataError, match=r"has a time outside|at most 2,199|lastspike is not the same"
    ):
        go_on(forge(second(), traces={}, **fields))


def test_a_run_beyond_the_last_step(forge):
    # only the number of steps contradicts nothing: there are no recordings, spikes or times of spikes
    quiet = go_on(ds.run(noisy("a"), "numpy", seed=1), noisy("b"))
    step = LATEST - 30
    origin = {**quiet.provenance["continued"], "step": step}
    late = forge(
        quiet,
        begin=dataclasses.replace(quiet.begin, step=step),
        provenance={**quiet.provenance, "continued": origin},
    )
    with pytest.raises(ParameterError, match="steps at its end; at most 2,199,023,255,552"):
        go_on(late, noisy("c"))


def test_samples_that_cannot_be_counted(forge):
    protocol = spiking((("b", 20),)).replace(batch=2**14)
    begin = Beginning(LATEST - 30, {"a": 2**40}, "a", 0)
    provenance = {"continued": begin.plain()}
    with pytest.raises(DataError, match="block 'a' would have shown more than"):
        forge(ds.Result(protocol, {}, {}), begin=begin, provenance=provenance, carried={})


TIME_STEPS = (1e-4, 1e-5, 3e-5, 0.1e-3 / 7)


def counted(steps, dt):
    """Return the numbers of steps that Brian2 counts at the times of steps."""
    return np.floor((steps * dt + 1e-3 * dt) / dt)


@pytest.mark.parametrize("dt", TIME_STEPS)
def test_steps_are_counted_exactly_up_to_the_last_one(dt):
    draws = np.random.default_rng(0).integers(1, LATEST, 10**5).astype(float)
    steps = np.concatenate([draws, LATEST - np.arange(10.0**5)])
    assert np.array_equal(counted(steps, dt), steps)


def test_steps_far_beyond_it_are_not():
    steps = np.random.default_rng(0).integers(2**46, 2**47, 10**5).astype(float)
    assert any(np.any(counted(steps, dt) != steps) for dt in TIME_STEPS)


@pytest.mark.parametrize("time", [STEPS * 1e-4, 1e3, 1e300])
def test_times_after_the_end(forge, time):
    spike, update = np.full(12, time), np.full(40, time)
    relative = spike.reshape(6, 2) - first().stop
    for carried, final in (
        ({"cell.lastspike": spike}, {}),
        ({}, {"cell.lastspike": relative}),
        ({"cell.lastspike": spike}, {"cell.lastspike": relative}),
        ({"feed.ds_own_ds_lastupdate": update}, {}),
    ):
        fields = {
            "carried": {**first().carried, **carried}, "final": {**first().state, **final}
        }  # fmt: skip
        with pytest.raises((DataError, ParameterError), match="last"):
            go_on(forge(first(), **fields))


def test_a_last_spike_in_the_future_of_another_clock(forge):
    late = forge(first(), final={**first().state, "cell.lastspike": np.full((6, 2), 1e3)})
    with pytest.raises(ParameterError, match="lastspike is 1000 s, a time after the beginning"):
        ds.run(spiking((("c", 20),)), "numpy", seed=4, initial=late)


def test_recordings_and_spikes(forge):
    trace, spikes = first().traces["cell.v"], first().spikes["cell"]
    for moved in (trace.time + 1, trace.time - 1, np.full_like(trace.time, np.nan)):
        with pytest.raises(DataError, match=r"recording cell\.v has a time outside 0 s to 0.006 s"):
            go_on(forge(first(), traces={"cell.v": trace._replace(time=moved)}))
    with pytest.raises(DataError, match="list of spikes of cell has a time outside"):
        go_on(forge(first(), spikes={"cell": spikes._replace(time=spikes.time + 1)}))
    with pytest.raises(DataError, match=r"spikes of cell has a time outside 0\.006 s to 0\.008 s"):
        forge(second(), spikes={"cell": spikes})
    for time, values in ((trace.time + 1e-4, trace.values), (trace.time[:3], trace.values[:3])):
        other = changed(first(), traces={"cell.v": type(trace)(time, values)})
        with pytest.raises(DataError, match="other times than its protocol plans"):
            go_on(other)


def test_spikes_sent_before_time_zero(forge):
    short = ds.run(spiking((("a", 12),)), "numpy", seed=4)
    early = {**short.carried, "feed.ds_flying_pre": np.array([[13, 0]])}
    with pytest.raises(ParameterError, match="cannot be on their way"):
        go_on(forge(short, carried=early))
