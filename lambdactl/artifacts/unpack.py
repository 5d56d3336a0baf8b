"""Unpacking a zip that may be hostile: nothing is ever written outside the folder given."""

from __future__ import annotations

import os
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
            links = [
                link
                for entry in entries
                if (link := _unpack_entry(opened, entry, archive, folder)) is not None
            ]
        # Links that each lead inside may lead out once they are all there.
        for link in links:
            _check_link(link, archive, folder)
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"cannot unpack {archive}: {error.strerror or error}") from error
    except Exception as error:
        # BadZipFile, RuntimeError of an encrypted entry, ValueError of a name that is no text, and
        # whatever each decompressor has of its own (zlib.error, LZMAError, ZstdError).
        raise UserError(f"{archive} is not a readable zip file: {error}") from error


def _unpack_entry(
    opened: zipfile.ZipFile, entry: zipfile.ZipInfo, archive: Path, folder: Path
) -> Path | None:
    """Unpack one entry; returns its path if it is a link."""
    name = PurePosixPath(entry.filename)
    if name.is_absolute() or ".." in name.parts or "\\" in entry.filename:
        raise UserError(f"{archive} has an entry outside its own folder: {entry.filename!r}")
    target = folder / name
    mode = entry.external_attr >> 16
    if not _is_inside(target.parent, folder):
        raise UserError(f"{archive} has an entry behind a link: {entry.filename!r}")
    if entry.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return None
    target.parent.mkdir(parents=True, exist_ok=True)
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFLNK):
        raise UserError(f"{archive} has a special file: {entry.filename!r}")
    if target.is_symlink() or target.is_file():
        target.unlink()
    if stat.S_ISLNK(mode):
        target.symlink_to(opened.read(entry).decode("utf-8", "surrogateescape"))
        _check_link(target, archive, folder)
        return target
    with opened.open(entry) as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink, 1024 * 1024)
    # Readable for the function's user whatever the archive says, as Lambda's own unpacking.
    target.chmod((stat.S_IMODE(mode) | 0o400) & 0o755 if mode else 0o644)
    return None


def _check_link(link: Path, archive: Path, folder: Path) -> None:
    """Refuse, and remove, a link that leads out of ``folder``."""
    if link.is_symlink() and (link.readlink().is_absolute() or not _is_inside(link, folder)):
        link.unlink()
        raise UserError(
            f"{archive} has a link that leads outside it: {str(link.relative_to(folder))!r}"
        )


def _is_inside(path: Path, folder: Path) -> bool:
    # Path.resolve() raises on a circle of links before Python 3.13; realpath never does.
    real = Path(os.path.realpath(path))
    return real.is_relative_to(os.path.realpath(folder))
