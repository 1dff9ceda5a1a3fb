"""The process of one contestant, with the arguments NAME CELLS PRECISION THREADS.

Its first line of output is `ready`, or `missing` and the package that is not installed. Each line of input is a
seed. The process simulates with it, saves the counts of spikes in CONTESTANT_FOLDER, and answers with the seconds
of the steps.
"""

import importlib
import os
import sys

import numpy as np

from benchmarks.spiking_cells.problem import Problem


def main() -> None:
    name, cells, precision, threads = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # so that the output of libraries does not mix with answers
    try:
        make = importlib.import_module(f"benchmarks.spiking_cells.{name}").Contestant
        contestant = make(Problem(int(cells), precision), int(threads))
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
