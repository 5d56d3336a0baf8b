"""Waiting for a save: which files matter, and when they have changed."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchdog.events import FileSystemEvent

SETTLE_S = 0.05
"""Editors save in several steps; a change counts when this long nothing more has come."""

_IGNORED_FOLDERS = {
    "__pycache__",
    "node_modules",
    ".git",
    ".hg",
    ".svn",
    ".venv",
    "venv",
    ".idea",
    ".vscode",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".lambdactl",
}
_IGNORED_ENDINGS = ("~", ".swp", ".swx", ".swpx", ".tmp", ".pyc", "___jb_tmp___", "___jb_old___")
_CHANGES = {"created", "modified", "deleted", "moved"}
_FOLDER_CHANGES = {"deleted", "moved"}
"""A folder that leaves takes its files along without a word about each; one that only changes does
so because of a file, which is told by itself."""


def matters(path: str, roots: Iterable[Path]) -> bool:
    """Whether a change of ``path`` is a change of what ``roots`` (folders or files) are made of."""
    changed = Path(path)
    name = changed.name
    if name.endswith(_IGNORED_ENDINGS) or name.startswith((".#", "#")) or name == "4913":
        return False
    return any(
        changed.is_relative_to(root)
        and not _IGNORED_FOLDERS.intersection(changed.relative_to(root).parts[:-1])
        for root in roots
    )


class Watch:
    """Watches folders and files from its creation to :meth:`close`."""

    def __init__(self, roots: Iterable[Path]) -> None:
        from watchdog.observers import Observer

        self._roots = tuple(root.resolve() for root in roots)
        self._changed = threading.Event()
        self._observer = Observer()
        for folder in {root if root.is_dir() else root.parent for root in self._roots}:
            # A single file is watched through its folder, because editors replace files.
            recursive = folder in self._roots
            self._observer.schedule(self, str(folder), recursive=recursive)  # type: ignore[arg-type]
        self._observer.start()

    def dispatch(self, event: FileSystemEvent) -> None:
        """Called by watchdog, in its thread."""
        if event.event_type not in _CHANGES:
            return
        paths = [str(event.src_path), str(getattr(event, "dest_path", "") or "")]
        if event.is_directory:
            if event.event_type not in _FOLDER_CHANGES:
                return
            # What matters is what was in it.
            paths = [f"{path}{os.sep}*" for path in paths if path]
        if any(path and matters(path, self._roots) for path in paths):
            self._changed.set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Until something has changed and settled; False when ``timeout_s`` passed first."""
        if not self._changed.wait(timeout_s):
            return False
        while True:
            self._changed.clear()
            if not self._changed.wait(SETTLE_S):
                return True

    def close(self) -> None:
        self._observer.stop()
        self._observer.join()
