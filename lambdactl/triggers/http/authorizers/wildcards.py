"""``*`` and ``?`` as IAM reads them."""

from __future__ import annotations


def matches(pattern: str, text: str) -> bool:
    """Whether ``text`` as a whole is like ``pattern``, in which ``*`` stands for any characters
    and ``?`` for one. Takes no longer than the product of both lengths."""
    at = star = mark = 0
    after_star = -1
    while at < len(text):
        if star < len(pattern) and pattern[star] == "*":
            after_star, mark = star + 1, at
            star += 1
        elif star < len(pattern) and pattern[star] in ("?", text[at]):
            star += 1
            at += 1
        elif after_star >= 0:
            # The last star takes one character more.
            mark += 1
            star, at = after_star, mark
        else:
            return False
    return pattern[star:].strip("*") == ""
