"""The lock file: which digest each image had when it was first asked for.

With ``--lock-images`` the digest in the file is what runs, whatever the tag says today; an
image that is not in it yet is added. To take a newer image, remove its line. The file is JSON,
sorted, one image a line, made to be committed.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import tempfile
from pathlib import Path

from lambdactl.errors import Location, UserError

_VERSION = 1
_DIGEST = re.compile(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,}")


def digest(lock: Path, reference: str) -> str | None:
    """The digest that ``lock`` holds for ``reference``; None if it holds none.

    :raises UserError: the file is not a lock file.
    """
    return _read(lock).get(reference)


def record(lock: Path, reference: str, digest: str) -> None:
    """Add an image to the file. Others may add theirs at the same time.

    :raises UserError: the file can't be written, or is not a lock file.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(lock.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            images = {**_read(lock), reference: digest}
            _write(lock, images)
        finally:
            os.close(folder)
    except OSError as error:
        raise UserError(f"can't write {lock}: {(error.strerror or str(error)).lower()}") from None


def _read(lock: Path) -> dict[str, str]:
    try:
        text = lock.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        raise _wrong(lock, "it is not UTF-8") from None
    except OSError as error:
        raise UserError(f"can't read {lock}: {(error.strerror or str(error)).lower()}") from None
    if not text.strip():
        return {}
    try:
        document = json.loads(text)
    except ValueError as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else None
        column = error.colno if isinstance(error, json.JSONDecodeError) else None
        raise _wrong(lock, "it is not JSON", line, column) from None
    images = document.get("images") if isinstance(document, dict) else None
    if not isinstance(images, dict) or document.get("version") != _VERSION:
        raise _wrong(lock, f"it has no `images`, or another `version` than {_VERSION}")
    for reference, value in images.items():
        if not isinstance(value, str) or not _DIGEST.fullmatch(value):
            raise _wrong(lock, f"the digest of {reference} is none")
    return images


def _write(lock: Path, images: dict[str, str]) -> None:
    text = json.dumps({"version": _VERSION, "images": images}, indent=2, sort_keys=True) + "\n"
    handle, name = tempfile.mkstemp(dir=lock.parent, prefix=f".{lock.name}.")
    new = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        new.chmod(lock.stat().st_mode & 0o777 if lock.exists() else 0o644)
        new.replace(lock)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _wrong(
    lock: Path, reason: str, line: int | None = None, column: int | None = None
) -> UserError:
    return UserError(
        f"not a lock file of images: {reason}",
        where=Location(str(lock), line, column),
        hint="correct it, or remove it to have it made anew",
    )
