"""What a sweep is: its protocol, the values of its parameters, its seeds and the settings of its runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np

from dendrosim.checks import as_any_text, as_label, as_plain, mapping_of, sequence_of, whole
from dendrosim.errors import ParameterError, SpecError
from dendrosim.library.parameter_types import to_text
from dendrosim.results.seed_statistics import SEED
from dendrosim.spec import Spec
from dendrosim.study.axis_texts import MOST_POINTS
from dendrosim.units import quantity

POINT = "point"
"""Dimension of a dataset whose points are drawn; that of the seeds is `SEED`."""

Sampling = Literal["grid", "random", "latin"]
SAMPLINGS: tuple[Sampling, ...] = ("grid", "random", "latin")
"""How the values of several parameters are combined: each with each, or one of each for every point."""


@dataclass(frozen=True, eq=False)
class Axis(Spec):
    """A parameter that varies, and its plain values.

    Parameters
    ----------
    name : str
        Name of the parameter.
    values : tuple
        Plain values: in a grid all different ones, otherwise one for each point.
    unit : str or None
        SI unit of the values if they are quantities.
    """

    name: Annotated[str, as_label]
    values: Annotated[tuple[Any, ...], sequence_of(as_plain)]
    unit: str | None = None

    def coordinates(self) -> tuple[list[Any], str | None]:
        """Return the values as numbers or flags, or all as texts if one of them is neither, and their SI unit."""
        if self.unit is not None and None not in self.values:
            return [float(quantity(v).value) for v in self.values], self.unit
        kinds = {type(v) for v in self.values}
        if kinds <= {int, float} or kinds == {bool}:
            return list(self.values), None
        return [to_text(v) for v in self.values], None


class Point(NamedTuple):
    """One point of a sweep: its number, its place in the dataset, the values of all parameters, and the seed."""

    number: int
    place: tuple[int, ...]
    varied: dict[str, Any]
    parameters: dict[str, Any]
    seed: int


@dataclass(frozen=True, eq=False)
class SweepSpec(Spec):
    """All that decides what a sweep computes, except the code.

    Parameters
    ----------
    protocol : str
        Name of the protocol in the catalogue, or the absolute path of its file.
    fixed : mapping
        Plain values of parameters that are given and do not vary.
    axes : tuple of Axis
        The parameters that vary, in the order of the dimensions.
    seeds : tuple of int
        Seeds with which each point is run.
    settings : mapping
        Settings of all runs (see `RunSettings`), except the seed.
    sampling : {"grid", "random", "latin"}
        How the values of the axes are combined.
    recordings : tuple of str
        Recordings that are kept.
    spans : mapping of str to str
        If points are drawn: for each axis, the text from which its values were drawn.
    sampling_seed : int
        Seed with which they were drawn.
    """

    protocol: Annotated[str, as_any_text]
    fixed: Annotated[Mapping[str, Any], mapping_of(as_plain)]
    axes: tuple[Axis, ...]
    seeds: Annotated[tuple[int, ...], sequence_of(whole(0, 2**63 - 1))]
    settings: Annotated[Mapping[str, Any], mapping_of(as_plain)]
    sampling: Sampling = "grid"
    recordings: tuple[str, ...] = ()
    spans: Annotated[Mapping[str, str], mapping_of(as_any_text)] = field(default_factory=dict)
    sampling_seed: Annotated[int, whole(0)] = 0

    def __post_init__(self) -> None:
        if not self.seeds:
            raise ParameterError("seeds is empty; give at least one seed")
        for axis in self.axes:
            if not axis.values:
                raise ParameterError(f"parameter {axis.name!r} has no values; give at least one")
            _refuse_equal(axis, self.sampling)
        if len(set(self.seeds)) < len(self.seeds):
            twice = next(s for s in self.seeds if self.seeds.count(s) > 1)
            raise ParameterError(f"seed {twice} is given twice; give each seed once")
        if self.sampling != "grid" and len({len(axis.values) for axis in self.axes}) != 1:
            raise SpecError("all parameters that vary must have one value for each point")
        if self.count > MOST_POINTS:
            raise ParameterError(
                f"the sweep has {self.count:,} points; it must have at most {MOST_POINTS:,}"
            )

    @property
    def dimensions(self) -> dict[str, int]:
        """Length of each dimension of the dataset, in order; the seed varies fastest."""
        if self.sampling == "grid":
            return {**{a.name: len(a.values) for a in self.axes}, SEED: len(self.seeds)}
        return {POINT: len(self.axes[0].values), SEED: len(self.seeds)}

    @property
    def count(self) -> int:
        """Number of points, each with one seed."""
        return prod(self.dimensions.values())

    def point(self, index: int) -> Point:
        """Return a point by its number, from 0."""
        place = tuple(int(k) for k in np.unravel_index(index, tuple(self.dimensions.values())))
        chosen = place[:-1] if self.sampling == "grid" else place[:1] * len(self.axes)
        varied = {a.name: a.values[k] for a, k in zip(self.axes, chosen, strict=True)}
        return Point(index, place, varied, {**self.fixed, **varied}, self.seeds[place[-1]])


def _refuse_equal(axis: Axis, sampling: Sampling) -> None:
    """Raise ParameterError if a value of a grid occurs twice, also if it is written in two ways."""
    if sampling != "grid":
        return
    coordinates = axis.coordinates()[0]
    seen: set[Any] = set()
    for value, coordinate in zip(axis.values, coordinates, strict=True):
        if coordinate in seen:
            raise ParameterError(
                f"parameter {axis.name!r} has the value {to_text(value)} twice; give each value once"
            )
        seen.add(coordinate)


def describe_point(point: Point) -> str:
    """Return the values and the seed of a point as text: `mu=0.1, transfer=linear, seed 3`."""
    return ", ".join(
        [*(f"{n}={to_text(v)}" for n, v in point.varied.items()), f"seed {point.seed}"]
    )
