"""Every kind of file in the cache, damaged in every way: a run has the right numbers and no error.

Where a run makes an entry anew, copies of undamaged files take the place of the compiler.
"""

import random
import shutil

import pytest
from comparisons import identical
from executables import executable
from reference_problems import leaky, leaky_protocol

import dendrosim as ds
from campaigns.damage import damages
from campaigns.tally import Tally
from dendrosim.engine.compilation import compile_without_run
from dendrosim.engine.cpp import toolchain
from dendrosim.engine.cpp.backend import Cpp
from dendrosim.engine.runtime.extensions import verified_extensions
from dendrosim.learning import settling
from dendrosim.machine.cache import cache_folder

CASES = pytest.mark.parametrize(
    "cases", [2, pytest.param(60, marks=pytest.mark.slow)], ids=["few", "many"]
)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of the test's own."""
    monkeypatch.setenv("DENDROSIM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


# -- programs --------------------------------------------------------------------------------------------------


def other_protocol():
    """A protocol whose program has the same arrays as that of `leaky_protocol()`, in other sizes."""
    return leaky_protocol(circuit=leaky(3))


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    """A cache with the programs of two protocols, the folders of these programs, and the result of the first."""
    protocols = leaky_protocol(), other_protocol()
    expected = ds.run(protocols[0], "cpp")
    folders = [compile_without_run(protocol, "cpp").folder for protocol in protocols]
    cache = tmp_path_factory.mktemp("programs") / "cache"
    unread = shutil.ignore_patterns("*.h", "brianlib", "code_objects")
    for folder in folders:
        shutil.copytree(folder, cache / "programs" / folder.name, ignore=unread)
    shutil.copytree(cache_folder() / "remembered", cache / "remembered")
    return cache, *(cache / "programs" / folder.name for folder in folders), expected


@pytest.fixture
def run(ready, cache, monkeypatch):
    """Return a function that runs the first protocol with a damaged copy of the cache."""
    home, program, _, _ = ready

    def generate(self, protocol, precision, folder):
        shutil.copytree(program, folder, dirs_exist_ok=True)
        (folder / "program").unlink()
        (folder / "seal").unlink()

    monkeypatch.setattr(Cpp, "generate", generate)
    monkeypatch.setattr(
        Cpp, "build", lambda self, folder: shutil.copy2(program / "program", folder)
    )

    def run(damage):
        shutil.copytree(home, cache, dirs_exist_ok=True)
        damage(cache / "programs" / program.name)
        try:
            results = [ds.run(leaky_protocol(), "cpp") for _ in range(2)]
            assert not results[1].provenance["compiled"]
            return results[0]
        finally:
            shutil.rmtree(cache)

    return run


@CASES
def test_no_damage_to_a_program_gives_wrong_numbers(ready, run, cases, record_property):
    _, program, other, expected = ready
    tally, rng = Tally("damaged programs"), random.Random(cases)
    for name in ("program", "manifest.json", "seal", "structure.json", "steps.cpp"):
        for label, damage in damages(program, other, name, rng, cases):
            tally.judge(
                f"{name}: {label}",
                lambda damage=damage, name=name: run(lambda folder: damage(folder / name)),
                lambda result: identical(result, expected),
            )
    for label, damage in FOLDERS.items():
        tally.judge(
            label,
            lambda damage=damage: run(lambda folder: damage(folder, other)),
            lambda result: identical(result, expected),
        )
    tally.conclude(record_property)


def _replace_by_link(folder, other):
    shutil.rmtree(folder)
    folder.symlink_to(other)


def _replace_by_file(folder, other):
    shutil.rmtree(folder)
    folder.touch()


def _replace_by_folder(folder, other):
    shutil.rmtree(folder)
    shutil.copytree(other, folder)


def _replace_by_folders_inside(folder, other):
    for name in ("program", "manifest.json", "seal"):
        (folder / name).unlink()
        (folder / name).mkdir()


FOLDERS = {
    "folder swapped with that of another program": _replace_by_folder,
    "a link to the folder of another program": _replace_by_link,
    "a file in place of the folder": _replace_by_file,
    "folders in place of files": _replace_by_folders_inside,
    "no folder": lambda folder, other: shutil.rmtree(folder),
    "no programs": lambda folder, other: shutil.rmtree(folder.parent),
    "no remembered values": lambda folder, other: shutil.rmtree(folder.parents[1] / "remembered"),
}


# -- objects that programs share ---------------------------------------------------------------------------------


@CASES
def test_no_damaged_object_is_linked(cache, tmp_path, monkeypatch, cases, record_property):
    rng, tally = random.Random(cases), Tally("damaged shared objects")
    content = {"runtime": rng.randbytes(3000), "kernels": rng.randbytes(3000)}
    for source in content:
        (tmp_path / source).write_bytes(content[source])
    monkeypatch.setenv(
        "CXX",
        str(
            executable(
                tmp_path / "c++",
                f'#!/bin/sh\nfor out; do :; done\ncase "$*" in *runtime.cpp*) cp {tmp_path}/runtime "$out" ;; '
                f'*) cp {tmp_path}/kernels "$out" ;; esac\n',
            )
        ),
    )
    objects = {
        "runtime": lambda: toolchain.shared_object("runtime").read_bytes(),
        "kernels": lambda: toolchain.shared_object("kernels", "double").read_bytes(),
    }
    for make in objects.values():
        make()
    home, copy = cache / "toolchains", tmp_path / "copy"
    shutil.copytree(home, copy)
    for source, make in objects.items():
        (path,) = home.glob(f"{source}*.o")
        for label, damage in damages(copy, tmp_path, path.name, rng, cases):
            damage(path)
            tally.judge(f"{source}: {label}", make, lambda found, s=source: found == content[s])
            assert [p.read_bytes() for p in home.glob(f"{source}*.o")] == [content[source]]
    tally.conclude(record_property)


# -- remembered values -------------------------------------------------------------------------------------------


@CASES
def test_no_damaged_rate_is_used(cache, tmp_path, monkeypatch, cases, record_property):
    rng, tally = random.Random(cases), Tally("damaged remembered rates")
    circuits = {size: leaky(size) for size in (1, 2, 3)}
    rates = {size: 1.0 / (0.02 * size) for size in circuits}
    monkeypatch.setattr(
        settling, "_compute_slowest_rate", lambda circuit, gates: rates[circuit.populations[0].size]
    )

    def recalled(size):
        return settling.numeric_slowest_rate(circuits[size])

    home, copy = cache / "remembered", tmp_path / "copy"
    names = {}
    for size in circuits:
        before = set(home.glob("*"))
        recalled(size)
        (path,) = set(home.glob("*")) - before
        names[size] = path.name
    shutil.copytree(home, copy)
    for size, name in names.items():
        for label, damage in damages(copy, tmp_path, name, rng, 4 * cases):
            damage(home / name)
            tally.judge(
                f"{size}: {label}",
                lambda size=size: [recalled(size), recalled(size)],
                lambda found, size=size: found == [rates[size]] * 2,
            )
    monkeypatch.setattr(settling, "_compute_slowest_rate", lambda circuit, gates: 0.0)
    assert [recalled(size) for size in circuits] == list(rates.values())
    tally.conclude(record_property)


# -- extensions of cython ----------------------------------------------------------------------------------------


@CASES
def test_no_damaged_extension_is_loaded(cache, tmp_path, monkeypatch, cases, record_property):
    """A stand-in for Brian2's loader returns the content of a file, and writes the file if there is none."""
    from brian2.codegen.runtime.cython_rt.extension_manager import CythonExtensionManager

    rng, tally = random.Random(cases), Tally("damaged extensions of cython")
    home, copy = cache / "cython", tmp_path / "copy"
    content = {f"_cython_magic_{digit * 32}.so": rng.randbytes(3000) for digit in "abc"}

    def load(self, path, **options):
        if not (home / path).exists():
            (home / path).write_bytes(content[(home / path).name])
        return (home / path).read_bytes()

    monkeypatch.setattr(CythonExtensionManager, "_load_module", load)

    def load_both(name):
        from brian2.codegen.runtime.cython_rt.extension_manager import cython_extension_manager

        with verified_extensions() as compiled:
            found = [cython_extension_manager._load_module(str(home / name)) for _ in range(2)]
        return [*found, len(compiled) < 2]

    home.mkdir(parents=True)
    for name in content:
        load_both(name)
    shutil.copytree(home, copy)
    for name, expected in content.items():
        for label, damage in damages(copy, tmp_path, name, rng, cases):
            damage(home / name)
            tally.judge(
                f"{name}: {label}",
                lambda name=name: load_both(name),
                lambda found, expected=expected: found == [expected, expected, True],
            )
    tally.conclude(record_property)
