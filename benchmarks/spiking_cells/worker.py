"""One contestant in a process of its own, which is told NAME CELLS PRECISION THREADS.

It answers with `ready`, or with `missing` and the package that is not installed. Then it simulates as often as a
line on standard input names a seed, and answers each line with seconds, having saved the counts of spikes where
the environment says.
"""

import importlib
import os
import sys

import numpy as np

from benchmarks.spiking_cells.problem import Problem


def main() -> None:
    name, cells, precision, threads = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever libraries print
    try:
        kind = importlib.import_module(f"benchmarks.spiking_cells.{name}").Contestant
        contestant = kind(Problem(int(cells), precision), int(threads))
    except ImportError as error:
        print("missing", error.name or "", file=answers, flush=True)
        return
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        seconds = contestant.run(int(line))
        spikes = contestant.spikes()
        np.savez(os.environ["CONTESTANT_FOLDER"] + f"/{name}.npz", spikes.all, spikes.following)
        print(seconds, file=answers, flush=True)


if __name__ == "__main__":
    main()
