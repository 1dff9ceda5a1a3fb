"""Signals: time courses fed into inputs and gates. One kind per file, each found by itself (see `base`)."""
