"""What starts effects at synapses: events of the units at both ends, and the texts of effects by event."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from dendrosim.checks import as_code, mapping_of
from dendrosim.circuit.event import SPIKE

SIDES = ("pre", "post")
"""The two ends of a synapse."""


class Trigger(NamedTuple):
    """What starts an effect: an event of the unit at one end, `side`, of a synapse."""

    side: str
    event: str

    @property
    def name(self) -> str:
        """The name of the effect in programs."""
        return self.side if self.event == SPIKE else f"{self.side}_{self.event}"

    @property
    def field(self) -> str:
        """The place of the text in messages."""
        return f"on_{self.side}" if self.event == SPIKE else f"on_{self.side}[{self.event!r}]"


def as_effects(where: str, value: Any) -> str | Mapping[str, str]:
    """Return texts by event; if there is only one, that of spikes, return it as a plain text."""
    if not isinstance(value, Mapping):
        return as_code(where, value)
    texts = mapping_of(as_code)(where, value)
    return texts.get(SPIKE, "") if set(texts) <= {SPIKE} else texts


def texts_by_event(given: str | Mapping[str, str]) -> Mapping[str, str]:
    """Return the texts of effects by event; a plain text is that of spikes."""
    return given if isinstance(given, Mapping) else {SPIKE: given}
