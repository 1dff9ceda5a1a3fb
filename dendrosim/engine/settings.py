"""Settings of a run, which the command line, the folder of a run and provenance share."""

from dataclasses import dataclass, fields

from dendrosim.checks import as_whole_number
from dendrosim.engine.names import AUTO, PRECISIONS
from dendrosim.errors import ParameterError, UnknownNameError

MOST_THREADS = 256  # more than a step can use on any machine; a larger number is a typing error


@dataclass(frozen=True)
class RunSettings:
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
    seed: int = 0
    precision: str = AUTO
    batch: int | None = None
    threads: int | None = None
    check_end: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.backend, str):
            raise ParameterError(
                f"backend is {self.backend!r}; it must be text such as 'auto' or 'numpy'"
            )
        if not isinstance(self.precision, str):
            raise ParameterError(
                f"precision is {self.precision!r}; it must be text such as 'auto' or 'single'"
            )
        if self.precision not in PRECISIONS:
            raise UnknownNameError("precision", self.precision, PRECISIONS)
        whole = {"seed": as_whole_number("seed", self.seed, 0)}
        for name in ("batch", "threads"):
            if (given := getattr(self, name)) is not None:
                whole[name] = as_whole_number(name, given, 1)
        if self.threads is not None and self.threads > MOST_THREADS:
            raise ParameterError(f"threads is {self.threads}; it must be at most {MOST_THREADS}")
        for name, value in whole.items():  # JSON cannot hold NumPy integers
            object.__setattr__(self, name, value)

    @property
    def changed(self) -> list[str]:
        """Names of the settings that differ from their defaults."""
        return [f.name for f in fields(self) if getattr(self, f.name) != f.default]
