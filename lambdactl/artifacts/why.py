"""Why an artifact is as large as it is: its dependencies by size, and what pulls them in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lambdactl.artifacts.model import Artifact, Package

_SEPARATORS = re.compile("[-_.]+")


@dataclass(frozen=True, slots=True)
class Cause:
    """A package, and those that ask for it.

    :ivar by: empty where nothing does but the project itself, or where the chain has come round.
    """

    package: Package
    by: tuple[Cause, ...]


def causes(packages: Sequence[Package]) -> tuple[Cause, ...]:
    """Every package, largest first, with what pulls it in, up to what the project asks for."""
    askers = _askers(packages)
    largest = sorted(packages, key=lambda one: (-one.size, one.name, one.version))
    return tuple(_cause(package, askers, frozenset()) for package in largest)


def own_size(artifact: Artifact) -> int:
    """Bytes of an artifact, unzipped, that are no dependency's."""
    return max(0, artifact.unzipped - sum(package.size for package in artifact.packages))


def document(artifact: Artifact) -> dict[str, Any]:
    """``{"unzipped", "own", "packages": [{"name", "version", "size", "direct", "pulled_in_by":
    [names]}]}``, largest first; sizes are bytes, unzipped."""
    askers = _askers(artifact.packages)
    return {
        "unzipped": artifact.unzipped,
        "own": own_size(artifact),
        "packages": [
            {
                "name": cause.package.name,
                "version": cause.package.version,
                "size": cause.package.size,
                "direct": cause.package.direct,
                "pulled_in_by": [one.name for one in askers.get(_plain(cause.package.name), ())],
            }
            for cause in causes(artifact.packages)
        ],
    }


def lines(artifact: Artifact) -> Iterator[tuple[str, int, str]]:
    """The rows of a tree: its text, a size (0: it was said above), and a remark."""
    rest = own_size(artifact)
    rows = [(cause.package.size, cause) for cause in causes(artifact.packages)]
    place = sum(size >= rest for size, _ in rows) if rest or not rows else -1
    for index, (size, cause) in enumerate(rows):
        if index == place:
            yield "├── (the code itself)", rest, ""
        last = index == len(rows) - 1 and place != len(rows)
        yield f"{'└' if last else '├'}── {_named(cause.package)}", size, _remark(cause)
        yield from _below(cause.by, "    " if last else "│   ")
    if place == len(rows):
        yield "└── (the code itself)", rest, ""


def _below(by: Sequence[Cause], indent: str) -> Iterator[tuple[str, int, str]]:
    for index, cause in enumerate(by):
        last = index == len(by) - 1
        yield f"{indent}{'└' if last else '├'}── {_named(cause.package)}", 0, _remark(cause)
        yield from _below(cause.by, indent + ("    " if last else "│   "))


def _named(package: Package) -> str:
    return f"{package.name} {package.version}".rstrip()


def _remark(cause: Cause) -> str:
    if cause.package.direct:
        return "the project asks for it"
    return "" if cause.by else "nothing asks for it"


def _cause(package: Package, askers: dict[str, list[Package]], above: frozenset[str]) -> Cause:
    name = _plain(package.name)
    above = above | {name}
    by = [one for one in askers.get(name, ()) if _plain(one.name) not in above]
    return Cause(package, tuple(_cause(one, askers, above) for one in by))


def _askers(packages: Sequence[Package]) -> dict[str, list[Package]]:
    """By name, the packages that require it."""
    found: dict[str, list[Package]] = {}
    for package in sorted(packages, key=lambda one: one.name):
        for name in dict.fromkeys(map(_plain, package.requires)):
            found.setdefault(name, []).append(package)
    return found


def _plain(name: str) -> str:
    """Names of Python packages are the same with dots, hyphens and underscores
    (https://packaging.python.org/en/latest/specifications/name-normalization/)."""
    return name if name.startswith("@") else _SEPARATORS.sub("-", name).lower()
