"""A circuit as a diagram: populations in columns, in the order in which signals pass, and what connects them.

A connection to a population that is declared later points to the right; the other ones, such as feedback, return
below the boxes. Parts of a circuit that have nothing to do with each other and are alike are drawn once.
"""

import html
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

WIDTH, HEIGHT, BESIDE, BELOW, EDGE = 136, 50, 124, 52, 36
"""Size of a box, distance of columns and of boxes in a column, and margin, in pixels."""

MOST = 40
"""Largest number of boxes; of a larger circuit the first ones are drawn."""

_NAMES = 2  # names of connections that a label has at most


Places = dict[str, tuple[float, float]]
"""Upper left corners of boxes by name."""


class Link(NamedTuple):
    """Connections from one population or source to another: their names, and whether one of them learns."""

    start: str
    end: str
    names: tuple[str, ...]
    kind: str


class Drawing(NamedTuple):
    """A diagram: SVG, and a sentence that says what it leaves out (empty if nothing)."""

    svg: str
    note: str


def draw_circuit(circuit: Mapping[str, Any]) -> Drawing:
    """Return the diagram of a circuit, given as the plain values that `circuit_plain` returns."""
    sizes = {p["name"]: str(p["size"]) for p in circuit["populations"]}
    sources = {s["name"]: s["kind"] for s in circuit["sources"]}
    nodes = {**{n: f"{size} unit{'s' * (size != '1')}" for n, size in sizes.items()}, **sources}
    links = _links(circuit)
    same = {p["name"]: f"{p['size']} {p['equations']}" for p in circuit["populations"]}
    parts, note = _distinct_parts(list(nodes), links, {**nodes, **same})
    every = [name for part in parts for name in part]
    shown = every[:MOST]
    if len(every) > MOST:
        note = f"The first {MOST} of {len(every)} populations and sources. {note}".strip()
    width, height, drawn, number = 0.0, 0.0, [], 0
    for part in parts:
        names = [name for name in part if name in shown]
        kept = [link for link in links if link.start in names and link.end in names]
        if not names:
            continue
        places, size = _places(names, kept, height)
        arcs, size = _arcs(kept, places, size)
        boxes = [_box(name, nodes[name], places[name], name in sources) for name in names]
        drawn += [*arcs, *boxes]
        width, height, number = max(width, size[0]), size[1], number + len(kept)
    label = f"Diagram of {len(shown)} populations and sources and {number} connections"
    svg = (
        f'<svg class="diagram" role="img" aria-label="{label}" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}">{_MARKERS}{"".join(drawn)}</svg>'
    )
    return Drawing(svg, note)


_MARKERS = (
    "<defs>"
    + "".join(
        f'<marker id="end-{kind}" class="{kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        f'markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z"/></marker>'
        for kind in ("fixed", "plastic", "spikes")
    )
    + "</defs>"
)


def _links(circuit: Mapping[str, Any]) -> list[Link]:
    """Return the connections, those between the same two objects as one."""
    plastic = {m["name"] for m in circuit["matrices"] if m["plasticity"]}
    found: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for p in circuit["projections"]:
        ends = p["source"].partition(".")[0], p["target"].partition(".")[0]
        kind = "plastic" if p["matrix"] in plastic else "fixed"
        found[ends].append((p["matrix"] + ("ᵀ" if p["transpose"] else ""), kind))
    for w in circuit["pathways"]:
        found[w["pre"], w["post"]].append((w["name"], "spikes"))
    return [
        Link(
            *ends,
            tuple(dict.fromkeys(n for n, _ in named)),
            max((k for _, k in named), key=_RANK.index),
        )
        for ends, named in found.items()
    ]


_RANK = ("fixed", "spikes", "plastic")


def _distinct_parts(
    names: list[str], links: Iterable[Link], texts: Mapping[str, str]
) -> tuple[list[list[str]], str]:
    """Return the names of one of each kind of connected part, and a sentence if there are several of a kind."""
    part = {name: name for name in names}

    def root(name: str) -> str:
        while part[name] != name:
            name = part[name]
        return name

    links = list(links)
    for link in links:
        first, second = sorted((root(link.start), root(link.end)), key=names.index)
        part[second] = first
    members: dict[str, list[str]] = defaultdict(list)
    for name in names:
        members[root(name)].append(name)
    kinds: dict[Any, list[str]] = defaultdict(list)
    for first, own in members.items():
        place = {name: k for k, name in enumerate(own)}
        inside = sorted((place[x.start], place[x.end], x.kind) for x in links if x.start in place)
        kinds[tuple(texts[n] for n in own), tuple(inside)].append(first)
    shown = [members[firsts[0]] for firsts in kinds.values()]
    said = "; ".join(
        f"the part with {firsts[0]} is there {len(firsts)} times"
        for firsts in kinds.values()
        if len(firsts) > 1
    )
    return shown, f"Parts that are alike are drawn once: {said}." if said else ""


def _places(
    names: list[str], links: Iterable[Link], above: float
) -> tuple[Places, tuple[float, float]]:
    """Return the upper left corner of each box, and the size of all boxes with their margin."""
    order = {name: k for k, name in enumerate(names)}
    column = dict.fromkeys(names, 0)
    ahead = sorted((x for x in links if order[x.start] < order[x.end]), key=lambda x: order[x.end])
    for link in ahead:
        column[link.end] = max(column[link.end], column[link.start] + 1)
    rows: dict[int, list[str]] = defaultdict(list)
    for name in names:
        rows[column[name]].append(name)
    tallest = max(map(len, rows.values()))
    places: Places = {}
    for k, own in rows.items():
        top = above + EDGE + (tallest - len(own)) * (HEIGHT + BELOW) / 2
        for row, name in enumerate(own):
            places[name] = EDGE + k * (WIDTH + BESIDE), top + row * (HEIGHT + BELOW)
    width = 2 * EDGE + (max(rows) + 1) * WIDTH + max(rows) * BESIDE
    return places, (width, above + 2 * EDGE + tallest * (HEIGHT + BELOW) - BELOW)


def _arcs(
    links: Iterable[Link], places: Places, size: tuple[float, float]
) -> tuple[list[str], tuple[float, float]]:
    """Return the SVG of all connections, and the size of the drawing with those that return below the boxes."""
    drawn, back = [], []
    width, floor = size
    for link in links:
        (x0, y0), (x1, y1) = places[link.start], places[link.end]
        if link.start == link.end:
            x = x0 + 14
            path = f"M{x} {y0}C{x} {y0 - 22} {x + 24} {y0 - 22} {x + 24} {y0}"
            drawn.append(_arc(link, path, (x + 12, y0 - 20)))
        elif x1 > x0:
            start, end = (x0 + WIDTH, y0 + HEIGHT / 2), (x1, y1 + HEIGHT / 2)
            middle = (start[0] + end[0]) / 2
            path = f"M{start[0]} {start[1]}C{middle} {start[1]} {middle} {end[1]} {end[0]} {end[1]}"
            drawn.append(_arc(link, path, (middle, (start[1] + end[1]) / 2 - 5)))
        elif x1 == x0:
            x, out = x0 + WIDTH, x0 + WIDTH + 34
            y0, y1 = y0 + 10, y1 + HEIGHT - 10
            drawn.append(
                _arc(link, f"M{x} {y0}C{out} {y0} {out} {y1} {x} {y1}", (out, (y0 + y1) / 2 + 4))
            )
        else:
            back.append(link)
    back.sort(key=lambda link: places[link.start][0] - places[link.end][0])
    for lane, link in enumerate(back):
        (x0, y0), (x1, y1) = places[link.start], places[link.end]
        x0, x1, y0, y1 = x0 + WIDTH * 0.4, x1 + WIDTH * 0.6, y0 + HEIGHT, y1 + HEIGHT
        lowest = size[1] - EDGE + 26 + 26 * lane
        # A cubic curve reaches three quarters of the way to its two inner points.
        low = (lowest - (y0 + y1) / 8) / 0.75
        path = f"M{x0} {y0}C{x0} {low:.1f} {x1} {low:.1f} {x1} {y1}"
        drawn.append(_arc(link, path, ((x0 + x1) / 2, lowest - 5)))
        floor = max(floor, lowest + 10)
    return drawn, (width, floor)


def _arc(link: Link, path: str, at: tuple[float, float]) -> str:
    names = ", ".join(link.names[:_NAMES]) + (" …" if len(link.names) > _NAMES else "")
    every = html.escape(f"{link.start} to {link.end}: {', '.join(link.names)} ({link.kind})")
    return (
        f'<g class="link {link.kind}"><title>{every}</title><path d="{path}" marker-end="url(#end-{link.kind})"/>'
        f'<text x="{at[0]:.1f}" y="{at[1]:.1f}">{html.escape(names)}</text></g>'
    )


def _box(name: str, text: str, at: tuple[float, float], source: bool) -> str:
    x, y = at
    short = name if len(name) <= 22 else f"{name[:10]}…{name[-10:]}"
    size = "name" if len(name) <= 15 else "name long"
    kind = "source" if source else "population"
    return (
        f'<g class="{kind}"><title>{html.escape(name)}</title><rect x="{x}" y="{y}" width="{WIDTH}" '
        f'height="{HEIGHT}" rx="{HEIGHT / 2 if source else 8}"/><text class="{size}" x="{x + WIDTH / 2}" '
        f'y="{y + 21}">{html.escape(short)}</text><text x="{x + WIDTH / 2}" y="{y + 38}">'
        f"{html.escape(text)}</text></g>"
    )
