"""Comparisons of results that tests share."""

import numpy as np
import scipy.optimize


def gap(found, expected):
    """Return the largest difference, relative to the largest number expected."""
    return np.max(np.abs(found - expected), initial=0.0) / (np.max(np.abs(expected)) or 1.0)


def eigenvalue_distance(found, expected):
    """Return the largest distance of partners, when two lists of eigenvalues are matched one to one."""
    assert len(found) == len(expected)
    distance = np.abs(np.asarray(found)[:, None] - np.asarray(expected))
    rows, columns = scipy.optimize.linear_sum_assignment(distance)
    return float(np.max(distance[rows, columns], initial=0.0))


def same_bits(first, second):
    """Return whether the second result holds all numbers of the first, bit for bit."""
    return all(
        np.array_equal(trace.values, second.traces[n].values) for n, trace in first.traces.items()
    ) and all(np.array_equal(value, second.state[n]) for n, value in first.state.items())


def assert_identical(result, expected):
    """Require two results of runs that are done, of any kind of storage, to agree bit for bit."""
    assert result.status == expected.status == "done"
    assert result.protocol == expected.protocol
    assert result.names == expected.names
    for name, trace in expected.traces.items():
        assert np.array_equal(result.traces[name].time, trace.time)
        assert result.traces[name].values.tobytes() == trace.values.tobytes(), name
    assert set(result.state) == set(expected.state)
    for name, values in expected.state.items():
        assert result.state[name].tobytes() == values.tobytes(), name
    assert set(result.spikes) == set(expected.spikes)
    for name, spikes in expected.spikes.items():
        for part, values in spikes._asdict().items():
            assert np.array_equal(getattr(result.spikes[name], part), values), (name, part)
    np.testing.assert_equal(dict(result.metrics), dict(expected.metrics))


def identical(result, expected):
    """Return whether `assert_identical` accepts two results."""
    try:
        assert_identical(result, expected)
    except AssertionError:
        return False
    return True


def spike_table(result, name="cell"):
    """Return a row of step, unit and sample for every spike of a population, in this order."""
    train = result.spikes[name]
    steps = train.time / result.protocol.time_step
    assert np.allclose(steps, np.round(steps), atol=1e-6)
    sample = np.zeros(len(steps)) if train.sample is None else train.sample
    table = np.stack([np.round(steps), train.unit, sample], axis=1).astype(int)
    return table[np.lexsort(table.T[::-1])]
