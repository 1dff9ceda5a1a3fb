"""A fixed point as rows of tables, for the command line and for notebooks."""

import numpy as np

from dendrosim.arrays import Array, Complex
from dendrosim.stability.spectrum.spectrum import Spectrum
from dendrosim.stability.vector_field.flow import Flow

Rows = list[tuple[str, ...]]

_SHOWN_MODES, _SHOWN_STATES = 8, 24  # rows in tables; a terminal has about 40 lines
_SAME = 1e-6  # eigenvalues this close, relative to the largest, are one mode

MODES = ("modes", "eigenvalue (1/s)", "time constant", "frequency")
"""Titles of the columns of `mode_rows`."""


def mode_rows(spectrum: Spectrum) -> Rows:
    """Return multiplicity, eigenvalue, time constant and frequency of the rightmost modes and of the last one.

    The last mode is often the fastest, which limits the time step. If two or more modes before it are not shown, a
    row has the number of their eigenvalues and the smallest real part among them.
    """
    values = spectrum.eigenvalues
    width = _SAME * float(np.max(abs(values), initial=1e-300))
    shown: list[Complex] = []
    while len(values) and len(shown) < _SHOWN_MODES:
        group, values = _split_equal(values, values[0], width)
        shown.append(group)
    rows = [_mode_row(group, spectrum.tolerance) for group in shown]
    if not len(values):
        return rows
    last, hidden = _split_equal(values, values[-1], width)
    if len(hidden):
        group, others = _split_equal(hidden, hidden[0], width)
        if len(others):
            rows.append((f"and {len(hidden)} more", f"down to {hidden.real.min():.6g}", "", ""))
        else:  # a row that counts a single mode would be as long as the mode itself
            rows.append(_mode_row(group, spectrum.tolerance))
    return [*rows, _mode_row(last, spectrum.tolerance)]


def _split_equal(values: Complex, value: complex, width: float) -> tuple[Complex, Complex]:
    """Return the eigenvalues within `width` of `value`, and the others, both in their order."""
    same = abs(values - value) <= width
    return values[same], values[~same]


def _mode_row(group: Complex, tolerance: float) -> tuple[str, ...]:
    """Return the row of one mode; a part of an eigenvalue within the tolerance counts as 0."""
    value = group[0]
    decay, turns = np.abs([value.real, value.imag]) > tolerance
    return (
        str(len(group)),
        f"{value.real:.6g}" + (f" {value.imag:+.6g}i" if turns else ""),
        time_text(-1 / value.real) if decay else "-",
        f"{abs(value.imag) / (2 * np.pi):.6g} Hz" if turns else "",
    )


def time_text(seconds: float) -> str:
    """Return a time as text, in seconds from one second on and in milliseconds below."""
    return f"{seconds:.6g} s" if abs(seconds) >= 1 else f"{1e3 * seconds:.6g} ms"


def state_rows(flow: Flow, x: Array) -> Rows:
    """Return names and values of the first states, and the number of the remaining states."""
    found = zip(flow.labels, x, flow.units, strict=True)
    rows: Rows = [
        (label, f"{value:.6g}" if unit == "1" else f"{value:.6g} {unit}")
        for label, value, unit in list(found)[:_SHOWN_STATES]
    ]
    left = flow.size - len(rows)
    return [*rows, (f"and {left} more", "")] if left else rows
