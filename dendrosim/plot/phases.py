"""Shaded intervals in figures of results, which show the phases of the protocol."""

from dendrosim.arrays import AnyArray
from dendrosim.plot.style import TINTS, plain_label, readable
from dendrosim.results.result import Result

SHADED = 12
"""Largest number of phases in a figure, repetitions included, that are shaded: more stripes hide the data."""

SLIVER = 0.015
"""Part of the time axis at each end in which a phase does not count as shown."""

LISTED = 100_000
"""Largest number of phases in a run among which those in a figure are searched for."""


def shade_phases(result: Result, drawn: AnyArray, scale: float, origin: float = 0.0) -> None:
    """Shade the phases behind all panels and name them above the first panel.

    With many phases, or with only one kind of phase, nothing is done. `scale` is the factor from seconds to the
    unit of the x axis, which counts from `origin`.
    """
    from matplotlib.patches import Patch

    passages = sum(result.protocol.trials(b) * len(b.phases) for b in result.protocol.blocks)
    if not 1 < passages <= LISTED:
        return
    low, high = drawn[0].get_xlim()
    inset = SLIVER * (high - low)  # margins of the axis reach into phases without data
    first, last = (low + inset) / scale + origin, (high - inset) / scale + origin
    spans = [s for s in result.phases() if s.start < last and s.stop > first]
    names = list(dict.fromkeys(s.phase for s in spans))
    if len(spans) > SHADED or len(names) < 2:
        return
    tints = {name: TINTS[k % len(TINTS)] for k, name in enumerate(names)}
    for panel in drawn:
        for span in spans:
            panel.axvspan(
                scale * (span.start - origin),
                scale * (span.stop - origin),
                color=tints[span.phase],
                lw=0,
                zorder=0,
            )
        panel.set_xlim(low, high)
    units = drawn[0].get_legend()
    drawn[0].legend(
        handles=[
            Patch(
                facecolor=tints[n],
                edgecolor="#BBBBBB",
                linewidth=0.5,
                label=plain_label(readable(n)),
            )
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
