"""Where code is put on its way to Lambda: repositories for images, and a bucket for archives that
are too large to be uploaded directly."""

from __future__ import annotations

from collections.abc import Iterable

from lambdactl.deploy import code_upload
from lambdactl.deploy.desired import Wanted
from lambdactl.deploy.model import Resource


def resources(wanted: Wanted) -> Iterable[Resource]:
    """A ``repository`` for each image that has to be pushed, and at most one ``code_bucket``."""
    naming = wanted.naming
    service, stage = naming.owner
    through_s3 = [one for one in wanted.built.artifacts if code_upload.goes_through_s3(one)]
    if through_s3:
        yield Resource(
            kind="code_bucket",
            name=code_upload.bucket(naming),
            properties={
                "owner": f"{service}/{stage}",
                "kept_days": code_upload.KEPT_DAYS,
            },
        )
    for artifact in wanted.built.artifacts:
        if code_upload.is_pushed(artifact):
            function = wanted.app.functions[artifact.name]
            yield Resource(
                kind="repository",
                name=code_upload.repository(naming, artifact.name),
                properties={"scan_on_push": False, "immutable_tags": False},
                function=artifact.name,
                where=function.where,
            )
