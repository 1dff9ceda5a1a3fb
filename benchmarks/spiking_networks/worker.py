"""The process of one contestant, with the arguments NAME CELLS PLASTICITY PRECISION THREADS.

Its first line of output is `ready`, or `missing` and the package that is not installed. Each line of input is a
seed. The process simulates with it, and answers with the seconds of the steps and the numbers of spikes.
"""

import importlib
import os
import sys

from benchmarks.spiking_networks.problem import Problem


def main() -> None:
    name, cells, plasticity, precision, threads = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # so that the output of libraries does not mix with answers
    try:
        make = importlib.import_module(f"benchmarks.spiking_networks.{name}").Contestant
        contestant = make(Problem(int(cells), plasticity, precision), int(threads))
    except ImportError as error:
        print("missing", error.name or "", file=answers, flush=True)
        return
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        seconds = contestant.run(int(line))
        print(seconds, *contestant.spikes(), file=answers, flush=True)


if __name__ == "__main__":
    main()
