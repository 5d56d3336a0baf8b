"""Properties of functions that few templates have: versions, aliases, URLs, networks, capacity."""

from __future__ import annotations

from lambdactl.manifest.document import Node
from lambdactl.manifest.sam.draft import Draft, Fields, boolean, sequence, word
from lambdactl.manifest.sam.functions import destination
from lambdactl.manifest.sam.template import Resource
from lambdactl.manifest.sam.values import made, resource_of, text_of

_RESULTS = {
    "SQS": ("queue", "Queue"),
    "SNS": ("topic", "Topic"),
    "Lambda": ("function", "Function"),
    "EventBridge": ("bus", "EventBus"),
    "S3Bucket": ("bucket", "Bucket"),
}


def put(draft: Draft, resource: Resource, fields: Fields) -> None:
    """Set the fields of the manifest for all of these properties."""
    alias = _versions(draft, resource, fields)
    _provisioned(draft, resource, fields, alias)
    if "DeploymentPreference" in resource.properties.value:
        from lambdactl.manifest.sam import releases

        releases.put(draft, resource, fields, alias)
    invoke = resource.get("EventInvokeConfig")
    if invoke is not None:
        fields.nest("async", asynchronous(draft, invoke, resource.name), "EventInvokeConfig")
    url = resource.get("FunctionUrlConfig")
    if url is not None:
        fields.nest("url", function_url(draft, url, alias), "FunctionUrlConfig")
    _vpc(draft, resource, fields)
    _filesystem(draft, resource, fields)
    _runtime_management(draft, resource, fields)
    tenancy = resource.get("TenancyConfig", "TenantIsolationMode")
    fields.put("tenancy", word(tenancy), "TenantIsolationMode")
    _durable(draft, resource, fields)
    _capacity(draft, resource, fields)


def _versions(draft: Draft, resource: Resource, fields: Fields) -> Node | None:
    """``AutoPublishAlias``: a version at each deployment, and an alias that points at it."""
    alias, description = resource.get("AutoPublishAlias"), resource.get("VersionDescription")
    latest = boolean(resource.get("PublishToLatestPublished"))
    name = text_of(alias)
    versions = draft.fields((alias or description or latest or resource.body).at)
    if alias is not None and name:
        versions.put("publish", made(True, alias))
        aliases = draft.fields(alias.at)
        aliases.put(name, made({"version": "latest"}, alias), "AutoPublishAlias")
        fields.nest("aliases", aliases, "AutoPublishAlias")
    versions.put("description", description, "VersionDescription")
    if latest is not None and latest.text == "true":
        versions.put("publish", made(True, latest))
        versions.put("to", made("latest_published", latest), "PublishToLatestPublished")
    fields.nest("versions", versions)
    return alias if name else None


def _provisioned(draft: Draft, resource: Resource, fields: Fields, alias: Node | None) -> None:
    count = resource.get("ProvisionedConcurrencyConfig", "ProvisionedConcurrentExecutions")
    if count is None:
        return
    if alias is None:
        draft.problems.add(
            "missing-field",
            f"`{resource.name}` needs `AutoPublishAlias` for its `ProvisionedConcurrencyConfig`",
            count,
        )
        return
    provisioned = draft.fields(count.at)
    provisioned.put(alias.text, count, "ProvisionedConcurrentExecutions")
    concurrency = draft.fields(count.at)
    before = fields.value.get("concurrency")
    if before is not None:
        concurrency.value.update(before.value)
        concurrency.keys.update(before.keys)
    concurrency.nest("provisioned", provisioned, "ProvisionedConcurrencyConfig")
    fields.nest("concurrency", concurrency)


def asynchronous(draft: Draft, node: Node, function: str) -> Fields:
    """``EventInvokeConfig``. SAM makes the destination where only its type is given:
    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-eventinvokedestinationconfiguration.html
    """
    fields = draft.fields(node.at)
    fields.put("retries", node.get("MaximumRetryAttempts"), "MaximumRetryAttempts")
    fields.put("max_age", node.get("MaximumEventAgeInSeconds"), "MaximumEventAgeInSeconds")
    for side, field in (("OnSuccess", "on_success"), ("OnFailure", "on_failure")):
        given = node.get("DestinationConfig", side)
        target = given.get("Destination") if given is not None else None
        kind = text_of(given.get("Type")) if given is not None else None
        if given is not None and target is None and kind in _RESULTS:
            form, name = _RESULTS[kind]
            made_by_sam = f"{function}EventInvokeConfig{side}{name}"
            fields.put(field, made({form: made_by_sam}, given), side)
            if form in ("queue", "topic"):
                draft.own(f"{form}s", made_by_sam, draft.fields(given.at))
        elif target is not None and kind in _RESULTS and resource_of(target) is None:
            # SAM asks for an ARN; where it is none, the type says what the name is of.
            is_arn = (text_of(target) or "").startswith("arn:")
            form = _RESULTS[kind][0]
            fields.put(field, target if is_arn else made({form: target.text}, target), side)
        else:
            fields.put(field, destination(target), side)
    return fields


def function_url(draft: Draft, node: Node, alias: Node | None) -> Fields:
    """https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-functionurlconfig.html"""
    fields = draft.fields(node.at)
    auth = node.get("AuthType")
    kind = {"NONE": "none", "AWS_IAM": "iam"}.get(text_of(auth) or "")
    fields.put("auth", made(kind, auth) if auth is not None and kind else auth, "AuthType")
    fields.put("invoke_mode", word(node.get("InvokeMode")), "InvokeMode")
    cross = node.get("Cors")
    if cross is not None and cross.is_mapping:
        fields.nest("cors", cors(draft, cross), "Cors")
    fields.put("alias", alias)
    return fields


def cors(draft: Draft, node: Node) -> Fields:
    """The ``Cors`` of a function URL, which has Lambda's own fields."""
    fields = draft.fields(node.at)
    for name, field in (
        ("AllowOrigins", "allow_origins"),
        ("AllowMethods", "allow_methods"),
        ("AllowHeaders", "allow_headers"),
        ("ExposeHeaders", "expose_headers"),
        ("MaxAge", "max_age"),
    ):
        fields.put(field, node.get(name), name)
    fields.put("allow_credentials", boolean(node.get("AllowCredentials")), "AllowCredentials")
    return fields


def _vpc(draft: Draft, resource: Resource, fields: Fields) -> None:
    node = resource.get("VpcConfig")
    if node is None or not node.is_mapping:
        return
    inner = draft.fields(node.at)
    for name, field in (("SubnetIds", "subnets"), ("SecurityGroupIds", "security_groups")):
        given = node.get(name)
        known = [] if given is None or not isinstance(given.value, list) else given.value
        if given is not None:
            inner.put(field, sequence([one for one in known if not one.unknown], given.at), name)
    inner.put("ipv6", boolean(node.get("Ipv6AllowedForDualStack")), "Ipv6AllowedForDualStack")
    draft.says(node.at, "subnets", "SubnetIds")
    draft.says(node.at, "security_groups", "SecurityGroupIds")
    fields.nest("vpc", inner, "VpcConfig")


def _filesystem(draft: Draft, resource: Resource, fields: Fields) -> None:
    node = resource.get("FileSystemConfigs", 0)
    if node is None or not node.is_mapping:
        return
    inner = draft.fields(node.at)
    inner.put("arn", node.get("Arn"), "Arn")
    inner.put("path", node.get("LocalMountPath"), "LocalMountPath")
    fields.nest("filesystem", inner, "FileSystemConfigs")


def _runtime_management(draft: Draft, resource: Resource, fields: Fields) -> None:
    node = resource.get("RuntimeManagementConfig")
    if node is None or not node.is_mapping:
        return
    inner = draft.fields(node.at)
    inner.put("update", word(node.get("UpdateRuntimeOn")), "UpdateRuntimeOn")
    inner.put("version", node.get("RuntimeVersionArn"), "RuntimeVersionArn")
    fields.nest("runtime_management", inner, "RuntimeManagementConfig")


def _durable(draft: Draft, resource: Resource, fields: Fields) -> None:
    node = resource.get("DurableConfig")
    if node is None or not node.is_mapping:
        return
    inner = draft.fields(node.at)
    inner.put("execution_timeout", node.get("ExecutionTimeout"), "ExecutionTimeout")
    inner.put("retention_days", node.get("RetentionPeriodInDays"), "RetentionPeriodInDays")
    inner.put("kms_key", node.get("KMSKeyArn"), "KMSKeyArn")
    fields.nest("durable", inner, "DurableConfig")


def _capacity(draft: Draft, resource: Resource, fields: Fields) -> None:
    """SAM's form is flat, Lambda's has one more level:
    https://docs.aws.amazon.com/lambda/latest/api/API_CapacityProviderConfig.html"""
    node = resource.get("CapacityProviderConfig")
    if node is None or not node.is_mapping:
        return
    node = node.get("LambdaManagedInstancesCapacityProviderConfig") or node
    inner = draft.fields(node.at)
    arn = node.get("Arn") or node.get("CapacityProviderArn")
    provider = resource_of(arn)
    if arn is not None and provider is not None:
        arn = made(provider.attribute("Arn") or arn.text, arn)
    inner.put("arn", arn, "Arn")
    for name, field in (
        ("PerExecutionEnvironmentMaxConcurrency", "max_concurrency"),
        ("ExecutionEnvironmentMemoryGiBPerVCpu", "memory_gib_per_vcpu"),
    ):
        inner.put(field, node.get(name), name)
    scaling = resource.get("FunctionScalingConfig")
    for name, field in (
        ("MinExecutionEnvironments", "min_environments"),
        ("MaxExecutionEnvironments", "max_environments"),
    ):
        inner.put(field, scaling.get(name) if scaling is not None else None, name)
    fields.nest("capacity_provider", inner, "CapacityProviderConfig")
