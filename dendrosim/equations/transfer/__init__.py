"""Transfer functions by name: one function per file, found automatically (see `base`)."""
