"""Dependencies that have been installed once and are used again: by their key, whoever asks.

Functions with equal lock files for the same runtime and architecture share one installation. An
installation is never changed, and as long as a build uses it nobody removes it: each has a lock
file, of which a build that reads holds a share, and one that makes or removes the whole.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from lambdactl import __version__
from lambdactl.artifacts import cache
from lambdactl.artifacts.model import Installed, Package, Target, Work

MOST = 50
"""Installations that are kept, the ones used last."""

_DIGEST_BYTES = 20
_KEY = re.compile(rf"[0-9a-f]{{{2 * _DIGEST_BYTES}}}")
_PACKAGES = "packages.json"
_TREE = "tree"
_TURN_S = 0.02


def key(manager: str, decided_by: bytes, target: Target, *, inside: str = "") -> str:
    """The key of an installation.

    :param manager: what installs.
    :param decided_by: what the manager says decides what is installed.
    :param inside: the id of the image it is installed in, if it is.
    """
    found = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for part in (__version__, manager, target.runtime, target.architecture, inside):
        found.update(part.encode() + b"\0")
    found.update(decided_by)
    return found.hexdigest()


class Store:
    """The installations that a build uses, until it is through (``with``). For several threads.

    :param folder: of all installations; other builds use it at the same time.
    :param scratch: the build's own folder, on the same file system.
    :param use: False makes each anew, once for all who ask in this build.
    """

    def __init__(self, folder: Path, scratch: Path, *, use: bool = True) -> None:
        self._folder = folder
        self._scratch = scratch
        self._use = use
        self._guard = threading.Lock()
        self._turns: dict[str, threading.Lock] = {}
        self._found: dict[str, Installed] = {}
        self._held: list[int] = []

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for lock in self._held:
            os.close(lock)
        self._held.clear()

    def get(self, key: str, make: Callable[[Path, Work], Installed], work: Work) -> Installed:
        """The installation ``key``.

        :param make: installs into an empty folder, where there is none.
        :raises LambdactlError: it can't be installed.
        :raises OSError: it can't be written.
        """
        with self._guard:
            turn = self._turns.setdefault(key, threading.Lock())
        with turn:
            if key not in self._found:
                self._found[key] = self._get(key, make, work)
            return self._found[key]

    def _get(self, key: str, make: Callable[[Path, Work], Installed], work: Work) -> Installed:
        folder = self._folder / key
        self._folder.mkdir(parents=True, exist_ok=True)
        use = self._use
        while True:
            work.children.check()
            lock = _locked(folder, fcntl.LOCK_SH) if use else None
            if lock is not None:
                found = _read(folder)
                if found is not None:
                    self._held.append(lock)
                    with contextlib.suppress(OSError):
                        os.utime(folder)
                    return found
                os.close(lock)
            lock = _locked(folder, fcntl.LOCK_EX)
            if lock is not None:
                try:
                    half = Path(tempfile.mkdtemp(dir=self._scratch))
                    _make(half, make, work)
                    self._remove(folder)
                    half.rename(folder)
                    self._forget()
                finally:
                    os.close(lock)
                use = True
            elif use:
                time.sleep(_TURN_S)
            else:
                # Another build reads what is there, or makes it: this one's is its own.
                return _make(Path(tempfile.mkdtemp(dir=self._scratch)), make, work)

    def _forget(self) -> None:
        """Let go of what was not used for long, and is not used now."""
        known = []
        for folder in self._folder.iterdir():
            with contextlib.suppress(OSError):
                if _KEY.fullmatch(folder.name):
                    known.append((folder.stat().st_mtime_ns, folder))
        for _, folder in sorted(known, reverse=True)[MOST:]:
            with contextlib.suppress(OSError):
                lock = _locked(folder, fcntl.LOCK_EX)
                if lock is not None:
                    try:
                        self._remove(folder)
                        _lock_file(folder).unlink()
                    finally:
                        os.close(lock)

    def _remove(self, folder: Path) -> None:
        """At once, whenever we are killed: half of an installation looks like one."""
        if os.path.lexists(folder):
            gone = Path(tempfile.mkdtemp(dir=self._scratch)) / "gone"
            folder.rename(gone)
            cache.remove(gone)


def _make(half: Path, make: Callable[[Path, Work], Installed], work: Work) -> Installed:
    tree = half / _TREE
    tree.mkdir()
    made = make(tree, work)
    if made.folder != tree:
        # What installs where it likes.
        tree.rmdir()
        shutil.move(made.folder, tree)
    packages = [dataclasses.asdict(package) for package in made.packages]
    (half / _PACKAGES).write_text(json.dumps(packages), encoding="utf-8")
    return Installed(tree, made.packages)


def _read(folder: Path) -> Installed | None:
    try:
        packages = json.loads((folder / _PACKAGES).read_bytes())
        found = tuple(Package(**{**one, "requires": tuple(one["requires"])}) for one in packages)
    except (OSError, ValueError, LookupError, TypeError):
        return None
    tree = folder / _TREE
    return Installed(tree, found) if tree.is_dir() else None


def _lock_file(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def _locked(folder: Path, how: int) -> int | None:
    """The lock of an installation, open; None while others have it.

    :raises OSError: it can't be made.
    """
    path = _lock_file(folder)
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
        # Whoever has removed the installation has removed the file.
        if os.path.samestat(os.fstat(lock), path.stat()):
            return lock
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(lock)
        raise
    os.close(lock)
    return None
