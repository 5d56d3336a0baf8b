"""How code comes to Lambda: in the call itself, through a bucket, or as an image in a registry.

An archive of up to 50 MB is part of the call; a larger one goes through a bucket of the service's
own, in parts (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html). Lambda
copies what it is given, so nothing stays in the bucket for longer than :data:`KEPT_DAYS`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from lambdactl.artifacts.model import Artifact
from lambdactl.artifacts.sizes import goes_through_s3, shown
from lambdactl.deploy.model import Context
from lambdactl.deploy.naming import Naming
from lambdactl.errors import AwsError, UserError
from lambdactl.manifest.model import App, Code, Function

__all__ = ["arguments", "bucket", "goes_through_s3", "is_pushed", "is_there", "source"]

KEPT_DAYS = 1
"""How long S3 keeps what an upload that broke off has left."""

_ECR = re.compile(r"^\d{12}\.dkr[.-]ecr[.-]")
_TAG = re.compile(r"^[\w\s.:/=+@?&-]{1,180}$")
"""What the value of a tag may be, with room for a hash beside it
(https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html)."""


def plain(word: str) -> str:
    """``word`` with hyphens for all that names in AWS can't have.

    >>> plain("my service")
    'my-service'
    """
    return re.sub(r"[^A-Za-z0-9_-]+", "-", word)


def bucket(naming: Naming) -> str:
    """The name of the bucket for archives: names of buckets are the whole world's, so account,
    Region and a digest of service and stage make it."""
    owner = hashlib.sha256("\0".join(naming.owner).encode()).hexdigest()[:12]
    return f"lambdactl-{naming.account}-{naming.region}-{owner}"


def repository(naming: Naming, function: str) -> str:
    """The name of the repository of a function's images: lower-case words
    (https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html)."""
    name = naming.function(function)
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "function"
    if words != name:
        # What differs in case only must not share one.
        words = f"{words}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    service = re.sub(r"[^a-z0-9]+", "-", naming.service.lower()).strip("-") or "service"
    return f"lambdactl/{service}/{words}"


def is_there(function: Function) -> bool:
    """Whether Lambda takes its code from where it is: an archive in S3, an image in ECR. Nothing of
    it is built, and nothing uploaded."""
    code = function.code
    return code.kind == "s3" or (code.kind == "image" and bool(_ECR.match(code.image or "")))


def is_pushed(artifact: Artifact) -> bool:
    """Whether it is an image: it has to be in ECR before Lambda takes it."""
    return artifact.kind == "image"


def source(code: Code) -> str:
    """What tells code that is there already from other code: where it is."""
    if code.kind == "image":
        return _short(code.image or "")
    text = f"s3://{code.bucket}/{code.key}"
    more = [f"versionId={code.version}"] if code.version else []
    if code.storage == "reference":
        more.append("storage=reference")
    return _short(f"{text}?{'&'.join(more)}" if more else text)


def _short(text: str) -> str:
    """As the value of a tag can have it."""
    return text if _TAG.match(text) else f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def arguments(
    context: Context, app: App, function: str, artifact: Artifact | None
) -> dict[str, Any]:
    """``Code`` of ``CreateFunction``, and arguments of ``UpdateFunctionCode``.

    What has to be uploaded before is uploaded now.

    :param function: its name in the manifest.
    :raises LambdactlError: it can't be uploaded.
    """
    code = app.functions[function].code
    if code.kind == "image" and is_there(app.functions[function]):
        return {"ImageUri": code.image}
    if code.kind == "s3":
        found = {
            "S3Bucket": code.bucket,
            "S3Key": code.key,
            "S3ObjectVersion": code.version,
            "S3ObjectStorageMode": "REFERENCE" if code.storage == "reference" else None,
        }
    elif artifact is None:
        raise UserError(f"{function} was not built", hint="deploy it too")
    elif artifact.kind == "image":
        return {"ImageUri": _image(context, function, artifact)}
    else:
        found = dict(archive(context, artifact))
    found["SourceKMSKeyArn"] = code.kms_key
    return {name: value for name, value in found.items() if value is not None}


def archive(context: Context, artifact: Artifact) -> Mapping[str, Any]:
    """A zip, as Lambda takes it: its bytes, or where it was uploaded to.

    :raises AwsError: S3 did not take it.
    """
    path = artifact.path
    assert path is not None
    if not goes_through_s3(artifact):
        return {"ZipFile": path.read_bytes()}
    name = bucket(context.naming)
    key = f"{hashlib.sha256(artifact.sha256.encode()).hexdigest()}.zip"
    # Once, however often Lambda has to be asked before it knows the function's role.
    context.account.once(f"upload:{name}/{key}", lambda: _upload(context, artifact, name, key))
    return {"S3Bucket": name, "S3Key": key}


def _upload(context: Context, artifact: Artifact, name: str, key: str) -> None:
    from boto3.exceptions import S3UploadFailedError
    from botocore.exceptions import ClientError

    client = context.account.client("s3")
    context.tell(f"uploading {shown(artifact.size)}")
    try:
        # Whoever may have made a bucket of this name in another account does not get our code.
        client.upload_file(
            str(artifact.path), name, key, ExtraArgs={"ExpectedBucketOwner": context.naming.account}
        )
    except S3UploadFailedError as error:
        cause = error.__context__
        if isinstance(cause, ClientError):
            raise cause from error
        raise AwsError(f"{artifact.name} could not be uploaded to {name}: {error}") from error


def _image(context: Context, function: str, artifact: Artifact) -> str:
    from lambdactl.deploy import image_push

    return image_push.push(context, artifact, repository(context.naming, function))
