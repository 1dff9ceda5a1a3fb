"""With too little address space for its imports, dendrosim says so instead of crashing in a library."""

import resource
import subprocess
import sys

import pytest

MIB = 2**20


@pytest.mark.parametrize(
    "command",
    [
        ["-c", "import dendrosim as ds; ds.Circuit"],
        ["-m", "dendrosim.cli", "list"],
        ["-m", "dendrosim.cli", "run", "fi_curve"],
    ],
)
@pytest.mark.parametrize("limit", [150, 511])
def test_a_small_address_space_is_named(command, limit, tmp_path):
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=60, cwd=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit * MIB, limit * MIB)),
    )  # fmt: skip
    assert done.returncode == 1
    assert f"this process may use {limit} MiB of address space" in done.stderr.splitlines()[-1]
    assert "ulimit -v" in done.stderr


def test_the_least_address_space_is_enough(tmp_path):
    code = "import dendrosim as ds; ds.run(ds.load_protocol('fi_curve', duration='5 ms'), 'numpy')"
    subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=120, cwd=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (600 * MIB, 600 * MIB)),
    )  # fmt: skip
