"""Whether Lambda will take what was built, before anything is uploaded.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html; its MB are 1024 * 1024
bytes: Lambda itself says "Unzipped size must be smaller than 262144000 bytes".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lambdactl.artifacts.model import Artifact
from lambdactl.errors import UserError
from lambdactl.manifest import limits
from lambdactl.manifest.model import App

MB = 1024 * 1024
_SHOWN = 3


def check(app: App, artifacts: Sequence[Artifact]) -> tuple[str, ...]:
    """What is worth knowing of the sizes of ``artifacts``, a line each.

    A layer that only has an ARN counts as one of the five, not with its size, which AWS alone
    knows.

    :raises UserError: Lambda would refuse one; it is the first of them.
    """
    layers = {one.name: one for one in artifacts if one.kind == "layer"}
    problems = [found for one in artifacts for found in _problems(app, one, layers)]
    if problems:
        first = problems[0]
        if len(problems) > 1:
            more = f"{first.message} (and {len(problems) - 1} more)"
            raise UserError(more, where=first.where, hint=first.hint)
        raise first
    return tuple(
        f"{_titled(one)} is {shown(one.size)} zipped: more than the "
        f"{limits.value('zip_upload')} MB that can be uploaded directly, so it goes through S3"
        for one in artifacts
        if goes_through_s3(one)
    )


def goes_through_s3(artifact: Artifact) -> bool:
    """Whether the zip is too large for a direct upload."""
    return artifact.kind != "image" and artifact.size > limits.value("zip_upload") * MB


def shown(size: int) -> str:
    """Bytes for people.

    >>> shown(1234), shown(52428800), shown(262144001)
    ('1.3 KB', '50 MB', '250.1 MB')
    """
    for factor, unit in ((1024**3, "GB"), (MB, "MB"), (1024, "KB")):
        if size >= factor:
            # Rounded up: what is over a limit must not look as if it were not.
            return f"{-(-size * 10 // factor) / 10:g} {unit}"
    return f"{size} B"


def _problems(app: App, one: Artifact, layers: dict[str, Artifact]) -> Iterable[UserError]:
    function = app.functions.get(one.name) if one.kind != "layer" else None
    source = function or app.layers.get(one.name)
    where = source.where if source else None
    if one.kind == "image":
        most = limits.value("image_size")
        if one.size > most * 1024 * MB:
            yield UserError(
                f"{_titled(one)} is {shown(one.size)}; Lambda takes images of up to {most} GB",
                where=where,
            )
        return
    most = limits.value("layers")
    if len(one.layers) > most:
        yield UserError(
            f"{_titled(one)} has {len(one.layers)} layers; Lambda takes {most}: "
            + ", ".join(one.layers),
            where=where,
            hint="with `dependencies: layer` the dependencies are one of them",
        )
    used = [layers[name] for name in one.layers if name in layers]
    unzipped = one.unzipped + sum(layer.unzipped for layer in used)
    most = limits.value("unzipped_size")
    if unzipped > most * MB:
        parts = "".join(f" + {layer.name} {shown(layer.unzipped)}" for layer in used)
        sum_of = f" ({shown(one.unzipped)}{parts})" if used else ""
        with_layers = ", all layers included" if function else ""
        yield UserError(
            f"{_titled(one)} is {shown(unzipped)} unzipped{sum_of}; "
            f"Lambda takes {most} MB{with_layers}",
            where=where,
            hint=_largest([one, *used]),
        )


def _largest(artifacts: Iterable[Artifact]) -> str:
    packages = {package.name: package for one in artifacts for package in one.packages}
    largest = sorted(packages.values(), key=lambda one: (-one.size, one.name))[:_SHOWN]
    if not largest:
        return "name what the function does not need in .lambdaignore, or ship an image"
    named = ", ".join(f"{package.name} {shown(package.size)}" for package in largest)
    return f"the largest dependencies are {named}; `lambdactl package --why` shows all"


def _titled(one: Artifact) -> str:
    return f"the layer {one.name}" if one.kind == "layer" else one.name
