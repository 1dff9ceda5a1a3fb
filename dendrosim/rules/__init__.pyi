"""The shipped rules for editors and type checkers; `__init__.py` finds rules by their files, not here."""

from collections.abc import Callable
from typing import Any

from ._burst_dependent import burst_dependent as burst_dependent
from ._pair_stdp import pair_stdp as pair_stdp
from ._short_term import short_term as short_term

def __getattr__(name: str) -> Callable[..., Any]: ...
