"""A tree of files as a zip whose bytes depend on nothing but the files' names, content and whether
they may be run: not on the machine, the time, the order of the file system, nor on how many threads
have packed it.

Files are compressed side by side with libdeflate, in the very version that pyproject.toml names:
it makes the same of the same on every processor, which neither zlib nor zlib-ng promise, one of
which is Python's (https://github.com/ebiggers/libdeflate/issues/400), and is two to four times as
fast. It can't take a file in parts, though. Those few that are too large to be held in memory are
cut into pieces for Python's own zlib, each with the end of the piece before it as its dictionary;
of these alone the bytes may differ where another zlib is at work. Memory stays flat whatever is
packed.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import stat
import struct
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar

from lambdactl.artifacts.model import Entry, Tree
from lambdactl.errors import UserError

WHOLE = 16 * 1024 * 1024
"""Bytes of the largest file that is compressed as a whole. Another number gives other bytes."""

PIECE = 1024 * 1024
"""Bytes of a piece of a larger file. Another number gives other bytes."""

LEVEL = 5
"""Of libdeflate. 6, which packs as zlib does by default, is a quarter slower and saves one percent;
3 is a quarter faster and costs four."""

ZLIB_LEVEL = 5
MAX_BYTES = 2**32 - 1
"""Above this a zip has other headers (ZIP64), and Lambda takes not a tenth of it."""

_WINDOW = 32 * 1024
_SAMPLE = 8 * 1024
_AHEAD_BYTES = 2 * WHOLE
_BATCH_FILES = 128
_STORED, _DEFLATED = 0, 8
_MADE_BY_UNIX = (3 << 8) | 20
_VERSION_NEEDED = 20
_DATE = (1 << 5) | 1
"""1980-01-01, the first day that a zip knows; its time is 0."""
_UTF8_NAME, _SIZES_FOLLOW = 1 << 11, 1 << 3
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_DESCRIPTOR = struct.Struct("<4s3L")
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")

T = TypeVar("T")
_R = TypeVar("_R")


class _Packed(NamedTuple):
    """A piece of a file, or a whole small one, as it goes into the zip."""

    entry: Entry
    offset: int
    length: int
    data: bytes
    method: int
    crc: int
    raw: bytes = b""
    """What was packed, for the checksum of the whole: only of a piece."""


def write(tree: Tree, path: Path) -> tuple[int, str]:
    """Pack ``tree`` into the zip ``path``, which is there as a whole or not at all.

    :returns: its bytes, and its SHA-256 in Base64 (``CodeSha256`` of
        https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html).
    :raises UserError: a name can't be in a zip or leads out of it, a file has changed since the
        tree was gathered or can't be read, or ``path`` can't be written.
    """
    entries = checked(tree)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as sink:
            writer = _Writer(sink)
            for packed in _in_order(_pack, _jobs(entries)):
                writer.add(packed)
            result = writer.finish()
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return result


def expand(tree: Tree, folder: Path) -> None:
    """Copy ``tree`` into ``folder``, which is new or empty, with the modes that the zip has.

    :raises UserError: as :func:`write`.
    """
    entries = checked(tree)
    try:
        for name in sorted({"", *(entry.name.rpartition("/")[0] for entry in entries)}):
            (folder / name).mkdir(parents=True, exist_ok=True)
        batches = ((sum(entry.size for entry in some), some) for some in _batches(entries))
        deque(_in_order(lambda batch: [_copied(entry, folder) for entry in batch], batches), 0)
    except OSError as error:
        raise UserError(f"cannot write {folder}: {error.strerror or error}") from error


def checked(tree: Tree) -> list[Entry]:
    """The entries in the order of the zip.

    :raises UserError: a name can't be in a zip, leads out of it, is there twice, or is that of a
        file and of a folder.
    """
    entries = sorted(tree.entries, key=lambda entry: entry.name)
    names: set[str] = set()
    folders: set[str] = set()
    for entry in entries:
        check_name(entry.name)
        if entry.name in names:
            raise UserError(f"{entry.name!r} would be in the archive twice")
        names.add(entry.name)
        parent = entry.name.rpartition("/")[0]
        while parent and parent not in folders:
            folders.add(parent)
            parent = parent.rpartition("/")[0]
    if both := sorted(names & folders):
        raise UserError(f"{both[0]!r} would be both a file and a folder in the archive")
    return entries


def check_name(name: str) -> None:
    """:raises UserError: ``name`` can't be that of a file in an archive, or leads out of it."""
    parts = name.split("/")
    if name.startswith("/") or ".." in parts:
        raise UserError(f"{name!r} would lead out of the archive")
    # A backslash separates folders where some unpack; there is no other name for such a file.
    if not name or "" in parts or "." in parts or "\\" in name or "\0" in name:
        raise UserError(f"an archive can't have a file named {name!r}", hint="rename it")
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        shown = os.fsencode(name) if _is_native(name) else name
        raise UserError(
            f"the file name {shown!r} is not UTF-8, as those in an archive are", hint="rename it"
        ) from None
    if len(encoded) > 0xFFFF:
        raise UserError(f"a file name is too long for an archive: {name[:60]!r}...")


def _is_native(name: str) -> bool:
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return False
    return True


# Packing: which pieces, what becomes of one, and several at a time


def _jobs(entries: Iterable[Entry]) -> Iterator[tuple[int, tuple[tuple[Entry, int], ...]]]:
    """Work, and how many bytes it is about: ``(entry, offset)`` of many small files, of a large one
    or of a piece of one."""
    for batch in _batches(entries):
        if batch[0].size <= WHOLE:
            yield sum(entry.size for entry in batch), tuple((entry, 0) for entry in batch)
            continue
        for offset in range(0, batch[0].size, PIECE):
            yield PIECE, ((batch[0], offset),)


def _batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Neighbours that are together no larger than a piece; a larger file is alone."""
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        if batch and (size + entry.size > PIECE or len(batch) == _BATCH_FILES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry.size
    if batch:
        yield batch


def _in_order(work: Callable[[T], list[_R]], jobs: Iterable[tuple[int, T]]) -> Iterator[_R]:
    """What ``work`` makes of ``jobs``, in their order, though several are worked on at a time: no
    more than are some bytes together, as each job says."""
    ahead: deque[tuple[int, Future[list[_R]]]] = deque()
    waiting = 0
    workers = min(os.cpu_count() or 1, 8)
    with ThreadPoolExecutor(workers, "lambdactl-archive") as pool:
        try:
            for size, job in jobs:
                while ahead and (waiting + size > _AHEAD_BYTES or len(ahead) > 3 * workers):
                    freed, future = ahead.popleft()
                    yield from future.result()
                    del future
                    waiting -= freed
                ahead.append((size, pool.submit(work, job)))
                waiting += size
            while ahead:
                yield from ahead.popleft()[1].result()
        finally:
            for _, future in ahead:
                future.cancel()


def _pack(job: tuple[tuple[Entry, int], ...]) -> list[_Packed]:
    return [
        _whole(entry) if entry.size <= WHOLE else _piece(entry, offset) for entry, offset in job
    ]


def _whole(entry: Entry) -> _Packed:
    from deflate import crc32, deflate_compress  # Who reads a manifest only does not pay for it.

    raw = _read(entry, 0, entry.size)
    crc = crc32(raw)
    if raw and _gains(raw) and len(data := deflate_compress(raw, LEVEL)) < len(raw):
        return _Packed(entry, 0, len(raw), bytes(data), _DEFLATED, crc)
    return _Packed(entry, 0, len(raw), raw, _STORED, crc)


def _piece(entry: Entry, offset: int) -> _Packed:
    before = min(offset, _WINDOW)
    length = min(PIECE, entry.size - offset)
    read = _read(entry, offset - before, before + length)
    raw = read[before:]
    data = _deflated(raw, read[:before], last=offset + length == entry.size)
    return _Packed(entry, offset, length, data, _DEFLATED, 0, raw)


def _read(entry: Entry, offset: int, length: int) -> bytes:
    """:raises UserError: it can't be read, or has another size than when it was gathered."""
    try:
        with open(entry.source, "rb", buffering=0) as file:
            if offset:
                file.seek(offset)
            data = file.read(length) or b""
            while len(data) < length and (more := file.read(length - len(data))):
                data += more
            whole = len(data) == length and os.fstat(file.fileno()).st_size == entry.size
    except OSError as error:
        raise UserError(f"cannot read {entry.source}: {error.strerror or error}") from error
    if not whole:
        raise UserError(
            f"{entry.source} has changed while it was packed", hint="build again when it is done"
        )
    return data


def _gains(data: bytes) -> bool:
    """Whether it is worth the time to compress: images, archives and the like are that already."""
    from deflate import deflate_compress

    if len(data) <= 8 * _SAMPLE:
        return True
    middle = len(data) // 2
    sample = data[:_SAMPLE] + data[middle : middle + _SAMPLE] + data[-_SAMPLE:]
    return len(deflate_compress(sample, 1)) < len(sample) * 0.97


def _deflated(data: bytes, before: bytes, *, last: bool) -> bytes:
    """One piece of a deflate stream (RFC 1951), ending on a byte."""
    if not _gains(data):
        return b"".join(_as_it_is(data, last))
    packer = zlib.compressobj(ZLIB_LEVEL, zlib.DEFLATED, -15, zdict=before)
    return packer.compress(data) + packer.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)


def _as_it_is(data: bytes, last: bool) -> Iterator[bytes]:
    """Stored blocks of a deflate stream (RFC 1951, 3.2.4)."""
    for start in range(0, len(data), 0xFFFF):
        block = data[start : start + 0xFFFF]
        final = last and start + 0xFFFF >= len(data)
        yield struct.pack("<BHH", final, len(block), len(block) ^ 0xFFFF)
        yield block


class _Writer:
    """The zip file itself (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT)."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._hash = hashlib.sha256()
        self._position = 0
        self._directory: list[bytes] = []
        self._start = self._crc = self._size = 0

    def add(self, packed: _Packed) -> None:
        """Take the next piece; pieces of one file come one after the other."""
        from deflate import crc32

        entry = packed.entry
        whole = entry.size <= WHOLE
        name = entry.name.encode()
        flags = (0 if name.isascii() else _UTF8_NAME) | (0 if whole else _SIZES_FOLLOW)
        if packed.offset == 0:
            self._start, self._crc, self._size = self._position, packed.crc, 0
        if packed.raw:
            self._crc = crc32(packed.raw, self._crc)
        self._size += len(packed.data)
        about = (_VERSION_NEEDED, flags, packed.method, 0, _DATE)
        sizes = (self._crc, self._size, entry.size)
        if packed.offset == 0:
            told = sizes if whole else (0, 0, 0)
            self._put(_LOCAL.pack(b"PK\3\4", *about, *told, len(name), 0) + name)
        self._put(packed.data)
        if packed.offset + packed.length < entry.size:
            return
        if not whole:
            self._put(_DESCRIPTOR.pack(b"PK\7\x08", *sizes))
        mode = stat.S_IFREG | mode_of(entry)
        self._directory.append(
            _CENTRAL.pack(
                *(b"PK\1\2", _MADE_BY_UNIX, *about, *sizes),
                *(len(name), 0, 0, 0, 0, mode << 16, self._start),
            )
            + name
        )

    def finish(self) -> tuple[int, str]:
        start, count = self._position, len(self._directory)
        self._put(b"".join(self._directory))
        size = self._position - start
        if count >= 0xFFFF:
            where = self._position
            versions = (_MADE_BY_UNIX, 45, 0, 0)
            self._put(_END_64.pack(b"PK\6\6", 44, *versions, count, count, size, start))
            self._put(_LOCATOR_64.pack(b"PK\6\7", 0, where, 1))
        told = min(count, 0xFFFF)
        self._put(_END.pack(b"PK\5\6", 0, 0, told, told, size, start, 0))
        return self._position, base64.b64encode(self._hash.digest()).decode()

    def _put(self, data: bytes) -> None:
        self._position += len(data)
        if self._position > MAX_BYTES:
            raise UserError(
                "the archive would be larger than 4 GB; Lambda takes 250 MB, unzipped",
                hint="leave out what the function does not need: name it in .lambdaignore",
            )
        self._sink.write(data)
        self._hash.update(data)


def mode_of(entry: Entry) -> int:
    """Readable for Lambda's user, who is not the owner."""
    return 0o755 if entry.executable else 0o644


def _copied(entry: Entry, folder: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    sink = os.open(os.path.join(folder, entry.name), flags, 0o644)  # noqa: PTH118 - 20,000 files
    try:
        for offset in range(0, entry.size, PIECE):
            data = memoryview(_read(entry, offset, min(PIECE, entry.size - offset)))
            while data:
                data = data[os.write(sink, data) :]
        os.fchmod(sink, mode_of(entry))
    finally:
        os.close(sink)
    return entry.size
