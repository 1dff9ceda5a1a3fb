"""Texts of equations: declarations, assignments, rewriting, transfer functions, plasticity rules."""
