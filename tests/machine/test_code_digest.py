"""The key of stored work changes with what decides the numbers, and with nothing else."""

import ast
import shutil

import pytest

from dendrosim.learning import settling
from dendrosim.machine import code_digest
from dendrosim.machine.code_digest import GENERATED_CODE, PACKAGE, SUFFIXES

WITHOUT_EFFECT = {
    "analysis", "cli", "display", "errors", "experiments", "learning", "library", "machine", "mechanisms", "plot",
    "results", "rules", "stability", "study", "tasks", "__init__",
}  # fmt: skip
"""Parts of the package on which no generated code depends."""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package whose digests are taken."""
    copy = tmp_path / "elsewhere" / "dendrosim"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code_digest, "PACKAGE", copy)
    return copy


def digest(parts=GENERATED_CODE):
    return code_digest.code_digest.__wrapped__(parts)


def part(path, package):
    return path.relative_to(package).parts[0].removesuffix(".py")


def source_files(package):
    return [path for path in sorted(package.rglob("*")) if path.suffix in SUFFIXES]


def with_a_comment(path):
    mark = "#" if path.suffix == ".py" else "//"
    path.write_text(f"{path.read_text()}{mark} A comment.\n")


def test_a_comment_in_any_source_of_programs_changes_the_key(package):
    known = {digest()}
    for path in source_files(package):
        if part(path, package) in GENERATED_CODE:
            with_a_comment(path)
            assert digest() not in known, path
            known.add(digest())


def test_a_comment_in_any_other_file_does_not_change_the_key(package):
    before = digest()
    for path in source_files(package):
        if part(path, package) not in GENERATED_CODE:
            with_a_comment(path)
    for path in (*package.rglob("*.pyi"), *package.rglob("py.typed")):
        path.write_text(path.read_text() + "\n# A comment.\n")
    assert digest() == before


def test_a_source_that_is_renamed_or_added_changes_the_key(package):
    known = {digest()}
    (package / "engine" / "cpp" / "source" / "extra.h").write_text("")
    known.add(digest())
    (package / "engine" / "cpp" / "source" / "extra.h").rename(package / "engine" / "extra.h")
    known.add(digest())
    assert len(known) == 3


def test_the_key_does_not_depend_on_where_the_package_is_installed(package):
    assert digest() == code_digest.code_digest()


@pytest.mark.parametrize("name", code_digest.PACKAGES)
def test_another_version_of_a_package_that_generates_code_changes_the_key(monkeypatch, name):
    before = digest()
    installed = code_digest.package_version
    monkeypatch.setattr(
        code_digest, "package_version", lambda p: "0.0.1" if p == name else installed(p)
    )
    assert digest() != before


def test_every_part_of_the_package_is_inside_or_outside():
    """A new folder has to be put on one side: whether generated code depends on it."""
    parts = {part(p, PACKAGE) for p in source_files(PACKAGE)}
    assert parts == set(GENERATED_CODE) | WITHOUT_EFFECT
    assert not set(GENERATED_CODE) & WITHOUT_EFFECT


def test_what_a_program_is_generated_from_imports_nothing_else():
    """Of the parts outside, only those that name errors, serve the machine, show values or hold what came out."""
    used = set()
    for path in code_digest.sources(GENERATED_CODE):
        if path.suffix == ".py":
            nodes = ast.walk(ast.parse(path.read_text()))
            modules = [n.module for n in nodes if isinstance(n, ast.ImportFrom) and n.module]
            used |= {m.split(".")[1] for m in modules if m.startswith("dendrosim.")}
    assert used - set(GENERATED_CODE) <= {"display", "errors", "machine", "results"}


def test_the_remembered_rate_of_a_circuit_depends_on_the_analysis_as_well(package):
    programs, rates = digest(), digest(settling._PARTS)
    with_a_comment(package / "stability" / "spectrum" / "spectrum.py")
    assert digest() == programs
    assert digest(settling._PARTS) != rates
    with_a_comment(package / "circuit" / "circuit.py")
    assert digest() != programs
