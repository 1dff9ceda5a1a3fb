"""Initial values of states and weights: one distribution per file, found automatically (see `base`)."""
