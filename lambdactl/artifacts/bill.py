"""The bill of a build: what there is to ship, as a JSON document."""

from __future__ import annotations

from typing import Any

from lambdactl.artifacts.builds import Built
from lambdactl.artifacts.model import Artifact


def bill(built: Built) -> dict[str, Any]:
    """``{"functions": {name: entry}, "layers": {name: entry}}``. An entry has ``file`` (or
    ``image``), ``size`` and ``unzipped`` (bytes), ``sha256`` (Base64, as Lambda's
    ``CodeSha256``), ``runtime``, ``architecture``, ``layers`` (names and ARNs, in order) and
    ``packages``."""
    document: dict[str, Any] = {"functions": {}, "layers": {}}
    for artifact in built.artifacts:
        section = "layers" if artifact.kind == "layer" else "functions"
        document[section][artifact.name] = entry(artifact)
    return document


def entry(artifact: Artifact) -> dict[str, Any]:
    """What the bill says of one artifact."""
    where = {"image": artifact.image} if artifact.image else {"file": str(artifact.path)}
    return {
        **where,
        "size": artifact.size,
        "unzipped": artifact.unzipped,
        "sha256": artifact.sha256,
        "runtime": artifact.runtime,
        "architecture": artifact.architecture,
        "layers": list(artifact.layers),
        "packages": {
            package.name: {"version": package.version, "size": package.size}
            for package in artifact.packages
        },
    }
