"""Closed forms that simulated circuits are compared with, and measures of what they do."""
