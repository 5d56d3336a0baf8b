"""DynamoDB tables, paid by request, with their streams and indexes.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from lambdactl.deploy import tagging
from lambdactl.deploy.faults import allowed, code
from lambdactl.deploy.model import HASH, Context, Live, Resource
from lambdactl.deploy.waiting import until

_GONE = "ResourceNotFoundException"
_LONGEST_S = 900.0
"""An index of a table with much in it takes its time."""
_TYPES = {"string": "S", "number": "N", "binary": "B"}
_WORDS = {letter: word for word, letter in _TYPES.items()}


class Table:
    name: ClassVar[str] = "table"
    title: ClassVar[str] = "table"
    parent: ClassVar[str | None] = None
    renews: ClassVar[frozenset[str]] = frozenset({"stream_arn"})
    renewed_by: ClassVar[frozenset[str]] = frozenset({"stream"})
    replaced_by: ClassVar[frozenset[str]] = frozenset({"partition_key", "sort_key"})

    def read(self, context: Context, name: str) -> Live | None:
        table = _described(context, name)
        if table is None or table["TableStatus"] == "DELETING":
            return None
        dynamodb = context.account.client("dynamodb")
        tags = _tags(dynamodb, table["TableArn"])
        owner, hash_ = tagging.owner(tags), tagging.deployed(tags)
        properties: dict[str, Any] = {}
        if owner == context.naming.owner:
            properties = _properties(dynamodb, table)
            if hash_ is None:
                # Keys can't change, so they are right even where work on it broke off.
                keys = {key: properties[key] for key in self.replaced_by}
                properties = {**tagging.unfinished(properties), **keys}
            properties["tags"] = tagging.users(tags)
        return Live(
            kind=self.name,
            name=name,
            properties=properties,
            outputs=_outputs(table),
            owner=owner,
            hash=hash_,
        )

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        return tagging.names(context, "dynamodb", "tables")

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        wanted = resource.properties
        try:
            context.account.client("dynamodb").create_table(
                TableName=resource.name,
                AttributeDefinitions=_attributes(wanted),
                KeySchema=_schema(wanted),
                BillingMode="PAY_PER_REQUEST",
                StreamSpecification=_stream(wanted["stream"]),
                DeletionProtectionEnabled=wanted["protected"],
                Tags=tagging.pairs({**wanted["tags"], **context.naming.tags()}),
                **_given(GlobalSecondaryIndexes=[*_indexes(wanted["indexes"])]),
            )
        except Exception as error:
            if code(error) != "ResourceInUseException":
                raise
            live = self.read(context, resource.name)
            if live is None:
                _wait_until_gone(context, resource.name)
                return self.create(context, resource)
            if live.owner != context.naming.owner:
                raise
            return self.update(context, resource, live, frozenset(wanted))
        context.account.forget("tagged")
        _wait(context, resource.name)
        self._finish(context, resource, {"tags": wanted["tags"]})
        return _outputs(_described(context, resource.name) or {})

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        name, wanted = resource.name, resource.properties
        _wait(context, name)
        dynamodb = context.account.client("dynamodb")
        # What there is now: a change that broke off may have been done in part.
        table = _described(context, name) or {}
        before = _properties(dynamodb, table)
        # Imitations of AWS keep every value that a tag ever had: it is taken away, not replaced.
        gone = [HASH, *tagging.gone(live.properties["tags"], wanted["tags"])]
        dynamodb.untag_resource(ResourceArn=table["TableArn"], TagKeys=gone)
        if before["billing"] != wanted["billing"]:
            _change(context, name, BillingMode="PAY_PER_REQUEST")
        if before["protected"] != wanted["protected"]:
            _change(context, name, DeletionProtectionEnabled=wanted["protected"])
        if before["stream"] != wanted["stream"]:
            # A stream can't be changed, only ended, and another begun.
            if before["stream"] is not None:
                _change(context, name, StreamSpecification=_stream(None))
            if wanted["stream"] is not None:
                _change(context, name, StreamSpecification=_stream(wanted["stream"]))
        self._change_indexes(context, resource, before["indexes"])
        self._finish(context, resource, {**before, "tags": live.properties["tags"]})
        return _outputs(_described(context, name) or {})

    def _change_indexes(
        self, context: Context, resource: Resource, before: Mapping[str, Any]
    ) -> None:
        """One after the other: AWS takes one creation or deletion at a time
        (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html)."""
        wanted = resource.properties["indexes"]
        for index, keys in before.items():
            if wanted.get(index) != keys:
                context.tell(f"deleting the index {index}")
                deletion = [{"Delete": {"IndexName": index}}]
                _change(context, resource.name, GlobalSecondaryIndexUpdates=deletion)
        for index, keys in wanted.items():
            if before.get(index) != keys:
                context.tell(f"creating the index {index}")
                creation = [{"Create": next(_indexes({index: keys}))}]
                _change(
                    context,
                    resource.name,
                    AttributeDefinitions=_attributes(resource.properties),
                    GlobalSecondaryIndexUpdates=creation,
                )

    def _finish(self, context: Context, resource: Resource, before: Mapping[str, Any]) -> None:
        """What a table gets only when it is there; the digest last."""
        dynamodb = context.account.client("dynamodb")
        name, wanted = resource.name, resource.properties
        was, ttl = before.get("ttl"), wanted["ttl"]
        for attribute, on in ((was, False), (ttl, True)):
            if attribute is not None and was != ttl:
                dynamodb.update_time_to_live(
                    TableName=name,
                    TimeToLiveSpecification={"Enabled": on, "AttributeName": attribute},
                )
        if before.get("point_in_time_recovery", False) != wanted["point_in_time_recovery"]:
            _set_recovery(context, name, wanted["point_in_time_recovery"])
        tags = {key: tag for key, tag in wanted["tags"].items() if before["tags"].get(key) != tag}
        dynamodb.tag_resource(
            ResourceArn=context.naming.arn("dynamodb", f"table/{name}"),
            Tags=tagging.pairs({**tags, HASH: resource.digest}),
        )

    def delete(self, context: Context, live: Live) -> None:
        with allowed(_GONE):
            context.account.client("dynamodb").delete_table(TableName=live.name)
        _wait_until_gone(context, live.name)
        context.account.forget("tagged")


KINDS = (Table(),)


def _given(**arguments: Any) -> dict[str, Any]:
    """Arguments that are not empty."""
    return {name: value for name, value in arguments.items() if value}


def _described(context: Context, name: str) -> dict[str, Any] | None:
    with allowed(_GONE):
        found: dict[str, Any] = context.account.client("dynamodb").describe_table(TableName=name)[
            "Table"
        ]
        return found
    return None


def _tags(dynamodb: Any, arn: str) -> dict[str, str]:
    tags: dict[str, str] = {}
    after: dict[str, str] = {}
    seen: set[str] = set()
    with allowed(_GONE):
        while True:
            page = dynamodb.list_tags_of_resource(ResourceArn=arn, **after)
            tags |= tagging.mapping(page["Tags"])
            token = page.get("NextToken")
            # Imitations of AWS turn in circles where a tag was set twice.
            if not token or token in seen:
                break
            seen.add(token)
            after = {"NextToken": token}
    return tags


def _outputs(table: Mapping[str, Any]) -> dict[str, str]:
    found = {"arn": table["TableArn"], "name": table["TableName"]}
    if table.get("StreamSpecification", {}).get("StreamEnabled"):
        found["stream_arn"] = table["LatestStreamArn"]
    return found


def _properties(dynamodb: Any, table: Mapping[str, Any]) -> dict[str, Any]:
    types = {one["AttributeName"]: one["AttributeType"] for one in table["AttributeDefinitions"]}
    stream = table.get("StreamSpecification", {})
    billing = table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    return {
        "billing": "on_demand" if billing == "PAY_PER_REQUEST" else "provisioned",
        **_keys(table["KeySchema"], types),
        "indexes": {
            index["IndexName"]: _keys(index["KeySchema"], types)
            for index in table.get("GlobalSecondaryIndexes") or ()
            if index.get("IndexStatus") != "DELETING"
        },
        "stream": stream["StreamViewType"].lower() if stream.get("StreamEnabled") else None,
        "ttl": _ttl(dynamodb, table["TableName"]),
        "point_in_time_recovery": _recovery(dynamodb, table["TableName"]),
        "protected": bool(table.get("DeletionProtectionEnabled", False)),
    }


def _keys(schema: Iterable[Mapping[str, str]], types: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {"partition_key": None, "sort_key": None}
    for one in schema:
        name = one["AttributeName"]
        word = "partition_key" if one["KeyType"] == "HASH" else "sort_key"
        found[word] = {"name": name, "type": _WORDS[types[name]]}
    return found


def _ttl(dynamodb: Any, name: str) -> str | None:
    found = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    on = found.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    return str(found["AttributeName"]) if on else None


def _recovery(dynamodb: Any, name: str) -> bool:
    answer = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = answer.get("PointInTimeRecoveryDescription", {})
    return bool(recovery.get("PointInTimeRecoveryStatus") == "ENABLED")


def _set_recovery(context: Context, name: str, on: bool) -> None:
    """A table that is new takes a moment until it can be backed up at all."""

    def done() -> bool:
        try:
            context.account.client("dynamodb").update_continuous_backups(
                TableName=name,
                PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": on},
            )
        except Exception as error:
            if code(error) != "ContinuousBackupsUnavailableException":
                raise
            return False
        return True

    until(context, done, f"backups of the table {name}", _LONGEST_S)


def _change(context: Context, name: str, **arguments: Any) -> None:
    context.account.client("dynamodb").update_table(TableName=name, **arguments)
    _wait(context, name)


def _wait(context: Context, name: str) -> None:
    def ready() -> bool:
        table = _described(context, name)
        if table is None:
            return False
        indexes = table.get("GlobalSecondaryIndexes") or ()
        states = {table["TableStatus"], *(one.get("IndexStatus", "ACTIVE") for one in indexes)}
        return states == {"ACTIVE"}

    until(context, ready, f"the table {name} to be active", _LONGEST_S)


def _wait_until_gone(context: Context, name: str) -> None:
    def gone() -> bool:
        return _described(context, name) is None

    until(context, gone, f"the table {name} to be gone", _LONGEST_S)


def _stream(view: str | None) -> dict[str, Any]:
    if view is None:
        return {"StreamEnabled": False}
    return {"StreamEnabled": True, "StreamViewType": view.upper()}


def _schema(keys: Mapping[str, Any]) -> list[dict[str, str]]:
    found = [{"AttributeName": keys["partition_key"]["name"], "KeyType": "HASH"}]
    if keys["sort_key"] is not None:
        found.append({"AttributeName": keys["sort_key"]["name"], "KeyType": "RANGE"})
    return found


def _indexes(indexes: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, keys in indexes.items():
        yield {
            "IndexName": name,
            "KeySchema": _schema(keys),
            "Projection": {"ProjectionType": "ALL"},
        }


def _attributes(wanted: Mapping[str, Any]) -> list[dict[str, str]]:
    """Every attribute that is part of a key, once."""
    found: dict[str, str] = {}
    for keys in (wanted, *wanted["indexes"].values()):
        for key in (keys["partition_key"], keys["sort_key"]):
            if key is not None:
                found[key["name"]] = _TYPES[key["type"]]
    return [{"AttributeName": name, "AttributeType": type_} for name, type_ in found.items()]
