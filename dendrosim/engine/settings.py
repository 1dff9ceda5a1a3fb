"""Settings of a run, which the command line, the folder of a run and provenance share."""

from dataclasses import dataclass, fields
from typing import Annotated, Any

from dendrosim.checks import MOST_ELEMENTS, as_text, optional, whole
from dendrosim.engine.names import AUTO, PRECISIONS
from dendrosim.errors import UnknownNameError
from dendrosim.spec import Checked

SEED = "seed"
"""Name of the parameter by which a protocol gets the seed of its run, because it draws weights or data itself."""
MOST_THREADS = 256  # more than a step can use on any machine; a larger number is a typing error


def _as_precision(where: str, value: Any) -> str:
    precision = as_text(where, value)
    if precision not in PRECISIONS:
        raise UnknownNameError("precision", precision, PRECISIONS)
    return precision


@dataclass(frozen=True)
class RunSettings(Checked):
    """The settings on which the numbers of a run depend, apart from its protocol and its start state.

    Parameters
    ----------
    backend : str
        Name of a back end, or "auto", which means cpp if that works, else numpy.
    seed : int
        Seed of the random streams.
    precision : {"auto", "single", "double"}
        Precision of all states; "auto" means the one that the back end prefers.
    batch : int, optional
        Number of samples that are simulated side by side; by default the batch of the protocol.
    threads : int, optional
        Number of threads of a compiled program; by default as many as the circuit has work for, at most one per
        processor.
    check_end : bool
        Whether the final state is compared with the nearest fixed point.

    Raises
    ------
    ParameterError
        If a value is of the wrong type or out of range.
    UnknownNameError
        If there is no precision of that name.
    """

    backend: str = AUTO
    seed: Annotated[int, whole(0, 2**63 - 1)] = 0
    precision: Annotated[str, _as_precision] = AUTO
    batch: Annotated[int | None, optional(whole(1, MOST_ELEMENTS))] = None
    threads: Annotated[int | None, optional(whole(1, MOST_THREADS))] = None
    check_end: bool = False

    def _where(self, field: str) -> str:
        return field  # the name of the option that the user gave

    @property
    def changed(self) -> list[str]:
        """Names of the settings that differ from their defaults."""
        return [f.name for f in fields(self) if getattr(self, f.name) != f.default]
