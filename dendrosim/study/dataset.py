"""The dataset of a sweep, made of its records: `sweep.nc`.

The dataset depends on the specification and the records alone, not on the order in which points were computed.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dendrosim.arrays import AnyArray
from dendrosim.machine.packages import own_version
from dendrosim.results.reading import SWEEP_MARK
from dendrosim.results.seed_statistics import SEED
from dendrosim.study.code_version import CodeVersion
from dendrosim.study.record import MISSING, Record, RecordedArray
from dendrosim.study.repeat import repeat_sweep
from dendrosim.study.specification import POINT, SweepSpec

if TYPE_CHECKING:
    from xarray import Dataset

FORMAT = 1
"""Version of the layout of `sweep.nc`."""

Variable = tuple[tuple[str, ...], AnyArray, dict[str, str]]
"""Dimensions, values and attributes of a variable."""


def sweep_dataset(
    spec: SweepSpec, records: Mapping[int, Record], codes: Sequence[CodeVersion] = ()
) -> "Dataset":
    """Return the dataset of a sweep.

    Parameters
    ----------
    spec : SweepSpec
        Specification of the sweep.
    records : mapping of int to Record
        Records by number of the point; points without one are `missing`, and their numbers NaN.
    codes : sequence of CodeVersion
        Versions of the code that have computed the points. If points differ in it, the variable `code` has the
        beginning of its hash.
    """
    import xarray

    variables, coordinates = sweep_variables(spec, records)
    return xarray.Dataset(variables, coordinates, sweep_attributes(spec, codes))


def sweep_attributes(spec: SweepSpec, codes: Sequence[CodeVersion] = ()) -> dict[str, Any]:
    """Return the attributes of the dataset."""
    versions = {c.digest()[:12]: {**c.versions, "files": dict(c.files)} for c in codes}
    return {
        SWEEP_MARK: FORMAT,
        "title": f"sweep of {spec.protocol}",
        "source": f"dendrosim {own_version()}",
        "protocol": spec.protocol,
        "parameters": _json(spec.fixed),
        "settings": _json(spec.settings),
        "sampling": spec.sampling,
        "repeat": repeat_sweep(spec),
        "code": _json(versions),
    }


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(dict(values), default=list)


def sweep_variables(
    spec: SweepSpec, records: Mapping[int, Record]
) -> tuple[dict[str, Variable], dict[str, Variable]]:
    """Return the variables and the coordinates of the dataset."""
    coordinates = _coordinates(spec)
    table = _Table(spec, records, {*coordinates, *spec.dimensions})
    table.add("status", {i: r.status for i, r in records.items()}, MISSING)
    messages = {i: f"{r.error}: {r.message}" if r.error else "" for i, r in records.items()}
    table.add("message", messages, "")
    if len({r.code for r in records.values()}) > 1:
        table.add("code", {i: r.code[:12] for i, r in records.items()}, "")
    flat = {i: dict(_flatten(r.metrics)) for i, r in records.items()}
    units = {n: u for r in records.values() for n, u in r.units.items()}
    for name in _names(flat.values()):
        given = {i: m[name] for i, m in flat.items() if name in m}
        unit = units.get(name, units.get(name.partition(".")[0], ""))
        table.add(name, given, attributes={"units": unit} if unit else {})
    for name in spec.recordings:
        kept = {i: r.recordings[name] for i, r in records.items() if name in r.recordings}
        if kept:
            table.add_recording(name, kept)
    return table.variables, coordinates


def _names(mappings: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return all keys of some mappings in the order of the first that has them."""
    return list(dict.fromkeys(name for mapping in mappings for name in mapping))


def _flatten(values: Mapping[str, Any], before: str = "") -> Iterable[tuple[str, Any]]:
    """Yield metrics by name; those of nested mappings are named `name.key`."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{before}{name}.")
        else:
            yield before + name, value


def _coordinates(spec: SweepSpec) -> dict[str, Variable]:
    found: dict[str, Variable] = {}
    for axis in spec.axes:
        values, unit = axis.coordinates()
        along = axis.name if spec.sampling == "grid" else POINT
        array = np.array(values, dtype=object if isinstance(values[0], str) else None)
        found[axis.name] = (along,), array, {"units": unit} if unit else {}
    return {**found, SEED: ((SEED,), np.array(spec.seeds, dtype=np.int64), {})}


class _Table:
    """Variables over all points, made of values by number of the point."""

    def __init__(
        self, spec: SweepSpec, records: Mapping[int, Record], taken: Iterable[str]
    ) -> None:
        self.dimensions = tuple(spec.dimensions)
        self.shape = tuple(spec.dimensions.values())
        self.count = spec.count
        self.taken = set(taken)
        self.variables: dict[str, Variable] = {}

    def add(
        self,
        name: str,
        given: Mapping[int, Any],
        missing: str = "",
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        """Add a variable of numbers, flags, texts or arrays; values of different kinds become JSON texts."""
        own = self._free(name)
        arrays = {i: _numbers(value) for i, value in given.items()}
        if (
            all(a is not None for a in arrays.values())
            and len({a.ndim for a in arrays.values()}) <= 1
        ):
            values = self._stack(arrays)
            inner = tuple(self._free(f"{own}_{k}") for k in range(values.ndim - 1))
        else:
            values = np.full(self.count, missing, dtype=object)
            for i, value in given.items():
                values[i] = value if isinstance(value, str) else json.dumps(value, default=_plain)
            inner = ()
        self._keep(own, values, inner, attributes or {})

    def add_recording(self, name: str, kept: Mapping[int, RecordedArray]) -> None:
        """Add a recording, and its times, which are a coordinate if they are equal at all points."""
        own = self._free(name.replace("/", ":"))
        first = next(iter(kept.values()))
        inner = tuple(self._free(f"{own}.{d}") for d in first.dimensions)
        times = {i: r.time for i, r in kept.items()}
        same = all(np.array_equal(t, first.time) for t in times.values())
        self._keep(
            own, self._stack({i: r.values for i, r in kept.items()}), inner, {"units": first.unit}
        )
        if same:
            self.variables[inner[0]] = (inner[0],), np.array(first.time), {"units": "s"}
        else:
            self._keep(self._free(f"{own}.times"), self._stack(times), inner[:1], {"units": "s"})

    def _free(self, name: str) -> str:
        """Return a name that neither a dimension nor another variable has."""
        name = name.replace("/", ":")
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def _keep(
        self, name: str, values: AnyArray, inner: tuple[str, ...], attributes: Mapping[str, str]
    ) -> None:
        shape = self.shape + values.shape[1:]
        self.variables[name] = self.dimensions + inner, values.reshape(shape), dict(attributes)

    def _stack(self, arrays: Mapping[int, AnyArray]) -> AnyArray:
        """Return arrays one above the other, filled up with NaN to the shape of the largest one."""
        shapes = [a.shape for a in arrays.values()]
        largest = tuple(np.max(shapes, axis=0).astype(int)) if shapes else ()
        kinds = np.result_type(*(a.dtype for a in arrays.values())) if shapes else np.dtype(float)
        whole = len(arrays) == self.count and len(set(shapes)) <= 1
        stacked = np.full((self.count, *largest), 0 if whole else np.nan, kinds if whole else float)
        for i, array in arrays.items():
            inside: Any = (i, *map(slice, array.shape))
            stacked[inside] = array
        return stacked


def _numbers(value: Any) -> Any:
    """Return a number, a flag or nested lists of numbers as an array; None if a value is something else."""
    if isinstance(value, str) or value is None:
        return None
    try:
        array = np.asarray(value)
    except ValueError:  # lists of different lengths
        return None
    return array if array.dtype.kind in "biuf" else None


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else list(value)
