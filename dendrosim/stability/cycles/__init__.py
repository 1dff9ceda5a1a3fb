"""Periodic orbits of a flow."""
