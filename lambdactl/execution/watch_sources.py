"""Where news of changed files comes from: inotify (Linux), watchdog (elsewhere), or looking again
and again (network mounts).

A source is a file descriptor that becomes readable, so an event loop needs no thread to be told,
and a save is known a fraction of a millisecond after it. Why not watchdog on Linux too: it
watches folders one thread each, or a tree with everything in it, ``node_modules`` included.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import struct
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from lambdactl.execution.mounts import is_silent

if TYPE_CHECKING:
    from watchdog.events import FileSystemEvent

POLL_S = 0.5
"""How often a source without events looks."""


class News(NamedTuple):
    """Something may have happened to ``path``."""

    path: Path
    still_open: bool = False
    """It was written to and may be written on: its writer has not closed it."""


class Source(Protocol):
    def fileno(self) -> int:
        """Readable when there are news."""
        ...

    def add(self, folder: Path) -> None:
        """Tell of what changes directly in ``folder`` from now on.

        :raises OSError: it can't be watched.
        """
        ...

    def read(self) -> Iterable[News] | None:
        """The news so far, without waiting; None when some were lost, so that all must be looked
        at."""
        ...

    def close(self) -> None: ...


class Inotify:
    """inotify(7), one watch a folder. https://man7.org/linux/man-pages/man7/inotify.7.html"""

    _MODIFY, _ATTRIB, _CLOSE_WRITE = 0x002, 0x004, 0x008
    _MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x040, 0x080, 0x100, 0x200
    _DELETE_SELF, _MOVE_SELF = 0x400, 0x800
    _OVERFLOW, _IGNORED, _ONLYDIR, _EXCL_UNLINK, _ISDIR = (
        0x4000,
        0x8000,
        0x1000000,
        0x4000000,
        0x40000000,
    )
    _WANTED = (
        _MODIFY | _ATTRIB | _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE
        | _DELETE_SELF | _MOVE_SELF | _ONLYDIR | _EXCL_UNLINK
    )  # fmt: skip
    _HEAD = struct.Struct("iIII")

    def __init__(self) -> None:
        """:raises OSError: this system has no inotify, or no more of it."""
        libc = ctypes.CDLL(None, use_errno=True)
        if not hasattr(libc, "inotify_init1"):
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        self._libc = libc
        self._fd = _checked(libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        self._folders: dict[int, Path] = {}
        self._watches: dict[Path, int] = {}

    def fileno(self) -> int:
        return self._fd

    def add(self, folder: Path) -> None:
        watch = self._libc.inotify_add_watch(self._fd, os.fsencode(folder), self._WANTED)
        try:
            _checked(watch)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EACCES):
                return  # It has gone again, which is told by itself, or is nobody's to read.
            raise
        # The same folder under a new name keeps its watch.
        before = self._folders.get(watch)
        if before is not None and before != folder:
            self._watches.pop(before, None)
        self._folders[watch] = folder
        self._watches[folder] = watch

    def read(self) -> list[News] | None:
        found: dict[News, None] = {}
        while True:
            try:
                data = os.read(self._fd, 65536)
            except BlockingIOError:
                return list(found)
            at = 0
            while at < len(data):
                watch, mask, _, length = self._HEAD.unpack_from(data, at)
                at += self._HEAD.size + length
                if mask & self._OVERFLOW:
                    return None
                folder = self._folders.get(watch)
                if folder is not None:
                    name = data[at - length : at].rstrip(b"\0")
                    news = self._news(watch, mask, folder, os.fsdecode(name))
                    if news is not None:
                        found[news] = None

    def _news(self, watch: int, mask: int, folder: Path, name: str) -> News | None:
        if mask & self._IGNORED:
            self._forget(watch)
            return None
        if mask & (self._DELETE_SELF | self._MOVE_SELF):
            self._drop(folder)
            return News(folder)
        if not name:
            return None
        path = folder / name
        if mask & self._ISDIR:
            if mask & self._ATTRIB:
                return None
            if mask & (self._MOVED_FROM | self._DELETE):
                self._drop(path)
            return News(path)
        if mask & self._CREATE:
            # The writer of a new file will close it; a link is complete at once.
            try:
                status = path.lstat()
            except OSError:
                return None
            is_link = status.st_nlink > 1 or path.is_symlink()
            return News(path) if is_link else None
        return News(path, still_open=bool(mask & self._MODIFY))

    def _drop(self, folder: Path) -> None:
        """Watch ``folder`` and all below it no longer: their paths are not theirs any more."""
        for path in [path for path in self._watches if path.is_relative_to(folder)]:
            watch = self._watches[path]
            self._libc.inotify_rm_watch(self._fd, watch)
            self._forget(watch)

    def _forget(self, watch: int) -> None:
        folder = self._folders.pop(watch, None)
        if folder is not None and self._watches.get(folder) == watch:
            del self._watches[folder]

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


class _Bell:
    """News from another thread, behind a file descriptor."""

    def __init__(self) -> None:
        self._news: deque[News] = deque()
        self._lock = threading.Lock()
        self._read_fd, self._write_fd = os.pipe()
        os.set_blocking(self._read_fd, False)
        os.set_blocking(self._write_fd, False)

    def fileno(self) -> int:
        return self._read_fd

    def ring(self, news: Iterable[News]) -> None:
        self._news.extend(news)
        # Not into a number that is somebody else's file by now.
        with self._lock:
            if self._write_fd >= 0:
                # A full pipe is readable already.
                with contextlib.suppress(BlockingIOError):
                    os.write(self._write_fd, b"!")

    def read(self) -> list[News]:
        with contextlib.suppress(BlockingIOError):
            os.read(self._read_fd, 4096)
        found: dict[News, None] = {}
        while self._news:
            found[self._news.popleft()] = None
        return list(found)

    def close(self) -> None:
        with self._lock:
            if self._read_fd >= 0:
                os.close(self._read_fd)
                os.close(self._write_fd)
                self._read_fd = self._write_fd = -1


class Polling(_Bell):
    """Looks at everything every ``interval_s`` seconds, in a thread.

    :param look: what there is to see now: each file with what its change would change.
    """

    def __init__(self, look: Callable[[], Mapping[Path, object]], interval_s: float) -> None:
        super().__init__()
        self._look = look
        self._interval_s = interval_s
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, folder: Path) -> None:
        """What there is to look at, ``look`` knows. The first look is the one to compare with."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, args=(self._look(),), name="lambdactl-watch", daemon=True
            )
            self._thread.start()

    def _run(self, before: Mapping[Path, object]) -> None:
        while not self._end.wait(self._interval_s):
            now = self._look()
            changed = [path for path in {**before, **now} if before.get(path) != now.get(path)]
            if changed and not self._end.is_set():
                self.ring(News(path) for path in changed)
            before = now

    def close(self) -> None:
        """The thread is not waited for: it may be in the middle of a look at a slow network."""
        self._end.set()
        super().close()


class Watchdog(_Bell):
    """Whatever watchdog has for the platform (FSEvents on macOS): whole trees, of which what is
    ignored is left out later. https://python-watchdog.readthedocs.io/en/stable/api.html"""

    _KINDS = frozenset({"created", "modified", "deleted", "moved", "closed", "attrib"})

    def __init__(self, trees: Iterable[Path]) -> None:
        """:param trees: folders to watch with all that is below."""
        super().__init__()
        from watchdog.observers import Observer

        self._observer = Observer()
        self._trees = set(trees)
        self._scheduled: dict[Path, Any] = {}
        self._observer.start()

    def add(self, folder: Path) -> None:
        if any(
            folder.is_relative_to(known) and (folder == known or known in self._trees)
            for known in self._scheduled
        ):
            return
        handler: Any = self
        recursive = folder in self._trees
        self._scheduled[folder] = self._observer.schedule(handler, str(folder), recursive=recursive)

    def dispatch(self, event: FileSystemEvent) -> None:
        """Called by watchdog, in its thread."""
        if event.event_type in self._KINDS and not (
            event.is_directory and event.event_type == "modified"
        ):
            self.ring(self._told(event))

    def read(self) -> list[News]:
        news = super().read()
        for folder in [folder for folder in self._scheduled if not folder.is_dir()]:
            # It may come back, as another one.
            self._observer.unschedule(self._scheduled.pop(folder))
        return news

    @staticmethod
    def _told(event: FileSystemEvent) -> Iterator[News]:
        for path in (event.src_path, getattr(event, "dest_path", "")):
            if path:
                yield News(Path(os.fsdecode(path)))

    def close(self) -> None:
        self._observer.stop()
        self._observer.join()
        super().close()


def choose(
    paths: Collection[Path],
    look: Callable[[], Mapping[Path, object]],
    *,
    polling: bool,
    poll_s: float,
    warn: Callable[[str], None],
) -> Source:
    """The best source that there is for files and folders.

    :param look: see :class:`Polling`.
    :param polling: take none but that.
    :param warn: told why, where it is taken unasked.
    """
    silent = next((path for path in paths if is_silent(path)), None)
    if silent is not None and not polling:
        warn(f"{silent} tells nobody of its changes: looking every {poll_s:g} s")
    if polling or silent is not None:
        return Polling(look, poll_s)
    try:
        return Inotify()
    except OSError as error:
        if os.uname().sysname != "Linux":
            return Watchdog(path for path in paths if path.is_dir())
        return polling_because(error, look, poll_s, warn)


def polling_because(
    error: OSError,
    look: Callable[[], Mapping[Path, object]],
    poll_s: float,
    warn: Callable[[str], None],
) -> Polling:
    """What is left where the system does not tell of changes."""
    warn(f"can't watch files ({error.strerror}): looking every {poll_s:g} s")
    return Polling(look, poll_s)
