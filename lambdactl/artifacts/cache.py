"""What a build knows of the last one: content keys, and artifacts that are still right.

A key is made of everything that decides an artifact's bytes: the names, modes and content of its
sources, what its dependencies are, how it is built. The content of a file is read once and then
known by its stamp (size, times, inode), so that a tree that has not changed costs one ``stat`` a
file.
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
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lambdactl import __version__
from lambdactl.artifacts.model import Artifact, Entry, LeftOut, Package, Tree

FORMAT = 2
"""Of keys, records and digests; another one makes all artifacts anew."""

_READ = 1024 * 1024
_ALIVE = ".alive"
_MOMENT_NS = 50_000_000
"""Longer than the steps in which file systems tell the time."""
_ABANDONED_S = 3600.0
_DAY_S = 24 * 3600.0
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")


class Digests:
    """The content of files, known by their stamps from build to build. For several threads.

    :param path: the file that keeps them; a broken one is an empty one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = _digests(path)
        self._used: dict[str, list[Any]] = {}
        self._begun_ns = time.time_ns()

    def of(self, file: Path) -> str:
        """Hex digest of the file's content.

        :raises OSError: it can't be read.
        """
        about = file.stat()
        # The time of a file's last change of any kind can't be set back by the user.
        stamp = [about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino]
        name = str(file)
        known = self._used.get(name) or self._known.get(name)
        if known is None or known[:-1] != stamp:
            known = [*stamp, _digest(file)]
        self._used[name] = known
        return str(known[-1])

    def save(self) -> None:
        """Keep what this build has used, and of the rest what is still there.

        :raises OSError: it can't be written.
        """
        # Changed once more in the same moment, a file would keep its stamp: as in git's index.
        sure = self._begun_ns - _MOMENT_NS
        used = {name: known for name, known in self._used.items() if known[2] < sure}
        if used.items() <= self._known.items() and self._used.keys() == used.keys():
            return
        others = self._known.keys() - self._used.keys()
        kept = {name: self._known[name] for name in others if os.path.lexists(name)}
        document = {"format": FORMAT, "files": {**kept, **used}}
        write_atomically(self._path, json.dumps(document).encode())


def _digests(path: Path) -> dict[str, list[Any]]:
    document = _read_json(path)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        return {}
    files = document.get("files")
    return files if isinstance(files, dict) else {}


def _digest(file: Path) -> str:
    found = hashlib.blake2b(digest_size=20)
    with file.open("rb") as opened:
        while data := opened.read(_READ):
            found.update(data)
    return found.hexdigest()


def key(parts: Mapping[str, Any], trees: Iterable[Tree], digests: Digests) -> str:
    """The key of what is made from ``parts`` (anything that JSON can say) and ``trees``.

    :raises OSError: a file can't be read.
    """
    found = hashlib.blake2b(digest_size=20)
    found.update(json.dumps([FORMAT, __version__, parts], sort_keys=True, default=str).encode())
    for tree in trees:
        found.update(b"\0\0")
        for entry in tree.entries:
            found.update(_line(entry, digests))
    return found.hexdigest()


def _line(entry: Entry, digests: Digests) -> bytes:
    name = entry.name.encode("utf-8", "surrogateescape")
    return b"%s\0%d\0%s\n" % (name, entry.executable, digests.of(entry.source).encode())


@dataclasses.dataclass(frozen=True, slots=True)
class Shelf:
    """The folder of artifacts, each with a record of what it was made from.

    :ivar alike: names of functions, or of layers, that differ in nothing but case: on many a disk
        they would be one file.
    """

    folder: Path
    alike: frozenset[str] = frozenset()

    def place(self, artifact: Artifact) -> Path:
        """Where the zip of ``artifact`` is: layers may be called as functions are."""
        return self._file(artifact, "{}.zip")

    def find(self, like: Artifact, wanted: str) -> Artifact | None:
        """The artifact of the last build with the name of ``like``, if it was made for the key
        ``wanted`` and nobody has touched it since."""
        record = _read_json(self._record(like))
        if not isinstance(record, dict) or record.get("key") != wanted:
            return None
        path = self.place(like)
        if _stamp(path) != record.get("stamp"):
            return None
        try:
            artifact = _artifact(record["artifact"])
        except (LookupError, TypeError, AttributeError):
            return None
        with contextlib.suppress(OSError):
            os.utime(self._record(like))
        return dataclasses.replace(artifact, path=path, cached=True)

    def put(self, half: Path, artifact: Artifact, key: str) -> Artifact:
        """Put the zip ``half`` where artifacts are, and remember what it was made from. Whoever
        reads it sees it whole, or the one before.

        :raises OSError: it can't be written.
        """
        path = self.place(artifact)
        artifact = dataclasses.replace(artifact, path=path)
        # Not in the record: the folder may be moved, or copied.
        fields = {**dataclasses.asdict(artifact), "path": None}
        record = {"key": key, "stamp": _stamp(half), "artifact": fields}
        path.parent.mkdir(parents=True, exist_ok=True)
        # The record is of this zip, whatever another build puts here at the same time: it has the
        # stamp of no other.
        half.replace(path)
        write_atomically(self._record(artifact), json.dumps(record, default=str).encode())
        return artifact

    def forget(self, pattern: re.Pattern[str], most: int) -> None:
        """Remove layers whose name ``pattern`` fits and that were not used today, but for ``most``
        that were used last."""
        found: list[tuple[float, Path]] = []
        today = time.time() - _DAY_S
        with contextlib.suppress(OSError):
            for record in (self.folder / "layers").glob(".*.json"):
                if pattern.fullmatch(record.name[1:-5]):
                    found.append((record.stat().st_mtime, record))
        for used, record in sorted(found, reverse=True)[most:]:
            with contextlib.suppress(OSError):
                if used > today:
                    continue
                record.unlink()
                record.with_name(f"{record.name[1:-5]}.zip").unlink()

    def _record(self, artifact: Artifact) -> Path:
        return self._file(artifact, ".{}.json")

    def _file(self, artifact: Artifact, pattern: str) -> Path:
        name = artifact.name
        if not _PLAIN.fullmatch(name) or name in self.alike:
            # What no file can be called on some system is still told apart.
            plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name)[:60].strip("-")
            mark = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=6)
            name = f"{plain or 'unnamed'}-{mark.hexdigest()}"
        return self.folder / _section(artifact) / pattern.format(name)


def alike(*groups: Iterable[str]) -> frozenset[str]:
    """The names that differ from another of their group in nothing but case."""
    found: set[str] = set()
    for names in groups:
        known: dict[str, str] = {}
        for name in names:
            other = known.setdefault(name.casefold(), name)
            if other != name:
                found |= {name, other}
    return frozenset(found)


def _section(artifact: Artifact) -> str:
    return "layers" if artifact.kind == "layer" else "functions"


def _stamp(path: Path) -> list[int] | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return [about.st_size, about.st_mtime_ns, about.st_ino]


def _artifact(record: Mapping[str, Any]) -> Artifact:
    values = dict(record)
    values["layers"] = tuple(values["layers"])
    values["warnings"] = tuple(values["warnings"])
    values["packages"] = tuple(
        Package(**{**package, "requires": tuple(package["requires"])})
        for package in values["packages"]
    )
    values["left_out"] = tuple(LeftOut(**one) for one in values["left_out"])
    return Artifact(**values)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


def write_atomically(path: Path, data: bytes) -> None:
    """Whoever reads ``path`` sees all of ``data`` or what was there before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """A folder of this build's own in ``parent``, and gone with it. What builds that were killed
    have left there goes, too: the lock on a file in it is free then.

    :raises OSError: it can't be made.
    """
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.iterdir():
        _remove_if_left(left)
    folder = Path(tempfile.mkdtemp(dir=parent))
    unnamed = folder / f"{_ALIVE}.new"
    lock = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Under its name the file is locked from the first: a free lock is an invitation.
        unnamed.rename(folder / _ALIVE)
        yield folder
    finally:
        remove(folder)
        os.close(lock)


def remove(folder: Path) -> None:
    """Remove ``folder`` and all in it, whatever may be written; what can't be stays."""
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        return
    # Somebody has made folders that nothing may be removed from.
    for inside, names, _ in os.walk(folder):
        for name in ("", *names):
            path = Path(inside, name)
            with contextlib.suppress(OSError):
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode | stat.S_IRWXU)
    shutil.rmtree(folder, ignore_errors=True)


def _remove_if_left(folder: Path) -> None:
    try:
        lock = os.open(folder / _ALIVE, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        # Somebody is making it just now; or was killed in that moment.
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > _ABANDONED_S:
                remove(folder)
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return
    else:
        remove(folder)
    finally:
        os.close(lock)
