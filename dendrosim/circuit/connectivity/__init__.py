"""Connection rules of pathways and matrices: one rule per file, found automatically (see `base`)."""
