"""When a run begins: at time 0, or at the end of another run whose clock it continues."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from reprlib import repr as short
from typing import Any

from dendrosim.protocol.phases import Block
from dendrosim.protocol.protocol_data import ProtocolData

LATEST = 2**41
"""Largest number of steps on a clock that is continued.

Brian2 counts the steps of a time t as the integer part of (t + dt/1000)/dt. Up to this number, the rounding errors
of t, of the sum and of the quotient are together less than dt/1000, so that refractory periods are exact.
"""


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
        """Return the moment whose `plain` is given; raise ValueError if there is none."""
        try:
            found = cls(**plain)
        except TypeError:
            raise ValueError(f"{short(plain)} is not the beginning of a run") from None
        found.check()
        return found

    def check(self) -> None:
        """Raise ValueError if no run can have begun at this moment.

        Steps are counted up to `LATEST`. At time 0 no block has run; later, each trial that has run took a step at
        least, and those of other blocks took place before the last block began.
        """
        if type(self.step) is not int or not (self == AT_ZERO or self._fits()):
            raise ValueError(
                f"{short(self.__dict__)} is not the beginning of a run: it has at most {LATEST:,} steps, at "
                "least one for each trial, and a last block that is among those that have run"
            )

    def _fits(self) -> bool:
        """Return whether steps and trials are counts that fit together."""
        if not isinstance(self.trials, Mapping) or self.block not in self.trials:
            return False
        if not all(type(n) is int for n in (self.block_step, *self.trials.values())):
            return False
        if not all(type(name) is str for name in self.trials):
            return False
        done, last = sum(self.trials.values()), self.trials[self.block]
        return (
            min(self.trials.values()) >= 1
            and done - last <= self.block_step < self.step <= LATEST
            and done <= self.step
        )


AT_ZERO = Beginning()
"""The beginning of a run that continues no other."""
