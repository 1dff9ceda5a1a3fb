"""What tests of figures share: drawing without warnings, legends, lines by their labels."""

import warnings

from matplotlib.legend import Legend

from dendrosim.plot.style import figure_of


def drawn(ax):
    """Return the figure after drawing it, which fails on anything that cannot be laid out."""
    figure = figure_of(ax)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.canvas.draw()
    return figure


def legend_texts(ax):
    return [t.get_text() for legend in ax.findobj(Legend) for t in legend.get_texts()]


def drawn_legend(ax):
    """Draw the figure and return the texts of its legends."""
    drawn(ax)
    return legend_texts(ax)


def labelled(ax, start):
    """Return the line whose label starts with a text."""
    (found,) = (line for line in ax.lines if str(line.get_label()).startswith(start))
    return found
