"""Running a protocol and measuring what came out: what `dendrosim.run` does."""

from collections.abc import Callable, Mapping
from dataclasses import replace
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
    check_end: bool = False,
) -> "Result":
    """Run a protocol and measure the result.

    Parameters
    ----------
    protocol : Protocol
        What to run.
    backend : {"auto", "numpy", "cython", "cpp", "cuda"}
        `auto` is cpp where a compiler works, else numpy.
    seed : int
        Of the named random streams: the same seed gives the same initial values on every back end.
    precision : {"auto", "single", "double"}
        Of all states; `auto` is double, on cuda single.
    batch : int, optional
        Samples shown side by side; the protocol's own by default.
    threads : int, optional
        Of the cpp back end.
    initial : Result, optional
        A result whose final state is the initial one.
    progress : bool, optional
        Whether to report progress on stderr.
    check_end : bool
        Whether to compare the final state with the nearest fixed point, weights held, in the metrics
        `end_distance` and `end_settled`; see `dendrosim.end_state`.

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
        check_end=check_end,
    )
    return result


def run_and_measure(
    protocol: Protocol, *, check_end: bool = False, **options: Any
) -> tuple["Result", Measurement]:
    """Run a protocol with the options of `run`; return also the measurement, figures included."""
    from dendrosim import engine

    measuring = library.measuring(
        protocol
    )  # before the run: one that cannot be measured is not begun
    result = engine.run(protocol, **options)
    try:
        measurement = measuring(result)
        if check_end:
            measurement = replace(measurement, metrics={**measurement.metrics, **_end(result)})
    except DendrosimError as error:
        error.partial = result  # type: ignore[attr-defined]
        raise
    result.metrics.update(measurement.metrics)
    return result, measurement


def _end(result: "Result") -> dict[str, Any]:
    from dendrosim.experiments import end_state

    found = end_state(result)
    return {"end_distance": found.distance, "end_settled": found.settled}


def draw(figures: Mapping[str, Callable[[], "Figure"]], folder: Path) -> list[Path]:
    """Draw figures into a folder and return the files, PNG and SVG of each."""
    from dendrosim import plot

    return [path for name, drawn in figures.items() for path in plot.save(drawn(), folder / name)]
