"""The amount of free memory, and the limit of the address space."""

import os
from collections.abc import Iterator
from pathlib import Path

from dendrosim.errors import MemoryLimitError

LEAST_ADDRESS_SPACE = 2**29
"""Bytes of address space that imports need: with two thirds of it, they crash or never end on two processors."""

_GROUPS, _OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
# Files of a control group with its limit and its use of memory, and the part of the use that the system gives back
# when memory is short: content of files that nobody has read lately.
_VERSION_1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_VERSION_2 = ("memory.max", "memory.current", "inactive_file")


def check_address_space() -> None:
    """Raise MemoryLimitError if this process may not use enough address space even for imports (`ulimit -v`)."""
    try:
        import resource
    except ImportError:  # systems without such limits
        return
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if 0 <= limit < LEAST_ADDRESS_SPACE:
        raise MemoryLimitError(
            f"this process may use {format_bytes(limit)} of address space, and dendrosim needs at least "
            f"{format_bytes(LEAST_ADDRESS_SPACE)}: raise the limit (ulimit -v)"
        )


def available_memory() -> float:
    """Return the bytes of memory that a program can still get, or infinity if the system does not say.

    That is what the machine has free, what the limits of this process leave (`ulimit -v` and `-d`), and what each
    control group leaves in which it is (containers, batch systems).
    """
    return max(0.0, min((_of_machine(), *_of_limits(), *_of_groups())))


def _of_limits() -> Iterator[float]:
    """Yield the bytes of address space, and of data, that the limits of this process leave.

    A program that it starts has the same limits, and needs at least as much: the same arrays.
    """
    try:
        import resource

        pages = [int(n) for n in Path("/proc/self/statm").read_text("ascii").split()]
    except (ImportError, OSError, ValueError):  # systems without such limits or files
        return
    for kind, used in ((resource.RLIMIT_AS, pages[0]), (resource.RLIMIT_DATA, pages[5])):
        limit = resource.getrlimit(kind)[0]
        if limit != resource.RLIM_INFINITY:
            yield float(limit - used * resource.getpagesize())


def _of_groups() -> Iterator[float]:
    """Yield the bytes that the control groups of this process leave: its own, and those around it.

    Version 2 has the line `0::/a/b`, version 1 `4:memory:/a/b`. In a container the path may be that outside of it;
    then only the top folder exists.
    """
    try:
        lines = _OWN_GROUPS.read_text("utf-8", "replace").splitlines()
    except OSError:
        return
    for _, kinds, path in (line.split(":", 2) for line in lines if line.count(":") >= 2):
        if kinds and "memory" not in kinds.split(","):
            continue
        top = _GROUPS / "memory" if kinds else _GROUPS
        files = _VERSION_1 if kinds else _VERSION_2
        group = Path(path.strip("/"))
        for folder in (top / group, *(top / parent for parent in group.parents)):
            yield _of_group(folder, *files)


def _of_group(folder: Path, most: str, now: str, cache: str) -> float:
    try:
        left = float((folder / most).read_text("ascii")) - float((folder / now).read_text("ascii"))
        statistics = (folder / "memory.stat").read_text("ascii").split()
        return left + float(statistics[statistics.index(cache) + 1])
    except (OSError, ValueError, IndexError):  # no such group, or its limit is "max"
        return float("inf")


def _of_machine() -> float:
    try:
        with open("/proc/meminfo") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return 1024.0 * int(line.split()[1])
    except (OSError, ValueError):
        pass
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return float("inf")


def format_bytes(count: float) -> str:
    """Return a number of bytes as text."""
    for name in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024 or name == "GiB":
            return f"{count:.3g} {name}"
        count /= 1024
    raise AssertionError
