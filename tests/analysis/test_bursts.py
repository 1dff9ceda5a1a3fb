"""Events and bursts against loops over spikes, closed forms of Poisson trains, and coverage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dendrosim.analysis.bursts import BurstStatistics, burst_statistics, find_bursts
from dendrosim.errors import ParameterError, ShapeError, UnknownMemberError
from dendrosim.results.result_data import Spikes

pytestmark = pytest.mark.filterwarnings("error")  # silence and empty groups must not warn

MS = 1e-3


def spikes_of(*trains: list[float]) -> Spikes:
    """One unit per list of times in ms, in the order in which a simulation writes them."""
    unit = np.repeat(np.arange(len(trains)), [len(t) for t in trains])
    time = np.array([t * MS for train in trains for t in train])
    order = np.argsort(time, kind="stable")
    return Spikes(unit[order], time[order])


def poisson(rng, rates, stop, start=0.0) -> Spikes:
    """Independent Poisson trains, one per rate in Hz."""
    count = rng.poisson(np.asarray(rates) * (stop - start))
    unit = np.repeat(np.arange(len(count)), count)
    time = rng.uniform(start, stop, len(unit))
    order = np.argsort(time)
    return Spikes(unit[order], time[order])


def shuffled(spikes: Spikes, seed: int = 0) -> Spikes:
    order = np.random.default_rng(seed).permutation(len(spikes.time))
    return Spikes(*(None if part is None else part[order] for part in spikes))


def loop(trains, threshold):
    """Rows (train, time, second, spikes) of every event, read off spike by spike."""
    rows = []
    for key in sorted(trains):
        previous = None
        for time in sorted(trains[key]):
            if previous is None or time - previous > threshold:
                rows.append([key, time, None, 1])
            else:
                if rows[-1][3] == 1:
                    rows[-1][2] = time
                rows[-1][3] += 1
            previous = time
    return rows


# -- events and bursts ----------------------------------------------------------------------------


@given(
    trains=st.dictionaries(
        st.tuples(st.integers(0, 3), st.integers(0, 2)), st.lists(st.integers(0, 400)), max_size=6
    ),
    dt=st.sampled_from([0.1, 0.2, 1.0]),
    seed=st.integers(0, 2**32 - 1),
    dtype=st.sampled_from([np.float64, np.float32]),
)
def test_events_and_bursts_are_those_of_a_loop_over_spikes(trains, dt, seed, dtype):
    # The loop counts whole steps, so that an interval of exactly 16 ms is exact.
    flat = [(*key, step) for key, steps in trains.items() for step in steps]
    unit, sample, step = np.array(flat, dtype=np.int64).reshape(-1, 3).T
    spikes = Spikes(unit, (step * (dt * MS)).astype(dtype), sample)
    found = find_bursts(shuffled(spikes, seed))
    expected = loop(trains, round(16.0 / dt))
    assert list(zip(found.unit.tolist(), found.sample.tolist(), strict=True)) == [
        row[0] for row in expected
    ]
    np.testing.assert_allclose(found.time / (dt * MS), [row[1] for row in expected], atol=1e-3)
    np.testing.assert_array_equal(found.spikes, [row[3] for row in expected])
    np.testing.assert_array_equal(found.burst, [row[3] > 1 for row in expected])
    second = [np.nan if row[2] is None else row[2] for row in expected]
    np.testing.assert_allclose(found.second / (dt * MS), second, atol=1e-3)


@pytest.mark.parametrize("start", [0, 1, 7919, 10**6, 10**8])
@pytest.mark.parametrize("dt", [0.1, 0.05, 0.02])
def test_an_interval_of_exactly_the_threshold_is_inside_of_a_burst_whatever_the_rounding(start, dt):
    exact = round(16.0 / dt)
    for interval, events in ((exact - 1, 1), (exact, 1), (exact + 1, 2)):
        time = np.array([start, start + interval]) * (dt * MS)
        assert len(find_bursts(Spikes(np.zeros(2, int), time)).time) == events


def test_a_burst_is_counted_once_and_stamped_at_its_second_spike():
    found = find_bursts(spikes_of([100, 105, 112, 127, 150, 200, 210], [103]))
    np.testing.assert_array_equal(found.unit, [0, 0, 0, 1])
    np.testing.assert_allclose(found.time, [0.100, 0.150, 0.200, 0.103])
    np.testing.assert_allclose(found.second, [0.105, np.nan, 0.210, np.nan])
    np.testing.assert_array_equal(found.spikes, [4, 1, 2, 1])


def test_units_and_samples_do_not_burst_together():
    spikes = Spikes(np.array([0, 1, 1, 0]), np.array([0.0, 1, 2, 3]) * MS, np.array([0, 0, 1, 1]))
    found = find_bursts(spikes)
    np.testing.assert_array_equal(found.unit, [0, 0, 1, 1])
    np.testing.assert_array_equal(found.sample, [0, 1, 0, 1])
    assert not found.burst.any()


# -- closed forms ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [2.0, 10.0, 40.0, 100.0])
def test_poisson_trains_have_the_rates_of_their_interval_distribution(rate):
    # Intervals are exponential: a spike is an event with probability p = exp(-r 16 ms), becomes a
    # burst with 1 - p, and a burst has 1 + 1/p spikes on average (a geometric number).
    spikes = poisson(np.random.default_rng(1), np.full(400, rate), 22.0)
    found = burst_statistics(spikes, 1.0, 21.0, cells=400)
    p = np.exp(-rate * 0.016)
    total = rate * 400 * 20.0
    for value, expected, counts in (
        (found.rate, rate, total),
        (found.event_rate, rate * p, total * p),
        (found.burst_rate, rate * p * (1 - p), total * p * (1 - p)),
    ):
        assert value == pytest.approx(expected, rel=4.0 / np.sqrt(counts))
    events = total * p
    assert found.burst_probability == pytest.approx(1 - p, abs=4 * np.sqrt(p * (1 - p) / events))
    scatter = np.sqrt(1 - p) / p / np.sqrt(events * (1 - p))
    assert found.spikes_per_burst == pytest.approx(1 + 1 / p, abs=4 * scatter)
    identity = found.event_rate + found.burst_rate * (found.spikes_per_burst - 1)
    assert found.rate == pytest.approx(identity, rel=1e-3)  # up to bursts cut by the edges
    for name, expected in (
        ("event_rate", rate * p),
        ("burst_rate", rate * p * (1 - p)),
        ("burst_probability", 1 - p),
    ):
        interval = getattr(found, f"{name}_interval")
        assert interval.lower < getattr(found, name) < interval.upper
        assert interval.lower == pytest.approx(expected, rel=0.2)
        assert interval.upper == pytest.approx(expected, rel=0.2)


def test_a_periodic_train_is_all_events_below_62_5_hz_and_one_burst_above():
    slow = spikes_of(list(np.arange(0, 1000, 16.1)))
    found = burst_statistics(slow, 0.1, 0.9, cells=1)
    assert found.event_rate == found.rate == pytest.approx(1 / 0.0161, rel=0.02)
    assert found.burst_probability == 0.0
    assert np.isnan(found.spikes_per_burst)

    fast = find_bursts(spikes_of(list(np.arange(0, 1000, 15.9))))
    np.testing.assert_array_equal(fast.spikes, [63])
    assert fast.burst.all()


def test_burst_probability_is_the_ratio_of_sums_not_the_mean_of_ratios():
    # Cell 0: one event, a burst. Cell 1: nine events, none a burst. Mean of ratios: 0.5.
    spikes = spikes_of([0, 5], list(range(0, 900, 100)))
    assert burst_statistics(spikes, 0.0, 1.0, cells=2).burst_probability == pytest.approx(0.1)


# -- windows --------------------------------------------------------------------------------------


def test_a_burst_belongs_to_the_window_of_its_second_spike():
    # Second spikes at 105 and 205 ms; events at 95 and 195 ms.
    found = burst_statistics(spikes_of([95, 105, 115, 195, 205]), 0.0, 0.3, cells=1, window=0.1)
    np.testing.assert_allclose(found.event_rate, [10, 10, 0])
    np.testing.assert_allclose(found.burst_rate, [0, 10, 10])
    np.testing.assert_allclose(found.burst_probability, [0, 1, np.nan])
    np.testing.assert_allclose(found.spikes_per_burst, [np.nan, 3, 2])


def test_a_burst_may_be_counted_in_the_window_of_its_event():
    spikes = spikes_of([95, 105, 115, 195, 205])
    found = burst_statistics(spikes, 0.0, 0.3, cells=1, window=0.1, burst_at="event")
    np.testing.assert_allclose(found.time, [0.05, 0.15, 0.25])
    np.testing.assert_allclose(found.rate, [10, 30, 10])
    np.testing.assert_allclose(found.event_rate, [10, 10, 0])
    np.testing.assert_allclose(found.burst_probability, [1, 1, np.nan])
    np.testing.assert_allclose(found.spikes_per_burst, [3, 2, np.nan])


def test_a_burst_under_way_is_no_new_event_and_one_cut_by_the_span_is_a_burst():
    spikes = spikes_of([95, 105, 195, 205])
    found = burst_statistics(spikes, 0.1, 0.2, cells=1, burst_at="event")
    assert (found.event_rate, found.burst_probability) == (pytest.approx(10.0), 1.0)
    with pytest.raises(UnknownMemberError, match="time of a burst"):
        burst_statistics(spikes, 0.1, 0.2, cells=1, burst_at="third")


def test_a_burst_cut_by_the_end_of_the_recording_has_the_spikes_that_were_recorded():
    found = find_bursts(spikes_of([0, 100, 110]))
    np.testing.assert_array_equal(found.spikes, [1, 2])
    cut = find_bursts(spikes_of([0, 100]))
    np.testing.assert_array_equal(cut.spikes, [1, 1])


def test_windows_add_up_to_the_whole():
    spikes = poisson(np.random.default_rng(2), [5.0, 20.0, 60.0], 3.0)
    whole = burst_statistics(spikes, 0.5, 2.5, cells=3)
    parts = burst_statistics(spikes, 0.5, 2.5, cells=3, window=0.1)
    assert parts.time.shape == parts.rate.shape == parts.event_rate_interval.lower.shape == (20,)
    for name in ("rate", "event_rate", "burst_rate"):
        assert getattr(parts, name).mean() == pytest.approx(getattr(whole, name), rel=1e-12)
    assert np.nanmax(parts.burst_probability) <= 1.0


@pytest.mark.parametrize("step", [0.1, 0.05, 0.02])
def test_windows_are_half_open_on_a_time_grid_whatever_the_rounding(step):
    # One spike at each edge, of a window of 0.3 s, as n * dt: each counts in the window it opens.
    dt = step * MS
    edges = np.arange(1, 31) * round(0.3 / dt) * dt
    spikes = Spikes(np.zeros(30, int), edges)
    found = burst_statistics(spikes, 0.3, 9.0, cells=1, window=0.3)
    np.testing.assert_allclose(found.rate, np.full(29, 1 / 0.3))


def test_a_rest_shorter_than_a_window_is_left_out():
    found = burst_statistics(spikes_of([10, 250, 290]), 0.0, 0.29, cells=1, window=0.1)
    np.testing.assert_allclose(found.rate, [10, 0])


# -- groups, samples, order -----------------------------------------------------------------------


def values(found: BurstStatistics) -> dict[str, np.ndarray]:
    """Return every number by name, intervals as (2, ...)."""
    return {name: np.asarray(value) for name, value in vars(found).items()}


def test_groups_are_what_each_gives_alone():
    rng = np.random.default_rng(3)
    spikes = poisson(rng, rng.uniform(1, 60, 60), 2.0)
    groups = rng.integers(-1, 4, 60)
    together = burst_statistics(spikes, 0.2, 1.8, cells=60, groups=groups, window=0.4)
    assert together.rate.shape == (4, 4)
    np.testing.assert_array_equal(together.trains, np.bincount(groups[groups >= 0]))
    for g in range(4):
        mask = groups == g
        for units in (mask, np.flatnonzero(mask)):
            alone = burst_statistics(spikes, 0.2, 1.8, cells=60, units=units, window=0.4)
            for name, value in values(alone).items():
                whole = values(together)[name]
                axis = 1 if name.endswith("interval") else 0
                expected = whole if name == "time" else np.take(whole, g, axis)
                np.testing.assert_array_equal(value, expected, name)


def test_shapes_follow_the_arguments():
    spikes = spikes_of([1.0], [2.0])
    groups = [0, 2]
    plain = burst_statistics(spikes, 0.0, 1.0, cells=2)
    grouped = burst_statistics(spikes, 0.0, 1.0, cells=2, groups=groups)
    both = burst_statistics(spikes, 0.0, 1.0, cells=2, groups=groups, window=0.25)
    for name in ("rate", "event_rate", "burst_rate", "burst_probability", "spikes_per_burst"):
        assert isinstance(getattr(plain, name), float)
        assert getattr(grouped, name).shape == (3,)
        assert getattr(both, name).shape == (3, 4)
    assert (plain.time, plain.trains) == (0.5, 2)
    assert both.time.shape == (4,)
    np.testing.assert_array_equal(grouped.trains, [1, 0, 1])


def test_samples_are_trains_of_their_own():
    rng = np.random.default_rng(4)
    flat = poisson(rng, rng.uniform(5, 50, 12), 2.0)
    batch = Spikes(flat.unit % 4, flat.time, flat.unit // 4)
    expected = values(burst_statistics(flat, 0.0, 2.0, cells=12))
    for name, value in values(burst_statistics(batch, 0.0, 2.0, cells=4, samples=3)).items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-12, err_msg=name)
    labels = np.tile(np.arange(3), (4, 1))
    by_sample = burst_statistics(batch, 0.0, 2.0, cells=4, samples=3, groups=labels)
    same = burst_statistics(flat, 0.0, 2.0, cells=12, groups=np.arange(12) // 4)
    np.testing.assert_array_equal(by_sample.burst_rate, same.burst_rate)


def test_the_order_of_spikes_does_not_matter():
    spikes = poisson(np.random.default_rng(5), [3.0, 30.0, 90.0], 2.0)
    expected = values(burst_statistics(spikes, 0.0, 2.0, cells=3, window=0.5))
    mixed = burst_statistics(shuffled(spikes), 0.0, 2.0, cells=3, window=0.5)
    for name, value in values(mixed).items():
        np.testing.assert_array_equal(value, expected[name], name)


# -- silence and confidence -----------------------------------------------------------------------


@pytest.mark.parametrize("cells", [1, 20])
def test_silence_has_rate_zero_and_no_burst_probability(cells):
    silent = Spikes(np.array([], dtype=np.int32), np.array([]))
    assert len(find_bursts(silent).time) == 0
    found = burst_statistics(silent, 0.0, 2.0, cells=cells, groups=np.zeros(cells, int), window=0.5)
    np.testing.assert_array_equal(found.rate, np.zeros((1, 4)))
    np.testing.assert_array_equal(found.event_rate, np.zeros((1, 4)))
    for value in (
        found.burst_probability,
        found.spikes_per_burst,
        *found.burst_probability_interval,
    ):
        assert np.isnan(value).all()
    np.testing.assert_array_equal(found.event_rate_interval.lower, np.zeros((1, 4)))
    # No event in T: rates above z^2 / T would have shown one.
    np.testing.assert_allclose(found.event_rate_interval.upper, 1.959964**2 / (cells * 0.5), 1e-6)


def test_a_group_without_a_cell_has_no_rate():
    found = burst_statistics(spikes_of([1.0], [2.0]), 0.0, 1.0, cells=2, groups=[0, 2])
    assert np.isnan(np.array(found.event_rate_interval)[:, 1]).all()
    np.testing.assert_array_equal(found.trains, [1, 0, 1])
    np.testing.assert_allclose(found.rate, [1.0, np.nan, 1.0])


def test_one_train_or_no_burst_falls_back_to_the_interval_of_wilson():
    # Wilson (1927) for 3 of 10 and 0 of 10 at 95 %, as tabulated widely: 0.1078-0.6032, 0-0.2775.
    events = [100.0 * k for k in range(10)]
    bursting = spikes_of(sorted([*events, *(t + 5 for t in events[:3])]))
    interval = burst_statistics(bursting, 0.0, 1.0, cells=1).burst_probability_interval
    np.testing.assert_allclose(interval, [0.1078, 0.6032], atol=1e-4)
    single = burst_statistics(spikes_of(events[::2], events[1::2]), 0.0, 1.0, cells=2)
    np.testing.assert_allclose(single.burst_probability_interval, [0.0, 0.2775], atol=1e-4)
    # Its Poisson counterpart for 10 counts in 1 s: roots of (10 - x)^2 = z^2 x.
    roots = np.sort(np.roots([1.0, -20.0 - 1.959964**2, 100.0]))
    found = burst_statistics(bursting, 0.0, 1.0, cells=1).event_rate_interval
    np.testing.assert_allclose(found, roots, rtol=1e-6)


def test_intervals_are_roots_of_the_score_equations_with_the_variance_between_cells():
    # Each cell: its number of events, 50 ms apart, and how many of them are bursts.
    events, bursts = np.array([4, 6, 10, 0]), np.array([1, 2, 6, 0])
    trains = [
        sorted([*(50.0 * k for k in range(e)), *(50.0 * k + 5 for k in range(b))])
        for e, b in zip(events, bursts, strict=True)
    ]
    found = burst_statistics(spikes_of(*trains), 0.0, 1.0, cells=4)
    p, total = 9 / 20, 20.0
    # Student's quantiles at 97.5 % with 3 degrees of freedom, and with 2: one cell has no events.
    phi = np.var(events, ddof=1) / np.mean(events)
    roots = np.roots([1.0, -2 * total - 3.182446**2 * phi, total**2]) / 4
    np.testing.assert_allclose(found.event_rate_interval, np.sort(roots), rtol=1e-6)
    variance = 3 / 2 * sum((bursts - p * events) ** 2) / total**2
    share = 4.302653**2 * variance / (p * (1 - p))
    roots = np.roots([1 + share, -2 * p - share, p**2])
    np.testing.assert_allclose(found.burst_probability_interval, np.sort(roots), rtol=1e-6)


@pytest.mark.parametrize(
    ("cells", "spread", "confidence"),
    [(40, 0.0, 0.95), (40, 0.8, 0.95), (40, 0.8, 0.8), (6, 0.5, 0.95)],
)
def test_intervals_hold_the_true_value_as_often_as_they_say(cells, spread, confidence):
    # Cells are Poisson with rates of their own (log-normal), so counts vary more than Poisson;
    # closed forms are averaged over that distribution. Each group is one repeated experiment.
    repeats, seconds = 1000, 2.0
    rng = np.random.default_rng(6)
    rates = 15.0 * np.exp(spread * rng.normal(size=(repeats, cells)))
    spikes = poisson(rng, rates.ravel(), seconds + 0.2, start=-0.2)
    found = burst_statistics(
        spikes,
        0.0,
        seconds,
        cells=repeats * cells,
        groups=np.repeat(np.arange(repeats), cells),
        confidence=confidence,
    )
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    rate = 15.0 * np.exp(spread * nodes)
    p = np.exp(-rate * 0.016)
    event_rate = np.average(rate * p, weights=weights)
    burst_rate = np.average(rate * p * (1 - p), weights=weights)
    # Normal theory for skewed counts of few cells falls a little short: 4 % are allowed.
    for interval, truth in (
        (found.event_rate_interval, event_rate),
        (found.burst_rate_interval, burst_rate),
        (found.burst_probability_interval, burst_rate / event_rate),
    ):
        covered = np.mean((interval.lower <= truth) & (truth <= interval.upper))
        assert covered == pytest.approx(confidence, abs=0.04)


def test_intervals_of_rare_bursts_hold_the_true_value():
    # 20 cells, 1 s, 2 Hz: about one burst per experiment, in a third of them none.
    repeats, cells = 1000, 20
    rng = np.random.default_rng(7)
    spikes = poisson(rng, np.full(repeats * cells, 2.0), 1.2, start=-0.2)
    groups = np.repeat(np.arange(repeats), cells)
    found = burst_statistics(spikes, 0.0, 1.0, cells=repeats * cells, groups=groups)
    lower, upper = found.burst_probability_interval
    truth = 1 - np.exp(-2.0 * 0.016)
    assert np.mean((lower <= truth) & (truth <= upper)) > 0.92
    assert np.all(lower >= 0.0)
    assert np.all(upper <= 1.0)


# -- wrong input ----------------------------------------------------------------------------------


GOOD = spikes_of([10, 20], [30])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"start": 1.0, "stop": 1.0}, ParameterError, "stop must be later"),
        ({"stop": np.inf}, ParameterError, "finite"),
        ({"window": 0.0}, ParameterError, "window is 0.0 s; it must be positive"),
        ({"window": 2.0}, ParameterError, "must not exceed"),
        ({"threshold": -0.016}, ParameterError, "threshold is -0.016"),
        ({"confidence": 1.0}, ParameterError, "between 0 and 1"),
        ({"confidence": np.nan}, ParameterError, "between 0 and 1"),
        ({"cells": 1}, ParameterError, "Spikes.unit holds 1, but cells is 1"),
        ({"cells": 0}, ParameterError, "cells is 0"),
        ({"cells": 2.0}, ParameterError, "cells is 2.0"),
        ({"samples": 0}, ParameterError, "samples is 0"),
        ({"groups": [0]}, ShapeError, "groups has shape"),
        ({"groups": [0.0, 1.0]}, ParameterError, "groups must hold integers"),
        ({"groups": [-1, -1]}, ParameterError, "every cell"),
        ({"units": []}, ShapeError, "units has shape"),
        ({"units": [0, 2]}, ParameterError, "from 0 to 1"),
        ({"units": [True]}, ShapeError, "units has shape"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(change, error, message):
    arguments = {"start": 0.0, "stop": 1.0, "cells": 2} | change
    with pytest.raises(error, match=message):
        burst_statistics(GOOD, **arguments)


@pytest.mark.parametrize(
    ("spikes", "error", "message"),
    [
        (Spikes(np.array([0]), np.array([0.1, 0.2])), ShapeError, "Spikes.unit has shape"),
        (Spikes(np.zeros((1, 1), int), np.zeros((1, 1))), ShapeError, "Spikes.time has shape"),
        (
            Spikes(np.array([0]), np.array([0.1]), np.array([], int)),
            ShapeError,
            "Spikes.sample has shape",
        ),
        (Spikes(np.array([-1]), np.array([0.1])), ParameterError, "at least 0"),
        (Spikes(np.array([0.0]), np.array([0.1])), ParameterError, "integers"),
        (Spikes(np.array([0]), np.array([np.nan])), ParameterError, "not finite"),
    ],
)
def test_spikes_that_do_not_fit_together_are_refused(spikes, error, message):
    with pytest.raises(error, match=message):
        find_bursts(spikes)


def test_a_sample_beyond_the_batch_is_refused():
    spikes = Spikes(np.array([0]), np.array([0.1]), np.array([1]))
    with pytest.raises(ParameterError, match=r"Spikes\.sample holds 1, but samples is 1"):
        burst_statistics(spikes, 0.0, 1.0, cells=1)
