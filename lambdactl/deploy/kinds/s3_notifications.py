"""Notifications of buckets: those of lambdactl's among those that others have made.

They are known by how their ids begin. S3 takes all notifications of a bucket in one call, so it is
given what it has, with ours in it
(https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lambdactl.deploy import calling, shared
from lambdactl.deploy.faults import allowed
from lambdactl.deploy.kinds.callers import called, caller_of, callers
from lambdactl.deploy.model import Context, Live, Resource
from lambdactl.deploy.naming import Naming, shortened

_PRINCIPAL = "s3.amazonaws.com"
_LISTS = ("LambdaFunctionConfigurations", "QueueConfigurations", "TopicConfigurations")
_OWNER_LENGTH = 150
"""An id may have 255 characters, and a function's name has 64."""

Document = Mapping[str, Any]
Parts = dict[str, list[dict[str, Any]]]


class S3Notification:
    """``s3_notification:BUCKET``: all of lambdactl's in one bucket, by function."""

    name: ClassVar[str] = "s3_notification"
    title: ClassVar[str] = "notifications of the bucket"
    parent: ClassVar[str | None] = None
    replaced_by: ClassVar[frozenset[str]] = frozenset()
    renews: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        document = _document(context, name)
        parts = _parts(context.naming, document) if document is not None else {}
        if not parts:
            return None
        needs = {f"bucket:{name}"}
        for one in (one for some in parts.values() for one in some):
            caller = caller_of(context, one["target"], calling.bucket(name))
            needs |= set(caller.needs) if caller else {f"function:{_function(one['target'])}"}
        return Live(
            kind=self.name,
            name=name,
            properties=shared.compared(parts),
            owner=context.naming.owner,
            needs=tuple(sorted(needs)),
        )

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        found = callers(context, functions, _PRINCIPAL)
        return {one.source_arn.rpartition(":")[2] for one in found if one.source_arn}

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        _write(context, resource.name, lambda parts: shared.merged(resource, parts))
        return {}

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        return self.create(context, resource)

    def delete(self, context: Context, live: Live) -> None:
        with allowed("NoSuchBucket"):
            _write(context, live.name, lambda _: {})


KINDS = (S3Notification(),)


def _document(context: Context, bucket: str) -> Document | None:
    """All notifications of a bucket; None: there is no such bucket."""

    def ask() -> Document | None:
        with allowed("NoSuchBucket"):
            answer: dict[str, Any] = context.account.client(
                "s3"
            ).get_bucket_notification_configuration(Bucket=bucket)
            answer.pop("ResponseMetadata", None)
            return answer
        return None

    return context.account.once(f"s3_notification:{bucket}/", ask)


def _write(context: Context, bucket: str, change: Any) -> None:
    with shared.alone(f"s3 {bucket}"):
        context.account.forget(f"s3_notification:{bucket}/")
        document = _document(context, bucket)
        parts = _parts(context.naming, document or {})
        wanted: Parts = change(parts)
        if wanted == parts and document is not None:
            return
        mark = _mark(context.naming)
        others = [
            one
            for one in (document or {}).get(_LISTS[0], ())
            if not str(one.get("Id", "")).startswith(mark)
        ]
        configuration = {**(document or {}), _LISTS[0]: [*others, *_entries(mark, wanted)]}
        for name in _LISTS:
            if not configuration.get(name):
                configuration.pop(name, None)
        context.account.client("s3").put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration=configuration
        )
        context.account.forget(f"s3_notification:{bucket}/")


def _mark(naming: Naming) -> str:
    """How the ids of our notifications begin."""
    return f"lambdactl:{shortened(f'{naming.service}:{naming.stage}', _OWNER_LENGTH)}:"


def _entries(mark: str, parts: Parts) -> list[dict[str, Any]]:
    found = []
    for function, some in parts.items():
        for number, one in enumerate(some, 1):
            entry = {
                "Id": f"{mark}{function}:{number}",
                "LambdaFunctionArn": one["target"],
                "Events": list(one["events"]),
            }
            rules = [
                {"Name": name, "Value": one[name]} for name in ("prefix", "suffix") if one[name]
            ]
            if rules:
                entry["Filter"] = {"Key": {"FilterRules": rules}}
            found.append(entry)
    return found


def _parts(naming: Naming, document: Document) -> Parts:
    """Ours, by function."""
    found: Parts = {}
    mark = _mark(naming)
    for entry in document.get(_LISTS[0], ()):
        if not str(entry.get("Id", "")).startswith(mark):
            continue
        rules = entry.get("Filter", {}).get("Key", {}).get("FilterRules", ())
        values = {str(rule["Name"]).lower(): rule["Value"] for rule in rules}
        target = entry["LambdaFunctionArn"]
        found.setdefault(_function(target), []).append(
            {
                "target": target,
                "events": sorted(entry["Events"]),
                "prefix": values.get("prefix", ""),
                "suffix": values.get("suffix", ""),
            }
        )
    return {function: sorted(some, key=str) for function, some in found.items()}


def _function(target: str) -> str:
    return (called(target) or target).partition(":")[0]
