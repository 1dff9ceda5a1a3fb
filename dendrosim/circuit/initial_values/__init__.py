"""Initial values of states and weights: one distribution per file, each found by itself (see `base`)."""
