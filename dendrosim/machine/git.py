"""What git says of a file or of a checkout; None where there is no git, or no checkout."""

import subprocess
from functools import cache, lru_cache
from pathlib import Path

CHANGED = "+changes"
"""End of the name of a commit from which files differ."""


@cache
def checkout_commit(root: Path) -> str | None:
    """Return the commit of the git checkout in a folder; `+changes` is appended if files differ from it.

    The checkout is looked at once, because a process keeps the code that it has imported.
    """
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + (CHANGED if changed else "")


@lru_cache(maxsize=256)
def file_commit(path: Path, digest: str) -> str | None:
    """Return the last commit that changed a file; `+changes` is appended if the file differs from it.

    `digest` is a hash of the file, so that the answer is remembered for as long as the file stays as it is. The
    answer is None for a file that no commit contains.
    """
    try:
        commit = _git(path.parent, "log", "-1", "--format=%H", "--", path.name)
        changed = _git(path.parent, "status", "--porcelain", "--", path.name)
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + (CHANGED if changed else "") if commit else None


def _git(root: Path, *arguments: str) -> str:
    # With optional locks, `git status` would write what it has found into the repository.
    command = ["git", "--no-optional-locks", "-C", str(root), *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=5, check=True
    )
    return done.stdout.strip()
