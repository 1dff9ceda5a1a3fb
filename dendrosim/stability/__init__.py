"""Stability analysis of the same equations that a run compiles: fixed points, spectra and continuation."""
