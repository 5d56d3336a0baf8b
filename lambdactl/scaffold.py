"""What `lambdactl init` does: a new project from a template.

A template is a folder under ``templates/`` and an entry of ``templates/templates.json``. Its
files are copied as they are, except that the words ``__service__``, ``__runtime__``,
``__schema__`` and ``__unique__`` are filled in; the last is different each time.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from lambdactl.errors import UserError, did_you_mean

_MANIFEST = Path(__file__).parent / "manifest"

_NOT_TEMPLATE = frozenset({"__pycache__", ".pytest_cache", "node_modules", ".DS_Store"})
"""Left beside a template's files by running them; pip compiles the installed ones too."""

_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""As the manifest's schema has it."""

_NOT_CONTENT = frozenset({".git", ".DS_Store"})
"""A folder with nothing else in it is still empty to a newcomer."""


@dataclass(frozen=True, slots=True)
class Template:
    """A project to start from. ``family`` is the runtime's: python, nodejs, ruby or provided."""

    name: str
    description: str
    family: str
    first_steps: tuple[str, ...]
    """Commands to try in the new project: run it on its event, then on one made to order."""
    serve: str | None
    """The command that serves the new project's HTTP triggers, if it has any."""
    test: str
    """The command that runs the new project's tests."""
    test_needs: str | None
    """The command that installs what ``test`` needs beyond lambdactl and the runtime."""
    path: Path


@dataclass(frozen=True, slots=True)
class Created:
    """A project that was made. ``files`` are relative to ``directory``, sorted."""

    directory: Path
    template: Template
    service: str
    runtime: str
    files: tuple[str, ...]


@cache
def templates() -> tuple[Template, ...]:
    """Every template, in the order of templates.json."""
    folder = _templates_folder()
    catalog = json.loads((folder / "templates.json").read_text("utf-8"))
    return tuple(
        Template(
            name=name,
            path=folder / name,
            **{**entry, "first_steps": tuple(entry["first_steps"])},
        )
        for name, entry in catalog.items()
    )


def find(name: str) -> Template:
    """The template called ``name``.

    :raises UserError: there is none.
    """
    known = {template.name: template for template in templates()}
    if name not in known:
        raise UserError(
            f"there is no template {name!r}",
            hint=did_you_mean(name, known) or f"one of: {', '.join(known)}",
        )
    return known[name]


def create(
    directory: Path,
    template: Template,
    *,
    service: str | None = None,
    runtime: str | None = None,
    force: bool = False,
) -> Created:
    """Make ``directory`` (and its parents) and fill it from ``template``.

    :param service: the project's name; by default that of the folder.
    :param runtime: a Lambda runtime identifier; by default one that this machine can run.
    :param force: write into a folder that has files, over those of the same name.
    :raises UserError: the folder has files, is no folder, or can't be written; the runtime is of
        another family than the template; the name is none.
    """
    directory = directory.absolute()
    if runtime is not None and not runtime.startswith(template.family):
        raise UserError(
            f"{template.name} can't run on {runtime}",
            hint=f"a {template.family} runtime, such as {default_runtime(template.family)}",
        )
    _refuse_occupied(directory, force)
    if service is not None and not _SERVICE.fullmatch(service):
        raise UserError(
            f"{service!r} can't be a project's name", hint=f"such as {service_name(service)}"
        )
    words = {
        "__service__": service or service_name(directory.resolve().name),
        "__runtime__": runtime or default_runtime(template.family),
        "__schema__": _schema_address(),
        "__unique__": secrets.token_hex(4),
    }
    files = tuple(_files(template.path))
    try:
        for name in files:
            _copy(template.path / name, directory / name, words)
    except OSError as error:
        raise UserError(
            f"can't write {error.filename}: {error.strerror}", hint="choose another folder"
        ) from error
    return Created(directory, template, words["__service__"], words["__runtime__"], files)


def service_name(text: str) -> str:
    """``text`` as a service name: letters, digits and hyphens, a letter first.

    >>> service_name("My photos (2)")
    'my-photos-2'
    """
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    name = re.sub(r"^[^a-z]+", "", name)
    return name[:64].rstrip("-") or "hello"


def default_runtime(family: str) -> str:
    """The runtime identifier of ``family`` that this machine can run: the version of the Python
    that runs lambdactl, or of the Node.js or Ruby on PATH, if Lambda takes new functions on it.
    The newest that Lambda supports otherwise."""
    known = [entry for entry in _runtimes() if entry["family"] == family]
    version = _installed_version(family)
    today = date.today().isoformat()
    for entry in known:
        if entry["version"] == version and today < entry.get("block_create", "9999"):
            return str(entry["identifier"])
    return next(str(entry["identifier"]) for entry in known if not entry["deprecated"])


_VERSIONS = {"nodejs": ("node", r"v(\d+)\."), "ruby": ("ruby", r"ruby (\d+\.\d+)\.")}
"""What to ask for a version, and where it stands in the answer, in the form of runtimes.json."""


def _installed_version(family: str) -> str | None:
    if family == "python":
        return f"{sys.version_info.major}.{sys.version_info.minor}"
    if family not in _VERSIONS:
        return None
    program, pattern = _VERSIONS[family]
    path = shutil.which(program)
    if path is None:
        return None
    try:
        answer = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=5, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.match(pattern, answer)
    return version[1] if version else None


def _runtimes() -> list[dict[str, Any]]:
    """Lambda's runtimes, newest of a family first, without those that are still a preview."""
    entries = json.loads((_MANIFEST / "runtimes.json").read_text("utf-8"))["runtimes"]
    return [entry for entry in entries if not entry.get("preview")]


def _schema_address() -> str:
    return str(json.loads((_MANIFEST / "schema.json").read_text("utf-8"))["$id"])


def _templates_folder() -> Path:
    package = Path(__file__).parent
    # The wheel carries them inside the package; a checkout (an editable install) beside it.
    inside = package / "templates"
    return inside if inside.is_dir() else package.parent / "templates"


def _files(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and not _NOT_TEMPLATE.intersection(relative.parts):
            yield relative.as_posix()


def _refuse_occupied(directory: Path, force: bool) -> None:
    try:
        occupied = any(path.name not in _NOT_CONTENT for path in directory.iterdir())
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise UserError(
            f"{directory} is in the way: a file stands where a folder should",
            hint="choose another folder",
        ) from None
    except OSError as error:
        raise UserError(f"can't read {directory}: {error.strerror}") from error
    if occupied and not force:
        raise UserError(
            f"{directory} is not empty",
            hint="choose another folder, or --force to write over files of the same name",
        )


def _copy(source: Path, target: Path, words: dict[str, str]) -> None:
    # As bytes: a template may hold a picture.
    content = source.read_bytes()
    for word, value in words.items():
        content = content.replace(word.encode(), value.encode())
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    # Not every way from our repository to this machine keeps the executable bit.
    if content.startswith(b"#!"):
        target.chmod(target.stat().st_mode | 0o111)
