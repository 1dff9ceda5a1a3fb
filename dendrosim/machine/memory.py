"""The amount of free memory, and the limit of the address space."""

import os

from dendrosim.errors import MemoryLimitError

LEAST_ADDRESS_SPACE = 2**29
"""Bytes of address space that imports need: with two thirds of it, they crash or never end on two processors."""


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
    """Return the bytes of memory that a program can still get, or infinity if the system does not say."""
    return min(_of_machine(), _of_container())


def _of_container() -> float:
    try:
        with (
            open("/sys/fs/cgroup/memory.max") as most,
            open("/sys/fs/cgroup/memory.current") as now,
        ):
            return float(most.read()) - float(now.read())
    except (OSError, ValueError):  # no container, or its limit is "max"
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
