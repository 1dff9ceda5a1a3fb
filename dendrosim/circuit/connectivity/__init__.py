"""Connection rules of pathways: one rule per file, found automatically (see `base`)."""
