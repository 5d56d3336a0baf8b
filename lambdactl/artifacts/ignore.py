"""What of a source folder is no part of the artifact, and why.

Three things decide, the first that has something to say:

1. ``.lambdaignore``, read as git reads ``.gitignore`` (https://git-scm.com/docs/gitignore): its
   rules count for its folder and below, a deeper file wins over one above, the last rule that
   fits wins, ``!`` takes back. It also takes back what is built in (``!tests/``); a secret only
   where the rule names the file itself (``!.env``, not ``!*``). Nothing below a folder that stays
   out can be taken back, as in git.
2. What a package manager has installed goes in as it is: ``node_modules``, ``vendor/bundle``,
   ``site-packages`` and what the ``RECORD`` of a Python package names.
3. What is built in, below: version control, virtual environments, caches and output of tools,
   tests, and secrets: a published artifact shows them to everybody who may read the function.
"""

from __future__ import annotations

import csv
import fnmatch
import os
import re
from collections.abc import Collection, Iterator, Set
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lambdactl.artifacts.private_keys import holds_private_key
from lambdactl.errors import Location, UserError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

RULES = ".lambdaignore"

_VERSION_CONTROL = "version control"
_ENVIRONMENT = "a virtual environment"
_BYTE_CODE = "byte code, which Python makes anew"
_OUTPUT = "output of a tool"
_CACHE = "a tool's cache"
_EDITOR = "settings of an editor"
_TESTS = "tests"
_SETTINGS = "settings of a tool"
_CREDENTIALS = "credentials"

FOLDERS = {
    **dict.fromkeys((".git", ".hg", ".svn", ".bzr", ".jj"), _VERSION_CONTROL),
    **dict.fromkeys((".venv", "venv", ".tox", ".nox"), _ENVIRONMENT),
    "__pycache__": _BYTE_CODE,
    **dict.fromkeys(
        (".lambdactl", ".aws-sam", ".serverless", "cdk.out", ".terraform", ".sst", ".chalice"),
        _OUTPUT,
    ),
    **dict.fromkeys(
        (".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".pytype", ".eggs"),
        _CACHE,
    ),
    **dict.fromkeys(
        (".nyc_output", ".parcel-cache", "htmlcov", ".gradle"),
        _CACHE,
    ),
    **dict.fromkeys((".idea", ".vscode", ".vs", ".fleet"), _EDITOR),
    **dict.fromkeys((".github", ".gitlab", ".circleci", ".devcontainer"), _SETTINGS),
    "__tests__": _TESTS,
}
"""Folders that stay out by their name, wherever they are."""

NO_SOURCES = frozenset(
    name
    for name, why in FOLDERS.items()
    if why in (_VERSION_CONTROL, _ENVIRONMENT, _BYTE_CODE, _CACHE) or name == ".lambdactl"
)
"""Of these, folders that decide nothing of what the user's own commands make."""

SECRET_FOLDERS = {
    ".aws": _CREDENTIALS,
    ".ssh": "private keys",
    ".gnupg": "private keys",
}

FILES = {
    **dict.fromkeys((".DS_Store", "Thumbs.db", "desktop.ini"), "a file of the desktop"),
    **dict.fromkeys((".gitignore", ".gitattributes", ".gitmodules"), _VERSION_CONTROL),
    **dict.fromkeys((RULES, ".dockerignore", ".npmignore", ".editorconfig"), _SETTINGS),
    ".coverage": _CACHE,
}
"""Files that stay out by their name, wherever they are. ``.git`` is one in a submodule."""

MANIFESTS = frozenset({"lambdactl.yaml", "lambdactl.yml"})

_SECRET_FILES = re.compile(
    r"""
      (?P<env> .*\.env | \.env[._-].* | \.envrc )
    | (?P<key> id_(?: rsa | dsa | ecdsa | ed25519 )(?: _sk )? | .+\.(?: p12 | pfx | ppk ) )
    | (?P<credentials> [._]netrc | \.pypirc | \.git-credentials | \.pgpass | \.my\.cnf )
    | (?P<state> .+\.tfstate | .+\.tfstate\..* | .+\.tfvars | .+\.tfvars\.json )
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_SECRETS = {
    "env": "an .env file",
    "key": "a private key",
    "credentials": _CREDENTIALS,
    "state": "Terraform's state and variables hold secrets",
}
_EXAMPLE = re.compile(r".*\.(?:example|sample|template|dist|tpl)", re.IGNORECASE | re.DOTALL)

_TOP_TEST_FOLDERS = frozenset({"tests", "test"})
_TEST_FOLDERS = frozenset({"tests", "test", "spec"})
"""Deeper down a folder of such a name is one of tests if there is one in it: ``tests`` may as well
be what a laboratory does."""

_TEST_FILES = re.compile(
    r"test_.*\.py|.*_test\.py|conftest\.py|.*\.(?:test|spec)\.[cm]?[jt]sx?(?:\.snap)?"
    r"|.*_test\.go|.*_(?:spec|test)\.rb",
    re.DOTALL,
)
_NEVER = frozenset({"__pycache__", ".git", ".lambdactl"})
"""What stays out even of what a package manager has installed."""

ENVIRONMENT_MARKS = frozenset({"pyvenv.cfg", "conda-meta"})
_INSTALLED = frozenset({"node_modules", "site-packages", "dist-packages"})


class Out(NamedTuple):
    """Why something stays out."""

    why: str
    secret: bool = False


class _Spec(NamedTuple):
    """One ``.lambdaignore``, of the folder that the gathered one calls ``base``, or from which the
    gathered one is at ``below`` (both ``""`` or ending with ``/``)."""

    label: str
    base: str
    below: str
    spec: GitIgnoreSpec
    lines: tuple[tuple[int, str], ...]


class Asked(NamedTuple):
    """What ``.lambdaignore`` says of a file or folder: nothing, that it stays ``out``, or that it
    is taken ``back``, and whether by its own name."""

    out: Out | None = None
    back: bool = False
    named: bool = False


class Rules:
    """What counts for one source folder.

    :param folder: the real path of it.
    :param root: rules are also read above it, up to this folder.
    :param fresh: dependencies are installed anew, so that ``node_modules`` stays out.
    :param keep: paths without suffixes of files that are no tests.
    :param manifest: a file that stays out.
    """

    def __init__(
        self,
        folder: str,
        *,
        root: Path | None = None,
        fresh: bool = False,
        keep: Collection[str] = (),
        manifest: Path | None = None,
    ) -> None:
        self._fresh = fresh
        self._keep = frozenset(keep)
        self._keep_folders = {parent for name in keep for parent in _parents(name)}
        self._manifest = os.path.realpath(manifest) if manifest else None
        self._above = tuple(_above(Path(folder), root)) if root else ()

    def level(
        self, path: str, name: str, names: Set[str], above: Level | None, installed: bool
    ) -> Level:
        """What counts in the folder at ``path``, which the tree calls ``name`` (``""`` or ending
        with ``/``) and in which ``names`` are.

        :param above: what counts in the folder it is in.
        :param installed: it is a package manager's.
        """
        specs = above.specs if above else self._above
        if (
            not installed
            and RULES in names
            and (spec := _read(Path(path, RULES), name + RULES, base=name))
        ):
            specs = (*specs, spec)
        recorded = frozenset() if installed else _recorded(path, names)
        return Level(name, names, specs, installed, recorded)

    def whole(self, level: Level) -> Out | None:
        """Why a folder stays out because of what is in it."""
        if level.installed:
            return None
        if not ENVIRONMENT_MARKS.isdisjoint(level.names):
            return Out(_ENVIRONMENT)
        folder = level.name.rstrip("/")
        if (
            folder.rpartition("/")[2] in _TEST_FOLDERS
            and folder not in self._keep_folders
            and any(_TEST_FILES.fullmatch(name) for name in level.names)
        ):
            return Out(_TESTS)
        return None

    def folder(self, level: Level, name: str) -> Out | None:
        """Why the folder ``name`` stays out by its name."""
        if name == "node_modules" and self._fresh:
            return Out("dependencies, which are installed anew")
        if name in _NEVER:
            return Out(FOLDERS[name])
        if level.is_installed(name):
            return None
        if why := SECRET_FOLDERS.get(name):
            return Out(why, secret=True)
        path = level.name + name
        if path in self._keep_folders:
            return None
        if why := FOLDERS.get(name):
            return Out(why)
        return Out(_TESTS) if not level.name and name in _TOP_TEST_FOLDERS else None

    def file(self, level: Level, name: str, path: str, size: int) -> Out | None:
        """Why the file ``name``, which is at ``path``, stays out by its name or by what it holds.

        :raises OSError: it can't be read.
        """
        stem, _, suffix = name.rpartition(".")
        if suffix in ("pyc", "pyo") and f"{stem}.py" in level.names:
            return Out(_BYTE_CODE)
        if level.is_installed(name):
            return Out(FOLDERS[name]) if name in _NEVER else None
        if why := FILES.get(name) or FOLDERS.get(name if name in _NEVER else ""):
            return Out(why)
        if (not level.name and name in MANIFESTS) or path == self._manifest:
            return Out("the manifest")
        if secret := _secret(name, path, size):
            return secret
        if _TEST_FILES.fullmatch(name) and level.name + stem not in self._keep:
            return Out(_TESTS)
        return None


class Level(NamedTuple):
    """What counts in one folder."""

    name: str
    names: Set[str]
    specs: tuple[_Spec, ...]
    installed: bool
    recorded: Set[str]

    def asked(self, name: str, *, folder: bool) -> Asked:
        """What ``.lambdaignore`` says of ``name`` in it."""
        for spec in reversed(self.specs):
            path = spec.below + (self.name + name)[len(spec.base) :]
            found = spec.spec.check_file(f"{path}/" if folder else path)
            if found.include is None or found.index is None:
                continue
            number, rule = spec.lines[found.index]
            if found.include:
                return Asked(Out(f"{spec.label}:{number}"))
            return Asked(back=True, named=_is_named(rule, name))
        return Asked()

    def is_installed(self, name: str) -> bool:
        """Whether ``name`` in it is a package manager's doing."""
        return (
            self.installed
            or name in _INSTALLED
            or name in self.recorded
            or (name == "bundle" and self.name.endswith("vendor/"))
        )


def _secret(name: str, path: str, size: int) -> Out | None:
    if found := _SECRET_FILES.fullmatch(name):
        example = found.lastgroup == "env" and _EXAMPLE.fullmatch(name) is not None
        return Out(_SECRETS[found.lastgroup or ""], secret=not example)
    if name in (".npmrc", ".yarnrc.yml"):
        held = Path(path).read_bytes() if 0 < size < 1_000_000 else b""
        return Out(_SETTINGS, secret=re.search(rb"(?i)_auth|_password|authtoken", held) is not None)
    return Out("a private key", secret=True) if holds_private_key(name, path, size) else None


def _is_named(rule: str, name: str) -> bool:
    """Whether ``rule`` (``!conf/.env``, ``!*.pem``) means ``name`` itself and not just all files,
    or a folder that it is in."""
    last = rule.removeprefix("!").rstrip("/").rpartition("/")[2].replace("\\", "")
    return bool(last.strip("*?[]!^-.")) and fnmatch.fnmatchcase(name, last)


def _parents(name: str) -> Iterator[str]:
    while (cut := name.rfind("/")) > 0:
        name = name[:cut]
        yield name


def _above(folder: Path, root: Path) -> Iterator[_Spec]:
    """The rules of the folders above ``folder``, up to ``root``, the topmost first."""
    top = Path(os.path.realpath(root))
    if folder == top or not folder.is_relative_to(top):
        return
    for place in reversed(folder.parents):
        if place.is_relative_to(top) and (place / RULES).is_file():
            below = f"{folder.relative_to(place).as_posix()}/"
            up = "../" * len(folder.relative_to(place).parts)
            if spec := _read(place / RULES, up + RULES, below=below):
                yield spec


def _read(path: Path, label: str, *, base: str = "", below: str = "") -> _Spec | None:
    """:raises UserError: it can't be read, or a line is no rule."""
    from pathspec import GitIgnoreSpec  # 30 ms that a folder without such a file does not pay.

    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError:
        raise UserError(f"{path} is not UTF-8") from None
    lines: list[tuple[int, str]] = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            GitIgnoreSpec.from_lines([line])
        except ValueError as error:
            where = Location(str(path), number, 1, line)
            raise UserError(f"{line!r} is no rule that git knows: {error}", where=where) from error
        lines.append((number, line))
    if not lines:
        return None
    spec: GitIgnoreSpec = GitIgnoreSpec.from_lines([line for _, line in lines])
    return _Spec(label, base, below, spec, tuple(lines))


def _recorded(path: str, names: Set[str]) -> frozenset[str]:
    """What Python packages have put into a folder, by their ``RECORD``
    (https://packaging.python.org/en/latest/specifications/recording-installed-packages/)."""
    found: set[str] = set()
    for name in names:
        if not name.endswith(".dist-info"):
            continue
        found.add(name)
        try:
            with open(os.path.join(path, name, "RECORD"), encoding="utf-8") as file:  # noqa: PTH118
                for row in csv.reader(file):
                    if row:
                        found.add(row[0].partition("/")[0])
        except (OSError, ValueError, csv.Error):
            continue  # No installer's, or tidied away: then its code is taken for the user's.
    return frozenset(found)
