"""Runs, analyses and files in several threads at once, in processes that have imported nothing yet."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

THREADS = """
import asyncio, hashlib, json, sys, threading
backend, way = sys.argv[1:3]
sys.path.insert(0, sys.argv[3])
start = threading.Barrier(4)

def work(seed):
    if way == "threads":
        start.wait()
    import dendrosim as ds
    from reference_problems import leaky_protocol, microcircuit_protocol
    digest = hashlib.sha256()
    for protocol in (leaky_protocol(batch=1 + seed % 2), microcircuit_protocol()):
        result = ds.run(protocol, backend=backend, seed=seed)
        for name, values in sorted(result.state.items()):
            digest.update(values.tobytes())
    circuit = ds.load_circuit("dynamical_tp", sizes=(2, 2, 2), target="clamped")
    field = ds.vector_field(circuit, inputs={"layer0.h": [1.0, 0.5]})
    digest.update(ds.fixed_point(field).x.tobytes())
    return digest.hexdigest()

async def main():
    if way == "loop":
        return [work(seed) for seed in range(4)]
    return await asyncio.gather(*(asyncio.to_thread(work, seed) for seed in range(4)))

if way == "serial":
    found = [work(seed) for seed in range(4)]
elif way == "threads":
    found, threads = [None]*4, []
    for seed in range(4):
        def fill(seed=seed):
            found[seed] = work(seed)
        threads.append(threading.Thread(target=fill))
        threads[-1].start()
    for thread in threads:
        thread.join()
else:
    found = asyncio.run(main())
print(json.dumps(found), flush=True)
print("errors are still written", file=sys.stderr, flush=True)
"""


def digests(backend, way, cache):
    done = subprocess.run(
        [sys.executable, "-c", THREADS, backend, way, str(Path(__file__).parents[1])],
        env={**os.environ, "DENDROSIM_CACHE": str(cache)}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "errors are still written" in done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "backend",
    ["numpy", *(pytest.param(name, marks=pytest.mark.slow) for name in ("cpp", "cython"))],
)
def test_four_threads_give_the_bits_of_a_serial_run_with_a_cold_and_with_a_warm_cache(
    backend, tmp_path
):
    cold = digests(backend, "threads", tmp_path)
    assert None not in cold
    assert digests(backend, "threads", tmp_path) == cold
    assert digests(backend, "serial", tmp_path) == cold


@pytest.mark.slow
@pytest.mark.parametrize("way", ["asyncio", "loop"])
def test_runs_inside_of_an_event_loop_are_those_of_a_script(way, tmp_path):
    assert digests("numpy", way, tmp_path) == digests("numpy", "serial", tmp_path)
