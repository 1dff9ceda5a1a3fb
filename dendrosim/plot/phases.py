"""Shaded intervals in figures of results, which show the phases of the protocol."""

from dendrosim.arrays import AnyArray
from dendrosim.plot.style import TINTS, plain_label
from dendrosim.results.result import Result

SHADED = 12
"""Largest number of phases in a run, repetitions included, that are shaded: more stripes would hide the data."""


def shade_phases(result: Result, drawn: AnyArray, scale: float) -> None:
    """Shade the phases behind all panels and name them above the first panel; with many phases, do nothing.

    `scale` is the factor from seconds to the unit of the x axis.
    """
    from matplotlib.patches import Patch

    passages = sum(result.protocol.trials(b) * len(b.phases) for b in result.protocol.blocks)
    if not 1 < passages <= SHADED:
        return
    low, high = drawn[0].get_xlim()
    spans = [s for s in result.phases() if scale * s.start < high and scale * s.stop > low]
    names = list(dict.fromkeys(s.phase for s in spans))
    tints = {name: TINTS[k % len(TINTS)] for k, name in enumerate(names)}
    for panel in drawn:
        for span in spans:
            panel.axvspan(
                scale * span.start, scale * span.stop, color=tints[span.phase], lw=0, zorder=0
            )
        panel.set_xlim(low, high)
    units = drawn[0].get_legend()
    drawn[0].legend(
        handles=[
            Patch(facecolor=tints[n], edgecolor="#BBBBBB", linewidth=0.5, label=plain_label(n))
            for n in names
        ],
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        borderaxespad=0.2,
        ncols=len(names),
    )
    if units is not None:
        drawn[0].add_artist(units)
        units.set_clip_on(False)
