"""The name that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from lambdactl.errors import did_you_mean

_SHORT = 3


def closest(word: str, known: Iterable[str]) -> str | None:
    """A hint that names the closest of ``known``; less strict than :func:`did_you_mean`, because
    names here are as short as ``s3`` and one wrong letter is half of that. Of equally close names
    the one that starts alike wins."""
    names = sorted(known)
    hint = did_you_mean(word, names)
    if hint is None and names and len(word) <= _SHORT:
        lowered = word.lower()

        def closeness(name: str) -> tuple[float, bool]:
            ratio = difflib.SequenceMatcher(None, lowered, name).ratio()
            return ratio, name[:1] == lowered[:1]

        best = max(names, key=closeness)
        hint = f"did you mean `{best}`?" if closeness(best)[0] >= 0.4 else None
    return hint
