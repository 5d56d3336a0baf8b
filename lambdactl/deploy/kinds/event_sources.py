"""Event source mappings: what Lambda polls for a function.

They carry tags: whose they are, and their name here, since Lambda knows them by a UUID
(https://docs.aws.amazon.com/lambda/latest/dg/tags-esm.html). They outlive their function.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lambdactl.deploy.faults import allowed, code, message
from lambdactl.deploy.kinds import event_source_shape as shape
from lambdactl.deploy.kinds.function_imitation import presumed
from lambdactl.deploy.marks import joined, state
from lambdactl.deploy.model import HASH, SERVICE, STAGE, Context, Live, Resource
from lambdactl.deploy.waiting import until
from lambdactl.errors import UserError

NAME = "lambdactl:name"
"""The tag with a mapping's name in addresses."""
_GONE_S = 300.0
_JOBS = 8

Answer = Mapping[str, Any]


class EventSource:
    """``event_source:FUNCTION/SOURCE``."""

    name: ClassVar[str] = "event_source"
    title: ClassVar[str] = "event source mapping"
    parent: ClassVar[str | None] = None
    # Whether a stream is another one may be known only when its table is there.
    replaced_by: ClassVar[frozenset[str]] = shape.FIXED - {"source"}
    renews: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        found = _find(context, name)
        if found is None:
            return None
        tags = _tags(context, found)
        function, qualifier = _function(found)
        owner = tags.get(SERVICE), tags.get(STAGE)
        return Live(
            kind=self.name,
            name=name,
            properties={
                **shape.properties(found),
                "qualifier": qualifier,
                "tags": {
                    key: value for key, value in tags.items() if not key.startswith("lambdactl:")
                },
            },
            outputs=_outputs(context, found),
            owner=(owner[0], owner[1]) if owner[0] and owner[1] else None,
            hash=tags.get(HASH),
            needs=(
                f"alias:{function}/{qualifier}" if qualifier else f"function:{function}",
                f"function:{function}",
                *_source(found),
            ),
            # Imitations of AWS make the version of an alias.
            presumed=presumed(state(context, function) or {"Configuration": {}}, ("qualifier",)),
        )

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        naming = context.naming
        # A function that somebody has deleted leaves its mappings.
        known = {*functions, *(naming.function(name) for name in naming.app.functions)}
        ours = [one for one in _mappings(context) if _function(one)[0] in known]
        with concurrent.futures.ThreadPoolExecutor(_JOBS) as pool:
            for tags in pool.map(lambda one: _tags(context, one), ours):
                if (tags.get(SERVICE), tags.get(STAGE)) == naming.owner and NAME in tags:
                    yield tags[NAME]

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        function, _, _ = resource.name.partition("/")
        properties = _with_source(context, resource)
        context.account.forget("event_sources")
        try:
            found = context.account.client("lambda").create_event_source_mapping(
                FunctionName=joined(function, properties["qualifier"]),
                Tags={
                    **properties["tags"],
                    **context.naming.tags(resource.digest),
                    NAME: resource.name,
                },
                **shape.creation(properties),
            )
        except Exception as error:
            live = self.read(context, resource.name) if _exists(error) else None
            if live is None or live.owner != context.naming.owner:
                raise
            # It is there: the answer of an earlier call got lost.
            return self.update(context, resource, live, frozenset(properties))
        context.account.forget("event_sources")
        return _outputs(context, found)

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        function, _, _ = resource.name.partition("/")
        lambda_ = context.account.client("lambda")
        properties = resource.properties
        if "source" in changed and properties["source"] != live.properties.get("source"):
            self.delete(context, live)
            return self.create(context, resource)
        arguments = shape.update(properties, changed & set(properties))
        if "qualifier" in changed:
            arguments["FunctionName"] = joined(function, properties["qualifier"])
        context.account.forget("event_sources")
        arn = live.outputs["arn"]
        # First: what breaks off after it is known as not being what it should be.
        lambda_.tag_resource(
            Resource=arn,
            Tags={
                **properties["tags"],
                **context.naming.tags(resource.digest),
                NAME: resource.name,
            },
        )
        gone = sorted(set(live.properties["tags"]) - set(properties["tags"]))
        if gone:
            lambda_.untag_resource(Resource=arn, TagKeys=gone)
        if arguments:
            lambda_.update_event_source_mapping(UUID=live.outputs["id"], **arguments)
        context.account.forget("event_sources")
        return live.outputs

    def delete(self, context: Context, live: Live) -> None:
        lambda_ = context.account.client("lambda")
        id_ = live.outputs["id"]
        context.account.forget("event_sources")

        def gone() -> bool:
            with allowed("ResourceNotFoundException"):
                lambda_.get_event_source_mapping(UUID=id_)
                return False
            return True

        with allowed("ResourceNotFoundException"):
            lambda_.delete_event_source_mapping(UUID=id_)
            # Until then the same mapping can't be created again.
            until(context, gone, "the event source mapping to be gone", _GONE_S)
        context.account.forget("event_sources")


KINDS = (EventSource(),)


def _mappings(context: Context) -> tuple[Answer, ...]:
    """All event source mappings of the account, those excepted that are being deleted."""

    def ask() -> tuple[Answer, ...]:
        pages = context.account.client("lambda").get_paginator("list_event_source_mappings")
        return tuple(
            one
            for page in pages.paginate()
            for one in page.get("EventSourceMappings", ())
            if one.get("State") != "Deleting"
        )

    return context.account.once("event_sources/all", ask)


def _tags(context: Context, mapping: Answer) -> Mapping[str, str]:
    arn = _arn(context, mapping)

    def ask() -> Mapping[str, str]:
        with allowed("ResourceNotFoundException"):
            return dict(context.account.client("lambda").list_tags(Resource=arn).get("Tags") or {})
        return {}

    return context.account.once(f"event_sources/tags/{arn}", ask)


def _find(context: Context, name: str) -> Answer | None:
    """The mapping of that name; else somebody else's of the same function and source."""
    function = name.partition("/")[0]
    found: dict[str, Answer] = {}
    for one in _mappings(context):
        if _function(one)[0] == function:
            own = _tags(context, one).get(NAME)
            if own is not None:
                found[own] = one
            else:
                source = shape.source_name(shape.properties(one))
                found.setdefault(f"{function}/{source}", one)
    return found.get(name)


def _with_source(context: Context, resource: Resource) -> dict[str, Any]:
    """Its properties, with the newest stream of a table that is there already
    (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html).

    :raises UserError: the table has none.
    """
    properties = dict(resource.properties)
    table = properties.pop("table", None)
    if table is None or "source" in properties:
        return properties
    answer = context.account.client("dynamodb").describe_table(TableName=table.partition("/")[2])
    stream = answer["Table"].get("LatestStreamArn")
    if not stream or not (answer["Table"].get("StreamSpecification") or {}).get("StreamEnabled"):
        raise UserError(
            f"the table {table.partition('/')[2]} has no stream",
            where=resource.where,
            hint="turn one on: `aws dynamodb update-table --stream-specification "
            "StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES`",
        )
    return {**properties, "source": stream}


def _exists(error: Exception) -> bool:
    return code(error) == "ResourceConflictException" and "exist" in message(error)


def _function(mapping: Answer) -> tuple[str, str | None]:
    """The name of a mapping's function, and its alias or version."""
    pieces = str(mapping.get("FunctionArn", "")).split(":")
    return "".join(pieces[6:7]), "".join(pieces[7:8]) or None


def _source(mapping: Answer) -> tuple[str, ...]:
    """The address of what is read, were it ours."""
    kinds = {"sqs": "queue", "kinesis": "stream", "dynamodb": "table"}
    service, _, name = shape.source_name(shape.properties(mapping)).partition(":")
    return (f"{kinds[service]}:{name.partition('/')[0]}",) if service in kinds else ()


def _arn(context: Context, mapping: Answer) -> str:
    return context.naming.arn("lambda", f"event-source-mapping:{mapping['UUID']}")


def _outputs(context: Context, mapping: Answer) -> dict[str, str]:
    return {"id": str(mapping["UUID"]), "arn": _arn(context, mapping)}
