"""What every test shares: one cache of compiled programs per session, and one thread per process."""

import os
import shutil
import tempfile

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")  # before NumPy is loaded

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

settings.register_profile(
    "dendrosim", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("dendrosim")

_folder = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Make the cache folder in the first process; workers that it starts inherit the variable."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        config.stash[_folder] = tempfile.mkdtemp(prefix="dendrosim-tests-")
        os.environ["DENDROSIM_CACHE"] = config.stash[_folder]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what this session compiled."""
    if _folder in config.stash:
        shutil.rmtree(config.stash[_folder], ignore_errors=True)
