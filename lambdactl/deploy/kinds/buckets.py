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
        if owner == context.naming.owner:
            # A service has buckets in every Region that it is deployed to, and their names are one.
            region = _region(context, name)
            if region != context.account.region:
                owner = owner[0], f"{owner[1]}, in {region}"
        hash_ = tagging.deployed(tags)
        properties = tagging.unfinished(("versioned", "force_delete"))
        if owner == context.naming.owner and hash_ is not None:
            properties["versioned"] = _versioned(context, name)
            properties["force_delete"] = tags.get(_FORCE) == "true"
        return Live(
            kind=self.name,
            name=name,
            properties={**properties, "tags": tagging.users(tags)},
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
        claims.claim(context, resource.address)
        try:
            context.account.client("s3").create_bucket(
                Bucket=resource.name, CreateBucketConfiguration=configuration
            )
        except Exception as error:
            live = None
            if code(error) == "BucketAlreadyOwnedByYou":
                live = self.read(context, resource.name)
            if live is None or live.owner != context.naming.owner:
                claims.release(context, resource.address)
            if code(error) == "BucketAlreadyExists":
                raise _taken(resource) from error
            if live is None or live.owner != context.naming.owner:
                raise
        self._put(context, resource, claimed=True)
        context.account.forget("tagged", "buckets")
        return _outputs(context, resource.name)

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        self._put(context, resource, claimed=live.hash is None)
        return live.outputs

    def _put(self, context: Context, resource: Resource, *, claimed: bool) -> None:
        """:param claimed: its making may have broken off."""
        s3 = context.account.client("s3")
        name, wanted = resource.name, resource.properties
        more = {_FORCE: "true"} if wanted["force_delete"] else {}

        def tag(tags: Mapping[str, str]) -> None:
            # This replaces all tags that there are.
            s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tagging.pairs({**tags, **more})})

        tag(tagging.begun(context, resource))
        if claimed:
            claims.release(context, resource.address)
        if wanted["versioned"] != _versioned(context, name):
            status = "Enabled" if wanted["versioned"] else "Suspended"
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": status})
        tag(tagging.of(context, resource))

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


def _region(context: Context, name: str) -> str:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html"""
    found = context.account.client("s3").get_bucket_location(Bucket=name)["LocationConstraint"]
    return "eu-west-1" if found == "EU" else str(found or _NO_CONSTRAINT)


def _versioned(context: Context, name: str) -> bool:
    answer = context.account.client("s3").get_bucket_versioning(Bucket=name)
    return bool(answer.get("Status") == "Enabled")


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
