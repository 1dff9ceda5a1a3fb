"""A stand-in for the engine, for tests of what the command line does around a run; and that command line."""

import sys

import h5py
import numpy as np

from dendrosim.results.reading import FORMAT, MARK

RUN_CLI = [sys.executable, "-c", "import sys, dendrosim.cli.main as c; sys.exit(c.main())"]


class FakeResult:
    """A result that is written as a file with its metrics; its protocol is measured as usual."""

    def __init__(self, protocol):
        self.protocol = protocol
        self.metrics, self.references, self.status = {}, {}, "done"
        self.provenance = {
            "backend": "numpy",
            "precision": "double",
            "seed": 0,
            "compiled": False,
            "seconds": {"build": 0.5, "compile": 0.0, "run": np.float64(1.5)},
        }

    def __getitem__(self, name):
        return type("Trace", (), {"values": np.array([[0.0, 0.0, 0.0], [0.25, 0.5, np.inf]])})

    def save(self, path):
        with h5py.File(path, "w") as file:
            file.attrs[MARK] = FORMAT
            file.attrs["metrics"] = str(self.metrics)


class FakeEngine:
    """Stands in for the engine: notes the options, raises or returns."""

    def __init__(self):
        self.error, self.called = None, False

    def __call__(
        self,
        protocol,
        settings,
        initial,
        progress,
        folder=None,
        lock=None,
        continue_clock=False,
        about=None,
    ):
        self.protocol, self.settings, self.initial = protocol, settings, initial
        self.continue_clock = continue_clock
        self.folder, self.lock, self.called = folder, lock, True
        if self.error is not None:
            raise self.error(FakeResult(protocol)) if callable(self.error) else self.error
        return FakeResult(protocol)
