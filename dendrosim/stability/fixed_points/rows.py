"""A fixed point as rows of tables, for the command line and for notebooks."""

import numpy as np

from dendrosim.arrays import Array
from dendrosim.stability.spectrum.spectrum import Spectrum
from dendrosim.stability.vector_field.flow import Flow

Rows = list[tuple[str, ...]]

_SHOWN_MODES, _SHOWN_STATES = 8, 24  # rows in tables; a terminal has about 40 lines
_SAME = 1e-6  # eigenvalues this close, relative to the largest, are one mode

MODES = ("modes", "eigenvalue (1/s)", "time constant", "frequency")
"""Titles of the columns of `mode_rows`."""


def mode_rows(spectrum: Spectrum) -> Rows:
    """Return the rightmost modes: multiplicity, eigenvalue, time constant and frequency of each.

    The last row has the number of eigenvalues that are not shown, and the smallest real part among them.
    """
    values = spectrum.eigenvalues
    rows: Rows = []
    taken = np.zeros(len(values), dtype=bool)
    size = float(np.max(abs(values), initial=1e-300))
    for value in values:
        if len(rows) == _SHOWN_MODES and not taken.all():
            left = values[~taken]
            rows.append((f"and {len(left)} more", f"down to {left.real.min():.6g}", "", ""))
            break
        same = ~taken & (abs(values - value) <= _SAME * size)
        if not same.any():
            continue
        taken |= same
        decay, turns = np.abs([value.real, value.imag]) > spectrum.tolerance
        rows.append(
            (
                str(int(same.sum())),
                f"{value.real:.6g}" + (f" {value.imag:+.6g}i" if turns else ""),
                time_text(-1 / value.real) if decay else "-",
                f"{abs(value.imag) / (2 * np.pi):.6g} Hz" if turns else "",
            )
        )
    return rows


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
