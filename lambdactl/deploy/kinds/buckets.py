"""S3 buckets: made, emptied where the manifest allows it, and deleted.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from lambdactl.deploy import claims, code_upload, tagging
from lambdactl.deploy.faults import allowed, code
from lambdactl.deploy.model import Context, Live, Resource
from lambdactl.errors import AwsError, TakenError

_FORCE = f"{tagging.PREFIX}force-delete"
"""The tag of a bucket that is emptied when it is deleted: its manifest may be gone by then."""
_NO_CONSTRAINT = "us-east-1"
"""The Region that S3 wants no name of."""


class Bucket:
    name: ClassVar[str] = "bucket"
    title: ClassVar[str] = "bucket"
    parent: ClassVar[str | None] = None
    renews: ClassVar[frozenset[str]] = frozenset()
    replaced_by: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        tags = _tags(context, name)
        if tags is None:
            return None
        owner = tagging.owner(tags)
        if owner is None and claims.claimed(context, f"{self.name}:{name}"):
            owner = context.naming.owner
        hash_ = tagging.deployed(tags)
        properties: dict[str, Any] = {}
        # Without a hash its making broke off: then nothing of it is as it should be.
        if owner == context.naming.owner and hash_ is not None:
            versioning = context.account.client("s3").get_bucket_versioning(Bucket=name)
            properties = {
                "versioned": versioning.get("Status") == "Enabled",
                "force_delete": tags.get(_FORCE) == "true",
                "tags": tagging.users(tags),
            }
        return Live(
            kind=self.name,
            name=name,
            properties=properties,
            outputs=_outputs(context, name),
            owner=owner,
            hash=hash_,
        )

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        # The bucket that code goes through is of another kind.
        other = code_upload.bucket(context.naming)
        return [name for name in tagging.names(context, "s3", "buckets") if name != other]

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        tags = tagging.pairs(tagging.begun(context, resource))
        configuration: dict[str, Any] = {"Tags": tags}
        if context.account.region != _NO_CONSTRAINT:
            configuration["LocationConstraint"] = context.account.region
        with claims.claim(context, resource.address):
            try:
                context.account.client("s3").create_bucket(
                    Bucket=resource.name, CreateBucketConfiguration=configuration
                )
            except Exception as error:
                if code(error) == "BucketAlreadyExists":
                    claims.release(context, resource.address)
                    raise _taken(resource) from error
                if code(error) != "BucketAlreadyOwnedByYou":
                    raise
                live = self.read(context, resource.name)
                if live is None or live.owner != context.naming.owner:
                    raise
            self._finish(context, resource, versioning=resource.properties["versioned"])
        context.account.forget("tagged", "buckets")
        return _outputs(context, resource.name)

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        was = live.properties.get("versioned", False)
        self._finish(context, resource, versioning=was != resource.properties["versioned"])
        if live.hash is None:
            claims.release(context, resource.address)
        return live.outputs

    def _finish(self, context: Context, resource: Resource, *, versioning: bool) -> None:
        """:param versioning: whether to turn it on or off."""
        s3 = context.account.client("s3")
        wanted = resource.properties
        if versioning:
            status = "Enabled" if wanted["versioned"] else "Suspended"
            s3.put_bucket_versioning(
                Bucket=resource.name, VersioningConfiguration={"Status": status}
            )
        more = {_FORCE: "true"} if wanted["force_delete"] else {}
        # This replaces all tags that there are.
        tags = tagging.pairs(tagging.of(context, resource, more))
        s3.put_bucket_tagging(Bucket=resource.name, Tagging={"TagSet": tags})

    def delete(self, context: Context, live: Live) -> None:
        """:raises AwsError: it has objects, and nobody said that they may go."""
        s3 = context.account.client("s3")
        with allowed("NoSuchBucket"):
            tags = _tags(context, live.name) or {}
            if tags.get(_FORCE) == "true":
                for batch in _objects(s3, live.name):
                    context.tell(f"deleting {len(batch)} objects")
                    s3.delete_objects(Bucket=live.name, Delete={"Objects": batch, "Quiet": True})
            try:
                s3.delete_bucket(Bucket=live.name)
            except Exception as error:
                if code(error) != "BucketNotEmpty":
                    raise
                raise AwsError(
                    f"the bucket {live.name} has objects, and stays",
                    hint="empty it, or deploy it with `force_delete: true` first",
                ) from error
        if live.hash is None:
            claims.release(context, live.address)
        context.account.forget("tagged", "buckets")


KINDS = (Bucket(),)


def _outputs(context: Context, name: str) -> dict[str, str]:
    return {"arn": context.naming.bucket_arn(name), "name": name}


def _taken(resource: Resource) -> TakenError:
    return TakenError(
        f"a bucket {resource.name} is there already, in somebody else's account",
        where=resource.where,
        hint="all accounts share the names of buckets: give yours another `name:`",
    )


def _tags(context: Context, name: str) -> dict[str, str] | None:
    """None: there is no such bucket. One of somebody else's account has no tags for us."""
    try:
        answer = context.account.client("s3").get_bucket_tagging(Bucket=name)
    except Exception as error:
        if code(error) == "NoSuchBucket":
            return None
        if code(error) == "NoSuchTagSet":
            return {}
        if code(error) in ("AccessDenied", "403") and name not in _buckets(context):
            return {}
        raise
    return tagging.mapping(answer["TagSet"])


def _buckets(context: Context) -> frozenset[str]:
    """Names of the account's own."""

    def ask() -> frozenset[str]:
        pages = context.account.client("s3").get_paginator("list_buckets").paginate()
        return frozenset(one["Name"] for page in pages for one in page.get("Buckets", ()))

    return context.account.once("buckets", ask)


def _objects(s3: Any, bucket: str) -> Iterator[list[dict[str, str]]]:
    """All versions of all objects and all marks of deleted ones, up to a thousand at a time."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        if found:
            yield [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
