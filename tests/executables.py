"""Scripts in place of programs."""

import stat


def executable(path, text):
    """Write a file that can be started, and return its path."""
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path
