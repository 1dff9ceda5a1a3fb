"""Workload of `benchmarks/spiking.py`: noisy bursting cells, defined once for all contestants.

A contestant is a file of this folder with a class `Contestant(problem, threads)`. An instance is ready to step.
Its method `run(seed) -> seconds` simulates the problem's steps from the initial state and returns their seconds,
and `spikes() -> Spikes` returns the counts of that run. It runs in its own process (see `worker`), because
libraries read their number of threads when they are loaded. A contestant whose package is missing raises
ImportError, and is reported as not installed.
"""
