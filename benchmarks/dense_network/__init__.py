"""Workload of `benchmarks/dense.py`: a dense plastic rate network, written down once for every contestant.

A contestant is a file here with a class `Contestant(problem, threads)` that is ready to step when it is made, and
has `run(steps) -> seconds`, which advances it, and `state() -> list of arrays`, the activities and weights of
layers 1 to L. It runs in a process of its own (see `worker`), because libraries read their number of threads when
they are loaded. One whose package is missing raises ImportError, and is reported as not installed.
"""
