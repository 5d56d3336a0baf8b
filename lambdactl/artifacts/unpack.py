"""Unpacking a zip that may be hostile: nothing is ever written outside the folder given."""

from __future__ import annotations

import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath

from lambdactl.errors import UserError

MAX_UNPACKED_BYTES = 250 * 1024 * 1024
"""A function with all its layers, unzipped
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""


def unpack(archive: Path, folder: Path) -> None:
    """Unpack ``archive`` into ``folder`` with the modes it records.

    :raises UserError: it isn't a zip; an entry would land outside ``folder``, is neither a file,
        a folder nor a link that stays inside; or it unpacks to more than Lambda allows.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            if sum(entry.file_size for entry in entries) > MAX_UNPACKED_BYTES:
                raise UserError(
                    f"{archive} unpacks to more than the 250 MB that Lambda allows",
                    hint="leave out what the function does not need",
                )
            for entry in entries:
                _unpack_entry(opened, entry, archive, folder)
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise UserError(f"{archive} is not a readable zip file: {error}") from error
    except OSError as error:
        raise UserError(f"cannot unpack {archive}: {error.strerror or error}") from error


def _unpack_entry(
    opened: zipfile.ZipFile, entry: zipfile.ZipInfo, archive: Path, folder: Path
) -> None:
    name = PurePosixPath(entry.filename)
    if name.is_absolute() or ".." in name.parts or "\\" in entry.filename:
        raise UserError(f"{archive} has an entry outside its own folder: {entry.filename!r}")
    target = folder / name
    mode = entry.external_attr >> 16
    if not target.parent.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"{archive} has an entry behind a link: {entry.filename!r}")
    if entry.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if stat.S_ISLNK(mode):
        _unpack_link(opened, entry, archive, target, folder)
        return
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise UserError(f"{archive} has a special file: {entry.filename!r}")
    if target.is_symlink():
        target.unlink()
    with opened.open(entry) as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink, 1024 * 1024)
    # Readable for the function's user whatever the archive says, as Lambda's own unpacking.
    target.chmod((stat.S_IMODE(mode) | 0o400) & 0o755 if mode else 0o644)


def _unpack_link(
    opened: zipfile.ZipFile, entry: zipfile.ZipInfo, archive: Path, target: Path, folder: Path
) -> None:
    points_at = opened.read(entry).decode("utf-8", "surrogateescape")
    inside = (target.parent / points_at).resolve().is_relative_to(folder.resolve())
    if PurePosixPath(points_at).is_absolute() or not inside:
        raise UserError(f"{archive} has a link that leads outside it: {entry.filename!r}")
    if target.is_symlink() or target.exists():
        target.unlink()
    target.symlink_to(points_at)
