"""Closed forms for comparison with simulated circuits, and measures of the behaviour of circuits."""
