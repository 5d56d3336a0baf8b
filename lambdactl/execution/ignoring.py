"""Which files of a folder are nobody's code: what tools and editors leave behind, and what
``.gitignore`` and ``.lambdaignore`` say.

Rules are read as git reads them (https://git-scm.com/docs/gitignore): a file's rules count for its
folder and below, a deeper file wins over one above, the last rule that fits wins, ``!`` takes back.
``.lambdaignore`` has the last word: it wins over ``.gitignore``, and only it takes back what is
built in (``!node_modules/``). A folder that is itself named in the manifest is never ignored, nor
do the rules above it count inside: compiled code is code, though git does not want it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

FOLDERS = frozenset(
    {
        "__pycache__",
        "node_modules",
        ".git",
        ".hg",
        ".svn",
        ".venv",
        "venv",
        ".tox",
        ".nox",
        ".idea",
        ".vscode",
        ".fleet",
        ".vs",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".hypothesis",
        ".lambdactl",
        ".aws-sam",
        ".serverless",
        ".terraform",
        "cdk.out",
        ".bundle",
        ".eggs",
    }
)
"""Folders in which nobody edits code."""

_FILES = re.compile(
    r"""
    .*(?: ~ | \.sw[a-z] | \.swpx | \.tmp | \.temp | \.bak | \.bck | \.py[co] | \.kate-swp
        | ___jb_tmp___ | ___jb_old___ | \.crswap )
    | 4913                        # Vim tries with it whether it may create files here
    | \.?\#.*                     # Emacs: lock and auto-save files
    | sed[A-Za-z0-9]{6}           # sed -i
    | \.goutputstream-\w+         # GNOME
    | \.tmp.* | \.nfs[0-9a-f]+
    | \..+\.(?= [a-z]* [A-Z0-9] )[A-Za-z0-9]{6}   # rsync (not .env.shared)
    | .+-(?: journal | wal | shm )   # SQLite, beside the database
    | \.DS_Store | Thumbs\.db | desktop\.ini
    """,
    re.VERBOSE | re.DOTALL,
)
"""Files of editors and operating systems, by their names."""

_RULES = (".gitignore", ".lambdaignore")
RULE_FILES = frozenset(_RULES)


class _Level(NamedTuple):
    """The rules that one folder adds. ``None`` where it has no such file."""

    folder: Path
    git: GitIgnoreSpec | None
    own: GitIgnoreSpec | None


def built_in(name: str, *, folder: bool) -> bool:
    """Whether a name alone says that it is nobody's code."""
    return name in FOLDERS if folder else _FILES.fullmatch(name) is not None


class Rules:
    """What is ignored in ``root`` and below.

    :param root: a resolved folder.
    :param top: rules are also read from folders above ``root``, up to this one; without it, up to
        the top of the repository that ``root`` is in.
    """

    def __init__(self, root: Path, top: Path | None = None) -> None:
        self.root = root
        self._levels: dict[Path, tuple[_Level, ...]] = {}
        self._above = self._rules_above(top)

    def ignored(self, path: Path, *, folder: bool) -> bool:
        """Whether ``path``, which lies in a folder that is not ignored, is."""
        name = path.name
        levels = self.levels(path.parent)
        if not levels:
            return built_in(name, folder=folder)
        verdict = _verdict(levels, path, folder, own=True)
        if verdict is None:
            verdict = built_in(name, folder=folder) or _verdict(levels, path, folder, own=False)
        return bool(verdict)

    def covers(self, path: Path) -> bool:
        return path.is_relative_to(self.root)

    def forget(self, folder: Path) -> None:
        """The rules of ``folder`` have changed: read them again."""
        for known in [known for known in self._levels if known.is_relative_to(folder)]:
            del self._levels[known]

    def levels(self, folder: Path, names: Collection[str] = _RULES) -> tuple[_Level, ...]:
        """The rules that count in ``folder``, those from above first.

        :param names: the names in it, where they are known: saves looking for the files.
        """
        known = self._levels.get(folder)
        if known is None:
            if folder == self.root:
                before = self._above
            else:
                before = self.levels(folder.parent) if self.covers(folder) else ()
            level = _read(folder, names)
            known = self._levels[folder] = (*before, level) if level else before
        return known

    def _rules_above(self, top: Path | None) -> tuple[_Level, ...]:
        folders: list[Path] = []
        if top is None or not self.root.is_relative_to(top):
            top = next((p for p in (self.root, *self.root.parents) if (p / ".git").exists()), None)
        if top is None or top == self.root:
            return ()
        for folder in self.root.parents:
            folders.insert(0, folder)
            if folder == top:
                break
        levels: tuple[_Level, ...] = ()
        for folder, below in zip(folders, [*folders[1:], self.root], strict=True):
            level = _read(folder, _RULES)
            levels = (*levels, level) if level else levels
            verdict = _verdict(levels, below, True, own=True)
            if verdict is None:
                verdict = _verdict(levels, below, True, own=False)
            if verdict:
                return ()
        return levels


def _verdict(levels: Sequence[_Level], path: Path, folder: bool, *, own: bool) -> bool | None:
    """True or False as the last rule that fits says; None when none does."""
    for level in reversed(levels):
        spec = level.own if own else level.git
        if spec is None:
            continue
        relative = path.relative_to(level.folder).as_posix()
        include = spec.check_file(f"{relative}/" if folder else relative).include
        if include is not None:
            return include
    return None


def _read(folder: Path, names: Collection[str]) -> _Level | None:
    specs = [_spec(folder / name) if name in names else None for name in _RULES]
    return _Level(folder, *specs) if any(specs) else None


def _spec(file: Path) -> GitIgnoreSpec | None:
    try:
        text = file.read_text("utf-8", errors="replace")
    except OSError:
        return None
    from pathspec import GitIgnoreSpec  # 30 ms that a project without such files does not pay.

    spec: GitIgnoreSpec | None = None
    try:
        spec = GitIgnoreSpec.from_lines(text.splitlines())
    except ValueError:
        # git skips a line that it can't read.
        good = [line for line in text.splitlines() if _readable(line)]
        spec = GitIgnoreSpec.from_lines(good)
    return spec if len(spec) else None


def _readable(line: str) -> bool:
    from pathspec import GitIgnoreSpec

    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True
