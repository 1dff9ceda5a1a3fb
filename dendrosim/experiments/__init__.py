"""Experiments that combine runs with measurement or analysis, and thorough checks of files."""
