"""Which units of two populations a pathway connects: one rule per file, each found by itself (see `base`)."""
