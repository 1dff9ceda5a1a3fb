"""Studies: many runs of one protocol over a grid of parameters and seeds."""
