"""Running a protocol and measuring what came out: what `dendrosim.run` does."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dendrosim import library
from dendrosim.errors import DendrosimError
from dendrosim.measurement import Measurement
from dendrosim.protocol import Protocol

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dendrosim.results import Result


def run(
    protocol: Protocol,
    backend: str = "auto",
    seed: int = 0,
    precision: str = "auto",
    batch: int | None = None,
    threads: int | None = None,
    initial: "Result | None" = None,
    progress: bool | None = None,
) -> "Result":
    """Run a protocol and measure the result.

    Parameters
    ----------
    protocol : Protocol
        What to run.
    backend : {"auto", "numpy", "cython", "cpp"}
        `auto` is cpp where a compiler works, else numpy.
    seed : int
        Of the named random streams: the same seed gives the same initial values on every back end.
    precision : {"auto", "single", "double"}
        Of all states.
    batch : int, optional
        Samples shown side by side; the protocol's own by default.
    threads : int, optional
        Of the cpp back end.
    initial : Result, optional
        A result whose final state is the initial one.
    progress : bool, optional
        Whether to report progress on stderr.

    Returns
    -------
    Result
        With what the protocol's `measure` reads off it in `metrics`.

    Raises
    ------
    NonFiniteError
        If the state does not stay finite; `partial` is the result up to there.
    RunInterruptedError
        On an interrupt; likewise.
    SpecError
        If the protocol's file fails to measure; `partial` is the whole result.
    """
    result, _ = run_and_measure(
        protocol,
        backend=backend,
        seed=seed,
        precision=precision,
        batch=batch,
        threads=threads,
        initial=initial,
        progress=progress,
    )
    return result


def run_and_measure(protocol: Protocol, **options: Any) -> tuple["Result", Measurement]:
    """Run a protocol with the options of `run`; return also the measurement, figures included."""
    from dendrosim import engine

    measuring = library.measuring(
        protocol
    )  # before the run: one that cannot be measured is not begun
    result = engine.run(protocol, **options)
    try:
        measurement = measuring(result)
    except DendrosimError as error:
        error.partial = result  # type: ignore[attr-defined]
        raise
    result.metrics.update(measurement.metrics)
    return result, measurement


def draw(figures: Mapping[str, Callable[[], "Figure"]], folder: Path) -> list[Path]:
    """Draw figures into a folder and return the files, PNG and SVG of each."""
    from dendrosim import plot

    return [path for name, drawn in figures.items() for path in plot.save(drawn(), folder / name)]
