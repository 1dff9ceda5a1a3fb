"""A protocol as a timeline: its blocks one below the other, each with the phases of one trial."""

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np

from dendrosim.display.short import count
from dendrosim.protocol.protocol import Protocol
from dendrosim.signals.base import Signal
from dendrosim.signals.constant import Constant
from dendrosim.units import Quantity

WIDTH, BAR, LEAST = 760, 30, 0.09
"""Width of the drawing and height of a bar in pixels, and the smallest part of the width that a phase gets."""

_LONGEST = 60  # letters of a field of a signal


class Timeline(NamedTuple):
    """The drawing of one block: a line about it, SVG, and one row for each phase: name, length, gates, signals."""

    line: str
    svg: str
    rows: list[tuple[str, str, str, str]]


def draw_timelines(protocol: Protocol) -> list[Timeline]:
    """Return the timeline of each block of a protocol."""
    return list(_timelines(protocol))


def _timelines(protocol: Protocol) -> Iterator[Timeline]:
    start = 0
    for block in protocol.blocks:
        trials = protocol.trials(block)
        lengths = [protocol.steps(p.duration) for p in block.phases]
        stop = start + trials * sum(lengths)
        span = f"{time_text(start * protocol.time_step)} to {time_text(stop * protocol.time_step)}"
        times = "once" if trials == 1 else f"{trials:,} trials"
        seconds = [n * protocol.time_step for n in lengths]
        names = [p.name for p in block.phases]
        rows = [
            (p.name, time_text(s), _values(p.gates), _values(p.signals))
            for p, s in zip(block.phases, seconds, strict=True)
        ]
        yield Timeline(f"{block.name}: {times}, {span}", _draw(names, seconds, trials), rows)
        start = stop


def _draw(names: list[str], seconds: list[float], trials: int) -> str:
    """Return the bar of a trial, in which no phase is too narrow to be seen."""
    parts = [max(s / sum(seconds), LEAST) for s in seconds]
    widths = [WIDTH * part / sum(parts) for part in parts]
    x, bars = 0.0, []
    for k, (name, length, width) in enumerate(zip(names, seconds, widths, strict=True)):
        letters = max(2, int(width / 7.5))
        shown = name if len(name) <= letters else f"{name[: letters - 1]}…"
        bars.append(
            f'<g class="phase p{k % 4}"><title>{html.escape(name)}, {time_text(length)}</title>'
            f'<rect x="{x + 1:.1f}" y="1" width="{width - 2:.1f}" height="{BAR}" rx="4"/>'
            f'<text x="{x + width / 2:.1f}" y="21">{html.escape(shown)}</text>'
            f'<text class="length" x="{x + width / 2:.1f}" y="{BAR + 16}">{time_text(length)}</text></g>'
        )
        x += width
    label = f"Phases of a trial: {html.escape(', '.join(names))}"
    head = (
        f'<svg class="timeline" role="img" aria-label="{label}" viewBox="0 0 {WIDTH} {BAR + 22}">'
    )
    return f"{head}{''.join(bars)}</svg>"


def time_text(value: float) -> str:
    """Return seconds as text that no line break cuts."""
    if value and abs(value) < 1:
        return f"{1e3 * value:.4g}\N{NO-BREAK SPACE}ms"
    return f"{value:.6g}\N{NO-BREAK SPACE}s"


def _values(values: Mapping[str, Sequence[Signal]]) -> str:
    """Return the gates or signals of a phase as text; several signals of one input add up."""
    return ", ".join(f"{name} {' + '.join(map(_signal, parts))}" for name, parts in values.items())


def _signal(signal: Signal) -> str:
    """Return a signal with its fields, and a constant as its value."""
    if isinstance(signal, Constant):
        return _field(signal.value)
    parts = [f"{f.name} {_field(getattr(signal, f.name))}" for f in fields(signal)]
    return f"{type(signal).__name__}({', '.join(parts)})"


def _field(value: Any) -> str:
    """Return a field as text; of values for many units, their number."""
    if isinstance(value, Quantity) and not value.scalar:
        return f"{count(np.size(value.value), 'value')} by unit"
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
