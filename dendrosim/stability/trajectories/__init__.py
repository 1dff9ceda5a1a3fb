"""Solutions of a flow in time, with error control."""
