"""Which files a reading of a manifest has used: whoever watches it wants to know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_files: ContextVar[set[Path] | None] = ContextVar("files", default=None)


def note(path: Path) -> None:
    """``path`` is about to be read, whether it is there or not."""
    files = _files.get()
    if files is not None:
        files.add(path.absolute())


@contextmanager
def noting() -> Iterator[set[Path]]:
    """Collect the files that are read inside, also where that ends with an error."""
    files: set[Path] = set()
    token = _files.set(files)
    try:
        yield files
    finally:
        _files.reset(token)
