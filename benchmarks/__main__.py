"""Run the benchmarks that are named, by default all."""

import importlib
import pkgutil
import sys

import benchmarks
from benchmarks.table import save


def main() -> int:
    known = [
        m.name
        for m in pkgutil.iter_modules(benchmarks.__path__)
        if m.name not in ("__main__", "contestants", "table")
        and not m.name.startswith("gpu")  # these are started by `python -m benchmarks.gpu`
        and not m.ispkg
    ]
    chosen = sys.argv[1:] or known
    unknown = [name for name in chosen if name not in known]
    if unknown:
        print(f"unknown benchmark {unknown[0]!r}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    for name in chosen:
        table = importlib.import_module(f"benchmarks.{name}").measure()
        print(save(name, table))
    return 0


if __name__ == "__main__":
    sys.exit(main())
