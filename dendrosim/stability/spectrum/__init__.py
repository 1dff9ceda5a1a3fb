"""Eigenvalues, eigenvectors and transient growth of a linearised flow."""
