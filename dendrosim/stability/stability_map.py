"""Stability over a grid of two parameters."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dendrosim.arrays import Array
from dendrosim.errors import (
    NotConvergedError,
    ParameterError,
    ShapeError,
    SpecError,
    UnknownNameError,
)
from dendrosim.stability.fixed_points.fixed_point import fixed_point
from dendrosim.stability.spectrum.spectrum import Spectrum, spectrum
from dendrosim.stability.vector_field.flow import Flow, check_flow
from dendrosim.stability.vector_field.number_arguments import read_numbers

if TYPE_CHECKING:
    from xarray import Dataset


@dataclass(frozen=True, eq=False)
class StabilityMap:
    """Stability of an equilibrium over a grid of two parameters.

    Attributes
    ----------
    parameters : (str, str)
        Their names: of the rows, then of the columns.
    values : (ndarray, ndarray), shapes (a,), (b,)
        Their values, in SI units.
    abscissa : ndarray, shape (a, b)
        Largest real part of an eigenvalue, in 1/s; NaN where there is no equilibrium.
    verdicts : ndarray of str, shape (a, b)
        stable, unstable or marginal; empty where there is no equilibrium.
    unstable : ndarray, shape (a, b)
        Number of eigenvalues with a positive real part; NaN where there is no equilibrium.
    states : ndarray, shape (a, b, n)
        The equilibria, in SI units.
    labels, units : sequence of str
        Of the n states.
    failures : mapping of (row, column) to str
        Why there is no equilibrium at a point of the grid.

    Zero modes of symmetries count nowhere.
    """

    parameters: tuple[str, str]
    values: tuple[Array, Array]
    abscissa: Array
    verdicts: NDArray[np.str_]
    unstable: Array
    states: Array
    labels: Sequence[str]
    units: Sequence[str]
    failures: Mapping[tuple[int, int], str]

    @property
    def message(self) -> str:
        """How many points of the grid are stable, and how many have no equilibrium."""
        total, failed = self.abscissa.size, len(self.failures)
        text = f"{int(np.sum(self.verdicts == 'stable'))} of {total} points are stable"
        return f"{text}; no equilibrium at {failed}" if failed else text

    def to_xarray(self) -> "Dataset":
        """Return everything but `failures` as an `xarray.Dataset`.

        Its first two dimensions bear the names of the parameters, the third is `state`.
        """
        import xarray as xr

        first, second = self.parameters
        grid = (first, second)
        return xr.Dataset(
            {
                "abscissa": (grid, self.abscissa, {"units": "1/s"}),
                "verdict": (grid, self.verdicts),
                "unstable": (grid, self.unstable),
                "states": ((*grid, "state"), self.states),
            },
            coords={
                first: self.values[0],
                second: self.values[1],
                "state": list(self.labels),
                "unit": ("state", list(self.units)),
            },
            attrs={"message": self.message},
        )


def stability_map(
    field: Flow,
    first: Mapping[str, ArrayLike],
    second: Mapping[str, ArrayLike],
    *,
    point: Any = None,
    count: int | None = None,
) -> StabilityMap:
    """Follow an equilibrium over a grid of two parameters and say where it is stable.

    The grid is walked to and fro, so that each point starts from a neighbour; where that leads nowhere, from the
    neighbour in the row before, and then from `point`.

    Parameters
    ----------
    field : Flow
        What is analysed.
    first, second : mapping
        One name and its values each, such as ``{"mu": np.linspace(0.1, 0.4, 7)}``, in SI units.
    point : array of shape (n,), or FixedPoint, optional
        Near the equilibrium at the first values; by default `field.start`.
    count : int, optional
        Only the rightmost `count` eigenvalues, for very large sparse flows; see `spectrum`.

    Returns
    -------
    StabilityMap

    Raises
    ------
    UnknownNameError
        For a parameter that is not in the equations.
    ParameterError
        For axes that are not one name and a row of finite values each, or twice the same name.
    ShapeError
        For a point that does not fit.
    """
    check_flow(field)
    axes = [_axis(field, axis) for axis in (first, second)]
    (row_name, rows), (column_name, columns) = axes
    if row_name == column_name:
        raise ParameterError(f"both axes of the map are {row_name}; give two different parameters")
    home = read_numbers("point", field.start if point is None else getattr(point, "x", point))
    if home.shape != (field.size,):
        raise ShapeError(f"point must be {field.size} numbers, not of shape {home.shape}")
    shape = (len(rows), len(columns))
    abscissa, unstable = np.full(shape, np.nan), np.full(shape, np.nan)
    states = np.full((*shape, field.size), np.nan)
    verdicts = np.full(shape, "", dtype="<U8")
    failures: dict[tuple[int, int], str] = {}
    for i, j in _to_and_fro(shape):
        where = f"{row_name} = {rows[i]:g}, {column_name} = {columns[j]:g}"
        try:
            flow = field.at(row_name, float(rows[i])).at(column_name, float(columns[j]))
            states[i, j], found = _solved(flow, [*_neighbours(states, i, j), home], count)
        except (NotConvergedError, SpecError) as error:
            failures[i, j] = f"{where}: {error}"
            continue
        abscissa[i, j], unstable[i, j] = found.abscissa, found.unstable_count
        verdicts[i, j] = found.verdict
    return StabilityMap(
        parameters=(row_name, column_name),
        values=(rows, columns),
        abscissa=abscissa,
        verdicts=verdicts,
        unstable=unstable,
        states=states,
        labels=tuple(field.labels),
        units=tuple(field.units),
        failures=failures,
    )


def _axis(field: Flow, axis: Mapping[str, ArrayLike]) -> tuple[str, Array]:
    if not isinstance(axis, Mapping) or len(axis) != 1:
        raise ParameterError(
            f"an axis of a map is one name and its values, as in {{'mu': [0.1, 0.2]}}, not {axis!r}"
        )
    ((name, values),) = axis.items()
    if name not in field.parameters:
        raise UnknownNameError("parameter of the equations", name, field.parameters)
    array = read_numbers(f"values of {name}", values)
    if array.ndim != 1 or not array.size or not np.all(np.isfinite(array)):
        raise ParameterError(f"values of {name} must be a row of finite numbers, not {values!r}")
    return name, array


def _to_and_fro(shape: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Indices of a grid, each next to the one before."""
    for i in range(shape[0]):
        across = range(shape[1])
        yield from ((i, j) for j in (across if i % 2 == 0 else reversed(across)))


def _neighbours(states: Array, i: int, j: int) -> list[Array]:
    """Return the equilibria next to a point of the grid that are known: in the row, then in the row before."""
    places = [(i, j - 1) if i % 2 == 0 else (i, j + 1), (i - 1, j)]
    inside = [p for p in places if p[0] >= 0 and 0 <= p[1] < states.shape[1]]
    return [states[place] for place in inside if not np.any(np.isnan(states[place]))]


def _solved(flow: Flow, starts: list[Array], count: int | None) -> tuple[Array, Spectrum]:
    """Return the equilibrium from the first start that leads to one, and its spectrum."""
    failure: NotConvergedError | None = None
    for start in starts:
        try:
            found = fixed_point(flow, start)
            break
        except NotConvergedError as error:
            failure = failure or error
    else:
        assert failure is not None
        raise failure
    return found.x, spectrum(flow.jacobian(found.x), flow.symmetries(found.x), count=count)
