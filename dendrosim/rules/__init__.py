"""Plasticity rules of synapses: functions that return pathways."""
