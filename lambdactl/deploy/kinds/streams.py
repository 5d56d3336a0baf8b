"""Kinesis data streams.

https://docs.aws.amazon.com/kinesis/latest/APIReference/API_CreateStream.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lambdactl.deploy import claims, tagging
from lambdactl.deploy.faults import allowed, code
from lambdactl.deploy.model import Context, Live, Resource
from lambdactl.deploy.waiting import until

_GONE = "ResourceNotFoundException"
_LONGEST_S = 900.0
_FEW = 10
"""So many streams of an account may be asked for their tags one by one: Kinesis answers five such
questions a second (https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html).
"""


class Stream:
    name: ClassVar[str] = "stream"
    title: ClassVar[str] = "stream"
    parent: ClassVar[str | None] = None
    renews: ClassVar[frozenset[str]] = frozenset()
    replaced_by: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        stream = _described(context, name)
        if stream is None or stream["StreamStatus"] == "DELETING":
            return None
        tags = _tags(context, name)
        owner, hash_ = tagging.owner(tags), tagging.deployed(tags)
        if owner is None and claims.claimed(context, f"{self.name}:{name}"):
            owner = context.naming.owner
        properties = tagging.unfinished(("shards", "retention_h"))
        if owner == context.naming.owner and hash_ is not None:
            properties["shards"] = _shards(stream)
            properties["retention_h"] = stream["RetentionPeriodHours"]
        return Live(
            kind=self.name,
            name=name,
            properties={**properties, "tags": tagging.users(tags)},
            outputs=_outputs(context, name),
            owner=owner,
            hash=hash_,
        )

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        found = set(tagging.names(context, "kinesis", "streams"))
        kinesis = context.account.client("kinesis")
        page = kinesis.list_streams()
        if not page.get("HasMoreStreams") and len(page["StreamNames"]) <= _FEW:
            # The listing by tags may not know what was made a moment ago.
            found |= set(page["StreamNames"])
        return sorted(found)

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        shards = resource.properties["shards"]
        capacity: dict[str, Any] = {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}}
        if shards is not None:
            capacity = {
                "StreamModeDetails": {"StreamMode": "PROVISIONED"},
                "ShardCount": shards,
            }
        claims.claim(context, resource.address)
        try:
            context.account.client("kinesis").create_stream(
                StreamName=resource.name, Tags=tagging.begun(context, resource), **capacity
            )
        except Exception as error:
            live = self.read(context, resource.name)
            ours = live is not None and live.owner == context.naming.owner
            if not ours:
                claims.release(context, resource.address)
            if code(error) != "ResourceInUseException" or (live is not None and not ours):
                raise
            if live is None:
                # It is on its way out still.
                _wait_until_gone(context, resource.name)
                return self.create(context, resource)
        self._put(context, resource, {}, claimed=True)
        context.account.forget("tagged")
        return _outputs(context, resource.name)

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        self._put(context, resource, live.properties["tags"], claimed=live.hash is None)
        return live.outputs

    def _put(
        self, context: Context, resource: Resource, tags: Mapping[str, str], *, claimed: bool
    ) -> None:
        """All that differs from what there is; the digest last.

        :param tags: the user's that there are.
        :param claimed: its making may have broken off.
        """
        # Only what is active takes tags.
        _wait(context, resource.name)
        kinesis = context.account.client("kinesis")
        begun = tagging.begun(context, resource)
        kinesis.add_tags_to_stream(StreamName=resource.name, Tags=begun)
        if claimed:
            claims.release(context, resource.address)
        name, wanted = resource.name, resource.properties
        _scale(context, name, wanted["shards"])
        stream = _described(context, name) or {}
        hours = {"StreamName": name, "RetentionPeriodHours": wanted["retention_h"]}
        if stream["RetentionPeriodHours"] < wanted["retention_h"]:
            kinesis.increase_stream_retention_period(**hours)
            _wait(context, name)
        elif stream["RetentionPeriodHours"] > wanted["retention_h"]:
            kinesis.decrease_stream_retention_period(**hours)
            _wait(context, name)
        gone = tagging.gone(tags, wanted["tags"])
        if gone:
            kinesis.remove_tags_from_stream(StreamName=name, TagKeys=gone)
        kinesis.add_tags_to_stream(StreamName=name, Tags=tagging.of(context, resource))

    def delete(self, context: Context, live: Live) -> None:
        """With consumers that others have registered: they can't read what is gone."""
        with allowed(_GONE):
            context.account.client("kinesis").delete_stream(
                StreamName=live.name, EnforceConsumerDeletion=True
            )
        _wait_until_gone(context, live.name)
        if live.hash is None:
            claims.release(context, live.address)
        context.account.forget("tagged")


KINDS = (Stream(),)


def _outputs(context: Context, name: str) -> dict[str, str]:
    return {"arn": context.naming.arn("kinesis", f"stream/{name}"), "name": name}


def _described(context: Context, name: str) -> Mapping[str, Any] | None:
    with allowed(_GONE):
        answer = context.account.client("kinesis").describe_stream_summary(StreamName=name)
        found: Mapping[str, Any] = answer["StreamDescriptionSummary"]
        return found
    return None


def _tags(context: Context, name: str) -> dict[str, str]:
    kinesis = context.account.client("kinesis")
    tags: dict[str, str] = {}
    after: dict[str, str] = {}
    with allowed(_GONE):
        while True:
            page = kinesis.list_tags_for_stream(StreamName=name, **after)
            tags |= tagging.mapping(page["Tags"])
            if not page["HasMoreTags"]:
                break
            after = {"ExclusiveStartTagKey": page["Tags"][-1]["Key"]}
    return tags


def _shards(stream: Mapping[str, Any]) -> int | None:
    """None: on demand."""
    if stream.get("StreamModeDetails", {}).get("StreamMode") == "ON_DEMAND":
        return None
    return int(stream["OpenShardCount"])


def _scale(context: Context, name: str, shards: int | None) -> None:
    """To so many shards, in steps: one at most doubles or halves them
    (https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateShardCount.html)."""
    kinesis = context.account.client("kinesis")
    now = _shards(_described(context, name) or {})
    if (now is None) != (shards is None):
        mode = "ON_DEMAND" if shards is None else "PROVISIONED"
        arn = _outputs(context, name)["arn"]
        kinesis.update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": mode})
        _wait(context, name)
        now = _shards(_described(context, name) or {})
    while shards is not None and now is not None and now != shards:
        now = min(max(shards, -(-now // 2)), 2 * now)
        context.tell(f"scaling to {now} shards")
        kinesis.update_shard_count(
            StreamName=name, TargetShardCount=now, ScalingType="UNIFORM_SCALING"
        )
        _wait(context, name)


def _wait(context: Context, name: str) -> None:
    def ready() -> bool:
        return (_described(context, name) or {}).get("StreamStatus") == "ACTIVE"

    until(context, ready, f"the stream {name} to be active", _LONGEST_S)


def _wait_until_gone(context: Context, name: str) -> None:
    def gone() -> bool:
        return _described(context, name) is None

    until(context, gone, f"the stream {name} to be gone", _LONGEST_S)
