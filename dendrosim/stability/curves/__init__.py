"""Curves of folds and Hopf points in two parameters."""
