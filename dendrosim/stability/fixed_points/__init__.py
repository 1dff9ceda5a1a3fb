"""Fixed points of a flow by Newton's method."""
