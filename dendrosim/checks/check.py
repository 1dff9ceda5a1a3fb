"""What a check is."""

from collections.abc import Callable
from typing import Any

Check = Callable[[str, Any], Any]
"""A function of the name of a value in messages and the value; it returns the value in the form that is kept."""
