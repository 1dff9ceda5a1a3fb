"""One contestant in a process of its own, which is told NAME UNITS BATCH PRECISION THREADS.

It steps as often as a line on standard input asks, and answers each line with seconds. First it answers with
`ready`, having saved its state after a few steps where the environment says, or with `missing` and the package
that is not installed.
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
    os.dup2(2, 1)  # whatever libraries print
    try:
        kind = importlib.import_module(f"benchmarks.dense_network.{name}").Contestant
        contestant = kind(problem, int(threads))
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
