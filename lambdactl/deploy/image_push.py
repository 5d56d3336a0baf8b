"""Images on their way to Lambda: from the engine of this machine into a repository of ECR.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/docker-push-ecr-image.html
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from lambdactl.artifacts.model import Artifact
from lambdactl.deploy.model import Context
from lambdactl.errors import AwsError

if TYPE_CHECKING:
    from lambdactl.execution.containers.engine import Engine

_TAG_LENGTH = 32


def push(context: Context, artifact: Artifact, repository: str) -> str:
    """Push an image; what the registry has already is not sent again.

    :param repository: its name; it is there.
    :return: how Lambda takes it: by its digest, which never means another image.
    :raises EngineError: there is no engine that answers.
    :raises AwsError: the registry did not take it.
    """
    from docker.errors import DockerException

    from lambdactl.execution.containers.engine import close, connect, explained

    ecr = context.account.client("ecr")
    found = ecr.describe_repositories(repositoryNames=[repository])["repositories"][0]
    uri = found["repositoryUri"]
    login = _login(ecr.get_authorization_token()["authorizationData"][0])
    # Images are kept by their own ids: a push that broke off goes on where it was.
    tag = artifact.sha256.removeprefix("sha256:")[:_TAG_LENGTH]
    engine = connect(os.environ)
    try:
        engine.client.tag(artifact.sha256, uri, tag, force=True)
        try:
            lines = engine.client.push(uri, tag, stream=True, decode=True, auth_config=login)
            digest = _digest(context, lines, uri)
        finally:
            _untag(engine, artifact, f"{uri}:{tag}")
    except DockerException as error:
        raise explained(error, f"pushing the image of {artifact.name} to {uri}") from error
    finally:
        close(engine)
    return f"{uri}@{digest}"


def _untag(engine: Engine, artifact: Artifact, reference: str) -> None:
    """Take away the name that the image had for its way. An image that has no other stays."""
    names = engine.client.inspect_image(artifact.sha256)["RepoTags"] or ()
    if set(names) - {reference}:
        engine.client.remove_image(reference, noprune=True)


def _login(given: Mapping[str, Any]) -> dict[str, str]:
    user, _, password = base64.b64decode(given["authorizationToken"]).decode().partition(":")
    return {"username": user, "password": password}


def _digest(context: Context, lines: Iterable[Mapping[str, Any]], uri: str) -> str:
    """What the engine says at the end of a push."""
    digest = None
    told = ""
    for line in lines:
        if "error" in line:
            raise AwsError(
                f"{uri} did not take the image: {line['error']}",
                hint="see whether the credentials may ecr:PutImage and ecr:UploadLayerPart there",
            )
        digest = (line.get("aux") or {}).get("Digest", digest)
        words = f"pushing the image: {line.get('status', '')}"
        if line.get("status") in ("Pushing", "Pushed") and words != told:
            context.tell(words)
            told = words
    if digest is None:
        raise AwsError(f"{uri} did not say under which digest it has the image")
    return str(digest)
