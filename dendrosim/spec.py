"""Base class of circuits, protocols and their parts: frozen objects that can be stored as JSON without loss.

A specification is a frozen dataclass that derives from `Spec`. Its fields are plain values, other specifications,
quantities, arrays, and tuples or mappings of these. Two specifications are equal if their JSON is equal.

Every field has one check of its type and range, which its annotation gives. An annotation such as `bool` or
`tuple[Phase, ...]` means a check of the type, and `Annotated[int, whole(1)]` names a check of `dendrosim.checks`.
The constructor runs the checks of all fields, and then the `__post_init__` of the class, which checks how the
fields fit together. Reading JSON calls the constructor.
"""

import base64
import hashlib
import inspect
import json
import math
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import InitVar, dataclass, fields, replace
from functools import wraps
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar, Union, get_args, get_origin

import numpy as np

from dendrosim.checks import (
    Check,
    as_flag,
    as_number,
    as_text,
    as_whole_number,
    instance_of,
    mapping_of,
    one_of,
    optional,
    sequence_of,
)
from dendrosim.discovery import classes_in, modules_in
from dendrosim.display.short import ShortRepr
from dendrosim.errors import DendrosimError, SpecError, abbreviate
from dendrosim.machine.cached_property import cached_property
from dendrosim.machine.decompression import decompress
from dendrosim.machine.json_text import parse_json
from dendrosim.machine.memory import available_memory, format_bytes
from dendrosim.units import Quantity

T = TypeVar("T")

_NUMBERS = r"[<>|=][biuf][1248]"
"""Data types of arrays that JSON can hold."""

_PLAIN: Mapping[Any, Check] = {
    str: as_text, bool: as_flag, int: as_whole_number, float: as_number,
}  # fmt: skip


def check_of(annotation: Any) -> Check:
    """Return the check of a field by its annotation; raises TypeError if the annotation gives none."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return next(c for c in arguments[1:] if callable(c))
    if origin in (Union, UnionType) and NoneType in arguments and len(arguments) == 2:
        return optional(check_of(next(a for a in arguments if a is not NoneType)))
    if origin is Literal:
        return one_of(*arguments)
    if origin in (tuple, Sequence):
        return sequence_of(check_of(arguments[0]))
    if origin is Mapping:
        return mapping_of(check_of(arguments[1]))
    if isinstance(annotation, type) and issubclass(annotation, Checked):
        return instance_of(annotation)
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    raise TypeError(
        f"the annotation {annotation} gives no check of the field; write Annotated[type, check]"
    )


@dataclass(frozen=True, eq=False)
class Checked(ShortRepr):
    """Base class of frozen dataclasses each of whose fields has a check, which its annotation gives."""

    _checks: ClassVar[Mapping[str, Check]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = inspect.get_annotations(cls, eval_str=True)
        cls._checks = {
            **cls._checks,
            **{n: cls.check_of(n, a) for n, a in own.items() if not _is_no_field(a)},
        }
        if "__post_init__" in vars(cls):
            cls.__post_init__ = _check_first(cls.__post_init__)  # type: ignore[assignment, method-assign]

    def __post_init__(self) -> None:
        for name, check in self._checks.items():
            where, value = self._where(name), getattr(self, name)
            try:
                self._set(**{name: check(where, value)})
            except DendrosimError:
                raise
            except Exception as error:  # methods of a foreign object may raise anything
                raise SpecError(f"{where} is {abbreviate(value)}: {error}") from error

    @classmethod
    def check_of(cls, name: str, annotation: Any) -> Check:
        """Return the check of the field `name`; a base class may override it if all fields have the same check."""
        return check_of(annotation)

    def _where(self, field: str) -> str:
        """Return the name of a field in messages."""
        if field == "name" or next(iter(self._checks)) != "name":
            return f"{type(self).__name__}.{field}"
        return f"{type(self).__name__} {getattr(self, 'name')!r}: {field}"  # noqa: B009

    def _set(self, **values: Any) -> None:
        """Set fields of a frozen object in its `__post_init__`."""
        for name, value in values.items():
            object.__setattr__(self, name, value)


def _is_no_field(annotation: Any) -> bool:
    """Return whether an annotation is that of the class, or of an argument of the constructor alone."""
    return get_origin(annotation) is ClassVar or isinstance(annotation, InitVar)


def _check_first(post_init: Callable[..., None]) -> Callable[..., None]:
    """Return a `__post_init__` that first checks each field by itself."""

    @wraps(post_init)
    def checked(self: Any, *arguments: Any) -> None:
        Checked.__post_init__(self)
        post_init(self, *arguments)

    return checked


@dataclass(frozen=True, eq=False)
class Spec(Checked):
    """Base class of all specifications; it provides JSON, equality, a hash, pickling, and copies with changes.

    Nothing in a specification can change, so `copy.copy` and `copy.deepcopy` return the object itself.

    A base class may name in `folder` the package in which each of its derived classes has its own file. These
    classes are then found automatically.
    """

    folder: ClassVar[str | None] = None
    _classes: ClassVar[dict[str, type["Spec"]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        Spec._classes[cls.__name__] = cls

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
        except DendrosimError:
            raise
        except Exception as error:  # whatever the text makes of the reader
            raise SpecError(f"not the JSON of a {cls.__name__}: {error}") from None
        if not isinstance(value, cls):
            raise SpecError(f"expected the JSON of a {cls.__name__}, got a {type(value).__name__}")
        return value

    def digest(self) -> str:
        """Return the SHA-256 of the canonical JSON as hexadecimal digits."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
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
        return self._canonical

    @cached_property
    def _canonical(self) -> Any:
        return _sort_mappings(self)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # Fields only: values that are computed when they are first used are computed anew.
        return _restore, (type(self), {f.name: thaw(getattr(self, f.name)) for f in fields(self)})

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.to_json() == other.to_json()  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash(self.to_json())


def freeze_mapping(mapping: Mapping[str, T] | None) -> Mapping[str, T]:
    """Return a read-only copy of a mapping."""
    return MappingProxyType(dict(mapping or {}))


def freeze_array(array: Any, dtype: Any = float) -> np.ndarray:
    """Return a read-only C-contiguous copy of an array."""
    copy = np.array(array, dtype=dtype, order="C")
    copy.flags.writeable = False
    return copy


def thaw(value: Any) -> Any:
    """Return a value with dictionaries in place of read-only mappings (at every depth), for pickle."""
    if isinstance(value, Mapping):
        return {k: thaw(v) for k, v in value.items()}
    return tuple(map(thaw, value)) if type(value) is tuple else value


def freeze(value: Any) -> Any:
    """Return the value from which `thaw` has made another; arrays become read-only, which pickle does not keep."""
    if isinstance(value, Mapping):
        return freeze_mapping({k: freeze(v) for k, v in value.items()})
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    return tuple(map(freeze, value)) if type(value) is tuple else value


def _restore(kind: type[Spec], values: Mapping[str, Any]) -> Spec:
    """Return the specification with these fields, without checks, because it has passed them."""
    spec = object.__new__(kind)
    spec._set(**{name: freeze(value) for name, value in values.items()})
    return spec


def _sort_mappings(value: Any) -> Any:
    if type(value) in _SIMPLE:
        return value
    if isinstance(value, Spec):
        spec = object.__new__(type(value))
        spec._set(**{f.name: _sort_mappings(getattr(value, f.name)) for f in fields(value)})
        return spec
    if isinstance(value, tuple):
        return tuple(map(_sort_mappings, value))
    if isinstance(value, Mapping):
        return MappingProxyType({k: _sort_mappings(value[k]) for k in sorted(value)})
    return value


_SIMPLE = frozenset({str, int, bool, NoneType, Quantity})
"""Types of values without parts, which are recognised first because specifications have hundreds of them."""


def encode(value: Any) -> Any:
    """Convert a value of a specification to plain values that `json` can write."""
    if type(value) in _SIMPLE and type(value) is not Quantity:
        return value
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
