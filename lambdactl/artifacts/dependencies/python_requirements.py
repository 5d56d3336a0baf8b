"""requirements.txt, with all that it refers to.

https://pip.pypa.io/en/stable/reference/requirements-file-format/
"""

from __future__ import annotations

import codecs
import hashlib
import os
import re
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from lambdactl.artifacts.dependencies.python_uv import Platform
from lambdactl.artifacts.dependencies.python_wanted import Local, Wanted, digest, normalised
from lambdactl.errors import Location, UserError

_OPTION = re.compile(r"(--[a-z-]+)(?:[ =]\s*(.*))?$|(-[a-zA-Z])\s*(.*)$")
_LONG = {
    "-r": "--requirement",
    "-c": "--constraint",
    "-e": "--editable",
    "-i": "--index-url",
    "-f": "--find-links",
}
_COMMENT = re.compile(r"(^|\s+)#.*$")
_NAMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*@\s*(\S+)(.*)$")
_NAME = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:[\[<>=!~;(@\s]|$)")
_EXACT = re.compile(r"[^=<>!~]+===?\s*[^=,*\s;]+(?:\s*;.*)?\s+--hash[= ]")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9._-]+)")
_ARCHIVES = (".tar.gz", ".tgz", ".zip", ".tar.bz2")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(slots=True)
class _Read:
    """What was read so far."""

    root: Path
    checked: bool = True
    lines: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    direct: set[str] = field(default_factory=set)
    locals: list[Local] = field(default_factory=list)
    builds: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    files: dict[Path, bytes] = field(default_factory=dict)


def read(found: Path, platform: Platform, shell: Mapping[str, str]) -> Wanted:
    """What ``found`` asks for.

    :raises UserError: it, or a file that it includes, can't be read; a path in it leads nowhere;
        it asks for packages to be compiled.
    """
    return _wanted(_state(found, checked=True), found)


def exported(text: str, lock: Path) -> Wanted:
    """What ``uv export`` made of a lock file."""
    state = _Read(lock.parent)
    _take(state, lock, text, constraints=False)
    return replace(_wanted(state, lock), exact=not state.builds, closed=True)


def name_of(requirement: str) -> str | None:
    """The normalised name in a requirement; None where it has none."""
    found = _NAME.match(requirement.strip())
    return normalised(found[1]) if found else None


def _state(found: Path, *, checked: bool) -> _Read:
    state = _Read(found.parent, checked)
    _read(state, found, None, constraints=False)
    return state


def _wanted(state: _Read, found: Path) -> Wanted:
    wanted = [line for line in state.lines if not line.startswith("-")]
    return Wanted(
        found,
        found.parent,
        tuple(state.lines),
        tuple(state.constraints),
        frozenset(state.direct),
        tuple(state.locals),
        tuple(state.builds),
        tuple(dict.fromkeys(state.options)),
        exact=bool(wanted) and not state.locals and all(map(_EXACT.match, wanted)),
        pips=any(line.startswith("--extra-index-url") for line in state.lines),
    )


def key(found: Path) -> bytes:
    """Every file that ``found`` includes, and what is installed from paths."""
    # What a mistake is, is said when it is installed; to know takes longer than all the rest.
    state = _state(found, checked=False)
    total = hashlib.sha256()
    for content in state.files.values():
        total.update(hashlib.sha256(content).digest())
    for local in state.locals:
        total.update(digest(local.path))
    for line in (*state.lines, *state.constraints):
        if (path := _path(line, state.root)) is not None and path.is_file():
            total.update(digest(path))
    return total.digest()


def _read(state: _Read, path: Path, where: Location | None, *, constraints: bool) -> None:
    path = path.absolute()
    if path in state.files:
        return
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"can't read {path}: {(error.strerror or str(error)).lower()}", where=where
        ) from error
    state.files[path] = content
    _take(state, path, _decoded(content, path), constraints=constraints)


def _take(state: _Read, path: Path, text: str, *, constraints: bool) -> None:
    latest: str | None = None
    for number, line, comments in _lines(text):
        if latest is not None and _says_transitive(comments):
            state.direct.discard(latest)
        latest = None
        if not line:
            continue
        place = Location(str(path), number, source=line)
        if line.startswith("-"):
            _option(state, path, line, place, constraints=constraints)
        elif constraints:
            state.constraints.append(line)
        else:
            latest = _requirement(state, path, line, place)


def _lines(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """Each line with its number, without comments and with those that it continues in; with it
    the comments after the line before. The last one is empty."""
    comments: list[str] = []
    parts: list[str] = []
    start = 0
    for number, raw in enumerate(text.splitlines(), 1):
        start = start if parts else number
        stripped = raw.strip()
        if stripped.startswith("#"):
            comments.append(stripped)
            continue
        if "#" in raw and (found := _COMMENT.search(raw)) is not None:
            trailing, raw = found[0].strip(), raw[: found.start()]
        else:
            trailing = ""
        if raw.rstrip().endswith("\\"):
            parts.append(raw.rstrip()[:-1])
            continue
        parts.append(raw)
        line = "".join(parts).strip()
        parts = []
        if line:
            yield start, line, comments
            comments = [trailing] if trailing else []
    if parts:
        yield start, "".join(parts).strip(), comments
        comments = []
    yield 0, "", comments


def _says_transitive(comments: list[str]) -> bool:
    """Whether pip-compile or uv wrote that other packages, and nobody else, want this one."""
    text = " ".join(comment.lstrip("# ") for comment in comments)
    if not text.startswith("via "):
        return False
    return not re.search(r"-r |\(", text)


def _option(state: _Read, path: Path, line: str, place: Location, *, constraints: bool) -> None:
    found = _OPTION.match(line)
    if found is None:
        raise UserError("this is neither a requirement nor an option", where=place)
    name = found[1] or _LONG.get(found[3], found[3])
    value = (found[2] if found[1] else found[4] or "").strip() if found[2] or found[4] else ""
    if name in ("--requirement", "--constraint"):
        if not value:
            raise UserError(f"{name} of no file", where=place)
        if "://" in value:
            # uv gets it; what is in it can't be part of a key, as that of an index can't.
            (state.constraints if constraints else state.lines).append(f"{name} {value}")
            return
        _read(
            state,
            path.parent / value,
            place,
            constraints=constraints or name == "--constraint",
        )
    elif name == "--editable":
        if not value:
            raise UserError("--editable of no folder", where=place)
        _requirement(state, path, value, place)
    elif name == "--no-binary" and value != ":none:":
        raise UserError(
            f"{value} is to be compiled, and only wheels can be installed for another system",
            where=place,
            hint="build it in the function's image: `build: {container: true}`, or --container",
        )
    elif name == "--pre":
        state.options.extend(("--prerelease", "allow"))
    elif name == "--require-hashes":
        state.options.append(name)
    elif name == "--find-links" and "://" not in value:
        folder = path.parent / value
        state.lines.append(f"--find-links {folder if folder.exists() else value}")
    elif name in ("--index-url", "--extra-index-url", "--find-links", "--no-index"):
        state.lines.append(f"{name} {value}".strip())
    elif name == "--trusted-host":
        state.options.extend(("--allow-insecure-host", value))


def _requirement(state: _Read, path: Path, line: str, place: Location) -> str | None:
    """Take a requirement; returns its normalised name, as far as it says one."""
    named = _NAMED.match(line)
    text, name = (named[3], normalised(named[1])) if named else (line, None)
    if text.startswith(("git+", "hg+", "svn+", "bzr+")):
        if name is None and (egg := _EGG.search(text)) is not None:
            name = normalised(egg[1])
            line = f"{egg[1]} @ {line}"
        if name is not None:
            state.builds.append(name)
            state.direct.add(name)
        state.lines.append(line)
        return name
    bare, extras, marker = _split(text, named[4] if named else "")
    target = _path(bare, state.root, path.parent)
    if target is not None:
        if not _exists(target):
            raise UserError(f"{target} does not exist", where=place)
        if target.is_dir() or target.name.endswith(_ARCHIVES):
            state.locals.append(Local(target, (named[2] or "") if named else extras, marker))
        else:
            state.lines.append(
                f"{named[1]}{named[2] or ''} @ {target.as_uri()}{marker and f' ; {marker}'}"
                if named
                else f"{target.as_uri()}{marker and f' ; {marker}'}"
            )
            name = name or normalised(target.name.split("-", 1)[0])
        if name is not None:
            state.direct.add(name)
        return name
    state.lines.append(line)
    if state.checked and named is None and "${" not in line and "://" not in line:
        _check(line, place)
    if (plain := name or name_of(line)) is not None:
        state.direct.add(plain)
    return plain


def _check(line: str, place: Location) -> None:
    """uv would name a file of ours, and no line of the user's."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        Requirement(re.split(r"\s--", line, maxsplit=1)[0])
    except InvalidRequirement as error:
        why = str(error).splitlines()[0]
        raise UserError(f"this is no requirement: {why}", where=place) from error


def _split(text: str, rest: str) -> tuple[str, str, str]:
    """A path, its extras, and its marker."""
    bare, _, marker = f"{text}{rest}".partition(";")
    bare = bare.split(" --", 1)[0].strip()
    extras = ""
    if bare.endswith("]") and "[" in bare:
        bare, _, inner = bare[:-1].rpartition("[")
        extras = f"[{inner}]"
    return bare, extras, marker.split(" --", 1)[0].strip()


def _path(text: str, *folders: Path) -> Path | None:
    """The path that a requirement is, in the first of the folders that has it; None where it is
    none."""
    if text.startswith("file:"):
        parsed = urllib.parse.urlsplit(text)
        text = urllib.parse.unquote(parsed.path)
    elif (
        "://" in text
        or "${" in text
        or not (text.startswith((".", "/")) or "/" in text or text.endswith((".whl", *_ARCHIVES)))
    ):
        return None
    candidates = [(folder / text).resolve() for folder in folders]
    return next((path for path in candidates if _exists(path)), candidates[0])


def _exists(path: Path) -> bool:
    # Path.exists raises what a name that is too long makes of it.
    return os.path.exists(path)  # noqa: PTH110


def _decoded(content: bytes, path: Path) -> str:
    mark, encoding = next((one for one in _BOMS if content.startswith(one[0])), (b"", "utf-8"))
    try:
        text = content[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not text in UTF-8", hint="save it as UTF-8") from error
    if "\0" in text:
        raise UserError(f"{path} is not text: it has a NUL in it", hint="save it as UTF-8")
    return text
