"""The C++ compiler of the host, which three back ends need: cpp, cython, and cuda for what runs beside the GPU."""

import os
import shutil

from dendrosim.errors import BackendMissingError


def find_compiler(backend: str = "cpp") -> str:
    """Return the C++ compiler: `CXX` if set, else the first of g++, c++, clang++ on the path.

    Parameters
    ----------
    backend : str
        What needs it, for the error.

    Raises
    ------
    BackendMissingError
        If there is none.
    """
    if own := os.environ.get("CXX", "").strip():
        found = shutil.which(own.split()[0])
        if found is None:
            raise BackendMissingError(
                f"the compiler named by CXX, {own!r}, is not there; unset CXX or correct it"
            )
        return os.path.abspath(found)
    for name in ("g++", "c++", "clang++"):
        if found := shutil.which(name):
            return os.path.abspath(found)
    raise BackendMissingError(
        f"back end {backend} needs a C++ compiler and there is none; install one "
        "(Debian: apt install g++), or use --backend numpy"
    )
