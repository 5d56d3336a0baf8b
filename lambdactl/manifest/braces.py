"""Braces of routes and variables, written without quotes inside of YAML's own.

``{path: /photos/{id}, bucket: ${env:BUCKET}}`` reads well and is not YAML. It is read all the
same, with a warning: such braces stand glued to a word, which YAML's own never do. They are put
out of the parser's sight by characters that hardly any text contains, one for one, so that every
place stays what it is; the composer puts them back. A text that does contain one is left alone.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_HIDDEN = {"{": "\ufdd0", "}": "\ufdd1", "[": "\ufdd2", "]": "\ufdd3", ",": "\ufdd4"}
"""Unicode noncharacters: https://www.unicode.org/faq/private_use.html#nonchar1."""
_HIDE = str.maketrans(_HIDDEN)
_SHOW = str.maketrans({hidden: shown for shown, hidden in _HIDDEN.items()})
_TAKEN = re.compile(f"[{''.join(_HIDDEN.values())}]")


class Word(NamedTuple):
    """A word with braces, and its column from 1."""

    text: str
    column: int


def can_hide(text: str) -> bool:
    """Whether a hidden brace is told from what is written in ``text``."""
    return _TAKEN.search(text) is None


def restore(text: str) -> str:
    """The text with its braces."""
    return text.translate(_SHOW)


def hide(line: str) -> tuple[str, list[Word]]:
    """``line`` without the braces of unquoted words, and these words."""
    words: dict[int, Word] = {}
    index = 0
    while index < len(line):
        character = line[index]
        before = line[index - 1] if index else " "
        if character in "'\"" and before in " \t{[,:":
            end = line.find(character, index + 1)
            index = end if end > 0 else len(line)
        elif character == "#" and before in " \t":
            break
        elif character == "{" and before not in " \t{[,:":
            end = _closing(line, index)
            if end < 0:
                break
            line = line[:index] + line[index : end + 1].translate(_HIDE) + line[end + 1 :]
            start = max(line.rfind(stop, 0, index) for stop in " \t{[,") + 1
            stops = [line.find(stop, end) for stop in " \t}],"]
            stop = min([stop for stop in stops if stop >= 0], default=len(line))
            words[start] = Word(restore(line[start:stop]), start + 1)
            index = end
        index += 1
    return line, list(words.values())


def _closing(line: str, start: int) -> int:
    depth = 0
    for index in range(start, len(line)):
        depth += {"{": 1, "}": -1}.get(line[index], 0)
        if depth == 0:
            return index
    return -1
