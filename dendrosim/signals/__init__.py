"""Signals, time courses that drive inputs and gates: one per file, found automatically (see `base`)."""
