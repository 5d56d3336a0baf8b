"""What a container uses, read where the kernel keeps it: the files of its memory control group.

Asking the engine takes two seconds an answer; this takes microseconds, and works where the
engine's containers run on this very kernel.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lambdactl.execution.memory import CGROUP_ROOT, Cgroup

_MB = 1024 * 1024

# The names of version 2, then those of version 1 (of this group alone: ours have no children).
# https://docs.kernel.org/admin-guide/cgroup-v2.html, .../cgroup-v1/memory.html
_ANONYMOUS = (b"anon", b"rss")
_MAPPED = (b"file_mapped", b"mapped_file")
_SHARED = b"shmem"


@dataclass(frozen=True, slots=True)
class Usage:
    """In megabytes: what the processes have resident, and what lies in ``/tmp`` (a tmpfs)."""

    resident_mb: float
    tmp_mb: float


def find(pid: int, container: str, *, root: Path = CGROUP_ROOT) -> Cgroup | None:
    """The memory group of ``container``, whose first process is ``pid`` on this machine; None
    where it can't be read."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if container not in path:
            continue
        if controllers and "memory" not in controllers.split(","):
            continue
        for folder in (root / "memory" / path.lstrip("/"), root / path.lstrip("/")):
            if (folder / "memory.stat").is_file():
                return Cgroup(folder)
    return None


def read(group: Cgroup) -> Usage | None:
    """What is in use now; None when the container is gone."""
    try:
        stat = (group.path / "memory.stat").read_bytes()
    except OSError:
        return None
    anonymous = mapped = shared = 0
    for line in stat.splitlines():
        name, _, value = line.partition(b" ")
        if name in _ANONYMOUS:
            anonymous = int(value)
        elif name in _MAPPED:
            mapped = int(value)
        elif name == _SHARED:
            shared = int(value)
    # A file of /tmp that is mapped is among the mapped ones, and lies in /tmp all the same.
    return Usage((anonymous + max(0, mapped - shared)) / _MB, shared / _MB)
