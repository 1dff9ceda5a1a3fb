"""Contestants of the benchmark `networks`."""
