"""A folder of sources as the tree of files that enter an artifact.

Links inside the folder become what they point at: Lambda unpacks no more than what is in the zip.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Set
from pathlib import Path
from typing import NamedTuple

from lambdactl.artifacts.archive import check_name
from lambdactl.artifacts.ignore import (
    ENVIRONMENT_MARKS,
    NO_SOURCES,
    Asked,
    Level,
    Out,
    Rules,
)
from lambdactl.artifacts.model import Entry, LeftOut, Tree
from lambdactl.errors import UserError

MAX_FILES = 500_000
"""Far more than Lambda could unpack: links that lead to links make many files of a few."""


class _Folder(NamedTuple):
    """A folder to look into: where it lies, what the tree calls it (``""`` or ending with ``/``),
    and what counts in the folder it is in."""

    path: str
    name: str
    trail: frozenset[str]
    """The real paths of it and of those that it is in: a link to one of them is a loop."""
    above: Level | None = None
    installed: bool = False
    back: bool = False
    """``.lambdaignore`` takes it back, whatever is in it."""


def tree(
    folder: Path,
    *,
    prefix: str = "",
    root: Path | None = None,
    fresh: bool = False,
    keep: Collection[str] = (),
    manifest: Path | None = None,
) -> Tree:
    """The files of ``folder`` that enter an artifact (see :mod:`lambdactl.artifacts.ignore`).

    :param prefix: a folder of the artifact that all of it goes into: ``python``.
    :param root: ``.lambdaignore`` files are also read above ``folder``, up to this one.
    :param fresh: dependencies are installed anew: those that lie in the folder stay out.
    :param keep: files that are code though they look like tests, without their suffixes: the
        handler's ``src/test_page``.
    :param manifest: a file that is none of the code.
    :raises UserError: a link leads out of ``folder``, nowhere or to itself, there is a special
        file or one that can't be read, or a name that an archive can't have.
    """
    top = os.path.realpath(folder)
    rules = Rules(top, root=root, fresh=fresh, keep=keep, manifest=manifest)
    return _Walk(folder, top, prefix, rules).tree()


def everything(folder: Path, *, prefix: str = "") -> Tree:
    """As :func:`tree`, of what is there for no other purpose: installed dependencies, the output
    of a compiler. Only ``__pycache__`` and version control stay out, and nobody is told."""
    top = os.path.realpath(folder)
    return _Walk(folder, top, prefix, Rules(top), installed=True).tree()


def inputs(folder: Path, *, leave: Set[str] = NO_SOURCES, output: Path | None = None) -> Tree:
    """What commands and compilers that run in ``folder`` may read there: to know whether they have
    to run again, not to ship it. So nothing is refused: links to folders and special files are
    passed over, as are virtual environments and what lies in ``output``.

    :param leave: names of folders that are passed over, too.
    :raises OSError: a folder can't be read.
    """

    def fail(error: OSError) -> None:
        raise error

    entries = []
    for current, folders, files in os.walk(folder, onerror=fail):
        folders[:] = [
            name
            for name in folders
            if name not in leave
            and Path(current, name) != output
            and not any(Path(current, name, mark).exists() for mark in ENVIRONMENT_MARKS)
        ]
        for name in files:
            path = Path(current, name)
            if path.is_file() and path != output:
                about = path.stat()
                relative = path.relative_to(folder).as_posix()
                executable = about.st_mode & 0o111 != 0
                entries.append(Entry(relative, path, about.st_size, executable))
    return Tree(tuple(sorted(entries, key=lambda entry: entry.name)))


def merged(*trees: Tree) -> Tree:
    """All files of ``trees``; where two have one name, or one has a file where the other has a
    folder, the later wins."""
    entries: dict[str, Entry] = {}
    folders: set[str] = set()
    for one in trees:
        new = {entry.name for entry in one.entries}
        above = {parent for name in new for parent in _parents(name)}
        if gone := (above & entries.keys()) | (new & folders):
            entries = {
                name: entry
                for name, entry in entries.items()
                if name not in gone and gone.isdisjoint(_parents(name))
            }
        entries.update((entry.name, entry) for entry in one.entries)
        folders |= above
    left_out = {(out.name, out.why): out for one in trees for out in one.left_out}
    return Tree(
        tuple(sorted(entries.values(), key=lambda entry: entry.name)),
        tuple(sorted(left_out.values(), key=lambda out: out.name)),
    )


def _parents(name: str) -> Iterator[str]:
    while (cut := name.rfind("/")) > 0:
        name = name[:cut]
        yield name


class _Walk:
    """One way through a folder.

    :param folder: as the user calls it.
    :param top: its real path.
    """

    def __init__(
        self, folder: Path, top: str, prefix: str, rules: Rules, *, installed: bool = False
    ) -> None:
        prefix = prefix.strip("/")
        if prefix:
            check_name(prefix)
        self._folder = folder
        self._top = top
        self._prefix = f"{prefix}/" if prefix else ""
        self._rules = rules
        self._installed = installed
        self._entries: list[Entry] = []
        self._left_out: list[LeftOut] = []
        self._ahead: list[_Folder] = []

    def tree(self) -> Tree:
        start = _Folder(self._top, "", frozenset({self._top}), installed=self._installed, back=True)
        self._ahead.append(start)
        try:
            while self._ahead:
                self._look_into(self._ahead.pop())
        except OSError as error:
            place = error.filename or self._folder
            raise UserError(f"cannot read {place}: {error.strerror or error}") from error
        self._entries.sort(key=lambda entry: entry.name)
        self._left_out.sort(key=lambda out: out.name)
        return Tree(tuple(self._entries), tuple(self._left_out))

    def _look_into(self, folder: _Folder) -> None:
        with os.scandir(folder.path) as found:
            inside = {entry.name: entry for entry in found}
        names = inside.keys()
        level = self._rules.level(folder.path, folder.name, names, folder.above, folder.installed)
        if not folder.back and (out := self._rules.whole(level)):
            self._leave_out(folder.name, out)
            return
        for name, entry in inside.items():
            self._meet(entry, name, folder, level)
        if len(self._entries) + len(self._ahead) > MAX_FILES:
            raise UserError(
                f"{self._folder} has more than {MAX_FILES:,} files",
                hint="links to folders may lead to the same files again and again",
            )

    def _meet(self, entry: os.DirEntry[str], name: str, folder: _Folder, level: Level) -> None:
        link = entry.is_symlink()
        is_folder = _is_folder(entry)
        asked = level.asked(name, folder=is_folder)
        if asked.out:
            self._leave_out(f"{level.name}{name}{'/' * is_folder}", asked.out)
            return
        if link and (out := self._by_name(level, name, is_folder)) and not _is_back(out, asked):
            # What stays out anyway may lead anywhere: node_modules to that of the whole project.
            self._leave_out(f"{level.name}{name}{'/' * is_folder}", out)
            return
        real = self._behind(entry, level, is_folder, asked) if link else entry.path
        if real is None:
            return
        if is_folder:
            out = self._rules.folder(level, name)
            if out and not _is_back(out, asked):
                self._leave_out(f"{level.name}{name}/", out)
                return
            if real in folder.trail:
                raise UserError(
                    f"the link {self._shown(entry.path)} leads to a folder that it is in",
                    hint="remove it, or name it in .lambdaignore",
                )
            installed = level.is_installed(name)
            self._ahead.append(
                _Folder(
                    *(real, f"{level.name}{name}/", folder.trail | {real}),
                    *(level, installed, asked.back),
                )
            )
            return
        about = os.stat(real) if link else entry.stat()  # noqa: PTH116 - one of 20,000
        if not stat.S_ISREG(about.st_mode):
            raise UserError(
                f"{self._shown(entry.path)} is {_kind(about.st_mode)} and no file",
                hint="remove it, or name it in .lambdaignore",
            )
        out = self._rules.file(level, name, real, about.st_size)
        if out and not _is_back(out, asked):
            self._leave_out(level.name + name, out)
            return
        full = f"{self._prefix}{level.name}{name}"
        if not full.isascii():
            full = _as_utf8(full)
        if "\\" in full or not full.isascii():
            check_name(full)
        executable = about.st_mode & 0o111 != 0
        self._entries.append(Entry(full, Path(real), about.st_size, executable))

    def _by_name(self, level: Level, name: str, is_folder: bool) -> Out | None:
        return self._rules.folder(level, name) or (
            None if is_folder else self._rules.file(level, name, "", 0)
        )

    def _behind(
        self, entry: os.DirEntry[str], level: Level, is_folder: bool, asked: Asked
    ) -> str | None:
        """The real path behind a link; None where what it leads to stays out.

        :raises UserError: it leads out of the folder, or nowhere.
        """
        real = os.path.realpath(entry.path)
        inside = real == self._top or real.startswith(self._top.rstrip(os.sep) + os.sep)
        if inside and os.path.lexists(real) and not os.path.islink(real):  # noqa: PTH114
            relative = real[len(self._top) :].strip(os.sep)
            out = None if self._installed else self._of_target(relative, real, is_folder)
            if out and not _is_back(out, asked):
                self._leave_out(f"{level.name}{entry.name}{'/' * is_folder}", out)
                return None
            return real
        where = str(Path(entry.path).readlink())
        how = "leads nowhere" if inside else f"leads out of {self._folder}"
        raise UserError(
            f"the link {self._shown(entry.path)} {how}: {where}",
            hint="copy what is needed in its place, or name the link in .lambdaignore",
        )

    def _of_target(self, relative: str, real: str, is_folder: bool) -> Out | None:
        """Why what a link leads to is a secret: another name makes it no less one."""
        base, _, name = relative.rpartition("/")
        level = Level("", frozenset(), (), False, frozenset())
        for part in base.split("/"):
            out = self._rules.folder(level, part)
            if out and out.secret:
                return out
        if is_folder:
            out = self._rules.folder(level, name)
        else:
            out = self._rules.file(level, name, real, Path(real).stat().st_size)
        return out if out and out.secret else None

    def _leave_out(self, name: str, out: Out) -> None:
        if not self._installed:
            self._left_out.append(LeftOut(name, out.why, out.secret))

    def _shown(self, path: str) -> str:
        return str(self._folder / os.path.relpath(path, self._top))


def _is_back(out: Out, asked: Asked) -> bool:
    return asked.named if out.secret else asked.back


def _as_utf8(name: str) -> str:
    """The name as it is in UTF-8, whatever encoding this machine's locale has."""
    try:
        return os.fsencode(name).decode()
    except UnicodeError:
        return name  # No archive can have it; who checks it says so.


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # A link that leads to itself.


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "a special file")
