"""Damage to a file: bits flipped, an end cut off, bytes lost or added, and the content of another file."""

import os


def _changed(change):
    def damage(path):
        path.write_bytes(change(path.read_bytes()))

    return damage


def _flip(place, bit):
    def flip(content):
        at = min(int(place * len(content)), len(content) - 1)
        return (
            content[:at] + bytes([content[at] ^ (1 << bit)]) + content[at + 1 :]
            if content
            else b"x"
        )

    return _changed(flip)


def damages(folder, other, name, rng, count):
    """Yield labels and functions that each damage the file at a path in one way.

    Parameters
    ----------
    folder : Path
        Folder of the undamaged file, whose other files serve as wrong content.
    other : Path
        A folder of the same kind that belongs to something else.
    name : str
        Name of the file.
    rng : random.Random
        Source of places and bits.
    count : int
        Number of flips, and of cuts.
    """
    for _ in range(count):
        place, bit = rng.random(), rng.randrange(8)
        yield f"bit {bit} flipped at {place:.6f}", _flip(place, bit)
        yield f"cut off at {place:.6f}", _changed(lambda c, p=place: c[: int(p * len(c))])
        yield (
            f"bytes zeroed from {place:.6f}",
            _changed(lambda c, p=place: c[: int(p * len(c))] + bytes(len(c) - int(p * len(c)))),
        )
    yield "emptied", _changed(lambda c: b"")
    yield "deleted", os.unlink
    yield "8 bytes added", _changed(lambda c: c + b"\x00\x00\x00\x00\x00\x00\xf0\x3f")
    if (other / name).exists():
        yield "swapped with that of another run", _changed(lambda c: (other / name).read_bytes())
    neighbours = sorted(p.name for p in folder.iterdir() if p.is_file() and p.name != name)
    few = rng.sample(neighbours, min(2, len(neighbours)))
    for neighbour in neighbours if count > 10 else few:
        yield (
            f"swapped with {neighbour}",
            _changed(lambda c, n=neighbour: (folder / n).read_bytes()),
        )
