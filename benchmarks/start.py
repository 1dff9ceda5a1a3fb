"""Time from the command to the first figure, cold and warm, compared with a plain Brian2 script.

Cold: the cache is empty, so the circuit is checked, its code is generated and compiled, and the parts that all
programs share are compiled as well. Further circuit: the cache has the shared parts, but not the program. Warm:
the cache has the program, and the run has other parameter values, another seed and another duration. The Brian2
scripts are in `first_figure`; they use C++ standalone, compile in an empty folder and draw one figure. A run of
dendrosim saves its result before it draws the first figure, and then draws the others.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.table import Table

REPEATS = 5
PRESENTATIONS = 8000
SCRIPTS = Path(__file__).parent / "first_figure"
DATA = "data.npz"


@dataclass(frozen=True)
class Case:
    """A protocol to time.

    Attributes
    ----------
    first, second : tuple of str
        Settings of the cold run and of the warm run.
    figure : str
        Name of the first figure.
    answer : callable
        Function that reads one number from the output folder of a run; the Brian2 script computes the same number.
    tolerance : float
        Largest relative difference between the two numbers.
    arguments : tuple of str
        Arguments of the Brian2 script.
    """

    first: tuple[str, ...]
    second: tuple[str, ...]
    figure: str
    answer: Callable[[Path], float]
    tolerance: float
    arguments: tuple[str, ...] = ()


def measure() -> Table:
    """Return seconds to the first time step, to the first figure and to the end."""
    rows, aids = [], []
    with tempfile.TemporaryDirectory() as name:
        _write_data(Path(name) / DATA)
        for protocol, case in CASES.items():
            found: list[tuple[float, ...]] = []
            for repeat in range(REPEATS):
                with tempfile.TemporaryDirectory() as home:
                    found.append(_once(protocol, case, Path(home), Path(name) / DATA, repeat))
            medians = [statistics.median(v) for v in zip(*found, strict=True)]
            rows.append((protocol, *medians))
        aids = [_timed(["-m", "dendrosim.cli", "--help"]) for _ in range(REPEATS)]
    return Table(
        "Seconds from the command to the first figure",
        (
            "protocol",
            "Brian2 script, cold",
            "cold",
            "cold / Brian2",
            "further circuit",
            "further / Brian2",
            "warm",
            "steps, warm",
            "overhead",
            "first step, warm",
            "all figures, warm",
        ),
        rows,
        f"Medians of {REPEATS} interleaved repetitions; ratios are medians of the ratios. For a further circuit, "
        "the cache has the parts that all programs share. Warm runs have other parameter values, data, seed and "
        "duration than the run that compiled. Overhead is the time without the steps. The answer of the Brian2 "
        f"script is the same (checked). `dendrosim --help` takes {statistics.median(aids):.2f} s.",
    )


def _once(protocol: str, case: Case, home: Path, data: Path, repeat: int) -> tuple[float, ...]:
    """Return the numbers of one row of the table, from one repetition."""
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / f"{protocol}.py"), str(home / "brian"), str(home / "brian.png")]
        + [str(data) if a == DATA else a for a in case.arguments],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    plain = time.perf_counter() - begin
    theirs = float(done.stdout.split("ANSWER")[1])
    _, cold, _ = _run(protocol, case.first, home, 0)
    ours = case.answer(home / "out-0")
    if abs(ours - theirs) > case.tolerance * abs(theirs):
        raise RuntimeError(f"{protocol}: {ours} is not Brian2's {theirs}")
    shutil.rmtree(home / "cache" / "programs")
    _, further, _ = _run(protocol, case.first, home, 0)
    step, warm, whole = _run(protocol, case.second, home, repeat + 1)
    stepping = _stepping(home / f"out-{repeat + 1}")
    return (
        plain,
        cold,
        cold / plain,
        further,
        further / plain,
        warm,
        stepping,
        warm - stepping,
        step,
        whole,
    )


def _run(
    protocol: str, settings: tuple[str, ...], home: Path, seed: int
) -> tuple[float, float, float]:
    """Run a protocol and return the seconds to the first step, the first figure and the end."""
    out = home / f"out-{seed}"
    command = [sys.executable, "-m", "dendrosim.cli", "run", protocol, "--seed", str(seed)]
    command += ["--backend", "cpp", "--out", str(out)]
    for setting in settings:
        command += ["--set", setting]
    environment = {**os.environ, "DENDROSIM_CACHE": str(home / "cache")}
    started, begin = time.time(), time.perf_counter()
    process = subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    assert process.stderr is not None
    step = float("nan")
    for line in process.stderr:
        if "simulated" in line and step != step:
            step = time.perf_counter() - begin
    if process.wait() != 0:
        raise RuntimeError(f"{' '.join(command)} failed")
    whole = time.perf_counter() - begin
    figure = (out / f"{CASES[protocol].figure}.png").stat().st_mtime - started
    return step, figure, whole


def _timed(arguments: list[str]) -> float:
    """Return the seconds of a Python command."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def _stepping(out: Path) -> float:
    """Return the seconds of the steps of a run."""
    from dendrosim.results.result import open_result

    return float(open_result(out / "result.nc").provenance["seconds"]["steps"])


def _rheobase(out: Path) -> float:
    from dendrosim.results.result import open_result

    return float(open_result(out / "result.nc").metrics["rheobase"])


def _whitened(out: Path) -> float:
    """Return the trace of W1 Cxx W1^T, which is 2 if W1 whitens the inputs."""
    from dendrosim.results.result import open_result

    result = open_result(out / "result.nc")
    w = result.final["w1"].values
    return float(np.trace(w @ np.cov(result.protocol.data["x"].T, bias=True) @ w.T))


def _write_data(path: Path) -> None:
    """Write the samples that the protocol shows, and the parameters of its learning rate."""
    import dendrosim as ds

    x, y = ds.tasks.canonical_gaussian(10, 3, (0.9, 0.7, 0.5), 200, np.random.default_rng(0))
    largest = float(np.mean(np.sum(x**2, axis=0)))
    np.savez(path, x=x.T, y=y.T, amplitude=min(1.0, 7.0 / largest), decay=5000 * 8 * 2e-3)


CASES = {
    "fi_curve": Case(
        (), ("duration=4 s", "tau_soma=15 ms"), "fi_curve", _rheobase, 1e-9
    ),
    "bmvr_gaussian": Case(
        ("mode=online", f"presentations={PRESENTATIONS}"),
        ("mode=online", "presentations=9000", "eta=0.9 Hz", "tau_ratio=0.6", "data_seed=5"),
        "approach",
        _whitened,
        0.2,  # the script draws other weights and another order of samples
        (DATA, str(PRESENTATIONS)),
    ),
}  # fmt: skip
