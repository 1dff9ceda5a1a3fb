"""The commands that compute a sweep, or one of its points, again."""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dendrosim.library.parameter_types import to_text
from dendrosim.study.specification import Point, SweepSpec

_OPTIONS = ("backend", "precision", "threads", "batch")


def repeat_sweep(spec: SweepSpec, out: Path | None = None) -> str:
    """Return the command that computes the same points; empty if it is not known how they were drawn.

    With `out`, the folder of the sweep, the command goes on there.
    """
    words = ["dendrosim", "sweep", spec.protocol]
    given = {axis.name: ", ".join(map(to_text, axis.values)) for axis in spec.axes}
    if spec.sampling != "grid":
        if not spec.spans:
            return ""
        given = dict(spec.spans)
        words += ["--sampling", spec.sampling, "--points", str(len(spec.axes[0].values))]
        words += ["--sampling-seed", str(spec.sampling_seed)]
    words += _settings({**given, **{n: to_text(v) for n, v in spec.fixed.items()}})
    # A comma makes a list of a single seed, which alone would be their number.
    words += ["--seeds", ",".join(map(str, spec.seeds)) + ("," if len(spec.seeds) == 1 else "")]
    for name in spec.recordings:
        words += ["--record", name]
    words += [*_options(spec), *(() if out is None else ("--out", str(out)))]
    return shlex.join(words)


def repeat_point(spec: SweepSpec, point: Point) -> str:
    """Return the command that runs one point by itself."""
    words = ["dendrosim", "run", spec.protocol]
    words += _settings({n: to_text(v) for n, v in point.parameters.items()})
    return shlex.join([*words, "--seed", str(point.seed), *_options(spec)])


def _settings(texts: Mapping[str, str]) -> Iterator[str]:
    for name, text in texts.items():
        yield from ("--set", f"{name}={text}")


def _options(spec: SweepSpec) -> Iterable[Any]:
    for option in _OPTIONS:
        if spec.settings.get(option) not in (None, "auto"):
            yield from (f"--{option}", str(spec.settings[option]))
