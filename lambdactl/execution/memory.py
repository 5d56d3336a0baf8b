"""A function's memory limit, on a machine that is not Lambda.

Where this process may make a memory control group (cgroup v2 or v1), the kernel enforces the
limit to the page. Elsewhere the resident memory of the environment's processes is watched, and
an environment that grows over its limit is killed: within milliseconds, not at the byte.
"""

from __future__ import annotations

import itertools
import os
import sys
from dataclasses import dataclass
from pathlib import Path

CGROUP_ROOT = Path("/sys/fs/cgroup")
_MB = 1024 * 1024
_counter = itertools.count()


@dataclass(frozen=True, slots=True)
class Cgroup:
    """A control group of one environment."""

    path: Path

    @property
    def members(self) -> Path:
        return self.path / "cgroup.procs"

    def pids(self) -> list[int]:
        """The processes in it, whatever group or session they moved to."""
        try:
            return [int(pid) for pid in self.members.read_text().split()]
        except OSError:
            return []

    def has_killed(self) -> bool:
        """Whether the kernel has killed a process in it, because the limit was reached."""
        # The one of version 2, then that of version 1; each a line as "oom_kill 1".
        for name in ("memory.events", "memory.oom_control"):
            try:
                lines = (self.path / name).read_text().splitlines()
            except OSError:
                continue
            return any(line.startswith("oom_kill ") and line != "oom_kill 0" for line in lines)
        return False

    def remove(self) -> None:
        """Remove it; its last process must be gone."""
        try:
            self.path.rmdir()
        except OSError:
            # A killed process may still be on its way out; the group is empty and harmless.
            return


def create_cgroup(
    limit_mb: int, *, root: Path = CGROUP_ROOT, own: Path = Path("/proc/self/cgroup")
) -> Cgroup | None:
    """A new group with ``limit_mb`` of memory and no swap; None where that isn't allowed."""
    parent = _parent(root, own)
    if parent is None:
        return None
    folder, version = parent
    path = folder / f"lambdactl-{os.getpid()}-{next(_counter)}"
    try:
        path.mkdir()
    except OSError:
        return None
    limits = (
        {"memory.max": limit_mb * _MB, "memory.swap.max": 0}
        if version == 2
        else {
            "memory.limit_in_bytes": limit_mb * _MB,
            "memory.memsw.limit_in_bytes": limit_mb * _MB,
            "memory.swappiness": 0,
        }
    )
    for index, (name, value) in enumerate(limits.items()):
        try:
            (path / name).write_text(str(value))
        except OSError:
            # Swap accounting may be off; without the limit itself the group is of no use.
            if index == 0:
                path.rmdir()
                return None
    return Cgroup(path)


def sweep_cgroups(*, root: Path = CGROUP_ROOT, own: Path = Path("/proc/self/cgroup")) -> list[Path]:
    """Remove the empty groups that a killed lambdactl left behind; returns them."""
    found = left_cgroups(root=root, own=own)
    for path in found:
        Cgroup(path).remove()
    return found


def left_cgroups(*, root: Path = CGROUP_ROOT, own: Path = Path("/proc/self/cgroup")) -> list[Path]:
    """The groups whose lambdactl is no longer alive."""
    parent = _parent(root, own)
    if parent is None:
        return []
    owners = ((path, path.name.split("-")[1]) for path in parent[0].glob("lambdactl-*-*"))
    return [
        path for path, owner in owners if owner.isdigit() and not Path(f"/proc/{owner}").exists()
    ]


def _parent(root: Path, own: Path) -> tuple[Path, int] | None:
    """The folder in which a memory group can be made, and the version of its interface."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return None
    paths = {}
    for line in lines:
        _, controllers, path = line.split(":", 2)
        paths[controllers] = path.lstrip("/")
    for controllers, path in paths.items():
        if "memory" in controllers.split(","):
            folder = root / "memory" / path
            return (folder, 1) if os.access(folder, os.W_OK) else None
    if "" in paths and (root / "cgroup.controllers").exists():
        # A group with processes in it can't hand out controllers: the new one becomes a sibling.
        folder = (root / paths[""]).parent
        try:
            handed_out = (folder / "cgroup.subtree_control").read_text().split()
        except OSError:
            return None
        may_move = os.access(folder / "cgroup.procs", os.W_OK)
        if "memory" in handed_out and os.access(folder, os.W_OK) and may_move:
            return folder, 2
    return None


def resident_mb(pid: int) -> tuple[float, float]:
    """Resident memory of ``pid`` and its descendants now, and the peak of ``pid`` itself (MB)."""
    if sys.platform.startswith("linux"):
        return _linux_resident_mb(pid)
    import psutil

    try:
        process = psutil.Process(pid)
        total = sum(p.memory_info().rss for p in [process, *process.children(recursive=True)])
    except psutil.Error:
        return 0.0, 0.0
    return total / _MB, total / _MB


def _linux_resident_mb(pid: int) -> tuple[float, float]:
    total, peak = 0.0, 0.0
    pending = [pid]
    while pending:
        current = pending.pop()
        status = _read(f"/proc/{current}/status")
        total += _kilobytes(status, b"VmRSS:") / 1024
        if current == pid:
            peak = _kilobytes(status, b"VmHWM:") / 1024
        pending += _children(current)
    return total, max(total, peak)


def _children(pid: int) -> list[int]:
    """Child processes: the kernel lists them by the thread that started them."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - called a hundred times a second
    except OSError:
        return []
    return [
        int(child)
        for thread in threads
        for child in _read(f"/proc/{pid}/task/{thread}/children").split()
    ]


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _kilobytes(status: bytes, key: bytes) -> int:
    start = status.find(key)
    return int(status[start + len(key) :].split(None, 1)[0]) if start >= 0 else 0
