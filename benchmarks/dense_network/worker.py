"""The process of one contestant, with the arguments NAME UNITS BATCH PRECISION THREADS.

Its first line of output is `missing` with the name of a package that is not installed, or `ready` with the number
of steps of its only run (0 if it can run any number of steps). Before `ready`, it saves its state after some steps
in CONTESTANT_FOLDER. Each line of input is a number of steps; the process runs them and answers with their
seconds.
"""

import importlib
import os
import sys

import numpy as np

from benchmarks.dense_network.problem import Problem


def main() -> None:
    name, units, batch, precision, threads = sys.argv[1:]
    problem = Problem(int(units), int(batch), precision)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # so that the output of libraries does not mix with answers
    try:
        make = importlib.import_module(f"benchmarks.dense_network.{name}").Contestant
        contestant = make(problem, int(threads))
    except ImportError as error:
        print("missing", error.name or "", file=answers, flush=True)
        return
    contestant.run(problem.steps_to_compare)
    np.savez(os.environ["CONTESTANT_FOLDER"] + f"/{name}.npz", *contestant.state())
    print("ready", getattr(contestant, "only", 0), file=answers, flush=True)
    for line in sys.stdin:
        print(contestant.run(int(line)), file=answers, flush=True)


if __name__ == "__main__":
    main()
