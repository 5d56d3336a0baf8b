"""Resources that call a function in AWS, and that no kind of trigger stands for here.

Custom resources call theirs too, but only while a stack is deployed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lambdactl.manifest.document import Node
from lambdactl.manifest.sam.draft import Draft
from lambdactl.manifest.sam.template import Resource
from lambdactl.manifest.sam.values import text_of

_SERVICES = {
    "AWS::AppSync::DataSource": "appsync",
    "AWS::Bedrock::Agent": "bedrock-agent",
    "AWS::CloudFront::Distribution": "cloudfront",
    "AWS::CloudWatch::Alarm": "cloudwatch",
    "AWS::CodePipeline::Pipeline": "codepipeline",
    "AWS::Config::ConfigRule": "config",
    "AWS::KinesisFirehose::DeliveryStream": "firehose",
    "AWS::Lex::BotAlias": "lex-v2",
    "AWS::Pipes::Pipe": None,
    "AWS::SES::ReceiptRule": "ses",
    "AWS::SecretsManager::RotationSchedule": "secretsmanager",
    "AWS::Serverless::GraphQLApi": "appsync",
    "AWS::Transfer::Server": "transfer",
    "AWS::VpcLattice::TargetGroup": "vpc-lattice",
}
"""Type -> the service whose sample events are what it sends."""
_SUB = r"\$\{\s*([A-Za-z0-9]+)\s*(?:\.[^}]*)?\}"


def warn_of(draft: Draft, resource: Resource) -> None:
    """Name a resource that calls a function of the template."""
    if resource.type not in _SERVICES:
        return
    known = draft.template.resources
    for name in _names(resource.properties):
        if name in known and known[name].is_function:
            service = _SERVICES[resource.type]
            draft.warn(
                "not-supported",
                f"`{resource.name}` ({resource.type}) calls `{name}`; no trigger stands for that",
                resource.at,
                service and f"`lambdactl generate-event {service}` makes what it sends",
            )
            return


def _names(node: Node) -> Iterator[str]:
    """What is named by ``Ref``, ``GetAtt`` and ``Sub``, as it is written."""
    if isinstance(node.value, list):
        for member in node.value:
            yield from _names(member)
    for key, child in node.items():
        text = text_of(child)
        if isinstance(child.value, list) and child.value and key != "Ref":
            text = text_of(child.value[0])
        if text is not None and key in ("Ref", "Fn::GetAtt"):
            yield text.partition(".")[0]
        elif text is not None and key == "Fn::Sub":
            yield from re.findall(_SUB, text)
        yield from _names(child)
