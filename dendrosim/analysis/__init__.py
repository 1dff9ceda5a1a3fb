"""Closed forms and measures that simulated circuits are compared with."""
