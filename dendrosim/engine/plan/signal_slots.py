"""Signals that are formulas (`Course`), as compiled code with data.

An input or gate that a `Course` drives in some phase gets slots: for each class of signal, as many as one phase
uses at once. A slot has hidden variables: one for each field of its signal, and a switch. Data say in which phases
the slot is on and with which numbers, so another protocol of the same structure needs no compilation.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dendrosim.circuit.paths import VariablePath, is_variable
from dendrosim.equations.rewriting import replace_symbols
from dendrosim.protocol.protocol import Protocol
from dendrosim.protocol.rate_check import LARGEST_PROBABILITY
from dendrosim.signals.base import Course
from dendrosim.signals.process import Process

SLOT = "ds_slot_"
"""Prefix of the names of hidden variables of slots."""
ELEMENT = "ds_element"
"""Name of the variable with the index of each element's random number among the random numbers of a step."""


@dataclass(frozen=True)
class Slot:
    """One use of a class of signals for one variable; names of its hidden variables begin with `prefix`.

    The prefix depends on nothing but the class, the number of its uses before this one, and the variable, so that
    a run that continues another one finds the hidden variables of the same signal.
    """

    prefix: str
    signal_type: type[Course]

    @property
    def switch(self) -> str:
        """Hidden variable that is 1 while a phase uses the slot."""
        return f"{self.prefix}_on"

    def field(self, name: str) -> str:
        """Return the hidden variable of a field of the signal."""
        return f"{self.prefix}_{name}"

    @property
    def units(self) -> Mapping[str, str]:
        """For each number that the slot's texts use, its unit."""
        return (
            self.signal_type.number_units
            if issubclass(self.signal_type, Process)
            else self.signal_type.units
        )

    @property
    def random(self) -> bool:
        """Whether the slot draws random numbers."""
        return issubclass(self.signal_type, Process)

    @property
    def noise(self) -> str:
        """Hidden number from which the random numbers of a step are derived."""
        return f"{self.prefix}_noise"

    @property
    def state(self) -> str:
        """Hidden variable of each unit that a process renews in every step."""
        return f"{self.prefix}_z"

    @property
    def expression(self) -> str:
        """Text of what the slot adds to the variable, written with hidden variables."""
        return replace_symbols(self.signal_type.text, self._mapping())

    @property
    def update(self) -> str:
        """Assignment that renews the hidden state of a process."""
        assert issubclass(self.signal_type, Process)
        return f"{self.state} = {replace_symbols(self.signal_type.update, self._mapping())}"

    @property
    def idle(self) -> dict[str, float]:
        """For the hidden variable of each number of a process, its value until a phase uses the slot."""
        assert issubclass(self.signal_type, Process)
        return {self.field(name): self.signal_type.idle.get(name, 0.0) for name in self.units}

    def _mapping(self) -> dict[str, str]:
        mapping = {name: self.field(name) for name in self.units}
        own = {"z": self.state, "noise": self.noise, "i": ELEMENT} if self.random else {}
        return {**mapping, **own, "t": "ds_t_phase", "t_block": "ds_t_block"}


def base_variable(name: str) -> str:
    """Return the hidden variable for the sum of all signals that are not formulas: constants, samples, tables."""
    return f"ds_base_{name}"


def find_slots(protocol: Protocol, path: str) -> tuple[Slot, ...]:
    """Return the slots of an input (`population.variable`) or gate (plain name)."""
    most: Counter[type[Course]] = Counter()
    for block in protocol.blocks:
        for phase in block.phases:
            drives = (
                protocol.input_signals(phase, path)
                if is_variable(path)
                else protocol.gate_signals(phase, path)
            )
            counts = Counter(type(d) for d in drives if isinstance(d, Course))
            for signal_type, number in counts.items():
                most[signal_type] = max(most[signal_type], number)
    by_name = sorted(most, key=lambda signal_type: signal_type.__name__)
    variable = VariablePath.parse(path).variable if is_variable(path) else path
    return tuple(
        Slot(f"{SLOT}{signal_type.__name__}{k}_{variable}", signal_type)
        for signal_type in by_name
        for k in range(most[signal_type])
    )


def assignment(name: str, used: tuple[Slot, ...]) -> str:
    """Return the code that sets a variable with slots to the sum of its base and of all formulas that are on."""
    parts = [base_variable(name), *(f"int({s.switch} > 0.5)*({s.expression})" for s in used)]
    return "\n".join([*(s.update for s in used if s.random), f"{name} = {' + '.join(parts)}"])


def checked_rate(name: str) -> str:
    """Return the code that makes a rate infinite if it is negative or larger than 1/dt; then the guard finds it.

    The sign of infinity says on which side of the range the rate was.
    """
    return f"{name} = {name}/int({name} >= 0 and {name}*dt <= {LARGEST_PROBABILITY!r})"


def elements(units: int, samples: int) -> NDArray[np.int64]:
    """Return the index of each element's random number in the stream of a step; elements are units x samples."""
    return np.add.outer(np.arange(units), np.arange(samples) << 32).ravel()
