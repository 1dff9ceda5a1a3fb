"""Use of Brian2's process-wide state (device, preferences, log), which is restored afterwards."""

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

import numpy as np

from dendrosim.errors import DendrosimError, EquationError
from dendrosim.machine.cache import writable_folder

CYTHON = "cython"
"""Subfolder of the cache for the extensions that Brian2 compiles."""

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def brian_session(
    device: Any, precision: str, target: str = "numpy", **options: Any
) -> Iterator[Any]:
    """Activate a Brian2 device with our preferences; restore device and preferences afterwards.

    While the device is active, messages of Brian2 go to our own log at debug level. Problems that matter, such as
    non-finite numbers, raise errors of dendrosim anyway.
    """
    from brian2.codegen import optimisation
    from brian2.core.base import BrianObjectException
    from brian2.core.preferences import prefs
    from brian2.devices.device import get_device, reset_device, set_device
    from brian2.utils.logger import catch_logs

    wanted: dict[str, Any] = {
        "core.default_float_dtype": np.float32 if precision == "single" else np.float64,
        "codegen.target": target,
        "codegen.loop_invariant_optimisations": True,
        # Otherwise Brian2 would make temporary files for the output of compilers, although there is no output.
        "logging.std_redirection": False,
    }
    if target == "cython":
        wanted["codegen.runtime.cython.cache_dir"] = str(writable_folder(CYTHON))
        # With pipes between its stages, a compiler makes no temporary files, which would remain if it is killed.
        flags = (
            prefs["codegen.cpp.extra_compile_args"] or prefs["codegen.cpp.extra_compile_args_gcc"]
        )
        wanted["codegen.cpp.extra_compile_args"] = [*flags, "-pipe"]
    else:
        # Otherwise Brian2 would compile small programs to test its own flags, which only its makefile uses.
        wanted["codegen.cpp.extra_compile_args"] = []
    before = {name: prefs[name] for name in wanted}
    # Brian2 evaluates constant parts of formulas in this namespace. Without this entry, a symbol such as `range`
    # would mean what it means in Python.
    optimisation.defaults_ns["__builtins__"] = {}
    set_device(device, **options)
    caught: list[tuple[str, str, str]] = []
    try:
        for name, value in wanted.items():
            prefs[name] = value
        with _own_names(), catch_logs() as caught:
            yield get_device()
    except BrianObjectException as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        if isinstance(cause, (MemoryError, DendrosimError)):
            raise cause from None
        place = str(error).splitlines()[0].removesuffix(".").replace("Error encountered with ", "")
        raise EquationError(f"the equations cannot be run: {place}: {cause}") from error
    finally:
        optimisation.defaults_ns.pop("__builtins__", None)
        for level, source, message in caught:
            _log.debug("%s from %s: %s", level, source, message)
        for name, value in before.items():
            prefs[name] = value
        reset_device()


@contextlib.contextmanager
def _own_names() -> Iterator[None]:
    """Let Brian2 choose names as if no other objects existed in this process.

    Otherwise it adds numbers to names that objects of another run have, and the text of a program, by which a
    resumed run recognises it, depends on what the process has done before.
    """
    from brian2.core.names import Nameable

    sets = Nameable.__instancefollower__.instance_sets
    others = sets.pop(Nameable, None)
    try:
        yield
    finally:
        sets.pop(Nameable, None)
        if others is not None:
            sets[Nameable] = others
