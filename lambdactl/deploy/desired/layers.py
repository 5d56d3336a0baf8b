"""The layers that there should be: those of the manifest, and those that a build has split off."""

from __future__ import annotations

from collections.abc import Iterable

from lambdactl.artifacts import split
from lambdactl.artifacts.model import Artifact
from lambdactl.deploy import code_upload
from lambdactl.deploy.desired import Wanted
from lambdactl.deploy.kinds.layers import fitting
from lambdactl.deploy.model import Resource
from lambdactl.deploy.naming import Naming, shortened
from lambdactl.manifest.model import Layer

_NAME_LENGTH = 140


def layer_name(naming: Naming, name: str) -> str:
    """The name in AWS of a layer of the build.

    The name of one that was split off says only what is in it: another service's may have the same.
    """
    if split.NAME.fullmatch(name) and name not in naming.app.layers:
        name = f"{code_upload.plain(naming.service)}-{name}"
    return shortened(naming.staged(name), _NAME_LENGTH)


def resources(wanted: Wanted) -> Iterable[Resource]:
    """A ``layer`` for each layer that was built."""
    used: dict[str, list[Artifact]] = {}
    for artifact in wanted.built.artifacts:
        for name in artifact.layers:
            used.setdefault(name, []).append(artifact)
    for artifact in wanted.built.artifacts:
        if artifact.kind == "layer":
            yield _resource(wanted, artifact, used.get(artifact.name, ()))


def _resource(wanted: Wanted, artifact: Artifact, users: Iterable[Artifact]) -> Resource:
    layer = wanted.app.layers.get(artifact.name)
    naming = wanted.naming
    through_s3 = code_upload.goes_through_s3(artifact)
    return Resource(
        kind="layer",
        name=layer_name(naming, artifact.name),
        properties={
            "code_sha256": artifact.sha256,
            "runtimes": _runtimes(layer, artifact),
            "architectures": _architectures(layer, artifact, users),
            "description": fitting(naming, (layer.description if layer else None) or ""),
            "license": (layer.license if layer else None) or "",
        },
        needs=(f"code_bucket:{code_upload.bucket(naming)}",) if through_s3 else (),
        artifact=artifact,
        where=layer.where if layer else None,
    )


def _runtimes(layer: Layer | None, artifact: Artifact) -> list[str]:
    given = layer.runtimes if layer is not None else ()
    return sorted(given or ((artifact.runtime,) if layer is None and artifact.runtime else ()))


def _architectures(layer: Layer | None, artifact: Artifact, users: Iterable[Artifact]) -> list[str]:
    """What the layer is said to be for; nothing where the manifest says nothing of its own."""
    if layer is not None:
        return sorted(layer.architectures)
    return sorted({artifact.architecture, *(user.architecture for user in users)})
