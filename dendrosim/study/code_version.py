"""The code that computes the points of a sweep, so that points of different code are not mixed silently."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from dendrosim.checks import as_any_text, mapping_of
from dendrosim.library.used_files import file_digest
from dendrosim.machine.code_digest import GENERATED_CODE, PACKAGE, PACKAGES, code_digest
from dendrosim.machine.file_paths import whole_text
from dendrosim.machine.packages import own_version, package_version
from dendrosim.spec import Spec

_PARTS = (
    *GENERATED_CODE, "analysis", "experiments", "learning", "library", "mechanisms", "results", "rules",
    "stability", "tasks",
)  # fmt: skip
"""Parts of the package on which the numbers of a point depend."""

_MISSING = "missing"


@dataclass(frozen=True, eq=False)
class CodeVersion(Spec):
    """Versions and hashes of all code that computes points.

    Parameters
    ----------
    package : str
        Hash of the parts of dendrosim on which the numbers depend.
    versions : mapping of str to str
        Versions of dendrosim and of the packages that it computes with.
    files : mapping of str to str
        Hash of each model and protocol file by its path, which for shipped files is relative to the package.
    """

    package: str
    versions: Annotated[Mapping[str, str], mapping_of(as_any_text, as_any_text)]
    files: Annotated[Mapping[str, str], mapping_of(as_any_text, as_any_text)]

    def changes(self, other: "CodeVersion") -> list[str]:
        """Return what differs in another version, as phrases for a message; empty if nothing does."""
        found = [
            f"{name} is {other.versions.get(name) or 'missing'} and was {version or 'missing'}"
            for name, version in self.versions.items()
            if other.versions.get(name) != version
        ]
        if not found and self.package != other.package:
            found.append("the code of dendrosim has changed")
        return found + [
            f"{path} has changed" if digest != _MISSING else f"{path} is missing"
            for path, digest in other.files.items()
            if self.files.get(path, digest) != digest
        ]


def same_files(code: CodeVersion) -> bool:
    """Return whether all files are as they were; the package and the versions do not change in a process."""
    return all(_digest(path) == digest for path, digest in code.files.items())


def current_code(files: Iterable[Path | str]) -> CodeVersion:
    """Return the version of the code as it is now, with some model and protocol files."""
    versions = {"dendrosim": own_version(), **{n: package_version(n) for n in PACKAGES}}
    named = {_name(path): _digest(path) for path in files}
    return CodeVersion(code_digest(_PARTS), versions, dict(sorted(named.items())))


def _digest(path: Path | str) -> str:
    return file_digest(PACKAGE.parent / path) or _MISSING


def _name(path: Path | str) -> str:
    """Return the path of a shipped file relative to the folder of the package, and of another file as it is."""
    given = Path(path)
    inside = given.is_relative_to(PACKAGE.parent)
    return whole_text(given.relative_to(PACKAGE.parent) if inside else given)
