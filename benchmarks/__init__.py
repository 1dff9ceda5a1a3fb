"""Measurements of speed: `python -m benchmarks [NAME ...]`.

A benchmark is a file of this folder with a function `measure() -> Table`. A benchmark never fails a build. Its
results are written to `benchmarks/results/<name>.json` and `.md`, together with the machine and the versions of
packages. Contestants are timed in turn within one run and compared by medians of ratios, because times on a
machine vary.
"""
