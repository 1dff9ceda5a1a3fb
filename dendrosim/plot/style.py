"""Colours, axes, labels with units, and other parts that all figures share."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.arrays import AnyArray
from dendrosim.errors import printable
from dendrosim.machine.brian_import import lock
from dendrosim.machine.notebook import in_notebook
from dendrosim.plot.legends import beside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

P = ParamSpec("P")
R = TypeVar("R")

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Colours of Okabe and Ito, which colour-blind readers can tell apart, without yellow and black."""

INK, QUIET, MISSING = "#222222", "#767676", "#D9D9D9"
"""Colours of text and main lines, of axes and auxiliary lines, and of missing values."""

TINTS = ("#EDF3F8", "#FBEFE3", "#E8F4EE", "#F6ECF3", "#F7F3DE", "#EEEEEE")
"""Colours of the backgrounds of phases."""

POINTS = 4000
"""Number of pieces of a thinned line, a few per pixel; a line of more than twice as many points is thinned."""

FONTS = ["Arial", "Helvetica", "Liberation Sans", "Nimbus Sans", "DejaVu Sans"]
"""Fonts of texts, the preferred one first."""

STYLE: dict[Any, Any] = {
    "text.usetex": False,
    # The first of these fonts that is installed; then DejaVu Sans, which comes with Matplotlib, for signs that
    # the first one lacks. A list of families that may be missing would print a warning for each.
    "font.family": ["sans-serif", "DejaVu Sans"],
    "font.sans-serif": FONTS,
    "mathtext.fontset": "custom",
    "mathtext.rm": "sans",
    "mathtext.it": "sans:italic",
    "mathtext.bf": "sans:bold",
    "mathtext.cal": "sans:italic",
    "axes.unicode_minus": True,
    # Text stays text: it can be searched, and edited by programs with which figures of papers are composed.
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.limits": (-4, 5),
    "axes.formatter.use_mathtext": True,
    "text.color": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.2,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 8,
    "legend.title_fontsize": 8,
    "legend.handlelength": 1.4,
    "legend.labelspacing": 0.3,
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.08,
    "image.interpolation": "nearest",
    "svg.hashsalt": "dendrosim",
}

_PREFIXED = {"s", "V", "A", "S", "F", "ohm", "Hz", "m", "K", "C"}
_PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G"}

LABEL = 60
"""Number of characters of the longest text in a legend."""


@contextmanager
def in_style() -> Iterator[None]:
    """Draw in the common style, then restore Matplotlib's settings; one thread at a time.

    Matplotlib has one set of settings per process. If two threads changed it at once, one would draw with the
    settings that the other has restored, and the last to leave would leave the common style in the process.
    """
    from matplotlib import rc_context

    if (
        in_notebook()
    ):  # its first import makes settings for the notebook, which must outlast the common style
        from matplotlib import pyplot

        pyplot.draw_if_interactive()
    with lock, rc_context(STYLE):
        yield


def styled(function: Callable[P, R]) -> Callable[P, R]:
    """Return a figure function that draws in the common style and does not change Matplotlib's global settings."""

    @wraps(function)
    def draw(*args: P.args, **kwargs: P.kwargs) -> R:
        with in_style():
            return function(*args, **kwargs)

    return draw


def axes(ax: "Axes | None", size: tuple[float, float] = (6.0, 3.2)) -> "Axes":
    """Return `ax` if it is given, else the Axes of a new figure; `size` is its width and height in inches."""
    return ax if ax is not None else panels(1, size)[0]


def panels(count: int, size: tuple[float, float]) -> "AnyArray":
    """Return the Axes of a new figure with `count` panels one above the other, which share the x axis."""
    return new_figure(size).subplots(count, 1, sharex=True, squeeze=False)[:, 0]


def row(count: int, size: tuple[float, float], *, sharex: bool = False) -> "AnyArray":
    """Return the Axes of a new figure with `count` panels side by side, which share the y axis."""
    return new_figure(size).subplots(1, count, sharex=sharex, sharey=True, squeeze=False)[0]


def new_figure(size: tuple[float, float]) -> "Figure":
    """Return a new figure of this width and height in inches, which a notebook shows at the end of its cell.

    Elsewhere it is no figure of pyplot, which would keep it in memory until it is closed.
    """
    if in_notebook():
        from matplotlib import pyplot

        return pyplot.figure(figsize=size, layout="constrained")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def readable(name: str) -> str:
    """Return the name of an object or variable as words: `lower_pyramidal.soma` is `lower pyramidal soma`."""
    return name.replace(".", " ").replace("_", " ")


def number_text(value: float) -> str:
    """Return a number for a label or legend, with a minus sign in place of a hyphen."""
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def band_key(label: str) -> Any:
    """Return the entry of a legend that says what shaded bands mean."""
    from matplotlib.patches import Patch

    return Patch(facecolor=QUIET, alpha=0.3, lw=0, label=label)


def plain_label(text: str) -> str:
    """Return a text for a legend: one short line, in which nothing is taken for mathematics."""
    shown = printable(" ".join(text.split()))
    return (shown if len(shown) <= LABEL else f"{shown[:LABEL]}...").replace("$", r"\$")


def si_label(name: str, units: str, values: ArrayLike = ()) -> tuple[float, str]:
    """Return the factor and the axis label with which values in SI units are easy to read.

    Parameters
    ----------
    name : str
        Name of the quantity, without unit.
    units : str
        SI unit of the values.
    values : array_like
        Values that the axis shows; the largest of them determines the prefix.

    Returns
    -------
    float, str
        Factor by which to multiply the values, and the label with unit. The factor is 1 for a unit without
        prefixes, such as a product of units.

    Examples
    --------
    >>> si_label("time", "s", [0, 0.2])
    (1000.0, 'time (ms)')
    """
    if units in ("", "1"):
        return 1.0, name
    if units not in _PREFIXED:
        return 1.0, f"{name} ({units.replace('^-', '⁻^').replace('^', '')})"
    exponent = _exponent(values)
    if units == "s":
        exponent = min(exponent, 0)
    return 10.0**-exponent, f"{name} ({_PREFIXES[exponent]}{'Ω' if units == 'ohm' else units})"


def _exponent(values: ArrayLike) -> int:
    """Return the exponent of the SI prefix with which the largest value is between 1 and 1000."""
    finite = np.abs(np.asarray(values, dtype=float))
    largest = np.max(finite, initial=0.0, where=np.isfinite(finite))
    if largest == 0:
        return 0
    return int(np.clip(3 * np.floor(np.log10(largest * (1 + 1e-9)) / 3), -15, 9))


def thin(x: AnyArray, y: AnyArray) -> tuple[AnyArray, AnyArray]:
    """Thin a line to about `2 * POINTS` points, the lowest and highest of each piece, so that it looks the same.

    Shorter lines are returned unchanged.
    """
    if len(x) <= 2 * POINTS:
        return x, y
    edges = np.linspace(0, len(x), POINTS + 1).astype(int)
    pieces = [y[a:b] for a, b in pairwise(edges)]
    lows = edges[:-1] + [int(np.argmin(p)) for p in pieces]
    highs = edges[:-1] + [int(np.argmax(p)) for p in pieces]
    keep = np.unique(np.concatenate([lows, highs, [0, len(x) - 1]]))
    return x[keep], y[keep]


def diverging(values: ArrayLike, missing: str = MISSING) -> tuple["Colormap", float]:
    """Return a diverging colour map that colour-blind readers can use, and its symmetric limit.

    `missing` is the colour of NaN. The limit is the largest absolute value, or 1 if all are zero.
    """
    from matplotlib import colormaps

    finite = np.abs(np.asarray(values, dtype=float))
    limit = float(np.max(finite, initial=0.0, where=np.isfinite(finite)))
    return colormaps["RdBu_r"].with_extremes(bad=missing), limit or 1.0


def legend_right(ax: "Axes", title: str = "", handles: Sequence[Any] | None = None) -> None:
    """Put the legend on the right of the axes, so that it does not hide data; see `legends` for files."""
    options: dict[str, Any] = {} if handles is None else {"handles": list(handles)}
    legend = ax.legend(
        loc="upper left",
        bbox_to_anchor=(1.01, 1.02),
        borderaxespad=0.0,
        alignment="left",
        title=title or None,
        **options,
    )
    beside(legend)


def colourbar(ax: "Axes", image: "AxesImage | QuadMesh", label: str) -> None:
    """Put the colour scale of an image beside its axes."""
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.9, aspect=25, pad=0.02)
    bar.set_label(label)
    bar.outline.set_visible(False)  # type: ignore[operator]


def figure_of(drawn: Any) -> "Figure":
    """Return the figure to which a Figure, Axes or array of Axes belongs."""
    first = np.ravel(np.array(drawn, dtype=object))[0]
    return (
        first.figure.figure
    )  # Axes in a sub-figure lead to the whole figure, and a figure leads to itself


def line(ax: "Axes", x: AnyArray, y: AnyArray, **options: Any) -> None:
    """Draw a line, or a dot if it has a single point."""
    marker = "o" if len(x) == 1 else None
    ax.plot(*thin(x, y), marker=marker, markersize=4, **options)


def spread(values: ArrayLike) -> bool:
    """Return whether values need a logarithmic axis: they are positive and span more than a factor of 5."""
    finite = np.asarray(values)[np.isfinite(values)]
    return finite.size > 0 and bool(finite.min() > 0 and finite.max() > 5 * finite.min())


def logarithmic(ax: "Axes", axis: str) -> None:
    """Make the `x` or `y` axis logarithmic, with numbers at 2 and 5 as well if it spans less than two decades."""
    from matplotlib.ticker import FormatStrFormatter, LogLocator, NullLocator

    ax.set(**{f"{axis}scale": "log"})
    side = ax.xaxis if axis == "x" else ax.yaxis
    low, high = side.get_view_interval()
    if high < 100.0 * low:
        side.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        side.set_minor_locator(NullLocator())
        side.set_major_formatter(FormatStrFormatter("%g"))


def note(ax: "Axes", text: str) -> None:
    """Write `text`, the reason why axes are empty, into their middle."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=QUIET)
