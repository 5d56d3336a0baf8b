"""What a file was like when it was last looked at, and whether that has changed since."""

from __future__ import annotations

import os
import stat
import time
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

MAX_HASHED = 1024 * 1024
"""Bytes. A larger file is known by its size and times alone: reading it would hold requests up."""

_TICK_NS = 20_000_000
"""File systems write down times in steps of a few milliseconds: what was changed this recently may
have changed again without looking so."""


class Stamp(NamedTuple):
    size: int
    executable: bool
    changed_ns: int
    inode: tuple[int, int]
    """With the device that it counts on."""
    target: str | None
    """Where a link to a folder points."""
    digest: bytes | None


def take(path: Path, *, read: bool) -> Stamp | None:
    """The stamp of a file, or of a link to a folder; None when there is neither.

    :param read: hash the content, if it is not too large.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            return Stamp(0, False, 0, (0, 0), str(path.readlink()), None)
        if not stat.S_ISREG(status.st_mode):
            return None
        hashed = None
        if read and status.st_size <= MAX_HASHED:
            hashed = digest(path.read_bytes())
    except OSError:
        return None
    return Stamp(
        status.st_size,
        bool(status.st_mode & stat.S_IXUSR),
        max(status.st_mtime_ns, status.st_ctime_ns),
        (status.st_dev, status.st_ino),
        None,
        hashed,
    )


def young(stamp: Stamp, since_ns: int | None = None) -> bool:
    """Whether it changed after ``since_ns`` (just now), or may have."""
    return stamp.changed_ns >= (time.time_ns() if since_ns is None else since_ns) - _TICK_NS


def differ(before: Stamp, now: Stamp, every_save: bool = False) -> bool:
    """Whether the file is another one to a function that loads it; with ``every_save``, whether it
    was written at all."""
    if (before.size, before.executable, before.target) != (now.size, now.executable, now.target):
        return True
    if not every_save and before.digest is not None and now.digest is not None:
        return before.digest != now.digest
    if now.target is not None:
        return False
    return (before.changed_ns, before.inode) != (now.changed_ns, now.inode) or young(now)


def digest(data: bytes) -> bytes:
    """What :attr:`Stamp.digest` is."""
    return blake2b(data, digest_size=16).digest()


def exists(path: Path) -> bool:
    """Whether there is anything at ``path``, be it a link that leads nowhere."""
    return os.path.lexists(path)
