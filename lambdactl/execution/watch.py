"""What functions are made of, watched: which files matter, and when they have changed.

:class:`Watch` knows the files below its roots as they were, and tells of one that is different
now. A save that leaves the content as it was is none. A file that is gone may be on its way back
(editors move the old one away first), so it counts a moment later; everything else at once.
"""

from __future__ import annotations

import os
import select
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from lambdactl.execution import stamps
from lambdactl.execution.growing import Logs, unfinished
from lambdactl.execution.ignoring import RULE_FILES, Rules
from lambdactl.execution.watch_sources import POLL_S, Inotify, Source, choose, polling_because

SETTLE_S = 0.05
"""Editors save in several steps; who waits for a save waits until this long nothing more came."""

GONE_S = 0.05
"""A file that is missing this long was not being replaced."""

OPEN_S = 0.1
"""A file that is written to counts when it is closed, or after this long."""

MAX_FOLDERS = 10_000
_MAX_READ = 1000
"""So many files are read at the start, to know a save that changes nothing. Those nearest to the
root come first; the others are told by their times until they change."""


class Change(NamedTuple):
    """``path`` has changed, which is part of ``root`` (as it was given)."""

    root: Path
    path: Path


class _Tree(NamedTuple):
    path: Path
    owner: Path
    rules: Rules


class Watch:
    """Watches files and folders from its creation to :meth:`close`. Not for use by two threads.

    :param roots: what to watch; they may come to be later.
    :param keep: files that are never ignored.
    :param apart: files that belong to no folder: each has to be a root to be watched.
    :param without: by root, what is not part of it though it lies there.
    :param polling: look every ``poll_s`` seconds; without it, only where there are no events.
    :param every_save: a save that leaves the content as it was counts, too.
    :param warn: takes what the user should know.
    """

    def __init__(
        self,
        roots: Iterable[Path],
        *,
        keep: Collection[Path] = (),
        apart: Collection[Path] = (),
        without: Mapping[Path, Collection[Path]] | None = None,
        polling: bool = False,
        poll_s: float = POLL_S,
        every_save: bool = False,
        warn: Callable[[str], None] | None = None,
        source: Source | None = None,
    ) -> None:
        self._poll_s = poll_s
        self._every_save = every_save
        self._warn = warn or (lambda message: None)
        self._keep = {path.resolve() for path in keep}
        self._apart = {path.resolve() for path in apart}
        self._without = {
            root: frozenset(path.resolve() for path in paths)
            for root, paths in (without or {}).items()
        }
        self._begun_ns = time.time_ns()
        self._files: dict[Path, set[Path]] = {}
        self._trees: list[_Tree] = []
        self._links: dict[Path, set[Path]] = {}
        """Files outside of the trees that links inside of them lead to."""
        self._folders: dict[Path, tuple[_Tree, ...]] = {}
        self._stamps: dict[Path, stamps.Stamp | None] = {}
        """None: it may have changed while we were beginning, so its next event counts."""
        self._held: dict[Path, float] = {}
        self._open: set[Path] = set()
        """Those of them whose writer has not closed them."""
        self._logs = Logs(self._warn)
        self._missing: set[Path] = set()
        self._look_again: float | None = None
        self._read = 0
        self._listened = False
        for root in roots:
            self._files.setdefault(root.resolve(), set()).add(root)
        self._source = source or choose(
            self._files, self.look, polling=polling, poll_s=poll_s, warn=self._warn
        )
        for path in tuple(self._files):
            self._establish(path, None)
        self._listened = True

    def fileno(self) -> int:
        """Readable when :meth:`changes` may have something."""
        return self._source.fileno()

    @property
    def folders(self) -> Collection[Path]:
        """Every folder whose files are watched."""
        return self._folders.keys()

    def changes(self) -> list[Change]:
        """What has changed since the last time, without waiting."""
        found: dict[Change, None] = {}
        news = self._source.read()
        now = time.monotonic()
        if news is None or (self._look_again is not None and now >= self._look_again):
            self._reconcile(found)
        for one in news or ():
            self._inspect(one.path, one.still_open, found)
        for path in [path for path, due in self._held.items() if found or now >= due]:
            if now >= self._held[path] or not stamps.exists(path):
                del self._held[path]
                self._settle(path, found)
        return list(found)

    def due_s(self) -> float | None:
        """Seconds until :meth:`changes` may have something though no news come."""
        due = [*self._held.values()]
        if self._look_again is not None:
            due.append(self._look_again)
        return max(0.0, min(due) - time.monotonic()) if due else None

    def wait(self, timeout_s: float | None = None) -> bool:
        """Until something has changed and settled; False when ``timeout_s`` passed first."""
        end = None if timeout_s is None else time.monotonic() + timeout_s
        while not self.changes():
            if end is not None and time.monotonic() >= end:
                return False
            self._sleep(end)
        end = time.monotonic() + SETTLE_S
        while time.monotonic() < end:
            self._sleep(end)
            if self.changes():
                end = time.monotonic() + SETTLE_S
        return True

    def close(self) -> None:
        self._source.close()

    def _sleep(self, end: float | None) -> None:
        waits = [] if end is None else [max(0.0, end - time.monotonic())]
        due = self.due_s()
        if due is not None:
            waits.append(due)
        select.select([self._source], [], [], min(waits) if waits else None)

    # where news come from

    def _add(self, folder: Path) -> None:
        try:
            self._source.add(folder)
        except OSError as error:
            if self._listened:
                # Whoever listens to this source goes on doing so.
                if self._look_again is None:
                    self._warn(f"can't watch {folder} ({error.strerror}); see --polling")
                self._look_again = time.monotonic() + self._poll_s
                return
            self._source.close()
            self._source = polling_because(error, self.look, self._poll_s, self._warn)
            self._source.add(folder)

    def look(self) -> Mapping[Path, object]:
        """Every file that matters, with what shows that it has changed (for :class:`Polling`)."""
        seen: dict[Path, object] = {}
        for tree in tuple(self._trees):
            folders = [tree.path]
            while folders:
                try:
                    entries = list(os.scandir(folders.pop()))
                except OSError:
                    continue
                for entry in entries:
                    path = Path(entry.path)
                    is_folder = entry.is_dir(follow_symlinks=False)
                    if self._ignored(tree, path, folder=is_folder):
                        continue
                    if is_folder:
                        folders.append(path)
                    else:
                        seen[path] = stamps.take(path, read=False)
            seen[tree.path] = tree.path.is_dir()
        for path in (*self._files, *self._links):
            seen[path] = path.is_dir() or stamps.take(path, read=False)
        return seen

    # the beginning, and what comes to be

    def _establish(self, path: Path, found: dict[Change, None] | None) -> None:
        """Begin (again) to watch a root. ``found`` is None at the start, when nothing is new."""
        if path.is_dir():
            for owner in self._files.pop(path, ()):
                self._trees.append(_Tree(path, owner, Rules(path)))
            self._missing.discard(path)
            self._explore(path, found)
        elif path.exists():
            self._missing.discard(path)
            self._add(path.parent)
            self._compare(path, found)
        else:
            self._missing.add(path)
            self._add(next(above for above in path.parents if above.is_dir()))

    def _explore(self, top: Path, found: dict[Change, None] | None) -> None:
        """Watch the folder ``top`` and all below it, and see what there is."""
        if top in self._folders and found is not None:
            self._hold_missing(top)
        folders = deque([top])
        while folders:
            folder = folders.popleft()
            trees = self._trees_of(folder)
            if not trees:
                continue
            if len(self._folders) >= MAX_FOLDERS and folder not in self._folders:
                self._warn(
                    f"more than {MAX_FOLDERS:,} folders, so not all are watched: "
                    "name what is not code in .lambdaignore"
                )
                return
            self._folders[folder] = trees
            # First, so that what comes to be while we read is told of.
            self._add(folder)
            try:
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError:
                continue
            names = {entry.name for entry in entries}
            for tree in trees:
                tree.rules.levels(folder, names)
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
                else:
                    self._compare(Path(entry.path), found)

    def _trees_of(self, folder: Path) -> tuple[_Tree, ...]:
        """The trees that ``folder`` is part of."""
        own = [tree for tree in self._trees if tree.path == folder]
        around = [
            tree
            for tree in self._folders.get(folder.parent, ())
            if tree.path != folder and not self._ignored(tree, folder, folder=True)
        ]
        if around and (folder / "pyvenv.cfg").exists():
            around = []  # A virtual environment, whatever its name.
        return (*own, *around)

    def _ignored(self, tree: _Tree, path: Path, *, folder: bool) -> bool:
        if path in self._keep:
            return False
        without = self._without.get(tree.owner)
        if without and path in without:
            return True
        return tree.rules.ignored(path, folder=folder)

    def _owners(self, path: Path) -> set[Path]:
        """The roots that a file is part of."""
        named = self._files.get(path, set())
        if path in self._apart:
            return named
        owners = {
            tree.owner
            for tree in self._folders.get(path.parent, ())
            if not self._ignored(tree, path, folder=False)
        }
        return owners | named | self._links.get(path, set())

    # what has happened

    def _inspect(self, path: Path, still_open: bool, found: dict[Change, None]) -> None:
        """Something may have happened to ``path``."""
        now = time.monotonic()
        if not stamps.exists(path):
            roots = [*self._files, *self._links, *(tree.path for tree in self._trees)]
            for lost in (path, *(root for root in roots if root.is_relative_to(path))):
                if lost in self._stamps or lost in self._folders:
                    self._held.setdefault(lost, now + GONE_S)
            return
        if any(root.is_relative_to(path) for root in self._missing):
            for root in tuple(self._missing):
                self._establish(root, found)
        if path.is_dir() and not path.is_symlink():
            self._held.pop(path, None)
            if path.parent in self._folders or path in self._folders:
                self._explore(path, found)
            elif not isinstance(self._source, Inotify):
                self._climb(path, found)
        elif self._owners(path):
            if still_open:
                self._held.setdefault(path, now + OPEN_S)
                self._open.add(path)
                return
            self._held.pop(path, None)
            self._open.discard(path)
            self._compare(path, found)
        elif path.parent not in self._folders and not isinstance(self._source, Inotify):
            self._climb(path, found)

    def _climb(self, path: Path, found: dict[Change, None]) -> None:
        """A source that tells of whole trees speaks of a folder that we have not met."""
        below = path
        for above in path.parents:
            if above in self._folders:
                if below.is_dir() and self._trees_of(below):
                    self._explore(below, found)
                return
            below = above

    def _compare(self, path: Path, found: dict[Change, None] | None) -> None:
        """See whether a file is as it was; at the start, how it is."""
        owners = self._owners(path)
        if not owners:
            return
        if path.is_symlink():
            self._follow(path, owners, found)
        if path.name in RULE_FILES and path not in self._files:
            if found is not None:
                self._rules_changed(path)
            return
        if found is None:
            if path in self._stamps:
                return
            self._read += 1
        now = stamps.take(path, read=found is not None or self._read <= _MAX_READ)
        if now is None or self._logs.is_ours(now):
            return
        if found is None:
            self._stamps[path] = None if stamps.young(now, self._begun_ns) else now
            return
        known = path in self._stamps
        before = self._stamps.get(path)
        self._stamps[path] = now
        if (
            not known or before is None or stamps.differ(before, now, self._every_save)
        ) and not self._logs.is_log(path, before, now):
            found.update(dict.fromkeys(Change(owner, path) for owner in owners))

    def _is_unfinished(self, path: Path) -> bool:
        """Whether what was written to a file that is still open counts when it is closed."""
        if path not in self._stamps:
            return False
        now = stamps.take(path, read=False)
        return now is not None and unfinished(path, self._stamps[path], now)

    def _follow(self, link: Path, owners: set[Path], found: dict[Change, None] | None) -> None:
        """Watch what a link leads to, where that is outside of what is watched already."""
        target = Path(os.path.realpath(link))
        trees = [tree.path for tree in self._trees]
        if any(target.is_relative_to(tree) or tree.is_relative_to(target) for tree in trees):
            return
        if target.is_dir():
            self._trees += [_Tree(target, owner, Rules(target)) for owner in owners]
            self._explore(target, found)
        elif target.is_file():
            self._links.setdefault(target, set()).update(owners)
            self._add(target.parent)
            self._compare(target, found)

    def _rules_changed(self, file: Path) -> None:
        """A .gitignore was saved: no change of the code, but of what belongs to it."""
        for tree in self._trees:
            tree.rules.forget(file.parent)
        self._begun_ns = time.time_ns()
        if file.parent in self._folders:
            self._explore(file.parent, None)

    def _hold_missing(self, folder: Path) -> None:
        """Look for files that were there and are not."""
        due = time.monotonic() + GONE_S
        for path in self._stamps:
            if path.is_relative_to(folder) and not stamps.exists(path):
                self._held.setdefault(path, due)

    def _reconcile(self, found: dict[Change, None]) -> None:
        """News were lost, or none come: look at everything."""
        if self._look_again is not None:
            self._look_again = time.monotonic() + self._poll_s
        for path in {*self._files, *self._links, *(tree.path for tree in self._trees)}:
            if path in self._links:
                self._compare(path, found)
            else:
                self._establish(path, found)
                self._hold_missing(path)

    def _settle(self, path: Path, found: dict[Change, None]) -> None:
        """A file was missing or open for a while: now its state counts."""
        if stamps.exists(path):
            if path not in self._open or not self._is_unfinished(path):
                self._inspect(path, False, found)
            return
        self._open.discard(path)
        trees = self._folders.get(path, ())
        owners = self._owners(path) | {tree.owner for tree in trees}
        for folder in [known for known in self._folders if known.is_relative_to(path)]:
            del self._folders[folder]
        gone = [known for known in self._stamps if known.is_relative_to(path)]
        for file in gone:
            del self._stamps[file]
        if gone:
            found.update(dict.fromkeys(Change(owner, path) for owner in owners))
        for root in (*self._files, *(tree.path for tree in self._trees)):
            if root.is_relative_to(path):
                self._establish(root, found)
