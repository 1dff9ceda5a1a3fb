"""Base class of circuits, protocols and their parts: frozen objects that can be stored as JSON without loss.

A specification is a frozen dataclass that derives from `Spec`. Its fields are plain values, other specifications,
quantities, arrays, and tuples or mappings of these. Two specifications are equal if their JSON is equal.
"""

import base64
import hashlib
import inspect
import json
import math
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import wraps
from types import MappingProxyType
from typing import Any, ClassVar, Self, TypeVar

import numpy as np

from dendrosim.discovery import classes_in, modules_in
from dendrosim.errors import SpecError
from dendrosim.machine.decompression import decompress
from dendrosim.machine.json_text import parse_json
from dendrosim.machine.memory import available_memory, format_bytes
from dendrosim.units import Quantity

T = TypeVar("T")

_NUMBERS = r"[<>|=][biuf][1248]"
"""Data types of arrays that JSON can hold."""

# Errors that a validation may raise because a value has a wrong type, such as None.
_WRONG_TYPE = (TypeError, ValueError, AttributeError, LookupError, ArithmeticError)


@dataclass(frozen=True, eq=False)
class Spec:
    """Base class of all specifications; it provides JSON, equality, a hash, and copies with changes.

    A base class may name in `folder` the package in which each of its derived classes has its own file. These
    classes are then found automatically.
    """

    folder: ClassVar[str | None] = None
    _classes: ClassVar[dict[str, type["Spec"]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        Spec._classes[cls.__name__] = cls
        if "__post_init__" in vars(cls):
            cls.__post_init__ = _refuse_wrong_types(cls.__post_init__)  # type: ignore[attr-defined]

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        """Return the names of the classes in `folder` that are not abstract."""
        found = {} if cls.folder is None else classes_in(cls.folder, cls)
        return tuple(sorted(n for n, c in found.items() if not inspect.isabstract(c)))

    def to_json(self) -> str:
        """Return the specification as canonical JSON: keys sorted, no spaces, arrays as compressed bytes."""
        return json.dumps(encode(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the specification that `to_json` wrote.

        Raises
        ------
        SpecError
            If the text is not the JSON of an object of this class, or if that object is not valid.
        """
        try:
            value = decode(parse_json(text))
        except (*_WRONG_TYPE, RuntimeError) as error:
            raise SpecError(f"not the JSON of a {cls.__name__}: {error}") from None
        if not isinstance(value, cls):
            raise SpecError(f"expected the JSON of a {cls.__name__}, got a {type(value).__name__}")
        return value

    def digest(self) -> str:
        """Return the SHA-256 of the canonical JSON as hexadecimal digits."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def replace(self, **changes: Any) -> Self:
        """Return a copy in which some fields are changed; the copy is checked like a new object.

        Parameters
        ----------
        **changes
            New values of fields, by the names of the fields.
        """
        return replace(self, **changes)

    def canonical(self) -> Self:
        """Return an equal specification whose mappings are in the order of their JSON, at every depth.

        Code that is generated from this copy depends on the JSON alone, not on the order in which a user has
        written parameters.
        """
        return _sort_mappings(self)

    def _set(self, **values: Any) -> None:
        """Set fields of a frozen object in its `__post_init__`."""
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.to_json() == other.to_json()  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash(self.to_json())


def _refuse_wrong_types(validate: Callable[[Any], None]) -> Callable[[Any], None]:
    """Wrap a validation, so that an error due to a value of a wrong type, such as None, becomes a SpecError."""

    @wraps(validate)
    def checked(self: Any) -> None:
        try:
            validate(self)
        except _WRONG_TYPE as error:
            raise SpecError(
                f"{type(self).__name__}: a field holds a value of the wrong kind: {error}"
            ) from error

    return checked


def freeze_mapping(mapping: Mapping[str, T] | None) -> Mapping[str, T]:
    """Return a read-only copy of a mapping."""
    return MappingProxyType(dict(mapping or {}))


def freeze_array(array: Any, dtype: Any = float) -> np.ndarray:
    """Return a read-only C-contiguous copy of an array."""
    copy = np.array(array, dtype=dtype, order="C")
    copy.flags.writeable = False
    return copy


def _sort_mappings(value: Any) -> Any:
    if isinstance(value, Spec):
        copy = object.__new__(type(value))  # no checks, because `value` has passed them
        copy._set(**{f.name: _sort_mappings(getattr(value, f.name)) for f in fields(value)})
        return copy
    if isinstance(value, Mapping):
        return freeze_mapping({k: _sort_mappings(value[k]) for k in sorted(value)})
    if isinstance(value, tuple):
        return tuple(map(_sort_mappings, value))
    return value


def encode(value: Any) -> Any:
    """Convert a value of a specification to plain values that `json` can write."""
    if isinstance(value, Spec):
        return {
            "kind": type(value).__name__,
            **{f.name: encode(getattr(value, f.name)) for f in fields(value)},
        }
    if isinstance(value, Quantity):
        return {
            "kind": "quantity",
            "value": encode(value.value),
            "dimension": list(value.dimension),
        }
    if isinstance(value, np.ndarray) and re.fullmatch(_NUMBERS, value.dtype.str):
        raw = base64.b64encode(zlib.compress(np.ascontiguousarray(value).tobytes(), 6)).decode()
        return {"kind": "array", "dtype": value.dtype.str, "shape": list(value.shape), "zlib": raw}
    if isinstance(value, np.generic):
        return encode(value.item())
    if isinstance(value, Mapping):
        return {"kind": "mapping", "items": {k: encode(v) for k, v in value.items()}}
    if isinstance(value, (tuple, list)):
        return [encode(v) for v in value]
    if isinstance(value, float) and not np.isfinite(value):
        return {"kind": "float", "repr": repr(value)}
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise SpecError(f"a specification cannot hold a {type(value).__name__}: {value!r}")


def decode(value: Any) -> Any:
    """Return the value of a specification that `encode` has converted to plain values."""
    if isinstance(value, list):
        return tuple(decode(v) for v in value)
    if not isinstance(value, dict):
        return value
    kind = value.get("kind")
    if kind == "quantity":
        return Quantity(decode(value["value"]), tuple(float(e) for e in value["dimension"]))  # type: ignore[arg-type]
    if kind == "array":
        return _decode_array(value)
    if kind == "mapping":
        return {k: decode(v) for k, v in value["items"].items()}
    if kind == "float":
        return float(value["repr"])
    return _spec_class(kind)(**{k: decode(v) for k, v in value.items() if k != "kind"})


def _decode_array(value: Mapping[str, Any]) -> np.ndarray:
    """Return the array that plain values describe; anybody may have written these values, so they are checked."""
    shape, dtype = value["shape"], value["dtype"]
    if not re.fullmatch(_NUMBERS, dtype):
        raise SpecError(f"an array has the data type {dtype!r}; it must have numbers")
    if not all(type(length) is int and length >= 0 for length in shape):
        raise SpecError(f"an array has the shape {shape!r}")
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size > (free := available_memory()):
        raise SpecError(
            f"an array needs {format_bytes(size)} of memory, and {format_bytes(free)} are free"
        )
    raw = decompress(base64.b64decode(value["zlib"]), size)
    return freeze_array(np.frombuffer(raw, dtype).reshape(shape), dtype)


def _spec_class(name: Any) -> type[Spec]:
    """Return a specification class by its name; if it is not known yet, import the files of all folders first."""
    if name not in Spec._classes:
        for folder in {c.folder for c in Spec._classes.values()} - {None}:
            modules_in(folder)
    if name not in Spec._classes:
        raise SpecError(f"unknown kind {name!r} in JSON")
    return Spec._classes[name]
