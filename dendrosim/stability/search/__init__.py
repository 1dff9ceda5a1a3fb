"""Ways to a fixed point when Newton's method fails from the start."""
