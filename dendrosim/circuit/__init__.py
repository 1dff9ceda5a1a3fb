"""The specification of a circuit: its populations, matrices, projections and pathways, and their checks."""
