"""Equation text by itself: declarations, assignments, rewriting, transfer functions, plasticity rules."""
