"""Signals: time courses that drive inputs and gates. One signal per file, found by itself (see `base`)."""
