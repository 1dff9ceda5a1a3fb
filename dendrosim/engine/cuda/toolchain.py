"""The CUDA tool chain: which parts are installed, which are missing, and how they compile a program.

cuBLAS and cuRAND are taken from the toolkit, else from the PyPI packages nvidia-cublas and nvidia-curand, whose
libraries are linked by file name, because each name contains a version.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path

from dendrosim.engine.standalone.host_compiler import find_compiler
from dendrosim.errors import BackendMissingError, CompilationError
from dendrosim.machine.packages import package_version

# -O1 applies to code on the CPU, which takes hardly any time; kernels are always fully optimised. The docstring of
# the package says why -use_fast_math is missing. -DNDEBUG switches off assertions in Brian2CUDA's kernels.
FLAGS = ["-std=c++17", "-O1", "-rdc=true", "-DNDEBUG", "-w"]
WITHOUT_GPU = "9.0"
"""Compute capability for which programs are compiled on a machine without a GPU."""

USUAL = Path("/usr/local/cuda/bin/nvcc")
_INSTEAD = ", or use --backend cpp"
_LEAST, _LATEST = (12, 0), 13  # oldest version of CUDA that works, and newest major version
_HEADERS = {"cublas": "cublas_v2.h", "curand": "curand_kernel.h"}
_PACKAGES = {"cublas": "nvidia-cublas", "curand": "nvidia-curand"}


@dataclass(frozen=True)
class Library:
    """A library of NVIDIA: the folder of its headers, and the file with which programs are linked."""

    include: Path
    file: Path


@dataclass(frozen=True)
class Gpu:
    """The GPU on which a program will run; `capability` is its compute capability, such as "9.0"."""

    name: str
    capability: str


def nvcc() -> Path:
    """Return the CUDA compiler: from `CUDA_PATH` or `CUDA_HOME` if set, else on the path or in /usr/local/cuda.

    Raises
    ------
    BackendMissingError
        If there is no CUDA compiler.
    """
    for variable in ("CUDA_PATH", "CUDA_HOME"):
        if own := os.environ.get(variable):
            found = Path(own) / "bin" / "nvcc"
            if not os.access(found, os.X_OK):
                raise BackendMissingError(
                    f"{variable} is {own!r}, where there is no bin/nvcc; unset or correct it{_INSTEAD}"
                )
            return found
    if on_path := shutil.which("nvcc"):
        return Path(on_path).resolve() if Path(on_path).is_symlink() else Path(on_path)
    if os.access(USUAL, os.X_OK):
        return USUAL
    raise BackendMissingError(
        "back end cuda needs NVIDIA's compiler nvcc and there is none; install the CUDA toolkit and set CUDA_PATH "
        f"to its folder{_INSTEAD}"
    )


@lru_cache
def _version_text(path: str, stamp: int) -> str:
    done = subprocess.run(
        [path, "--version"], capture_output=True, text=True, errors="replace", check=False
    )
    return done.stdout


@lru_cache
def _toolkit_root(path: str, stamp: int) -> str:
    done = subprocess.run(
        [path, "--dryrun", "-x", "cu", "-c", "none.cu"],
        capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    found = re.search(r"^#\$ TOP=(.+)$", done.stderr, re.M)
    return os.path.realpath(found[1].strip() if found else Path(path).parents[1])


def toolkit() -> Path:
    """Return the folder of the CUDA toolkit that nvcc reports.

    The nvcc on the path may be a script that calls the compiler in another folder.
    """
    path = nvcc()
    return Path(_toolkit_root(str(path), path.stat().st_mtime_ns))


def cuda_version() -> tuple[int, int]:
    """Return the version of the CUDA toolkit.

    Raises
    ------
    BackendMissingError
        If nvcc is missing, does not answer, or is too old.
    """
    path = nvcc()
    try:
        said = _version_text(str(path), path.stat().st_mtime_ns)
    except OSError as error:
        raise BackendMissingError(
            f"{path} cannot be started: {error.strerror or error}; reinstall the CUDA toolkit{_INSTEAD}"
        ) from None
    found = re.search(r"release (\d+)\.(\d+)", said)
    if not found:
        raise BackendMissingError(
            f"{path} does not print its version; reinstall the CUDA toolkit{_INSTEAD}"
        )
    version = int(found[1]), int(found[2])
    if version < _LEAST:
        raise BackendMissingError(
            f"{path} belongs to CUDA {version[0]}.{version[1]}, but back end cuda needs {_LEAST[0]}.{_LEAST[1]} "
            f"or later; install a newer toolkit{_INSTEAD}"
        )
    return version


def library(name: str) -> Library:
    """Return the headers and the file of `cublas` or `curand`.

    Raises
    ------
    BackendMissingError
        If its header or its library is missing.
    """
    header = _HEADERS[name]
    for include, folders in _places():
        if (include / header).is_file():
            for folder in folders:
                if files := sorted(folder.glob(f"lib{name}.so*"), key=lambda p: len(p.name)):
                    return Library(include, files[0])
    major = cuda_version()[0]
    package = _PACKAGES[name] if major >= _LATEST else f"{_PACKAGES[name]}-cu{major}"
    raise BackendMissingError(
        f"back end cuda needs {header} and lib{name}.so, which this CUDA toolkit does not contain; "
        f"pip install {package}{_INSTEAD}"
    )


def _places() -> Iterator[tuple[Path, list[Path]]]:
    """Yield folders of headers, each with the folders in which the libraries may be."""
    root = toolkit()
    for home in (root, *sorted(root.glob("targets/*"))):
        yield home / "include", [home / "lib64", home / "lib"]
    spec = find_spec("nvidia")
    version = cuda_version()[0]
    for base in (spec.submodule_search_locations or []) if spec else []:
        # Since CUDA 13 one folder has all libraries; before, each library had its own folder.
        for home in (
            Path(base) / f"cu{version}", *(Path(base) / n for n in _HEADERS if version < _LATEST)
        ):  # fmt: skip
            yield home / "include", [home / "lib"]


def brian2cuda_version() -> str:
    """Return the version of Brian2CUDA, or raise BackendMissingError if it is not installed."""
    found = package_version("brian2cuda")
    if not found:
        raise BackendMissingError(
            "back end cuda needs the package brian2cuda (with Python 3.12 or later); "
            f"pip install 'dendrosim[cuda]'{_INSTEAD}"
        )
    return found


def gpu() -> Gpu:
    """Return the GPU on which programs run: the first in `CUDA_VISIBLE_DEVICES` if that is set, else the first.

    Raises
    ------
    BackendMissingError
        If there is no GPU.
    """
    found = shutil.which("nvidia-smi")
    missing = "back end cuda needs an NVIDIA GPU and its driver, and"
    hint = f"; install the driver{_INSTEAD}"
    if found is None:
        raise BackendMissingError(f"{missing} nvidia-smi was not found{hint}")
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None and not given.strip():
        raise BackendMissingError(
            f"{missing} CUDA_VISIBLE_DEVICES, which is empty, hides all GPUs; unset it{_INSTEAD}"
        )
    visible = (given or "").split(",")[0].strip()
    try:
        done = subprocess.run(
            [
                found, "--query-gpu=name,compute_cap", "--format=csv,noheader",
                *(("-i", visible) if visible else ()),
            ],
            capture_output=True, text=True, errors="replace", check=False, timeout=60,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BackendMissingError(f"{missing} nvidia-smi does not answer: {error}{hint}") from None
    gpus = parse_gpus(done.stdout)
    if done.returncode or not gpus:
        said = (done.stdout + done.stderr).strip().splitlines()
        raise BackendMissingError(
            f"{missing} nvidia-smi says: {said[0] if said else 'nothing'}{hint}"
        )
    return gpus[0]


def parse_gpus(text: str) -> list[Gpu]:
    """Return the GPUs that nvidia-smi has listed, one per line: name, comma, compute capability."""
    lines = (line.rpartition(",") for line in text.splitlines())
    return [
        Gpu(name.strip(), capability.strip())
        for name, _, capability in lines
        if re.fullmatch(r"\d+\.\d+", capability.strip())
    ]


@lru_cache(maxsize=1)
def capability() -> str:
    """Return the compute capability for which programs are compiled: that of the GPU here, else 9.0."""
    try:
        return gpu().capability
    except BackendMissingError:
        return WITHOUT_GPU


def missing(run: bool) -> list[str]:
    """Return what is missing on this machine to compile programs, or with `run` to run them.

    Each entry ends with what to do, after a semicolon.
    """
    needed: list[Callable[[], object]] = [brian2cuda_version, cuda_version]
    needed += [partial(library, name) for name in _HEADERS]
    needed.append(partial(find_compiler, "cuda"))
    if run:
        needed.insert(0, gpu)
    reasons = []
    for part in needed:
        try:
            part()
        except BackendMissingError as error:
            reasons.append(str(error).removesuffix(_INSTEAD))
    return list(dict.fromkeys(reasons))


def check_compile() -> None:
    """Raise BackendMissingError unless programs can be generated, compiled and linked here."""
    _none_of(missing(run=False))


def check_run() -> None:
    """Raise BackendMissingError unless programs can be compiled and run here."""
    _none_of(missing(run=True))


def _none_of(reasons: list[str]) -> None:
    if reasons:
        more = "".join(f". Also: {reason}" for reason in reasons[1:])
        raise BackendMissingError(f"{reasons[0]}{_INSTEAD}{more}")


def fingerprint() -> dict[str, str]:
    """Return, by name, what decides whether a compiled program can be used, except the circuit's structure."""

    def identity(path: Path) -> str:
        stat = path.resolve().stat()
        return f"{path} {stat.st_size} {stat.st_mtime_ns}"

    return {
        "Brian2CUDA": brian2cuda_version(),
        "CUDA compiler": identity(nvcc()),
        "compiler": find_compiler("cuda"),
        "compiler flags": " ".join(FLAGS),
        "GPU": capability(),
        **{name: identity(library(name).file) for name in _HEADERS},
    }


def command(source: str = "program.cu", output: str = "program") -> list[str]:
    """Return the command that compiles and links a program."""
    architecture = capability().replace(".", "")
    libraries = [library(name) for name in _HEADERS]
    folders = list(dict.fromkeys(found.file.parent for found in libraries))
    includes = dict.fromkeys(found.include for found in libraries)
    return [
        str(nvcc()), "-ccbin", find_compiler("cuda"), *FLAGS,
        f"-gencode=arch=compute_{architecture},code=[sm_{architecture},compute_{architecture}]",
        "-I.", *(f"-I{folder}" for folder in includes), source, "-o", output,
        *(f"-L{folder}" for folder in folders), *(f"-l:{found.file.name}" for found in libraries),
        *(part for folder in folders for part in ("-Xlinker", f"-rpath={folder}")),
    ]  # fmt: skip


def compile_program(folder: Path) -> None:
    """Compile `program.cu` in a folder to `program`.

    Raises
    ------
    CompilationError
        If the compiler fails; the message has its first errors.
    """
    line = command()
    try:
        done = subprocess.run(
            line, cwd=folder, capture_output=True, text=True, errors="replace", check=False,
            env={**os.environ, "TMPDIR": str(folder)},  # so that a killed compiler leaves no files elsewhere
        )  # fmt: skip
    except OSError as error:
        raise CompilationError(f"{line[0]} cannot be started: {error.strerror or error}") from None
    if done.returncode or not os.access(folder / "program", os.X_OK):
        text = (done.stderr + done.stdout).strip()
        errors = [x for x in text.splitlines() if "error" in x or "undefined" in x][:3]
        said = "; ".join(errors) or text[:300] or "it gave no message"
        raise CompilationError(
            f"the program for the GPU did not compile: {line[0]} ended with code {done.returncode}: {said}"
        )
