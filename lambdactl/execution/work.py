"""The temporary folder of one invoker, and the folders that a killed lambdactl left behind.

Everything that lives as long as the environments (unpacked code, merged layers, each
environment's own ``/tmp``) is in one folder. A lock on a file in it says that its owner is alive:
the kernel gives a lock back however its owner ends, so a folder whose lock is free has nobody to
remove it but us.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from pathlib import Path

_PREFIX = "lambdactl-"
_LOCK = ".alive"


class WorkFolder:
    """A folder of our own, made at once and removed by :meth:`close`."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
        # Under its name the file is locked from the first: a free lock is an invitation.
        unnamed = self.path / f"{_LOCK}.new"
        self._lock = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        unnamed.rename(self.path / _LOCK)

    def close(self) -> None:
        """Remove it with all that is in it."""
        remove_tree(self.path)
        os.close(self._lock)


def sweep() -> None:
    """Remove the folders of this user's lambdactls that are no longer alive."""
    with contextlib.suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            if entry.name.startswith(_PREFIX) and entry.is_dir(follow_symlinks=False):
                _remove_if_left(Path(entry.path))


def _remove_if_left(folder: Path) -> None:
    try:
        if folder.stat().st_uid != os.geteuid():
            return
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        # Somebody else's, or one that is being made just now.
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove_tree(folder)
    except OSError:
        return
    finally:
        os.close(lock)


def remove_tree(folder: Path) -> None:
    """Remove ``folder``, whatever modes a function has given to what it made in it."""
    try:
        shutil.rmtree(folder)
    except OSError:
        _unlock(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _unlock(folder: Path) -> None:
    """Let us into every folder below, so that what is in it can be removed."""
    pending = [str(folder)]
    while pending:
        with contextlib.suppress(OSError):
            current = pending.pop()
            Path(current).chmod(stat.S_IRWXU)
            with os.scandir(current) as entries:
                pending += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
