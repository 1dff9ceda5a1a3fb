"""Model and protocol files: finding them, loading them, their parameters."""
