"""Stability: fixed points, spectra and continuation of the equations that are compiled."""
