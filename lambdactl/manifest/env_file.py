"""``.env`` files: ``KEY=VALUE`` lines -> variables. Nothing is executed and nothing is expanded.

The format is the common part of Docker Compose's and dotenv's
(https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/#env-file-syntax):
an optional ``export``, single quotes (literal), double quotes (with ``\\n``, ``\\t``, ``\\"`` and
the like, over several lines if need be), and comments after `` #``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from lambdactl.errors import Location, UserError
from lambdactl.manifest.noted import note

MAX_BYTES = 1024 * 1024
_ASSIGNMENT = re.compile(r"[ \t]*(?:export[ \t]+)?(?P<key>[A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_SINGLE = re.compile(r"'([^']*)'")
_AFTER_QUOTE = re.compile(r"[ \t]*(?:#[^\n]*)?(?=\n|\Z)")
_COMMENT = re.compile(r"(?:^|[ \t]+)#.*")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\n": ""}


def environment(env: Mapping[str, str], files: Sequence[Path]) -> Mapping[str, str]:
    """``env`` and the variables of ``files``. A later file wins over an earlier one, and ``env``
    wins over them all, as with Docker Compose.

    :raises UserError: a file is missing or malformed.
    """
    if not files:
        return env
    together: dict[str, str] = {}
    for file in files:
        together.update(read(file))
    return {**together, **env}


def read(path: Path) -> dict[str, str]:
    """The variables of one file.

    :raises UserError: it can't be read, is not UTF-8, or is malformed.
    """
    name = str(path)
    note(path)
    try:
        with open(path, "rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise UserError(f"there is no env file {name}") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(f"can't read the env file {name}: {reason}") from None
    if len(data) > MAX_BYTES:
        raise UserError(f"the env file {name} has more than {MAX_BYTES:,} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"the env file {name} is not UTF-8 text") from None
    return parse(text, name)


def parse(text: str, file: str = ".env") -> dict[str, str]:
    """The variables in ``text``, in order; a variable given twice has its last value.

    :param file: what messages call it.
    :raises UserError: with the place of the first malformed line.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    variables: dict[str, str] = {}
    position = 0
    while position < len(text):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        line = text[position:end].strip()
        if not line or line.startswith("#"):
            position = end + 1
            continue
        found = _ASSIGNMENT.match(text, position, end)
        if found is None:
            hint = "write NAME=value, and put # before a comment"
            raise _malformed(text, position, file, "this line is not of the form NAME=value", hint)
        value, position = _value(text, found.end(), file)
        variables[found["key"]] = value
    return variables


def _value(text: str, start: int, file: str) -> tuple[str, int]:
    """The value that starts at ``start``, and where the next line starts."""
    quote = text[start : start + 1]
    if quote in ("'", '"') and quote:
        quoted = (_DOUBLE if quote == '"' else _SINGLE).match(text, start)
        if quoted is None:
            raise _malformed(text, start, file, "a quote is opened here and never closed", None)
        after = _AFTER_QUOTE.match(text, quoted.end())
        if after is None:
            hint = "put the quotes around the whole value"
            raise _malformed(text, quoted.end(), file, "there is text after the quote", hint)
        value = quoted[1] if quote == "'" else _ESCAPE.sub(_unescaped, quoted[1])
        return value, after.end() + 1
    end = text.find("\n", start)
    end = len(text) if end < 0 else end
    return _COMMENT.sub("", text[start:end]).strip(), end + 1


def _unescaped(escape: re.Match[str]) -> str:
    character = escape[1]
    if character in _ESCAPES:
        return _ESCAPES[character]
    return character if character in "\"'\\$`" else escape[0]


def _malformed(text: str, position: int, file: str, message: str, hint: str | None) -> UserError:
    before = text[:position].split("\n")
    source = text.split("\n")[len(before) - 1]
    where = Location(file, len(before), len(before[-1]) + 1, source)
    return UserError(message, where=where, hint=hint)
