"""When a run begins: at time 0, or at the end of another run whose clock it continues."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from dendrosim.protocol.phases import Block
from dendrosim.protocol.protocol_data import ProtocolData


@dataclass(frozen=True)
class Beginning:
    """The moment at which a run begins.

    Attributes
    ----------
    step : int
        Number of time steps before the run; the clock shows `step` times dt at its beginning.
    trials : mapping of str to int
        For the name of each block that has run before, the number of its trials.
    block : str
        Name of the block that ran last before the run; empty if there is none.
    block_step : int
        First step of that block.
    """

    step: int = 0
    trials: Mapping[str, int] = field(default_factory=dict)
    block: str = ""
    block_step: int = 0

    def trials_before(self, block: Block) -> int:
        """Return the number of trials of a block before the run."""
        return self.trials.get(block.name, 0)

    def block_start(self, block: Block, step: int) -> int:
        """Return the first step of a block whose trials in this run begin at `step`.

        It is earlier than `step` if the run begins with the block that ran last before.
        """
        return self.block_step if step == self.step and block.name == self.block else step

    def after(self, protocol: ProtocolData) -> "Beginning":
        """Return the moment at which a run of a protocol ends that begins at this moment."""
        step, trials, block_step = self.step, dict(self.trials), self.block_step
        for block in protocol.blocks:
            block_step = self.block_start(block, step)
            step += protocol.block_steps(block)
            trials[block.name] = self.trials_before(block) + protocol.trials(block)
        return Beginning(step, trials, protocol.blocks[-1].name, block_step)

    def plain(self) -> dict[str, Any]:
        """Return the fields as values that JSON can hold."""
        return {**asdict(self), "trials": dict(self.trials)}

    @classmethod
    def read(cls, plain: Any) -> "Beginning":
        """Return the moment whose `plain` is given; raise ValueError if there is none.

        Numbers must be counts below 2^62, so that no sum of steps overflows.
        """
        try:
            found = cls(**plain)
            counts = [found.step, found.block_step, *found.trials.values()]
        except (TypeError, AttributeError):
            raise ValueError(f"{plain!r} is not the beginning of a run") from None
        if (
            not all(type(n) is int and 0 <= n < 2**62 for n in counts)
            or found.block_step > found.step
        ):
            raise ValueError(f"{plain!r} is not the beginning of a run")
        if not all(type(name) is str for name in (found.block, *found.trials)):
            raise ValueError(f"{plain!r} is not the beginning of a run")
        return found


AT_ZERO = Beginning()
"""The beginning of a run that continues no other."""
