"""Computes points on the workers of a Dask scheduler.

Workers read the folder of the sweep and write the records there themselves, so that nothing is lost if the
scheduler or a worker ends. The scheduler gives a point whose worker has died to another one.
"""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

from dendrosim.errors import BackendMissingError, UsageError, printable
from dendrosim.machine.json_text import parse_json, read_text
from dendrosim.study.local_jobs import PAUSE, record_failure
from dendrosim.study.worker import BUSY, Ended, OpenSweep, opening_of, run_point_of

_PATIENCE = "10s"  # for an answer of the scheduler
_AHEAD = 4
"""Number of points for each thread of a worker that the scheduler has at a time; it needs memory for each."""


class Cluster:
    """The connection to a scheduler, which ends with the context.

    Parameters
    ----------
    scheduler : str
        Address of the scheduler, or path of its scheduler file.

    Raises
    ------
    BackendMissingError
        If Dask is not installed.
    UsageError
        If the scheduler does not answer.
    """

    def __init__(self, scheduler: str) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            raise BackendMissingError(
                f"a sweep on a cluster needs Dask ({error}): pip install 'dendrosim[cluster]'"
            ) from None
        address = scheduler if _is_address(scheduler) else _read_address(Path(scheduler))
        try:
            self.client: Any = Client(address, timeout=_PATIENCE, set_as_default=False)
        except (OSError, ValueError, TypeError, KeyError, ImportError) as error:
            raise UsageError(
                f"the Dask scheduler {address} does not answer ({printable(str(error))}); start it, or correct "
                "its address"
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.client.close(timeout=5)

    def compute(self, sweep: OpenSweep, indices: Iterable[int], again: bool) -> Iterator[Ended]:
        """Yield how each point has ended, in the order in which they end.

        Raises
        ------
        StorageError, ResumeError, BackendMissingError
            If a worker cannot go on.
        """
        from distributed import wait

        todo, running = deque(indices), dict[Any, int]()
        opening = opening_of(sweep)
        while todo or running:
            room = max(_AHEAD * sum(self.client.nthreads().values()), 1)
            while todo and len(running) < room:
                number = todo.popleft()
                key = f"dendrosim-{opening.digest[:12]}-{number}-{time.time_ns()}"
                future = self.client.submit(
                    run_point_of, opening, number, again, pure=False, key=key
                )
                running[future] = number
            with self.client.as_current():
                found = wait(list(running), return_when="FIRST_COMPLETED")
            for future in found.done:
                number = running.pop(future)
                ended = _result(future, sweep, number)
                if ended is None or ended.status == BUSY:
                    todo.append(number)
                    time.sleep(PAUSE)
                else:
                    yield ended


def _is_address(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return "://" in text or (bool(host) and port.isdigit())


def _read_address(path: Path) -> str:
    """Return the address in a scheduler file; raises UsageError."""
    try:
        return str(parse_json(read_text(path))["address"])
    except FileNotFoundError:
        raise UsageError(
            f"there is no scheduler file {path}; give its path, or the address of a Dask scheduler, as in "
            "tcp://node1:8786"
        ) from None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UsageError(f"{path} is no file of a Dask scheduler ({error})") from None


def _result(future: Any, sweep: OpenSweep, number: int) -> Ended | None:
    from distributed import KilledWorker

    try:
        ended: Ended = future.result()
        return ended
    except KilledWorker as error:
        text = f"workers ended at this point again and again ({error}); it may need more memory than there is"
        return record_failure(sweep, number, "KilledWorker", printable(text))
