"""The name that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from lambdactl.errors import did_you_mean


def closest(word: str, known: Iterable[str]) -> str | None:
    """A hint that names the closest of ``known``; less strict than :func:`did_you_mean`, because
    names here are as short as ``s3`` and one wrong letter is half of that."""
    names = list(known)
    hint = did_you_mean(word, names)
    if hint is None:
        close = difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.4)
        hint = f"did you mean `{close[0]}`?" if close else None
    return hint
