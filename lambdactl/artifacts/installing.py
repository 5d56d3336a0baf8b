"""Dependencies that have been installed once and are used again: by their key, whoever asks.

Functions with equal lock files for the same runtime and architecture share one installation.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from lambdactl import __version__
from lambdactl.artifacts.model import Installed, Package, Target, Work

_locks: dict[Path, threading.Lock] = {}
_guard = threading.Lock()
_PACKAGES = "packages.json"
_TREE = "tree"
_MOST = 50
"""Installations that are kept, the ones used last."""


def key(manager: str, decided_by: bytes, target: Target, *, inside: str = "") -> str:
    """The key of an installation.

    :param manager: what installs.
    :param decided_by: what the manager says decides what is installed.
    :param inside: the id of the image it is installed in, if it is.
    """
    found = hashlib.blake2b(digest_size=20)
    for part in (__version__, manager, target.runtime, target.architecture, inside):
        found.update(part.encode() + b"\0")
    found.update(decided_by)
    return found.hexdigest()


def get(
    store: Path, key: str, make: Callable[[Path, Work], Installed], work: Work, *, use: bool
) -> Installed:
    """The installation ``key``; ``make`` makes it where there is none.

    :param store: the folder of all installations.
    :param make: installs into an empty folder.
    :param use: False makes it anew, once for all who ask in this build.
    :raises LambdactlError: it can't be installed.
    """
    folder = store / key
    with _lock(folder):
        found = _read(folder)
        if found is not None and (use or (work.scratch / key).exists()):
            with contextlib.suppress(OSError):
                os.utime(folder)
            return found
        half = Path(tempfile.mkdtemp(dir=work.scratch))
        tree = half / _TREE
        tree.mkdir()
        made = make(tree, work)
        if made.folder != tree:
            # What installs where it likes.
            tree.rmdir()
            shutil.move(made.folder, tree)
        packages = [dataclasses.asdict(package) for package in made.packages]
        (half / _PACKAGES).write_text(json.dumps(packages))
        _put(half, folder)
        (work.scratch / key).touch()
        _forget(store)
        return Installed(folder / _TREE, made.packages)


def _read(folder: Path) -> Installed | None:
    try:
        packages = json.loads((folder / _PACKAGES).read_bytes())
    except (OSError, ValueError):
        return None
    found = (Package(**{**one, "requires": tuple(one["requires"])}) for one in packages)
    return Installed(folder / _TREE, tuple(found))


def _put(half: Path, folder: Path) -> None:
    """Let it appear as a whole. Another build that was faster has made the same."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        half.rename(folder)


def _forget(store: Path) -> None:
    """Let go of what was not used for long."""
    folders = sorted(store.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for folder in folders[_MOST:]:
        shutil.rmtree(folder, ignore_errors=True)


def _lock(folder: Path) -> threading.Lock:
    with _guard:
        return _locks.setdefault(folder, threading.Lock())
