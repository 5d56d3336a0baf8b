"""A manifest file -> text that can be parsed: where it is, its encoding, its size, its tabs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from lambdactl.errors import Location, ManifestError, Problem
from lambdactl.manifest.document import LINE_BREAK, Problems
from lambdactl.manifest.noted import note

TEMPLATES = ("template.yaml", "template.yml", "template.json")
"""Names under which SAM finds a template by itself."""
NAMES = ("lambdactl.yaml", "lambdactl.yml", *TEMPLATES)
"""Names under which a manifest is found by itself: our own, then a template."""
MAX_BYTES = 1024 * 1024
_FORBIDDEN = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f"
_FORBIDDEN_BEYOND_ASCII = _FORBIDDEN + "\x80-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff"
"""Characters that YAML does not allow: https://yaml.org/spec/1.2.2/#51-character-set."""
_SECTIONS = "(?:AWSTemplateFormatVersion|Resources|Transform)"
_YAML_SECTION = re.compile(rf"^([\"']?){_SECTIONS}\1[ \t]*:", re.MULTILINE)
_FLOW_TOKEN = re.compile(
    rf"""(["']?)\b{_SECTIONS}\b\1\s*:|"(?:[^"\\]|\\.)*"|'[^']*'|([\[{{])|([\]}}])"""
)
PLACE = ("account", "region", "partition")
"""Variables of a manifest that say where it is deployed."""
_INDENT = re.compile(r"^( *)(?!%|---)[^\s#]", re.MULTILINE)
_TAB_INDENT = re.compile(r"[ ]*\t[ \t]*(?=\S)")


def find(
    path: Path | None = None, start: Path | None = None, names: Sequence[str] = NAMES
) -> Path | None:
    """The manifest to read: ``path`` (a file, or a folder that holds one of ``names``), or the
    nearest one in ``start`` (the current folder) and its parents; None where there is none."""
    if path is not None and not path.is_dir():
        return path if path.exists() else None
    if path is not None:
        folders = [path]
    else:
        nearest = (start or Path.cwd()).absolute()
        folders = [nearest, *nearest.parents]
    for folder in folders:
        for name in names:
            if (folder / name).is_file():
                return folder / name
    return None


def require(path: Path | None, start: Path | None, names: Sequence[str] = NAMES) -> Path:
    """As :func:`find`.

    :raises ManifestError: there is none.
    """
    found = find(path, start, names)
    if found is not None:
        return found
    hint = "`lambdactl init` makes one; -f FILE names another"
    if path is not None and not path.is_dir():
        file, message, hint = str(path), f"there is no file {path}", "-f FILE names the manifest"
    else:
        folder = path or start or Path.cwd()
        above = "" if path is not None else " or a folder above it"
        file, message = str(folder / names[0]), f"there is no {names[0]} in {folder}{above}"
    raise ManifestError([Problem(message, Location(file), hint, code="file-not-found")])


def is_template(text: str) -> bool:
    """Whether this is a SAM or CloudFormation template, by the names of its sections."""
    if text.lstrip().startswith("{"):
        return _has_flow_section(text)
    first = _INDENT.search(text)
    if first is not None and first[1]:  # the whole document is indented
        text = re.sub(f"^{first[1]}", "", text, flags=re.MULTILINE)
    return _YAML_SECTION.search(text) is not None


def depends_on_place(text: str) -> bool:
    """Whether what a manifest says may depend on the account and the Region it is deployed to."""
    return is_template(text) or re.search(rf"\$\{{\s*({'|'.join(PLACE)})\b", text) is not None


def _has_flow_section(text: str) -> bool:
    """Whether JSON, or YAML that is written like it, has a template's section as its own key."""
    depth = 0
    for token in _FLOW_TOKEN.finditer(text):
        if token[2]:
            depth += 1
        elif token[3]:
            depth -= 1
        elif depth == 1 and token[1] is not None:
            return True
    return False


def shown(path: Path) -> str:
    """``path`` as messages name it: relative to the current folder where it is inside of it."""
    relative = os.path.relpath(path)
    return str(path.absolute()) if relative.startswith("..") else relative


def read(path: Path) -> str:
    """The file's text.

    :raises ManifestError: it can't be read, is too large, or is not UTF-8 text.
    """
    file = shown(path)
    note(path)
    try:
        with open(path, "rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        problem = Problem(f"can't read it: {reason}", Location(file), code="unreadable")
        raise ManifestError([problem]) from None
    if len(data) > MAX_BYTES:
        message = f"a manifest has at most {MAX_BYTES:,} bytes, and this has more"
        raise ManifestError([Problem(message, Location(file), code="too-large")])
    return _decode(data, file)


def _decode(data: bytes, file: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        lines = LINE_BREAK.split(before)
        rest = data[error.start :].decode("utf-8", "replace")
        source = lines[-1] + LINE_BREAK.split(rest)[0]
        where = Location(file, len(lines), len(lines[-1]) + 1, source)
        message = f"this is not UTF-8 text: byte 0x{data[error.start]:02x}"
        problem = Problem(message, where, "save the file as UTF-8", code="not-utf8")
        raise ManifestError([problem]) from None


def report_forbidden(text: str, problems: Problems) -> str:
    """The text with spaces for characters that YAML forbids; the first of each line is reported."""
    # The smaller pattern for most texts: compiling the larger one takes longer than using it.
    forbidden = re.compile(f"[{_FORBIDDEN if text.isascii() else _FORBIDDEN_BEYOND_ASCII}]")
    if forbidden.search(text) is None:
        return text
    for number, line in enumerate(problems.lines, 1):
        found = forbidden.search(line)
        if found:
            problems.add(
                "forbidden-character",
                f"the character U+{ord(found.group()):04X} may not stand in YAML",
                (number, found.start() + 1),
                "remove it, or write it in double quotes as an escape such as \\u0007",
            )
    return forbidden.sub(" ", text)


class Untabbed(NamedTuple):
    """A text whose indentation has spaces for tabs, as one guess of what was meant."""

    text: str
    shifts: dict[int, int]
    """Line to the number of columns by which its content moved to the right."""


def tab_lines(text: str) -> list[int]:
    """The lines whose indentation has a tab, from 1."""
    return [
        number
        for number, line in enumerate(LINE_BREAK.split(text), 1)
        if _TAB_INDENT.match(line) and not line.lstrip().startswith("#")
    ]


def untabbed(text: str) -> Iterator[Untabbed]:
    """Guesses of what tabs in the indentation stood for: aligned with the line before, then two,
    four, eight and one columns."""
    for width in (0, 2, 4, 8, 1):
        yield _replace_tabs(text, width)


def _replace_tabs(text: str, width: int) -> Untabbed:
    pieces = re.split(f"({LINE_BREAK.pattern})", text)
    shifts: dict[int, int] = {}
    learned: dict[str, int] = {}
    before = ""
    for index in range(0, len(pieces), 2):
        line = pieces[index]
        found = _TAB_INDENT.match(line)
        if found:
            indent = found.group()
            if width:
                columns = len(indent.replace("\t", " " * width))
            else:
                columns = learned.setdefault(indent, _aligned(before))
            pieces[index] = " " * columns + line[found.end() :]
            shifts[index // 2 + 1] = columns - found.end()
        if line.strip() and not line.lstrip().startswith("#"):
            before = pieces[index]
    return Untabbed("".join(pieces), shifts)


def _aligned(before: str) -> int:
    """The indentation of a line that follows ``before``: deeper where that one opens something."""
    content = before.lstrip(" ")
    indent = len(before) - len(content)
    return indent + 2 if content.split(" #")[0].rstrip().endswith(":") else indent
