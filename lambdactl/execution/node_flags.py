"""The features of Node.js that Lambda turns off, and how a function turns them on again.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html ("Lambda disables these features").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Feature:
    """``since`` maps a major version to the first minor one that knows the flag."""

    name: str
    since: Mapping[int, int]


_DISABLED = (
    Feature("experimental-require-module", {20: 17, 22: 0}),
    Feature("experimental-detect-module", {22: 0}),
)


def flags(version: tuple[int, ...], environment: Mapping[str, str]) -> tuple[str, ...]:
    """What to start Node.js of ``version`` with, for a function with these variables. A feature
    that ``NODE_OPTIONS`` asks for stays on; a flag that this version doesn't know is left out,
    because it would not start."""
    asked_for = environment.get("NODE_OPTIONS", "").split()
    major, minor = (*version, 0, 0)[:2]
    return tuple(
        f"--no-{feature.name}"
        for feature in _DISABLED
        if minor >= feature.since.get(major, minor + 1) and f"--{feature.name}" not in asked_for
    )
