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


def sweep() -> list[Path]:
    """Remove the folders of this user's lambdactls that are no longer alive; returns them."""
    return [folder for folder in left() if _remove_if_left(folder)]


def left() -> list[Path]:
    """The folders of this user's lambdactls that are no longer alive."""
    found: list[Path] = []
    with contextlib.suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            if not entry.name.startswith(_PREFIX) or not entry.is_dir(follow_symlinks=False):
                continue
            folder = Path(entry.path)
            # One without a lock is somebody else's, or is being made just now.
            if _is_own(folder) and (folder / _LOCK).exists() and not is_alive(folder):
                found.append(folder)
    return found


def is_alive(folder: Path) -> bool:
    """Whether the lambdactl that made this work folder still runs; True where that can't be told
    (another user's folder)."""
    try:
        lock = os.open(folder / _LOCK, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    try:
        # Shared: others may ask at the same time.
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False


def _is_own(folder: Path) -> bool:
    try:
        return folder.stat().st_uid == os.geteuid()
    except OSError:
        return False


def _remove_if_left(folder: Path) -> bool:
    """Returns whether it was removed."""
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        # Two that sweep at the same time: one of them.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove_tree(folder)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True


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
