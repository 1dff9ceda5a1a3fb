"""Newton's method for fixed points of a flow."""
