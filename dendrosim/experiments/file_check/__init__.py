"""Thorough checks of model and protocol files: parameters, documentation, back ends, vector field."""
