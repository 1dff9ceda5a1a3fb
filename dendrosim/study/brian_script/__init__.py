"""Writes a circuit as a script for Brian2 alone."""
