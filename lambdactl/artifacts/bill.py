"""The bill of a build: what there is to ship, as a JSON document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lambdactl.artifacts.builds import Built
from lambdactl.artifacts.model import Artifact


def bill(built: Built, root: Path | None = None) -> dict[str, Any]:
    """``{"functions": {name: entry}, "layers": {name: entry}}``. An entry has ``file`` (or
    ``image``), ``size`` and ``unzipped`` (bytes), ``sha256`` (Base64, as Lambda's
    ``CodeSha256``), ``runtime``, ``architecture``, ``layers`` (names and ARNs, in order) and
    ``packages``.

    :param root: the manifest's folder. Files below are told from there, so that two clones have one
        bill.
    """
    document: dict[str, Any] = {"functions": {}, "layers": {}}
    for artifact in built.artifacts:
        section = "layers" if artifact.kind == "layer" else "functions"
        document[section][artifact.name] = entry(artifact, root)
    return document


def entry(artifact: Artifact, root: Path | None = None) -> dict[str, Any]:
    """What the bill says of one artifact."""
    path = artifact.path
    if path is not None and root is not None and path.is_relative_to(root):
        path = path.relative_to(root)
    where = {"image": artifact.image} if artifact.image else {"file": str(path)}
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
