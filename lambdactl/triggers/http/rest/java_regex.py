"""Java's regular expressions with Python's engine.

Patterns of integration responses and of templates' ``matches``, ``replaceAll`` and ``split`` are
"Java pattern-style regexes"
(https://docs.aws.amazon.com/apigateway/latest/developerguide/handle-errors-in-lambda-integration.html).
What the two languages write differently is rewritten here: https://docs.oracle.com/javase/8/docs/api/java/util/regex/Pattern.html.
"""

from __future__ import annotations

import re
import warnings
from functools import lru_cache

_CLASSES = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "ASCII": r"\x00-\x7F",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Punct": r"!-/:-@\[-`{-~",
    "Graph": "!-~",
    "Print": " -~",
    "Blank": r" \t",
    "Cntrl": r"\x00-\x1F\x7F",
    "XDigit": "0-9a-fA-F",
    "Space": r" \t\n\x0B\f\r",
}
_UNICODE = {
    # One letter of a script or category: the nearest that Python's engine has.
    "L": r"[^\W\d_]",
    "IsAlphabetic": r"[^\W\d_]",
    "IsLetter": r"[^\W\d_]",
    "N": r"\d",
    "Nd": r"\d",
    "IsDigit": r"\d",
}
_TOKEN = re.compile(
    r"\\Q(?P<quoted>.*?)(?:\\E|\Z)"
    r"|\\p\{(?P<is>\w+)\}|\\P\{(?P<isnt>\w+)\}"
    r"|\\(?P<escape>.)"
    r"|\(\?<(?P<group>[A-Za-z]\w*)>"
    r"|(?P<open>\[)|(?P<close>\])|(?P<both>&&)",
    re.DOTALL,
)
_REPLACEMENT = re.compile(r"\\(.)|\$(\d+)|\$\{(\w+)\}", re.DOTALL)


@lru_cache(maxsize=256)
def compiled(pattern: str) -> re.Pattern[str]:
    """``pattern`` for Python's ``re``. ``\\d``, ``\\w`` and ``\\s`` are ASCII, as in Java.

    :raises ValueError: it is no regular expression, or one that Python has nothing for.
    """
    depth = 0

    def rewritten(found: re.Match[str]) -> str:
        nonlocal depth
        if found["quoted"] is not None:
            return re.escape(found["quoted"])
        if name := found["is"] or found["isnt"]:
            return _class(name, inside=depth > 0, negated=found["isnt"] is not None)
        if found["group"]:
            return f"(?P<{found['group']}>"
        if depth and (found["open"] or found["both"]):
            raise ValueError(f"{pattern}: sets within sets can't be written for Python")
        if found["open"]:
            depth += 1
        elif found["close"]:
            depth = max(depth - 1, 0)
        escape = found["escape"]
        if escape == "z":
            return r"\Z"
        if escape == "Z":
            return r"(?=\n?\Z)"
        if escape == "R":
            return r"(?:\r\n|[\n\x0B\f\r\x85\u2028\u2029])"
        if escape == "h":
            return r" \t\xA0" if depth else r"[ \t\xA0]"
        if escape == "e":
            return r"\x1B"
        return found[0]

    try:
        with warnings.catch_warnings():
            # Of what may mean something else one day (`--` in a set); to Java it is what it is.
            warnings.simplefilter("ignore", FutureWarning)
            return re.compile(_TOKEN.sub(rewritten, pattern), re.ASCII if _ascii(pattern) else 0)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{pattern} is no regular expression: {error}") from None


def _ascii(pattern: str) -> bool:
    """Whether nothing in the pattern asks for letters of all scripts."""
    return not any(f"{{{name}}}" in pattern for name in _UNICODE)


def _class(name: str, *, inside: bool, negated: bool) -> str:
    members = _CLASSES.get(name)
    if members is not None:
        if inside and negated:
            raise ValueError(f"\\P{{{name}}} within [ ] can't be written for Python")
        return members if inside else f"[{'^' if negated else ''}{members}]"
    if name == "Lu":
        return _class("Upper", inside=inside, negated=negated)
    if name == "Ll":
        return _class("Lower", inside=inside, negated=negated)
    one = _UNICODE.get(name)
    if one is None or inside:
        raise ValueError(f"\\p{{{name}}} can't be written for Python here")
    return f"(?!{one})." if negated else one


@lru_cache(maxsize=256)
def replacement(pattern: str, by: str) -> str:
    """``by`` of Java's ``replaceAll`` (``$1``, ``${name}``, ``\\$``) for Python's ``sub``.

    :raises ValueError: it names a group that the pattern does not have.
    """
    groups = compiled(pattern).groups
    pieces: list[str] = []
    at = 0
    for found in _REPLACEMENT.finditer(by):
        pieces.append(_plain(by[at : found.start()]))
        at = found.end()
        if found[1] is not None:
            pieces.append(found[1].replace("\\", "\\\\"))
        elif found[2] is not None:
            digits = found[2]
            # As many digits as make a group that there is.
            while len(digits) > 1 and int(digits) > groups:
                digits, at = digits[:-1], at - 1
            if int(digits) > groups:
                raise ValueError(f"No group {digits}")
            pieces.append(f"\\g<{digits}>")
        else:
            pieces.append(f"\\g<{found[3]}>")
    pieces.append(_plain(by[at:]))
    return "".join(pieces)


def _plain(part: str) -> str:
    if "$" in part or part.endswith("\\"):
        raise ValueError("Illegal group reference")
    return part.replace("\\", "\\\\")
