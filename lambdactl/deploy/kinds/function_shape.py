"""A function's properties, and what Lambda calls them.

One way: what ``GetFunction`` answers becomes properties. The other: properties become arguments
of ``CreateFunction`` and ``UpdateFunctionConfiguration``
(https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lambdactl.deploy import tagging

ALSO = "lambdactl:also"
"""The tag with names of settings that ``GetFunction`` does not tell and that are not at their
default: only these are asked for, so that an ordinary function takes one call to read."""
CODE = "lambdactl:code"
"""The tag that says what the code was made of, where its hash does not: an archive in S3, an
image. After it stands the ``CodeSha256`` that came of it."""

Properties = Mapping[str, Any]

IN_PROGRESS = "in progress"


def properties(answer: Properties) -> dict[str, Any]:
    """What a function is.

    :param answer: of ``GetFunction``
        (https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html).
    """
    found = answer["Configuration"]
    tags = answer.get("Tags") or {}
    package = "image" if found.get("PackageType") == "Image" else "zip"
    made_of, _, sha256 = tags.get(CODE, "").rpartition(" ")
    source = made_of if sha256 == found.get("CodeSha256") else None
    tenancy = found.get("TenancyConfig") or {}
    capacity = _inner(found.get("CapacityProviderConfig"))
    return {
        "creation_failed": _creation_failed(found),
        "update_pending": _update_pending(found),
        "package": package,
        "code_sha256": found.get("CodeSha256") if package == "zip" else None,
        "s3": source if package == "zip" else None,
        "image": source if package == "image" else None,
        "source_kms_key": answer.get("Code", {}).get("SourceKMSKeyArn") or None,
        "runtime": found.get("Runtime") or None,
        "handler": found.get("Handler") or None,
        "image_config": _image_config(found),
        "architecture": (found.get("Architectures") or ["x86_64"])[0],
        "role": found.get("Role"),
        "description": found.get("Description") or "",
        "memory_mb": found.get("MemorySize"),
        "timeout_s": found.get("Timeout"),
        "ephemeral_storage_mb": (found.get("EphemeralStorage") or {}).get("Size", 512),
        "environment": dict((found.get("Environment") or {}).get("Variables") or {}),
        "layers": [one["Arn"] for one in found.get("Layers") or ()],
        "vpc": _vpc(found.get("VpcConfig") or {}),
        "tracing": _word((found.get("TracingConfig") or {}).get("Mode", "PassThrough")),
        "filesystem": _filesystem(found.get("FileSystemConfigs") or ()),
        "logging": _logging(found.get("LoggingConfig") or {}, found["FunctionName"]),
        "kms_key": found.get("KMSKeyArn") or None,
        "dead_letter": (found.get("DeadLetterConfig") or {}).get("TargetArn") or None,
        "snap_start": _snap_start(found.get("SnapStart") or {}),
        "durable": bool(found.get("DurableConfig")) or None,
        "durable_config": _durable(found.get("DurableConfig") or {}),
        "tenancy": _word(tenancy.get("TenantIsolationMode")),
        "custom_runtime": _custom_runtime(found.get("RuntimeConfig") or {}),
        "managed_instances": bool(capacity) or None,
        "capacity_provider": capacity.get("CapacityProviderArn"),
        "capacity_concurrency": capacity.get("PerExecutionEnvironmentMaxConcurrency"),
        "capacity_memory_gib_per_vcpu": capacity.get("ExecutionEnvironmentMemoryGiBPerVCpu"),
        "accelerator_memory_gb": (found.get("AcceleratorConfig") or {}).get(
            "AcceleratorMemorySize"
        ),
        "tags": tagging.users(tags),
        "reserved_concurrency": (answer.get("Concurrency") or {}).get(
            "ReservedConcurrentExecutions"
        ),
    }


def _creation_failed(found: Properties) -> str | None:
    # A function whose creation failed must be deleted and created anew:
    # https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
    return reason(found, "State") if found.get("State") == "Failed" else None


def _update_pending(found: Properties) -> str | None:
    if found.get("State") == "Pending" or found.get("LastUpdateStatus") == "InProgress":
        return IN_PROGRESS
    if found.get("LastUpdateStatus") == "Failed":
        return reason(found, "LastUpdateStatus")
    return None


def _snap_start(config: Properties) -> str | None:
    return "published_versions" if config.get("ApplyOn") == "PublishedVersions" else None


def reason(found: Properties, of: str) -> str:
    """Lambda's own words for why a state is what it is.

    :param of: ``State`` or ``LastUpdateStatus``.
    """
    return str(found.get(f"{of}Reason") or found.get(f"{of}ReasonCode") or "no reason is given")


def _image_config(found: Properties) -> dict[str, Any]:
    config = (found.get("ImageConfigResponse") or {}).get("ImageConfig") or {}
    return {
        "entrypoint": list(config.get("EntryPoint") or ()),
        "command": list(config.get("Command") or ()),
        "working_directory": config.get("WorkingDirectory") or None,
    }


def _vpc(config: Properties) -> dict[str, Any] | None:
    subnets = config.get("SubnetIds")
    if not subnets:
        return None
    return {
        "subnets": sorted(subnets),
        "security_groups": sorted(config.get("SecurityGroupIds") or ()),
        "ipv6": bool(config.get("Ipv6AllowedForDualStack")),
    }


def _filesystem(configs: Iterable[Properties]) -> dict[str, Any] | None:
    for config in configs:
        direct = (config.get("S3FilesConfig") or {}).get("DirectS3Read")
        return {
            "arn": config["Arn"],
            "path": config["LocalMountPath"],
            "direct_s3_read": direct.lower() if direct else None,
        }
    return None


def _logging(config: Properties, name: str) -> dict[str, Any]:
    json_format = config.get("LogFormat") == "JSON"
    return {
        "format": "json" if json_format else "text",
        "application_level": config.get("ApplicationLogLevel", "INFO").lower()
        if json_format
        else None,
        "system_level": config.get("SystemLogLevel", "INFO").lower() if json_format else None,
        "group": config.get("LogGroup") or f"/aws/lambda/{name}",
    }


def _durable(config: Properties) -> dict[str, Any] | None:
    if not config:
        return None
    return {
        "execution_timeout_s": config.get("ExecutionTimeout"),
        "retention_days": config.get("RetentionPeriodInDays"),
        "kms_key": config.get("KMSKeyArn") or None,
    }


def _custom_runtime(config: Properties) -> dict[str, Any] | None:
    if not config:
        return None
    return {"arn": config["RuntimeArn"], "alias": config["RuntimeAlias"]}


def _inner(config: Properties | None) -> Properties:
    return (config or {}).get("LambdaManagedInstancesCapacityProviderConfig") or {}


def _word(word: str | None) -> str | None:
    """AWS's word in the manifest's spelling.

    >>> _word("PassThrough"), _word("PER_TENANT")
    ('pass_through', 'per_tenant')
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word).lower() if word else None


def configuration(wanted: Properties, names: Iterable[str]) -> dict[str, Any]:
    """Arguments of ``UpdateFunctionConfiguration`` for the properties ``names``; others among
    ``names`` have none. What shall be at its default is in it with the value that takes it away."""
    found: dict[str, Any] = {}
    for name in names:
        if name in _ARGUMENTS:
            found.update(_ARGUMENTS[name](wanted))
    return found


def creation(wanted: Properties) -> dict[str, Any]:
    """Arguments of ``CreateFunction``, without the code and the tags."""
    found = configuration(wanted, [name for name in wanted if _is_given(wanted, name)])
    found["PackageType"] = "Image" if wanted["package"] == "image" else "Zip"
    found["Architectures"] = [wanted["architecture"]]
    if wanted.get("code_signing"):
        found["CodeSigningConfigArn"] = wanted["code_signing"]
    if wanted.get("tenancy"):
        found["TenancyConfig"] = {"TenantIsolationMode": str(wanted["tenancy"]).upper()}
    return found


def _is_given(wanted: Properties, name: str) -> bool:
    value = wanted[name]
    if name == "image_config":
        return any(value.values())
    if name == "tracing":
        return bool(value == "active")
    return value not in (None, "", [], {}, False)


def _capacity(wanted: Properties) -> dict[str, Any]:
    inner = {
        "CapacityProviderArn": wanted.get("capacity_provider"),
        "PerExecutionEnvironmentMaxConcurrency": wanted.get("capacity_concurrency"),
        "ExecutionEnvironmentMemoryGiBPerVCpu": wanted.get("capacity_memory_gib_per_vcpu"),
    }
    given = {name: value for name, value in inner.items() if value is not None}
    if "CapacityProviderArn" not in given:
        return {}
    return {
        "CapacityProviderConfig": {"LambdaManagedInstancesCapacityProviderConfig": given},
    }


def _vpc_argument(wanted: Properties) -> dict[str, Any]:
    vpc = wanted["vpc"]
    config: dict[str, Any] = {
        "SubnetIds": vpc["subnets"] if vpc else [],
        "SecurityGroupIds": vpc["security_groups"] if vpc else [],
    }
    if vpc:
        config["Ipv6AllowedForDualStack"] = vpc["ipv6"]
    return {"VpcConfig": config}


def _filesystem_argument(wanted: Properties) -> dict[str, Any]:
    given = wanted["filesystem"]
    if not given:
        return {"FileSystemConfigs": []}
    config: dict[str, Any] = {"Arn": given["arn"], "LocalMountPath": given["path"]}
    if given.get("direct_s3_read"):
        config["S3FilesConfig"] = {"DirectS3Read": given["direct_s3_read"].upper()}
    return {"FileSystemConfigs": [config]}


def _logging_argument(wanted: Properties) -> dict[str, Any]:
    given = wanted["logging"]
    config = {"LogFormat": "JSON" if given["format"] == "json" else "Text"}
    if given["format"] == "json":
        config["ApplicationLogLevel"] = given["application_level"].upper()
        config["SystemLogLevel"] = given["system_level"].upper()
    return {"LoggingConfig": {**config, "LogGroup": given["group"]}}


def _image_argument(wanted: Properties) -> dict[str, Any]:
    given = wanted["image_config"]
    config = {
        "EntryPoint": given["entrypoint"],
        "Command": given["command"],
        "WorkingDirectory": given["working_directory"],
    }
    return {"ImageConfig": {name: value for name, value in config.items() if value}}


def _durable_argument(wanted: Properties) -> dict[str, Any]:
    given = wanted["durable_config"]
    if not given:
        return {}
    config = {
        "ExecutionTimeout": given["execution_timeout_s"],
        "RetentionPeriodInDays": given["retention_days"],
        "KMSKeyArn": given["kms_key"],
    }
    return {
        "DurableConfig": {name: value for name, value in config.items() if value is not None},
    }


def _custom_runtime_argument(wanted: Properties) -> dict[str, Any]:
    given = wanted["custom_runtime"]
    if not given:
        return {}
    return {"RuntimeConfig": {"RuntimeArn": given["arn"], "RuntimeAlias": given["alias"]}}


def _plain(argument: str, name: str, none: Any = None) -> Callable[[Properties], dict[str, Any]]:
    """The property as it is; ``none`` in place of None, or no argument."""

    def make(wanted: Properties) -> dict[str, Any]:
        value = wanted[name] if wanted[name] is not None else none
        return {} if value is None else {argument: value}

    return make


_ARGUMENTS: Mapping[str, Callable[[Properties], dict[str, Any]]] = {
    "runtime": _plain("Runtime", "runtime"),
    "handler": _plain("Handler", "handler"),
    "role": _plain("Role", "role"),
    "description": _plain("Description", "description"),
    "memory_mb": _plain("MemorySize", "memory_mb"),
    "timeout_s": _plain("Timeout", "timeout_s"),
    "layers": _plain("Layers", "layers"),
    "kms_key": _plain("KMSKeyArn", "kms_key", ""),
    "ephemeral_storage_mb": lambda wanted: {
        "EphemeralStorage": {"Size": wanted["ephemeral_storage_mb"]}
    },
    "environment": lambda wanted: {"Environment": {"Variables": dict(wanted["environment"])}},
    "tracing": lambda wanted: {
        "TracingConfig": {"Mode": "Active" if wanted["tracing"] == "active" else "PassThrough"}
    },
    "dead_letter": lambda wanted: {"DeadLetterConfig": {"TargetArn": wanted["dead_letter"] or ""}},
    "snap_start": lambda wanted: {
        "SnapStart": {"ApplyOn": "PublishedVersions" if wanted["snap_start"] else "None"}
    },
    "accelerator_memory_gb": lambda wanted: (
        {"AcceleratorConfig": {"AcceleratorMemorySize": wanted["accelerator_memory_gb"]}}
        if wanted["accelerator_memory_gb"] is not None
        else {}
    ),
    "vpc": _vpc_argument,
    "filesystem": _filesystem_argument,
    "logging": _logging_argument,
    "image_config": _image_argument,
    "durable_config": _durable_argument,
    "custom_runtime": _custom_runtime_argument,
    "capacity_provider": _capacity,
    "capacity_concurrency": _capacity,
    "capacity_memory_gib_per_vcpu": _capacity,
}

CONFIGURED = frozenset(_ARGUMENTS)
"""Properties that ``UpdateFunctionConfiguration`` sets."""
