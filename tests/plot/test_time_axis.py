"""Time in figures of a run: one unit, any beginning, phases that are seen; names of groups and of variables."""

import numpy as np
import pytest
import result_examples as examples
from drawing import legend_texts
from drawn_spikes import result, spikes, ticks

from dendrosim import plot
from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.population import Population
from dendrosim.errors import ParameterError
from dendrosim.plot.style import INK
from dendrosim.protocol.phases import Block, Phase
from dendrosim.protocol.protocol import Protocol
from dendrosim.results.result import Result


def test_all_figures_of_a_run_have_one_unit_of_time():
    found = result(trials=6, pyramidal=spikes((0, 30), (1, 1100)))
    whole, part = plot.raster(found, "pyramidal"), plot.raster(found, "pyramidal", stop="20 ms")
    labels = {ax.get_xlabel() for ax in (whole, part, plot.psth(found, "pyramidal"))}
    assert labels == {"time (s)"}  # the run takes 1.2 s


def test_a_raster_may_count_from_any_time():
    found = result(pyramidal=spikes((0, 130), (2, 250)))
    ax = plot.raster(
        found, "pyramidal", start="100 ms", stop="300 ms", origin="100 ms", bursts=False
    )
    assert ax.get_xlim() == pytest.approx((0.0, 200.0))
    assert ticks(ax) == {INK: [(30.0, 0.0), (150.0, 2.0)]}
    assert {"pulse", "rest"} <= set(legend_texts(ax))


def test_a_single_phase_is_not_named():
    found = result(pyramidal=spikes((0, 130)))
    ax = plot.raster(found, "pyramidal", start="100 ms", stop="200 ms", bursts=False)
    assert "pulse" not in legend_texts(ax)


def test_groups_of_rows_are_named_and_share_the_rows():
    found = result(size=8, pyramidal=spikes((0, 10), (3, 20), (6, 30), (7, 40)))
    groups = {"weak": [0, 1, 2, 3], "strong": [6, 7]}
    ax = plot.raster(found, "pyramidal", groups=groups, count=4, bursts=False)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["weak", "strong"]
    assert ticks(ax) == {INK: [(10.0, 0.0), (30.0, 2.0), (40.0, 3.0)]}  # rows 0, 2, 6, 7
    with pytest.raises(ParameterError, match="units or groups"):
        plot.raster(found, "pyramidal", groups=groups, units=[0])


@pytest.mark.parametrize(
    ("equations", "coloured"), [("", False), ("\ndapical/dt = -apical/tau : volt", True)]
)
def test_bursts_are_coloured_where_the_model_can_burst(equations, coloured):
    circuit = Circuit(
        (Population("pyramidal", 1, "dv/dt = -v/tau : volt" + equations),),
        parameters={"tau": "20 ms"},
    )
    protocol = Protocol(circuit, (Block("all", (Phase("on", "100 ms"),)),), dt="1 ms")
    found = Result(protocol, {}, {}, spikes={"pyramidal": spikes((0, 10), (0, 14))})
    assert ("in a burst" in legend_texts(plot.raster(found, "pyramidal"))) == coloured


def test_traces_of_a_part_count_from_their_beginning_and_have_names():
    found = examples.result()
    first, last = found.traces["soma.v"].time[[2, 5]].tolist()
    panels = plot.traces(
        found,
        ["soma.v", "soma.drive"],
        start=first,
        stop=last,
        origin=first,
        labels={"soma.drive": "input"},
    )
    time = np.concatenate([line.get_xdata() for line in panels[0].lines])
    assert (np.nanmin(time), np.nanmax(time)) == pytest.approx((0.0, 1e3 * (last - first)))
    assert [panel.get_ylabel() for panel in panels] == ["soma\nv (mV)", "input (mV)"]
    with pytest.raises(ParameterError, match="stop is"):
        plot.traces(found, start=0.2, stop=0.1)
