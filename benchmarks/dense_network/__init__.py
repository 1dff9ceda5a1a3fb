"""Workload of `benchmarks/dense.py`: a dense plastic rate network, defined once for all contestants.

A contestant is a file of this folder with a class `Contestant(problem, threads)`. An instance is ready to step.
Its method `run(steps) -> seconds` advances the network, and `state() -> list of arrays` returns the activities and
weights of layers 1 to L. It runs in its own process (see `worker`), because libraries read their number of threads
when they are loaded. A contestant whose package is missing raises ImportError, and is reported as not installed.
"""
