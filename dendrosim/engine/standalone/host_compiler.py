"""The C++ compiler of the host, which the back ends cpp and cython need, and cuda for its code on the CPU."""

import os
import shutil

from dendrosim.errors import BackendMissingError


def find_compiler(backend: str = "cpp") -> str:
    """Return the C++ compiler: `CXX` if set, else the first of g++, c++, clang++ on the path.

    Parameters
    ----------
    backend : str
        Name of the back end that needs the compiler, for the error message.

    Raises
    ------
    BackendMissingError
        If there is no compiler.
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
