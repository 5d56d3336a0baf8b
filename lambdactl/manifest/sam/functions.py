"""``AWS::Serverless::Function`` and ``AWS::Lambda::Function`` -> a function of the manifest.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-function.html
"""

from __future__ import annotations

from lambdactl.errors import did_you_mean
from lambdactl.manifest.document import Node
from lambdactl.manifest.sam import code
from lambdactl.manifest.sam.draft import Draft, Fields, certain, word
from lambdactl.manifest.sam.template import Resource
from lambdactl.manifest.sam.values import made, resource_of, text_of

SERVERLESS = "AWS::Serverless::Function"
_PLAIN = {
    "FunctionName": "name",
    "Description": "description",
    "Runtime": "runtime",
    "Handler": "handler",
    "MemorySize": "memory",
    "Timeout": "timeout",
    "KmsKeyArn": "kms_key",
    "CodeSigningConfigArn": "code_signing",
}
"""Properties that the manifest has under another name, as they are."""
_OF_BOTH = frozenset(
    {
        "Architectures",
        "CapacityProviderConfig",
        "DurableConfig",
        "Environment",
        "EphemeralStorage",
        "FileSystemConfigs",
        "FunctionScalingConfig",
        "ImageConfig",
        "Layers",
        "LoggingConfig",
        "PackageType",
        "PublishToLatestPublished",
        "RecursiveLoop",
        "ReservedConcurrentExecutions",
        "Role",
        "RuntimeManagementConfig",
        "SnapStart",
        "Tags",
        "TenancyConfig",
        "VpcConfig",
    }
)
_OF_ONE = {
    SERVERLESS: frozenset(
        {
            "AssumeRolePolicyDocument",
            "AutoPublishAlias",
            "AutoPublishAliasAllProperties",
            "AutoPublishCodeSha256",
            "CodeUri",
            "DeadLetterQueue",
            "DeploymentPreference",
            "EventInvokeConfig",
            "Events",
            "FunctionUrlConfig",
            "ImageUri",
            "InlineCode",
            "PermissionsBoundary",
            "Policies",
            "PropagateTags",
            "ProvisionedConcurrencyConfig",
            "RolePath",
            "SourceKMSKeyArn",
            "Tracing",
            "VersionDeletionPolicy",
            "VersionDescription",
        }
    ),
    "AWS::Lambda::Function": frozenset(
        {"Code", "DeadLetterConfig", "RuntimeConfig", "TracingConfig"}
    ),
}
_LOST = (
    "AssumeRolePolicyDocument",
    "PropagateTags",
    "RolePath",
    "VersionDeletionPolicy",
)
"""Properties that only a deployment would miss."""
_RARE = frozenset(
    {
        "AutoPublishAlias",
        "CapacityProviderConfig",
        "DeploymentPreference",
        "DurableConfig",
        "EventInvokeConfig",
        "FileSystemConfigs",
        "FunctionScalingConfig",
        "FunctionUrlConfig",
        "ProvisionedConcurrencyConfig",
        "PublishToLatestPublished",
        "RuntimeManagementConfig",
        "TenancyConfig",
        "VersionDescription",
        "VpcConfig",
    }
)
_DESTINATIONS = {
    "AWS::SQS::Queue": "queue",
    "AWS::SNS::Topic": "topic",
    "AWS::Events::EventBus": "bus",
    "AWS::S3::Bucket": "bucket",
    "AWS::Serverless::Function": "function",
    "AWS::Lambda::Function": "function",
}


def function(draft: Draft, resource: Resource) -> Fields:
    """The fields of one function, without its triggers."""
    _unknown_properties(draft, resource)
    fields = draft.fields(resource.at)
    image = (resource.text("PackageType") or "Zip") == "Image"
    for name, field in _PLAIN.items():
        if image and field in ("runtime", "handler"):
            continue
        fields.put(field, resource.get(name), name)
        draft.says(resource.at, field, name)
    # In the order in which a reader of the manifest looks for them.
    code.put(draft, resource, fields, image)
    fields.put("architecture", resource.get("Architectures", 0), "Architectures")
    fields.put("ephemeral_storage", resource.get("EphemeralStorage", "Size"), "EphemeralStorage")
    if not image:
        layers(draft, resource, fields)
    _environment(draft, resource, fields)
    role(draft, resource, fields)
    _logging(draft, resource, fields)
    _small(draft, resource, fields)
    if not _RARE.isdisjoint(resource.properties.value):
        from lambdactl.manifest.sam import rare

        rare.put(draft, resource, fields)
    for name in _LOST:
        if name in resource.properties.value:
            message = f"`{name}` of `{resource.name}` has no place in the manifest"
            draft.lose(message, resource.properties.keys[name])
    return fields


def _unknown_properties(draft: Draft, resource: Resource) -> None:
    known = {*_PLAIN, *_OF_BOTH, *_OF_ONE[resource.type]}
    for name, _, at in resource.template.entries(resource.properties):
        if name not in known:
            draft.warn(
                "unknown-field",
                f"`{resource.name}` has a property `{name}`, which is not known here",
                at,
                did_you_mean(name, known - resource.properties.value.keys()),
            )


def layers(draft: Draft, resource: Resource, fields: Fields) -> None:
    """Layers of the template by name, others by ARN."""
    node = resource.get("Layers")
    if node is None or not isinstance(node.value, list):
        fields.put("layers", node, "Layers")
        return
    found: list[Node] = []
    for entry in node.value:
        layer = resource_of(entry)
        if layer is None:
            found.append(entry)
        elif code.layer_path(draft, layer) is not None:
            found.append(made(layer.key, entry))
        else:
            draft.warn(
                "not-supported",
                f"`{resource.name}` runs without its layer `{layer.name}`, which is not here",
                entry,
            )
    if found:
        fields.put("layers", made([], node), "Layers")
        fields.value["layers"].value.extend(found)
        fields.value["layers"].size += len(found)


def _environment(draft: Draft, resource: Resource, fields: Fields) -> None:
    variables = resource.get("Environment", "Variables")
    if variables is None:
        return
    if not variables.is_mapping:
        fields.put("environment", variables, "Variables")
        return
    inner = draft.fields(variables.at)
    for name, node in variables.items():
        value = certain(node)
        inner.put(name, value)
        inner.keys[name] = variables.keys.get(name, node.at)
        draft.says(node.at, f"environment.{name}", name)
    draft.says(variables.at, "environment", "Variables")
    fields.nest("environment", inner)


def role(draft: Draft, resource: Resource, fields: Fields) -> None:
    """What a function or a state machine may do: a role, or policies for one of its own."""
    given = resource.get("Role") or resource.get("RoleArn")
    if given is None:
        if not {"Policies", "PermissionsBoundary"}.isdisjoint(resource.properties.value):
            from lambdactl.manifest.sam import policies

            policies.of_function(draft, resource, fields)
        return
    own = resource_of(given)
    if own is not None and own.type == "AWS::IAM::Role":
        from lambdactl.manifest.sam import policies

        policies.of_role(draft, own, given, fields)
    else:
        fields.put("role", given, "Role")


def _logging(draft: Draft, resource: Resource, fields: Fields) -> None:
    node = resource.get("LoggingConfig")
    if node is None or not node.is_mapping:
        fields.put("logging", node, "LoggingConfig")
        return
    inner = draft.fields(node.at)
    inner.put("format", word(node.get("LogFormat")), "LogFormat")
    inner.put("level", word(node.get("ApplicationLogLevel")), "ApplicationLogLevel")
    inner.put("system_level", word(node.get("SystemLogLevel")), "SystemLogLevel")
    inner.put("group", node.get("LogGroup"), "LogGroup")
    fields.nest("logging", inner, "LoggingConfig")


def _small(draft: Draft, resource: Resource, fields: Fields) -> None:
    reserved = resource.get("ReservedConcurrentExecutions")
    if reserved is not None:
        inner = draft.fields(reserved.at)
        inner.put("reserved", reserved, "ReservedConcurrentExecutions")
        fields.nest("concurrency", inner)
    letters = resource.get("DeadLetterQueue", "TargetArn") or resource.get(
        "DeadLetterConfig", "TargetArn"
    )
    fields.put("dead_letter", destination(letters), "TargetArn")
    tracing = resource.get("Tracing") or resource.get("TracingConfig", "Mode")
    if text_of(tracing) != "Disabled":
        fields.put("tracing", word(tracing), "Tracing")
    fields.put("snap_start", word(resource.get("SnapStart", "ApplyOn")), "ApplyOn")
    fields.put("recursion", word(resource.get("RecursiveLoop")), "RecursiveLoop")
    fields.put("tags", tags(draft, resource.get("Tags")), "Tags")


def tags(draft: Draft, node: Node | None) -> Node | None:
    """A mapping of tags, also from a list of ``Key`` and ``Value``."""
    if node is None or node.unknown or not isinstance(node.value, list):
        return node
    inner = draft.fields(node.at)
    for entry in node.value:
        key, value = text_of(entry.get("Key")), entry.get("Value")
        if key is not None:
            inner.put(key, value)
    return inner.node()


def destination(node: Node | None) -> Node | None:
    """Where a record goes: a resource of the template by its kind and name, or an ARN."""
    resource = resource_of(node)
    if node is None or resource is None or resource.type not in _DESTINATIONS:
        return node
    name = resource.key if resource.is_function else resource.physical_name
    return made({_DESTINATIONS[resource.type]: name}, node)
