"""The vector field of a circuit and its exact Jacobian."""
