"""Continuation of fixed points through a parameter."""
