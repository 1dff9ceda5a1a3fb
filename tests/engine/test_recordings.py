"""Recordings are rows of the history, at the times and of the units that they name."""

import numpy as np
import pytest
from comparisons import gap
from reference_problems import (
    FAST,
    PROBLEMS,
    microcircuit_protocol,
    run_once,
)

from dendrosim.errors import ParameterError
from dendrosim.experiments.run import run
from dendrosim.protocol.phases import Recording


def test_a_thinned_recording_keeps_every_so_many_trials_of_each_block():
    def times(**options):
        protocol = microcircuit_protocol(1, recordings=(Recording("pyramidal.soma", **options),))
        return run(protocol, "numpy", 2).traces["pyramidal.soma"].time / 0.5e-3

    # train: three trials of 4 + 9 steps; test: one of 4 steps
    assert np.allclose(times(every="trial", thin=2), [12, 38, 42])
    assert np.allclose(times(every="phase", thin=2), [3, 12, 29, 38, 42])
    assert np.allclose(times(every="1 ms", thin=3), [*range(0, 13, 2), *range(40, 43, 2)])
    assert np.allclose(times(every="trial", thin=100), [12, 42])


@pytest.mark.parametrize("thin", [0, -1, 1.5, True, "2"])
def test_thinning_is_by_a_whole_number_of_trials(thin):
    with pytest.raises(ParameterError, match=r"Recording\.thin"):
        Recording("a.b", "trial", thin=thin)


@pytest.mark.parametrize("backend", FAST)
def test_recordings_are_rows_of_the_history(backend):
    recordings = (
        Recording("pyramidal.soma", "0.5 ms", units=(3, 1)),
        Recording("pyramidal.basal", "1.5 ms", samples=(2, 0)),
        Recording("pyramidal.plateau", "phase"),
        Recording("inter.n", "trial", units=(4,), samples=(1,)),
        Recording("w1", "phase", phases="learning"),
        Recording("b", "2 ms", phases="train/free"),
        Recording("q", "trial", phases=("train/*",)),
        Recording("pyramidal.inhibition", "1 ms", phases=("test/free", "learning")),
        Recording("input.x", "phase"),
    )
    result = run(microcircuit_protocol(3, recordings=recordings), backend, 2)
    history, final = PROBLEMS[0].loop(*PROBLEMS[0].drives(run_once(PROBLEMS[0], backend, 3), 3))
    ends = [3, 12, 16, 25, 29, 38, 42]
    inside = {"free": [*range(0, 4), *range(13, 17), *range(26, 30)], "test": list(range(39, 43))}
    learning = [*range(4, 13), *range(17, 26), *range(30, 39)]
    expected = {
        "pyramidal.soma": (list(range(43)), np.ix_(range(43), (3, 1), (0, 1, 2))),
        "pyramidal.basal": (list(range(0, 43, 3)), np.ix_(range(0, 43, 3), range(5), (2, 0))),
        "pyramidal.plateau": (ends, np.ix_(ends, range(5), range(3))),
        "inter.n": ([12, 25, 38, 42], np.ix_([12, 25, 38, 42], (4,), (1,))),
        "w1": ([12, 25, 38], np.ix_([12, 25, 38], range(5), range(4))),
        "b": ([0, 16, 28], np.ix_([0, 16, 28], range(5), range(3))),
        "q": ([12, 25, 38], np.ix_([12, 25, 38], range(5), range(5))),
        "input.x": (ends, np.ix_(ends, range(4), range(3))),
    }
    even = [k for k in sorted([*learning, *inside["test"]]) if k % 2 == 0]
    expected["pyramidal.inhibition"] = (even, np.ix_(even, range(5), range(3)))
    assert [k for k in inside["free"] if k % 4 == 0] == [0, 16, 28]
    assert set(result.traces) == set(expected)
    for name, (steps, pick) in expected.items():
        trace = result.traces[name]
        assert np.allclose(trace.time, np.array(steps) * 0.5e-3, rtol=1e-14), name
        assert trace.values.shape == history[name][pick].shape, name
        assert gap(trace.values, history[name][pick]) < 1e-10, name
    for name, value in final.items():
        assert gap(result.state[name], value) < 1e-10


@pytest.mark.parametrize("backend", FAST)
def test_watching_more_changes_nothing(backend):
    silent = run(microcircuit_protocol(3, recordings=()), backend, 2)
    assert silent.traces == {}
    for name, value in run_once(PROBLEMS[0], backend, 3).state.items():
        assert np.array_equal(silent.state[name], value)
