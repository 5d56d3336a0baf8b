"""Layers that a function has by ARN: asked from AWS once, kept for ever.

A layer version never changes (https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html),
so what is in the user's cache needs neither a network nor credentials. Archives are kept as they
came, under the name of their SHA-256, and compared with it whenever they are used: a function
that runs without a read-only ``/opt`` can't spoil them, and what a disk has spoiled is found.

Several processes may ask at once; one downloads, under a lock of the kernel's that ends with its
owner, and the others wait.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lambdactl.artifacts.layer_source import ATTEMPTS, Described, Source, Wanted, wanted
from lambdactl.errors import Location, UserError
from lambdactl.manifest.model import Function


@dataclass(frozen=True, slots=True)
class _Kept:
    archive: Path
    runtimes: tuple[str, ...]
    architectures: tuple[str, ...]


_intact: dict[Path, tuple[int, ...]] = {}
"""Archives that this process has read through, as they were then."""


def fetch(
    arn: str,
    *,
    function: str,
    shell: Mapping[str, str],
    where: Location | None = None,
    tell: Callable[[str], None] = lambda message: None,
) -> Path:
    """The archive (a zip) of a layer version; nobody may write to it.

    Blocks while it is downloaded, at most once for each layer version and cache.

    :param arn: of the layer version. Its Region is the one that is asked.
    :param function: the function's name, for messages.
    :param shell: the user's environment: credentials, profile, endpoint, cache folder.
    :param where: where the manifest says that the function has it.
    :param tell: takes what is being waited for.
    :raises UserError: there is no such layer version, the user may not have it, it is not an ARN,
        or the cache can't be written to.
    :raises EnvironmentStartError: no credentials or old ones, no network, a download that is not
        what AWS says it is.
    """
    layer = wanted(arn, function=function, shell=shell, where=where)
    folder = cache_folder(shell)
    if kept := _kept(folder, layer):
        return kept.archive
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder / f"{_key(layer)}.lock", lambda: tell(f"another process gets {arn}")):
            # By now somebody else may have got it.
            kept = _kept(folder, layer)
            return kept.archive if kept else _get(folder, layer, shell, tell)
    except OSError as error:
        raise UserError(
            f"can't keep the layer {arn} of {function} in {folder}: {error.strerror or error}",
            where=where,
            hint="make room there, or set XDG_CACHE_HOME to another folder",
        ) from error


def warnings(arn: str, function: Function, *, shell: Mapping[str, str]) -> tuple[str, ...]:
    """What a layer version that was fetched says against ``function``: it is made for other
    runtimes, or for another architecture. A layer that names none is for all of them."""
    layer = wanted(arn, function=function.name, shell=shell, where=function.where)
    kept = _record(cache_folder(shell), layer)
    if kept is None:
        return ()
    pairs = (
        (function.runtime, kept.runtimes, "runtimes"),
        (function.architecture, kept.architectures, "architectures"),
    )
    return tuple(
        f"{function.name} is for {value}, but its layer {arn} is not: "
        f"its {kind} are {', '.join(listed)}"
        for value, listed, kind in pairs
        if value and listed and value not in listed
    )


def cache_folder(shell: Mapping[str, str]) -> Path:
    """Where layers are kept (https://specifications.freedesktop.org/basedir-spec/latest/)."""
    given = Path(shell.get("XDG_CACHE_HOME") or ".")
    home = Path(shell.get("HOME") or Path.home())
    return (given if given.is_absolute() else home / ".cache") / "lambdactl" / "layers"


def _get(
    folder: Path, layer: Wanted, shell: Mapping[str, str], tell: Callable[[str], None]
) -> Path:
    """Ask AWS, and keep what it gives. Whoever calls is alone with this layer."""
    if _record(folder, layer) is not None:
        tell(f"the copy of the layer {layer.arn} in {folder} is damaged; it is downloaded again")
    _sweep(folder)
    source = Source(layer, shell)
    part = folder / f"{_key(layer)}.part"
    for attempt in range(1, ATTEMPTS + 1):
        described = source.describe()
        archive = folder / f"{described.sha256.hex()}.zip"
        if _is_intact(archive):
            break
        if attempt == 1:
            size = f" ({max(described.size / 1e6, 0.1):.1f} MB)" if described.size else ""
            tell(f"downloading the layer {layer.arn} of {layer.function}{size}")
        try:
            source.download(described, part)
        except ConnectionError as error:
            if attempt == ATTEMPTS:
                raise layer.fail(
                    f"the download failed {ATTEMPTS} times, at last because {error}",
                    "try again on a better network; nothing of it was kept",
                ) from error
            continue
        part.chmod(0o444)
        part.replace(archive)
        break
    _write_record(folder, layer, described)
    return archive


def _kept(folder: Path, layer: Wanted) -> _Kept | None:
    kept = _record(folder, layer)
    return kept if kept is not None and _is_intact(kept.archive) else None


def _record(folder: Path, layer: Wanted) -> _Kept | None:
    """What was written down of a layer version; None where that is nothing, or can't be read."""
    try:
        found = json.loads((folder / f"{_key(layer)}.json").read_bytes())
        digest = bytes.fromhex(found["sha256"])
        if found["arn"] != layer.arn or len(digest) != hashlib.sha256().digest_size:
            return None
        return _Kept(
            folder / f"{digest.hex()}.zip",
            tuple(map(str, found["runtimes"])),
            tuple(map(str, found["architectures"])),
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _write_record(folder: Path, layer: Wanted, described: Described) -> None:
    text = json.dumps(
        {
            "arn": layer.arn,
            "sha256": described.sha256.hex(),
            "runtimes": described.runtimes,
            "architectures": described.architectures,
        },
        indent=2,
    )
    number, name = tempfile.mkstemp(prefix=f".{_key(layer)}-", dir=folder)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(folder / f"{_key(layer)}.json")
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _is_intact(archive: Path) -> bool:
    """Whether an archive is what its name says. A second look in one process is at its inode:
    no program sets the time of a change there."""
    try:
        with archive.open("rb") as file:
            status = os.fstat(file.fileno())
            identity = (status.st_dev, status.st_ino, status.st_size, status.st_ctime_ns)
            if _intact.get(archive) == identity:
                return True
            intact = hashlib.file_digest(file, "sha256").hexdigest() == archive.stem
    except OSError:
        return False
    if intact:
        _intact[archive] = identity
    return intact


def _sweep(folder: Path) -> None:
    """Remove what processes that were killed had downloaded so far: nobody holds its lock."""
    for part in folder.glob("*.part"):
        with contextlib.suppress(OSError), part.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()


@contextlib.contextmanager
def _alone(lock: Path, waiting: Callable[[], None]) -> Iterator[None]:
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _key(layer: Wanted) -> str:
    """A file's name for a layer version: to be read by people, and the same nowhere else, on file
    systems too that know no capitals."""
    return f"{layer.name}-{layer.version}-{hashlib.sha256(layer.arn.encode()).hexdigest()[:16]}"
