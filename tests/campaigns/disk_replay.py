"""What a disk may contain after a power loss: a replay of logged requests that drops what was not synced.

The rules are those of POSIX. The content of a file is what it was at its last fsync, perhaps followed by
bytes written since; without any fsync it may be empty. A change to a folder (a new name, a renaming, a removal)
may be lost, with all later changes to that folder, if the folder was not synced since. Each folder loses changes
independently of the others.
"""

import subprocess
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from dendrosim.engine.standalone.host_compiler import find_compiler


def logging_variables(folder, root):
    """Return the variables of an environment in which processes log what they do below `root`."""
    library = folder / "disk_log.so"
    source = Path(__file__).with_name("disk_log.cpp")
    subprocess.run([find_compiler(), "-shared", "-fPIC", source, "-o", library, "-ldl"], check=True)
    return {"LD_PRELOAD": str(library), "DISK_ROOT": root, "DISK_LOG": str(folder / "log")}


@dataclass
class Content:
    """A file: the events at which it was synced, with the path of a copy of its content at that time."""

    synced: list[tuple[int, Path]] = field(default_factory=list)

    def after(self, event, rng):
        """Return bytes that may be on the disk after a power loss that follows an event."""
        copies = [copy.read_bytes() for index, copy in self.synced if index <= event]
        if not copies:
            return rng.choice([b"", bytes(100)])
        later = [copy.read_bytes() for index, copy in self.synced if index > event]
        tail = later[0][len(copies[-1]) :] if later else b""
        tail = tail[: rng.randint(0, len(tail))]
        return copies[-1] + rng.choice([tail, bytes(len(tail)), rng.randbytes(len(tail))])


class Replay:
    """The log of one run."""

    def __init__(self, log):
        self.changes = []  # (event, folder whose entry changes, kind, arguments)
        self.folder_syncs = defaultdict(list)
        names = {}
        lines = log.read_text().splitlines()
        self.events = len(lines)
        for event, line in enumerate(lines):
            kind, path, *more = line.split("\t")
            if kind == "write":
                continue
            if kind == "sync":
                names[path].synced.append((event, Path(more[0])))
            elif kind == "sync_folder":
                self.folder_syncs[path].append(event)
            else:
                target = more[0] if kind == "rename" else path
                if kind == "create":
                    more = [names.setdefault(path, Content())]
                elif kind == "rename":
                    names[target] = names.pop(path, Content())
                elif kind == "remove":
                    names.pop(path, None)
                self.changes.append((event, str(Path(target).parent), kind, path, *more))

    def last_sync(self, folder, event):
        """Return the last event up to a given one at which a folder was synced, -1 if there is none."""
        return max((e for e in self.folder_syncs[folder] if e <= event), default=-1)

    def first_durable(self, target):
        """Return the first event after which a renaming to `target` cannot be lost any more."""
        folder = str(Path(target).parent)
        renamed = next(c[0] for c in self.changes if c[2] == "rename" and c[4] == target)
        return next(e for e in self.folder_syncs[folder] if e > renamed)

    def after(self, event, rng):
        """Return the files that may be on the disk after a power loss that follows an event, by path."""
        folders = {change[1] for change in self.changes}
        cuts = {f: rng.randint(self.last_sync(f, event), event) for f in sorted(folders)}
        files, made = {}, set()
        for index, folder, kind, path, *more in self.changes:
            if index > event or index > cuts[folder]:
                continue
            if kind == "create":
                files[path] = more[0]
            elif kind == "rename":
                if path in files:
                    files[more[0]] = files.pop(path)
            elif kind == "remove":
                files.pop(path, None)
                made.discard(path)
            else:
                made.add(path)
        return {
            path: content.after(event, rng)
            for path, content in files.items()
            if str(Path(path).parent) in made
        }
