"""Transfer functions by name: one function per file, each found by itself (see `base`)."""
