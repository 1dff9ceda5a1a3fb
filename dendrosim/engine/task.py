"""What a back end is given, and what it gives back. To add a back end, see `dendrosim.engine.backends`."""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from dendrosim.circuit.population import LAST_SPIKE
from dendrosim.engine.plan.state_arrays import final_keys
from dendrosim.engine.plan.synapse_tables import Wiring
from dendrosim.engine.plan.timeline import Timeline
from dendrosim.protocol.phases import Recording
from dendrosim.protocol.protocol import Protocol


@dataclass(frozen=True)
class Task:
    """One run to be done: a protocol with its batch, unrolled, and the state it starts from.

    The state is drawn when it is asked for, so that nobody holds a second copy of the weights during the run.

    At most `spike_limit` spikes are kept; with more the run ends. In `folder`, if given, are recordings and
    checkpoints during the run; every `interval` seconds (negative: never) there is a new one. `resumed` says
    that the run goes on from what the folder holds; then nobody asks for `state`. A process that works in the
    folder keeps the file descriptor `lock` open. `meanwhile` is gone through while another process
    compiles or computes.
    """

    protocol: Protocol
    line: Timeline
    state: Callable[[], Mapping[str, NDArray[Any]]]
    precision: str
    threads: int
    wirings: Mapping[str, Wiring] = field(default_factory=dict)
    spike_limit: int = 2**62
    folder: Path | None = None
    interval: float = -1.0
    resumed: bool = False
    lock: int | None = None
    meanwhile: Iterator[None] = field(default_factory=lambda: iter(()))

    @contextmanager
    def meanwhiling(self) -> Iterator[None]:
        """Go through `meanwhile` in a thread beside the body, no further than one step beyond its end."""
        ended = threading.Event()

        def work() -> None:
            while not ended.is_set():
                if next(self.meanwhile, ended) is ended:
                    return

        companion = threading.Thread(target=work)
        companion.start()
        try:
            yield
        finally:
            ended.set()
            companion.join()

    def guarded(self, thorough: bool) -> list[str]:
        """Return the keys watched for non-finite numbers in every step, or (thorough) in every hundredth.

        Populations and matrices of little cost are watched in every step, large matrices now and then;
        a matrix without plasticity cannot change.
        """
        circuit = self.protocol.circuit
        keys = {n: k for n, k in final_keys(circuit).items() if not n.endswith(f".{LAST_SPIKE}")}
        fixed = {m.name for m in circuit.matrices if not m.plasticity and m.inverse_of is None}
        return [
            key
            for name, key in keys.items()
            if name not in fixed and (thorough or self.watched_closely(name))
        ]

    def watched_closely(self, name: str) -> bool:
        """Whether a state is watched in every step."""
        if "." in name or self.protocol.batch >= 16:
            return True
        rows, columns = self.protocol.circuit.shape(self.protocol.circuit.matrix(name))
        return rows * columns <= 4096


SpikeTrain = tuple[NDArray[np.int64], NDArray[np.int32]]


@dataclass
class Outcome:
    """What came of a run.

    `steps` done; `traces` name -> (steps, rows); `final` name -> array; `bad` program key -> array with
    non-finite numbers; `spikes` population -> (step, element) of each; `full` whether there were more
    than the task's limit; `compiled` whether a program had to be compiled; `seconds` build, compile,
    run and, of that, steps; `guarded_every` so many steps what is watched closely was looked at.
    """

    steps: int
    traces: Mapping[str, tuple[NDArray[np.int64], NDArray[Any]]]
    final: Mapping[str, NDArray[Any]]
    bad: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    interrupted: bool = False
    compiled: bool = False
    seconds: Mapping[str, float] = field(default_factory=dict)
    spikes: Mapping[str, SpikeTrain] = field(default_factory=dict)
    full: bool = False
    guarded_every: int = 1


def kept_elements(task: Task, population: str, recording: Recording) -> NDArray[np.bool_]:
    """Return of each element of a population whether a recording of spikes keeps it; empty if all."""
    if recording.units is None and recording.samples is None:
        return np.zeros(0, dtype=bool)
    size, batch = task.protocol.circuit.population(population).size, task.protocol.batch
    units = range(size) if recording.units is None else recording.units
    samples = range(batch) if recording.samples is None else recording.samples
    kept = np.zeros((size, batch), dtype=bool)
    kept[np.ix_(list(units), list(samples))] = True
    return kept.ravel()


class Progress:
    """One line on stderr: phase, simulated time, speed, time left. Silent if `stream` is None."""

    def __init__(self, task: Task, stream: TextIO | None) -> None:
        self.task, self.stream = task, stream
        self.begin: float | None = None
        self.first = 0
        self.width = 0
        self.shown = 0.0

    def compiling(self, certain: bool = True) -> None:
        """Say that this structure is being compiled, or that parts of it may be."""
        if certain:
            what = "compiling the circuit (the next run of the same structure will not)"
        else:
            what = "compiling what the cache does not hold yet"
        self._line(what, end="\n")

    def at(self, step: int, segment: int) -> None:
        """Report a step; called a few times a second."""
        if self.stream is None:
            return
        now = time.perf_counter()
        if self.begin is None:
            self.begin, self.first = now, step
        if now - self.shown < 0.15 and step < self.task.line.steps:
            return
        self.shown = now
        line, dt = self.task.line, self.task.protocol.time_step
        shown = line.segment(max(segment, 0))
        label = line.labels[-1 if shown is None else shown.kind]
        elapsed, done = now - self.begin, step - self.first
        speed = done * dt / elapsed if elapsed > 0 else 0.0
        left = (line.steps - step) * dt / speed if speed > 0 else float("nan")
        rest = f", {_span(left)} left" if np.isfinite(left) and step < line.steps else ""
        self._line(
            f"{label}: {_span(step * dt)} of {_span(line.steps * dt)} simulated, "
            f"{speed:.3g} s/s ({done / elapsed if elapsed > 0 else 0:,.0f} steps/s){rest}"
        )

    def close(self) -> None:
        """End the line."""
        if self.stream is not None and self.width:
            self._write("\n")
            self.width = 0

    def _line(self, text: str, end: str = "") -> None:
        if self.stream is None:
            return
        if self.stream.isatty():
            self._write("\r" + text.ljust(self.width) + end)
            self.width = 0 if end else len(text)
        else:
            self._write(text + "\n")

    def _write(self, text: str) -> None:
        assert self.stream is not None
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):  # a closed terminal must not stop a run
            self.stream = None


def reporter(task: Task, show: bool | None) -> Progress:
    """Return a progress reporter on stderr; None shows it only on a terminal."""
    wanted = sys.stderr.isatty() if show is None else show
    return Progress(task, sys.stderr if wanted else None)


def _span(seconds: float) -> str:
    if seconds >= 120:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest:02d} s"
    if seconds >= 1 or seconds == 0:
        return f"{seconds:.3g} s"
    return f"{seconds * 1e3:.3g} ms"
