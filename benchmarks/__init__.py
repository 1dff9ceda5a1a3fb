"""Measurements of speed: `python -m benchmarks [NAME ...]`.

A benchmark is a file here with a function `measure() -> Table`. It never fails a build; it writes what it
measured, with the machine and versions, to `benchmarks/results/<name>.json` and `.md`. Contestants are timed side
by side in one run, interleaved, and compared by medians of ratios, because machines are noisy.
"""
