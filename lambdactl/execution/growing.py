"""Files among the code that are written while it runs: logs, and our own output.

Fresh code that writes to one would be replaced for it, and write again, for ever. Nothing says who
wrote to a file, but nothing that is code grows at its end again and again.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from lambdactl.execution.stamps import Stamp, digest

_MOST = 3
"""So often in a row a file may grow."""
_TYPED = frozenset(
    {
        *(".py", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx", ".rb", ".sh"),
        *(".go", ".rs", ".java", ".kt", ".cs", ".sql", ".graphql", ".proto", ".vtl", ".vm"),
        *(".html", ".htm", ".css", ".scss", ".md", ".xml", ".json", ".yaml", ".yml", ".toml"),
        *(".ini", ".cfg", ".env", ".tmpl", ".tpl", ".j2", ".jinja", ".jinja2", ".hbs", ".ejs"),
    }
)
"""Files that grow because somebody types at their end, with an editor that saves by itself."""


class Logs:
    """Knows the files that are written to by what runs.

    :param warn: told once of each that is found out.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._ours = _files_of_our_output()
        self._growth: Counter[Path] = Counter()

    def is_ours(self, now: Stamp) -> bool:
        """Whether our own standard output or error leads to it."""
        return now.inode in self._ours

    def is_log(self, path: Path, before: Stamp | None, now: Stamp) -> bool:
        """To be asked at each change: whether the file has done nothing but grow for a while."""
        if before is None or path.suffix in _TYPED or not grew(path, before, now):
            self._growth.pop(path, None)
            return False
        self._growth[path] += 1
        if self._growth[path] == _MOST + 1:
            self._warn(f"{path} only grows, as a log does: it counts as code no longer")
        return self._growth[path] > _MOST


def unfinished(path: Path, before: Stamp | None, now: Stamp) -> bool:
    """Whether what was written to a file that is still open is no save yet: it is a log
    (``| tee``), or somebody is in the middle of it.

    :param before: None: it changed while we were beginning to look.
    """
    if before is None:
        return path.suffix not in _TYPED
    return grew(path, before, now)


def grew(path: Path, before: Stamp, now: Stamp) -> bool:
    """Whether something was added to the end of the file and nothing else was done to it, as far as
    can be known: what was there is compared where it was read."""
    if before.inode != now.inode or before.size >= now.size or before.target or now.target:
        return False
    if before.digest is None:
        return True
    try:
        with path.open("rb") as file:
            return digest(file.read(before.size)) == before.digest
    except OSError:
        return False


def _files_of_our_output() -> frozenset[tuple[int, int]]:
    found = set()
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):
            status = os.fstat(descriptor)
            if stat.S_ISREG(status.st_mode):
                found.add((status.st_dev, status.st_ino))
    return frozenset(found)
