"""How signals that are formulas become compiled text with data.

An input (or gate) that some phase drives by a `Course` gets slots, one per kind and per simultaneous use.
A slot has hidden variables for the fields of its signal and a switch; which phase uses it with which numbers is
data, so another protocol of the same structure needs no compilation.
"""

from collections import Counter
from dataclasses import dataclass

from dendrosim.protocol import Protocol
from dendrosim.signals.base import Course
from dendrosim.syntax import rename


@dataclass(frozen=True)
class Slot:
    """One use of a kind of course for one variable; `prefix` starts the names of its hidden variables."""

    prefix: str
    kind: type[Course]

    @property
    def switch(self) -> str:
        """Hidden variable that is 1 while a phase uses the slot."""
        return f"{self.prefix}_on"

    def field(self, name: str) -> str:
        """Hidden variable of a field of the signal."""
        return f"{self.prefix}_{name}"

    @property
    def expression(self) -> str:
        """Text of the slot's contribution in hidden variables."""
        mapping = {name: self.field(name) for name in self.kind.units}
        return rename(self.kind.text, {**mapping, "t": "ds_t_phase", "t_block": "ds_t_block"})


def base(name: str) -> str:
    """Return the hidden variable that holds what is not a formula: constants, samples, tables."""
    return f"ds_base_{name}"


def slots(protocol: Protocol, path: str) -> tuple[Slot, ...]:
    """Return the slots of an input (`population.variable`) or gate (plain name)."""
    most: Counter[type[Course]] = Counter()
    for block in protocol.blocks:
        for phase in block.phases:
            drives = protocol.drive(phase, path) if "." in path else protocol.gate(phase, path)
            counts = Counter(type(d) for d in drives if isinstance(d, Course))
            for kind, number in counts.items():
                most[kind] = max(most[kind], number)
    kinds = [kind for kind in sorted(most, key=lambda k: k.__name__) for _ in range(most[kind])]
    variable = path.rpartition(".")[2]
    return tuple(Slot(f"ds_slot{i}_{variable}", kind) for i, kind in enumerate(kinds))


def total(name: str, used: tuple[Slot, ...]) -> str:
    """Return the text of a variable with slots: its base and every switched-on formula."""
    return " + ".join([base(name), *(f"int({s.switch} > 0.5)*({s.expression})" for s in used)])
