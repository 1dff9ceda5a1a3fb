"""The back ends by name. They are the entries of `BACKENDS` in all files `backend.py` in subfolders."""

import importlib
import logging
from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from dendrosim.engine.backend import Backend
from dendrosim.engine.names import AUTO
from dendrosim.errors import BackendMissingError, SpecError, UnknownNameError

if TYPE_CHECKING:
    from dendrosim.protocol.protocol import Protocol

_log = logging.getLogger(__name__)

_FASTEST, _ALWAYS = "cpp", "numpy"  # `auto` means the first if it works, else the second


@lru_cache(maxsize=1)
def backends() -> dict[str, Backend]:
    """Return all back ends by name, in alphabetical order."""
    found: dict[str, Backend] = {}
    for path in Path(__file__).parent.glob("*/backend.py"):
        module = importlib.import_module(f"dendrosim.engine.{path.parent.name}.backend")
        found |= {backend.name: backend for backend in getattr(module, "BACKENDS", ())}
    return dict(sorted(found.items()))


def backend_named(name: str) -> Backend:
    """Return the back end of a name other than `auto`, or raise UnknownNameError if there is none."""
    if name not in backends():
        raise UnknownNameError("back end", name, [AUTO, *backends()])
    return backends()[name]


def choose(name: str) -> Backend:
    """Return the back end that a name means on this machine: `auto` is cpp if it works, else numpy.

    If cpp does not work, the reason is logged as a warning; Python prints it on stderr if no log is set up.

    Raises
    ------
    UnknownNameError
        If there is no such back end.
    BackendMissingError
        If the back end does not work on this machine.
    """
    if name != AUTO:
        backend = backend_named(name)
        backend.check()
        return backend
    fastest = backend_named(_FASTEST)
    try:
        fastest.check()
    except BackendMissingError as error:
        _log.warning("using the slower back end %s: %s", _ALWAYS, error)
        return backend_named(_ALWAYS)
    return fastest


def check_supported(backend: Backend, protocol: "Protocol") -> None:
    """Raise SpecError if a back end cannot compute a protocol; the message names those that can."""
    reason = backend.refused(protocol)
    if reason:
        others = [b.name for b in backends().values() if not b.refused(protocol)]
        raise SpecError(
            f"back end {backend.name} cannot compute {reason}; choose {' or '.join(others)} (--backend)"
        )


def prepare(name: str) -> AbstractContextManager[None]:
    """Return the context manager of `Backend.prepare` for a name; whether the back end works is not checked."""
    return backend_named(_FASTEST if name == AUTO else name).prepare()
