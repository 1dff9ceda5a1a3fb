"""Stability over a grid of two parameters."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dendrosim.arrays import Array
from dendrosim.display.short import ShortRepr
from dendrosim.errors import (
    NotConvergedError,
    ParameterError,
    ShapeError,
    SpecError,
    UnknownNameError,
)
from dendrosim.stability.fixed_points.fixed_point import fixed_point
from dendrosim.stability.fixed_points.nearby import find_nearby
from dendrosim.stability.spectrum.spectrum import Spectrum, spectrum
from dendrosim.stability.vector_field.flow import Flow, check_flow
from dendrosim.stability.vector_field.number_arguments import read_numbers

if TYPE_CHECKING:
    from xarray import Dataset


@dataclass(frozen=True, eq=False)
class StabilityMap(ShortRepr):
    """Stability of a fixed point over a grid of two parameters.

    Eigenvalues of zero that are due to symmetries (zero modes) are left out of all numbers.

    Attributes
    ----------
    parameters : (str, str)
        Names of the parameters of rows and columns.
    values : (array, array), shapes (a,) and (b,)
        Values of the two parameters, in SI units.
    abscissa : array, shape (a, b)
        Largest real part of an eigenvalue, in 1/s; nan if no fixed point was found.
    verdicts : array of str, shape (a, b)
        `stable`, `unstable` or `marginal`; empty if no fixed point was found.
    unstable : array, shape (a, b)
        Number of eigenvalues with a positive real part; nan if no fixed point was found.
    states : array, shape (a, b, n)
        The fixed points, in SI units; nan if there is none.
    labels, units : sequence of str, length n
        Label and SI unit of each state.
    failures : mapping of (int, int) to str
        For each row and column of the grid without a fixed point, the reason.
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
        """One sentence on how many points of the grid are stable, and at how many none was found."""
        total, failed = self.abscissa.size, len(self.failures)
        text = f"{int(np.sum(self.verdicts == 'stable'))} of {total} points are stable"
        return f"{text}; no equilibrium found at {failed}" if failed else text

    def to_xarray(self) -> "Dataset":
        """Return the map, without `failures`, as an `xarray.Dataset`, which can be written to NetCDF.

        Its first two dimensions have the names of the parameters; the third is `state`.
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
    """Follow a fixed point over a grid of two parameters, and return where it is stable.

    Parameters
    ----------
    field : Flow
        A vector field, as `vector_field` returns it.
    first, second : mapping
        Parameters of the rows and of the columns of the grid: each a mapping of one name to values in SI units,
        such as ``{"mu": np.linspace(0.1, 0.4, 7)}``.
    point : array, shape (n,), or FixedPoint, optional
        A state near the fixed point at the first values, in SI units. Default: `field.start`.
    count : int, optional
        Number of rightmost eigenvalues to compute, for very large sparse flows; see `spectrum`. Default: all.

    Returns
    -------
    StabilityMap
        Abscissa, verdict, number of unstable eigenvalues and fixed point for each pair of values, in arrays of
        shape (a, b) for `a` values of the first parameter and `b` of the second.

    Raises
    ------
    UnknownNameError
        If the rates do not depend on a parameter of that name.
    ParameterError
        If an axis is not a mapping of one name to finite values in a row, or both axes have the same name.
    ShapeError
        If the point does not have the shape of the state.

    Notes
    -----
    The rows of the grid are traversed in alternating directions, so that the search at each point starts from its
    neighbour. If the search fails, it is repeated from the neighbour in the row before, and then from `point`.

    Examples
    --------
    >>> found = ds.stability_map(field, {"mu": [0.1, 0.2, 0.3]}, {"tau": [0.01, 0.02]})
    >>> print(found.message)
    """
    check_flow(field)
    field.check_spectrum()
    axes = [_read_axis(field, axis) for axis in (first, second)]
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
    for i, j in _traverse(shape):
        where = f"{row_name} = {rows[i]:g}, {column_name} = {columns[j]:g}"
        try:
            flow = field.at(row_name, float(rows[i])).at(column_name, float(columns[j]))
            states[i, j], found = _solve_from(flow, [*_neighbours(states, i, j), home], count)
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


def _read_axis(field: Flow, axis: Mapping[str, ArrayLike]) -> tuple[str, Array]:
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


def _traverse(shape: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Yield the indices of a grid in an order in which each is a neighbour of the one before."""
    for i in range(shape[0]):
        across = range(shape[1])
        yield from ((i, j) for j in (across if i % 2 == 0 else reversed(across)))


def _neighbours(states: Array, i: int, j: int) -> list[Array]:
    """Return the known fixed points next to a point of the grid: first in its row, then in the row before."""
    places = [(i, j - 1) if i % 2 == 0 else (i, j + 1), (i - 1, j)]
    inside = [p for p in places if p[0] >= 0 and 0 <= p[1] < states.shape[1]]
    return [states[place] for place in inside if not np.any(np.isnan(states[place]))]


def _solve_from(flow: Flow, starts: list[Array], count: int | None) -> tuple[Array, Spectrum]:
    """Return the fixed point from the first start that leads to one, and its spectrum.

    Newton's method is tried from every start; then the last start is searched from by all methods.
    """
    found = None
    for start in starts:
        try:
            found = find_nearby(flow, start)
            break
        except NotConvergedError:
            continue
    found = found or fixed_point(flow, starts[-1])
    return found.x, spectrum(flow.jacobian(found.x), flow.symmetries(found.x), count=count)
