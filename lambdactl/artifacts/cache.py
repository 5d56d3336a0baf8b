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
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lambdactl.artifacts.model import Artifact, Entry, LeftOut, Package, Tree

FORMAT = 1
"""Of keys and records; another one makes all artifacts anew."""

_READ = 1024 * 1024
_ALIVE = ".alive"


class Digests:
    """The content of files, known by their stamps from build to build.

    :param path: the file that keeps them; a broken one is an empty one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, list[Any]] = _read_json(path) or {}
        self._used: dict[str, list[Any]] = {}

    def of(self, file: Path) -> str:
        """Hex digest of the file's content.

        :raises OSError: it can't be read.
        """
        stat = file.stat()
        # The time of a file's last change of any kind can't be set back by the user.
        stamp = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
        name = str(file)
        known = self._used.get(name) or self._known.get(name)
        if known is None or known[:-1] != stamp:
            known = [*stamp, _digest(file)]
        self._used[name] = known
        return str(known[-1])

    def save(self) -> None:
        """Keep what this build has used, and nothing else of the files that are gone."""
        kept = {name: known for name, known in self._known.items() if os.path.lexists(name)}
        write_atomically(self._path, json.dumps({**kept, **self._used}).encode())


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
    found.update(json.dumps([FORMAT, parts], sort_keys=True, default=str).encode())
    for tree in trees:
        found.update(b"\0\0")
        for entry in tree.entries:
            found.update(_line(entry, digests))
    return found.hexdigest()


def _line(entry: Entry, digests: Digests) -> bytes:
    name = entry.name.encode("utf-8", "surrogateescape")
    return b"%s\0%d\0%s\n" % (name, entry.executable, digests.of(entry.source).encode())


def place(folder: Path, artifact: Artifact) -> Path:
    """Where the zip of ``artifact`` is: layers may be called as functions are."""
    return folder / _section(artifact) / f"{artifact.name}.zip"


def find(folder: Path, like: Artifact, wanted: str) -> Artifact | None:
    """The artifact of the last build with the name of ``like``, if it was made for the key
    ``wanted`` and nobody has touched it since."""
    record = _read_json(_record(folder, like))
    if not isinstance(record, dict) or record.get("key") != wanted:
        return None
    artifact = _artifact(record["artifact"])
    if artifact.path is not None and _stamp(artifact.path) != record["stamp"]:
        return None
    return dataclasses.replace(artifact, cached=True)


def put(folder: Path, artifact: Artifact, key: str) -> None:
    """Remember ``artifact``; its zip is in place."""
    record = {
        "key": key,
        "stamp": _stamp(artifact.path) if artifact.path is not None else None,
        "artifact": dataclasses.asdict(artifact),
    }
    write_atomically(_record(folder, artifact), json.dumps(record, default=str).encode())


def _record(folder: Path, artifact: Artifact) -> Path:
    return folder / _section(artifact) / f".{artifact.name}.json"


def _section(artifact: Artifact) -> str:
    return "layers" if artifact.kind == "layer" else "functions"


def _stamp(path: Path) -> list[int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return [stat.st_size, stat.st_mtime_ns, stat.st_ino]


def _artifact(record: Mapping[str, Any]) -> Artifact:
    values = dict(record)
    values["path"] = Path(values["path"]) if values["path"] else None
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
    have left there goes, too: the lock on a file in it is free then."""
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
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _remove_if_left(folder: Path) -> None:
    try:
        lock = os.open(folder / _ALIVE, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        # Somebody is making it just now.
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return
    else:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
