"""Text that is not YAML -> text that is, so that one bad line does not hide all other problems.

The value of the line that the parser stumbles over is replaced by a word that stands for "can't
be read" and fits everywhere; where that does not help, the line is left out. When the parser then
stumbles near the same place, the first error was not where it seemed, and nothing is mended.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from lambdactl.manifest import braces
from lambdactl.manifest.braces import Word
from lambdactl.manifest.document import LINE_BREAK

if TYPE_CHECKING:
    from lambdactl.manifest.composer import YamlError

UNREADABLE = "__lambdactl_unreadable__"
"""A scalar that the composer takes as unknown."""

_MOST = 10
_MANY = 20
_NEAR = 2
_ENTRY = re.compile(r"(?P<head>\s*(?:-\s+)*[^\s:#\"'\[{][^:#\"'\[{]*:)\s+\S")
_WORD = re.compile(r"\s*(?:-\s+)*(?P<word>[\w.-]+)\s*")
_ITEM = re.compile(r"(?P<head>\s*(?:-\s+)*-)\s+\S")


class Repair(NamedTuple):
    """``text`` is None where nothing could be mended; then ``errors`` has the first one only."""

    text: str | None
    errors: tuple[YamlError, ...]
    lines_left_out: bool = False
    words: tuple[tuple[int, Word], ...] = ()
    """Words that should be in quotes, with their lines; the text is read without."""


def mend(text: str) -> Repair:
    """A text that parses, and the errors that were in the way."""
    errors: list[YamlError] = []
    pieces = re.split(f"({LINE_BREAK.pattern})", text)
    left_out: set[int] = set()
    words: list[tuple[int, Word]] = []
    with_braces: dict[int, YamlError] = {}
    can_hide = braces.can_hide(text)
    while (error := _first_error("".join(pieces))) is not None:
        line = error.at[0]
        index = 2 * line - 2
        last = errors[-1].at[0] if errors else None
        if error.code != "yaml-syntax" or index >= len(pieces) or len(errors) == _MOST:
            return _hopeless(errors or [error])
        if can_hide and _hide_braces(pieces, error, words):
            with_braces.setdefault(line, error)
            continue
        before = pieces[index]
        if last == line and before.strip():
            pieces[index] = ""
            left_out.add(line)
        elif last is not None and (line <= last or (last in left_out and line <= last + _NEAR)):
            return _hopeless(errors)
        elif (colonless := _without_colon(pieces, line, error)) is not None:
            errors.append(colonless)
            pieces[index - 2] = pieces[index - 2].rstrip() + ":"
        else:
            errors.append(with_braces.get(line, error))
            pieces[index] = _veiled(before)
            if not pieces[index]:
                left_out.add(line)
    broken = {error.at[0] for error in errors}
    readable = tuple((line, word) for line, word in words if line not in broken)
    return Repair("".join(pieces), tuple(errors), bool(left_out), readable)


def _hide_braces(pieces: list[str], error: YamlError, words: list[tuple[int, Word]]) -> bool:
    """Hide the braces of unquoted words from where a brace was opened to where that was noticed;
    False where there are none. Where there are many such lines, all the rest go at once: each
    round costs a parse of the whole text."""
    first, last = error.at[0], max(error.at[0], error.noticed)
    if len(words) > _MANY:
        last = len(pieces)
    hidden = False
    for line in range(first, last + 1):
        if 2 * line - 2 >= len(pieces):
            break
        pieces[2 * line - 2], found = braces.hide(pieces[2 * line - 2])
        words += [(line, word) for word in found]
        hidden = hidden or bool(found)
    return hidden


def _without_colon(pieces: list[str], line: int, error: YamlError) -> YamlError | None:
    """The error of a line that lacks its colon, which is noticed on the next."""
    before = pieces[2 * line - 4] if line > 1 else ""
    match = _WORD.fullmatch(before)
    if match is None or "mapping values" not in error.message:
        return None
    from lambdactl.manifest.composer import YamlError

    word = match["word"]
    place = (line - 1, match.end("word") + 1)
    return YamlError(f"`{word}` has no `:` after it", place, f"write `{word}:`")


def _hopeless(errors: list[YamlError]) -> Repair:
    return Repair(None, tuple(errors[:1]))


def _first_error(text: str) -> YamlError | None:
    from lambdactl.manifest.composer import YamlError, compose
    from lambdactl.manifest.document import Problems

    try:
        compose(text, Problems("", ""))
    except YamlError as error:
        return error
    return None


def _veiled(line: str) -> str:
    """``key: value`` with its value replaced; an item likewise; other lines are left out."""
    match = _ENTRY.match(line) or _ITEM.match(line)
    return f"{match['head']} {UNREADABLE}" if match else ""
