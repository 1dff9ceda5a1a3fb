"""Layered networks that learn: networks, cycle of phases, settling, progress."""
