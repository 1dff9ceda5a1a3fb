"""Ends of programs at chosen moments, which tests share."""

import resource
from contextlib import contextmanager


@contextmanager
def files_of_at_most(size):
    """Have programs killed by the system, in the middle of a row, when a file of theirs grows beyond a size."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
