"""Checks of values: texts, flags, numbers, times, lists, mappings, and values with one number per unit.

Many parts of the package share these checks, so that the same mistake gets the same message everywhere. A function
`as_...(where, value)` returns a value in the form that is kept, or raises an error that begins with `where`. Such
a function is a `Check`; each field of a specification has one (see `dendrosim.spec`).
"""

from dendrosim.checks.check import Check
from dendrosim.checks.containers import (
    as_plain,
    instance_of,
    mapping_of,
    optional,
    sequence_of,
    word_or,
)
from dendrosim.checks.numbers import (
    MOST_ELEMENTS,
    MOST_STEPS,
    as_array,
    as_flag,
    as_number,
    as_time,
    as_value,
    as_values,
    as_whole_number,
    check_finite,
    check_per_unit,
    check_unit,
    is_whole,
    number,
    whole,
)
from dendrosim.checks.parameters import not_negative, positive
from dendrosim.checks.texts import as_any_text, as_code, as_label, as_text, as_unit, one_of

__all__ = [
    "MOST_ELEMENTS",
    "MOST_STEPS",
    "Check",
    "as_any_text",
    "as_array",
    "as_code",
    "as_flag",
    "as_label",
    "as_number",
    "as_plain",
    "as_text",
    "as_time",
    "as_unit",
    "as_value",
    "as_values",
    "as_whole_number",
    "check_finite",
    "check_per_unit",
    "check_unit",
    "instance_of",
    "is_whole",
    "mapping_of",
    "not_negative",
    "number",
    "one_of",
    "optional",
    "positive",
    "sequence_of",
    "whole",
    "word_or",
]
