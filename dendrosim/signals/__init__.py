"""Signals: time courses fed into inputs and gates. One file per kind; every file here is found by itself."""

import importlib
import pkgutil

from dendrosim.signals.base import Course, Signal

__all__ = ["Course", "Signal"]

for _module in pkgutil.iter_modules(__path__):
    for _value in vars(importlib.import_module(f"{__name__}.{_module.name}")).values():
        if isinstance(_value, type) and issubclass(_value, Signal):
            globals()[_value.__name__] = _value
            __all__ += [] if _value.__name__ in __all__ else [_value.__name__]
