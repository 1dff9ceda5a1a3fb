"""Figures of spikes show the spikes they are given: each tick, each count, each burst."""

import time
import warnings

import numpy as np
import pytest
from drawing import drawn, legend_texts
from drawn_spikes import result, spikes, ticks
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.patches import StepPatch

from dendrosim import plot
from dendrosim.errors import ParameterError, UnitError, UnknownNameError
from dendrosim.plot.style import INK, PALETTE
from dendrosim.protocol.beginning import Beginning
from dendrosim.results.result import Result
from dendrosim.results.result_data import Spikes

SOMA = "dv/dt = -v/tau : volt"
SILENT = Spikes(np.zeros(0, int), np.zeros(0))


def steps(ax):
    """Return heights and edges of each histogram."""
    outlines = [p for p in ax.patches if isinstance(p, StepPatch)][1::2]
    return [(p.get_data().values, p.get_data().edges) for p in outlines]


def ms(values):
    return 1e-3 * np.asarray(values, dtype=float)


def test_raster_has_a_tick_per_spike_and_tells_bursts():
    # Unit 1 has a burst of three with intervals of 10 ms; unit 2 an interval just above 16 ms.
    fired = spikes((0, 5), (1, 20), (1, 30), (2, 40), (1, 40), (2, 56.1), (0, 300))
    ax = plot.raster(result(pyramidal=fired), "pyramidal", bursts=True)
    assert ticks(ax) == {
        INK: [(5, 0), (40, 2), (56.1, 2), (300, 0)],
        PALETTE[1]: [(20, 1), (30, 1), (40, 1)],
    }
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (ms)", "pyramidal\nunit")
    assert ax.get_xlim() == (0, 400)
    assert {"single", "in a burst", "rest", "pulse"} <= set(legend_texts(ax))
    drawn(ax)


def test_a_tick_covers_its_row_only():
    ax = plot.raster(result(pyramidal=spikes((2, 100))), "pyramidal", bursts=False)
    drawn(ax)
    (group,) = (c for c in ax.collections if isinstance(c, PathCollection))
    path = group.get_transform().transform_path(group.get_paths()[0])
    place = group.get_offset_transform().transform(group.get_offsets())[0]
    corners = ax.transData.inverted().transform(path.vertices + place)
    np.testing.assert_allclose(corners, [[100, 1.6], [100, 2.4]])


def test_spikes_of_other_units_or_samples_make_no_burst():
    fired = spikes((0, 10), (1, 12), (0, 14), (0, 100), (0, 102), samples=[0, 0, 1, 1, 1])
    data = result(batch=2, pyramidal=fired)
    assert ticks(plot.raster(data, "pyramidal", bursts=True))[INK] == [(10, 0), (12, 1)]
    second = ticks(plot.raster(data, "pyramidal", sample=1, bursts=True))
    assert second == {INK: [(14, 0)], PALETTE[1]: [(100, 0), (102, 0)]}


def test_a_burst_is_one_also_where_the_raster_cuts_it():
    data = result(pyramidal=spikes((0, 95), (0, 105), (0, 150)))
    ax = plot.raster(data, "pyramidal", start="100 ms", stop=0.12, bursts=True)
    assert ticks(ax)[PALETTE[1]] == [(105, 0)]
    assert ax.get_xlim() == (100, 120)
    longer = plot.raster(data, "pyramidal", interval="50 ms", bursts=True)
    assert len(ticks(longer)[PALETTE[1]]) == 3
    plain = plot.raster(data, "pyramidal", bursts=False)
    assert ticks(plain) == {INK: [(95, 0), (105, 0), (150, 0)]}
    assert "in a burst" not in legend_texts(plain)


def test_raster_of_many_units_shows_every_nth_and_says_so():
    fired = Spikes(np.arange(250), np.full(250, 0.05))
    data = result(size=250, pyramidal=fired)
    ax = plot.raster(data, "pyramidal")
    assert ax.get_ylabel() == "pyramidal\nunit (84 of 250)"
    assert [row for _, row in ticks(ax)[INK]] == list(range(84))
    drawn(ax)
    labels = {t.get_position()[1]: t.get_text() for t in ax.get_yticklabels()}
    assert labels[20] == "60"
    assert plot.raster(data, "pyramidal", count=250).get_ylabel() == "pyramidal\nunit"


def test_raster_rows_are_the_units_asked_for():
    ax = plot.raster(result(pyramidal=spikes((1, 10), (3, 50), (0, 90))), "pyramidal", units=[3, 1])
    assert ticks(ax)[INK] == [(10, 1), (50, 0)]
    drawn(ax)
    labels = {t.get_position()[1]: t.get_text() for t in ax.get_yticklabels()}
    assert (labels[0], labels[1]) == ("3", "1")


def test_a_million_spikes_are_drawn_in_seconds():
    rng = np.random.default_rng(0)
    many = Spikes(rng.integers(0, 2000, 10**6), 20 * rng.random(10**6))
    data = result(size=2000, trials=100, pyramidal=many)
    begin = time.perf_counter()
    axes = plot.raster(data, "pyramidal"), plot.psth(data, "pyramidal", align="pulse")
    for ax in axes:
        ax.figure.canvas.draw()
    assert time.perf_counter() - begin < 15
    groups = [c for c in axes[0].collections if isinstance(c, PathCollection)]
    assert all(group.get_rasterized() for group in groups)
    assert sum(len(c.get_offsets()) for c in groups) == np.sum(many.unit % 20 == 0)


def test_psth_of_a_run_is_spikes_per_unit_and_second():
    # Bins of 100 ms with 3, 0, 1 and 1 spikes of 4 units; one on the edge belongs to the later bin.
    fired = spikes((0, 0), (1, 50), (1, 99), (2, 200), (3, 399))
    ax = plot.psth(result(pyramidal=fired), "pyramidal", bin_width="100 ms")
    ((rates, edges),) = steps(ax)
    np.testing.assert_allclose(rates, [7.5, 0, 2.5, 2.5])
    np.testing.assert_allclose(edges, [0, 100, 200, 300, 400])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (ms)", "rate (Hz)")
    assert legend_texts(ax) == ["pyramidal\n4 units"]
    assert ax.get_ylim()[1] > 7.5
    drawn(ax)


def test_every_bin_of_a_grid_of_time_steps_gets_its_own_spike():
    every = Spikes(np.zeros(400, int), np.arange(400) * 1e-3)
    ((rates, _),) = steps(plot.psth(result(pyramidal=every), "pyramidal", bin_width="1 ms"))
    np.testing.assert_allclose(rates, np.full(400, 250.0))


@pytest.mark.parametrize("align", ["pulse", "train/pulse", "train/p*", ("pulse",)])
def test_psth_around_a_phase_is_averaged_over_trials(align):
    # The pulses begin at 100 and 300 ms.
    fired = spikes((0, 110), (1, 310), (2, 320), (3, 60), (0, 260), (0, 5))
    ax = plot.psth(
        result(pyramidal=fired), "pyramidal", align=align, before="50 ms", bin_width="50 ms"
    )
    ((rates, edges),) = steps(ax)
    np.testing.assert_allclose(edges, [-50, 0, 50, 100])
    np.testing.assert_allclose(rates, np.array([2, 3, 0]) / (4 * 2 * 0.05))
    assert ax.get_xlabel() == "time from onset (ms)"
    assert legend_texts(ax) == ["pyramidal\n4 units, 2 trials"]


def test_psth_averages_over_the_batch():
    fired = spikes((0, 10), (1, 10), (1, 20), samples=[0, 1, 2])
    data = result(batch=3, pyramidal=fired)
    ((rates, _),) = steps(plot.psth(data, "pyramidal", bin_width=0.4))
    np.testing.assert_allclose(rates, [3 / (4 * 3 * 0.4)])
    ((rates, _),) = steps(plot.psth(data, "pyramidal", bin_width=0.4, sample=1, units=[1, 2]))
    np.testing.assert_allclose(rates, [1 / (2 * 0.4)])


def test_a_bin_that_the_run_covers_in_part_is_not_too_low():
    # A regular train of 100 Hz has this rate in every bin: in the last, of 100 instead of 150 ms,
    # and in those that reach beyond the run and so are covered by one trial of two only.
    train = Spikes(np.zeros(40, int), np.arange(40) * 10e-3)
    data = result(size=1, pyramidal=train)
    ((rates, edges),) = steps(plot.psth(data, "pyramidal", bin_width="150 ms"))
    np.testing.assert_allclose(rates, 100)
    np.testing.assert_allclose(edges, [0, 150, 300, 400])
    wide = plot.psth(
        data, "pyramidal", align="rest", before=0.1, after="400 ms", bin_width="100 ms"
    )
    ((rates, _),) = steps(wide)
    np.testing.assert_allclose(rates, 100)
    beyond = plot.psth(data, "pyramidal", align="rest", after=0.6, bin_width=0.2)
    ((rates, _),) = steps(beyond)
    np.testing.assert_allclose(rates, [100, 100, np.nan])
    drawn(beyond)


def test_populations_share_axes():
    data = result(pyramidal=spikes((0, 10)), interneuron=spikes((0, 10), (1, 10)))
    ax = Figure().subplots()
    assert plot.psth(data, "pyramidal", ax, bin_width=0.4) is ax
    assert plot.psth(data, "interneuron", ax, bin_width=0.4, label="SOM") is ax
    assert [rates.tolist() for rates, _ in steps(ax)] == [[0.625], [1.25]]
    assert legend_texts(ax) == ["pyramidal\n4 units", "SOM\n4 units"]
    outlines = [p for p in ax.patches if isinstance(p, StepPatch)][1::2]
    assert len({p.get_edgecolor() for p in outlines}) == 2
    assert 1.25 < ax.get_ylim()[1] < 2


@pytest.mark.parametrize("figure", [plot.raster, plot.psth])
def test_what_was_not_recorded_is_named(figure):
    data = result(pyramidal=spikes((0, 10)))
    with pytest.raises(UnknownNameError, match="population with spikes 'interneuron'"):
        figure(data, "interneuron")
    with pytest.raises(UnknownNameError, match="did you mean 'pyramidal'"):
        figure(data, "pyramydal")
    with pytest.raises(UnknownNameError, match="unit of pyramidal '4'; there are: 0 to 3"):
        figure(data, "pyramidal", units=[4])
    with pytest.raises(UnknownNameError, match="sample of pyramidal '1'"):
        figure(data, "pyramidal", sample=1)


def test_times_that_make_no_sense_are_refused():
    data = result(pyramidal=spikes((0, 10)))
    with pytest.raises(ParameterError, match=r"stop is 0\.1 s; it must be after start"):
        plot.raster(data, "pyramidal", start=0.2, stop="100 ms")
    with pytest.raises(UnitError, match=r"start is 0\.02 V; it must be seconds"):
        plot.raster(data, "pyramidal", start="20 mV")
    with pytest.raises(ParameterError, match="bin_width is 0 s"):
        plot.psth(data, "pyramidal", bin_width=0)
    with pytest.raises(ParameterError, match="need align"):
        plot.psth(data, "pyramidal", before=0.1)
    with pytest.raises(ParameterError, match="must end after it begins"):
        plot.psth(data, "pyramidal", align="pulse", after=-0.1)
    with pytest.raises(UnknownNameError, match="unknown phase 'puls'; did you mean 'pulse'"):
        plot.psth(data, "pyramidal", align="puls")


@pytest.mark.parametrize("batch", [1, 2])
def test_a_silent_population_has_empty_axes(batch):
    silent = SILENT if batch == 1 else Spikes(*SILENT[:2], np.zeros(0, int))
    data = result(batch=batch, pyramidal=silent)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        raster, psth = plot.raster(data, "pyramidal"), plot.psth(data, "pyramidal")
    assert [t.get_text() for t in raster.texts] == ["no spikes"]
    assert (raster.get_xlabel(), raster.get_ylabel()) == ("time (ms)", "pyramidal\nunit")
    assert not np.any(steps(psth)[0][0])
    assert psth.get_ylim() == (0, 1)
    drawn(raster)
    drawn(psth)


def test_overview_draws_spikes():
    figures = plot.overview(result(pyramidal=spikes((0, 10)), interneuron=SILENT))
    names = {f"{k}_{p}" for k in ("raster", "psth") for p in ("pyramidal", "interneuron")}
    assert set(figures) == names
    for draw in figures.values():
        assert isinstance(draw(), Figure)
    assert not plot.overview(result())


def test_legends_of_a_raster_lie_beside_it_and_in_the_figure():
    ax = plot.raster(result(pyramidal=spikes((0, 10))), "pyramidal")
    figure = drawn(ax)
    for legend in ax.findobj(Legend):
        box = legend.get_window_extent()
        assert not box.overlaps(ax.get_window_extent())
        assert figure.bbox.containsx(box.x1)
        assert figure.bbox.containsy(box.y1)


def test_spike_figures_can_be_saved_alike_twice(tmp_path):
    data = result(pyramidal=spikes((0, 10), (1, 20), (1, 22)))
    for name in "ab":
        plot.save(plot.raster(data, "pyramidal"), tmp_path / name, "svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_run_that_continues_another_one_is_drawn_over_its_own_time():
    begun = Beginning(step=1000)
    given = spikes((0, 1010), (1, 1100), (1, 1399))
    first = result(pyramidal=given)
    later = Result(first.protocol, {}, {}, spikes={"pyramidal": given}, begin=begun)
    assert (later.start, later.stop) == pytest.approx((1.0, 1.4))
    ax = plot.raster(later, "pyramidal", bursts=False)
    assert ax.get_xlim() == pytest.approx((1.0, 1.4))
    ((rates, edges),) = steps(plot.psth(later, "pyramidal", bin_width="100 ms"))
    assert edges == pytest.approx(np.linspace(1.0, 1.4, 5))
    assert rates == pytest.approx(np.array([1, 1, 0, 1]) / 4 / 0.1)
    ((rates, _),) = steps(plot.psth(later, "pyramidal", bin_width="100 ms", align="pulse"))
    assert rates == pytest.approx([2 / 4 / 2 / 0.1])
