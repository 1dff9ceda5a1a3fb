"""Finds parameters that do nothing, without a word, with an option of a choice."""

from dendrosim.errors import DendrosimError
from dendrosim.experiments.file_check.parameter_reads import names_read_elsewhere
from dendrosim.experiments.file_check.parameter_use import ParameterTrial
from dendrosim.experiments.file_check.report import Report
from dendrosim.library.catalogue import FUNCTIONS, find_entry
from dendrosim.library.file_parameters import parameters_of_file
from dendrosim.library.loading import load_circuit, load_protocol
from dendrosim.library.parameter_types import to_text

LOAD = {"model": load_circuit, "protocol": load_protocol}

THE_SAME = {("output", "transfer=linear")}
"""Choices with two names for one thing: the output is linear, or has the transfer function, which is linear."""


def dead_parameters(name, file_kind, given):
    """Return each parameter that does nothing with an option of a choice, as `parameter with choice=option`.

    Every other value of a parameter must change the circuit or protocol, or be refused. Parameters that `measure`
    reads are left out.
    """
    entry = find_entry(name, file_kind)
    parameters = parameters_of_file(entry)

    def load(**values):
        return LOAD[file_kind](str(entry.path), **values)

    trial = ParameterTrial(load, load(**given), given, parameters, {}, Report(name))
    trial.check(lambda name: True)
    read = names_read_elsewhere(entry.path, FUNCTIONS[file_kind])
    others = [n for n in (*trial.second, *trial.second_options) if n not in read]
    settings = [(n, v) for n in trial.second_options for v in trial.values[n]]
    return [
        f"{other} with {choice}={to_text(option)}"
        for choice, option in settings
        for other in others
        if other != choice
        and (other, f"{choice}={to_text(option)}") not in THE_SAME
        and is_dead(trial, {choice: option}, other)
    ]


def is_dead(trial, setting, other):
    """Return whether all values of a parameter that differ from its default give what the default gives."""
    before = trial.try_setting(setting)
    if isinstance(before, Exception):
        return False
    for value in trial.values[other]:
        after = trial.try_setting({**setting, other: value})
        if isinstance(after, DendrosimError) or after != before:
            return False
    return True
