"""What every test shares: one cache of compiled programs per session, and the same surroundings for all.

However the tests are started, they find the environment of a fresh shell: variables that change what is found,
compiled or printed are removed, and a test that needs one sets it.
"""

import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from typing import Any

_CHANGES = ("DENDROSIM_", "COLUMNS", "CXX", "LINES")
"""Beginnings of the variables that dendrosim, its compilers and the tables that it prints depend on."""

# In the first process alone: its workers inherit what it sets, the folder of the cache among it.
if "PYTEST_XDIST_WORKER" not in os.environ:
    for _name in [name for name in os.environ if name.startswith(_CHANGES)]:
        del os.environ[_name]
    # Before NumPy is loaded. The tests of threads start their own; a BLAS with more would slow them all down.
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MPLBACKEND="agg")

import pytest  # noqa: E402
from campaigns.tally import summary  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

pytest.register_assert_rewrite("comparisons")
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


def pytest_collection_finish() -> None:
    """Spare what is loaded by now from garbage collection, which Brian2 does twice in each run of a network.

    With all tests collected, that took most of the time of a short run.
    """
    gc.collect()
    gc.freeze()


def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Spare also the 30,000 objects that Cython keeps of each extension that it compiles."""
    if "cython" in item.name:
        gc.collect()
        gc.freeze()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the counts of the campaigns."""
    reports = [r for status in ("passed", "failed") for r in terminalreporter.getreports(status)]
    for line in summary(reports):
        terminalreporter.write_line(line)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what this session compiled."""
    if _folder in config.stash:
        shutil.rmtree(config.stash[_folder], ignore_errors=True)


@pytest.fixture
def default_signals() -> Iterator[None]:
    """Handle signals as in a fresh shell, here and in processes that the test starts.

    What a parent ignores is inherited: hang-ups under `nohup`, interrupts in the background of a script.
    """
    handlers = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
