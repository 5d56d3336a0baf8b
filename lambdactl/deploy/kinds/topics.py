"""SNS topics.

https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lambdactl.deploy import tagging
from lambdactl.deploy.faults import allowed, code
from lambdactl.deploy.model import Context, Live, Resource

_GONE = ("NotFound", "NotFoundException", "ResourceNotFound")


class Topic:
    name: ClassVar[str] = "topic"
    title: ClassVar[str] = "topic"
    parent: ClassVar[str | None] = None
    renews: ClassVar[frozenset[str]] = frozenset()
    replaced_by: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        sns = context.account.client("sns")
        arn = _arn(context, name)
        with allowed(*_GONE):
            attributes = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
            tags = tagging.mapping(sns.list_tags_for_resource(ResourceArn=arn)["Tags"])
            hash_ = tagging.deployed(tags)
            found = _read(attributes)
            if hash_ is None:
                found = tagging.unfinished(found)
            return Live(
                kind=self.name,
                name=name,
                properties={**found, "tags": tagging.users(tags)},
                outputs={"arn": arn, "name": name},
                owner=tagging.owner(tags),
                hash=hash_,
            )
        return None

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        return tagging.names(context, "sns", "topics")

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        wanted = resource.properties
        attributes = {key: value for key, value in _attributes(wanted).items() if value}
        if wanted["deduplication"] is not None:
            attributes["FifoTopic"] = "true"
        try:
            context.account.client("sns").create_topic(
                Name=resource.name,
                Attributes=attributes,
                Tags=tagging.pairs(tagging.of(context, resource)),
            )
        except Exception as error:
            # One that is there with other attributes or tags is an invalid parameter.
            exists = code(error) in ("InvalidParameter", "InvalidParameterException")
            live = self.read(context, resource.name) if exists else None
            if live is None or live.owner != context.naming.owner:
                raise
            return self.update(context, resource, live, frozenset(wanted))
        context.account.forget("tagged")
        return {"arn": _arn(context, resource.name), "name": resource.name}

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        sns = context.account.client("sns")
        arn, wanted = live.outputs["arn"], resource.properties
        sns.tag_resource(ResourceArn=arn, Tags=tagging.pairs(tagging.begun(context, resource)))
        for name, value in _attributes({key: wanted[key] for key in changed}).items():
            sns.set_topic_attributes(TopicArn=arn, AttributeName=name, AttributeValue=value)
        gone = tagging.gone(live.properties["tags"], wanted["tags"])
        if gone:
            sns.untag_resource(ResourceArn=arn, TagKeys=gone)
        sns.tag_resource(ResourceArn=arn, Tags=tagging.pairs(tagging.of(context, resource)))
        return live.outputs

    def delete(self, context: Context, live: Live) -> None:
        with allowed(*_GONE):
            context.account.client("sns").delete_topic(TopicArn=live.outputs["arn"])
        context.account.forget("tagged")


KINDS = (Topic(),)


def _arn(context: Context, name: str) -> str:
    return context.naming.arn("sns", name)


def _read(attributes: Mapping[str, str]) -> dict[str, Any]:
    deduplication = None
    if attributes.get("FifoTopic") == "true":
        deduplication = attributes.get("ContentBasedDeduplication") == "true"
    return {
        "display_name": attributes.get("DisplayName") or None,
        "deduplication": deduplication,
        "kms_key": attributes.get("KmsMasterKeyId") or None,
    }


def _attributes(wanted: Mapping[str, Any]) -> dict[str, str]:
    """As SNS takes them; "" takes one away."""
    found = {}
    if "display_name" in wanted:
        found["DisplayName"] = wanted["display_name"] or ""
    if "kms_key" in wanted:
        found["KmsMasterKeyId"] = wanted["kms_key"] or ""
    if wanted.get("deduplication") is not None:
        found["ContentBasedDeduplication"] = str(wanted["deduplication"]).lower()
    return found
