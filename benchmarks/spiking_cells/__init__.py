"""Workload of `benchmarks/spiking.py`: noisy bursting cells, written down once for every contestant.

A contestant is a file here with a class `Contestant(problem, threads)` that is ready to step when it is made, and
has `run(seed) -> seconds`, which starts anew, simulates the problem's steps and returns how long these took, and
`spikes() -> Spikes`, what that run counted. It runs in a process of its own (see `worker`), because libraries read
their number of threads when they are loaded. One whose package is missing raises ImportError, and is reported as
not installed.
"""
