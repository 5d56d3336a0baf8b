"""The functions that there should be.

A resource ``function:NAME`` is all that ``CreateFunction`` takes and what is set of a function as
a whole (reserved concurrency, recursion, runtime management)
(https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html). AWS's defaults are written
out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lambdactl.artifacts.model import Artifact
from lambdactl.deploy import code_upload
from lambdactl.deploy.desired import Wanted
from lambdactl.deploy.desired.layers import layer_name
from lambdactl.deploy.masking import secret_paths
from lambdactl.deploy.model import Ref, Resource
from lambdactl.errors import UserError
from lambdactl.manifest.model import Destination, Function

_DURABLE_RETENTION_DAYS = 14
"""https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-durableconfig.html"""

_OWNED = {"sqs": ("queues", "queue"), "sns": ("topics", "topic")}


def resources(wanted: Wanted) -> Iterable[Resource]:
    """A ``function`` for each function of the manifest."""
    for function in wanted.app.functions.values():
        yield resource(wanted, function.name)


def resource(wanted: Wanted, name: str) -> Resource:
    """The resource of the manifest's function ``name``.

    :raises UserError: it asks for something that can't be.
    """
    function = wanted.app.functions[name]
    artifact = _artifact(wanted, function)
    return Resource(
        kind="function",
        name=wanted.naming.function(name),
        properties=_properties(wanted, function, artifact),
        needs=_needs(wanted, function, artifact),
        function=name,
        secrets=secret_paths(function.environment),
        artifact=artifact,
        where=function.where,
    )


def _artifact(wanted: Wanted, function: Function) -> Artifact | None:
    if code_upload.is_there(function):
        return None
    try:
        return wanted.built.of(function.name)
    except KeyError:
        if wanted.names and function.name not in wanted.names:
            # Nothing of it is deployed now, and nothing of it was built.
            return None
        raise UserError(
            f"{function.name} was not built", where=function.where, hint="deploy it too"
        ) from None


_OF_ARTIFACT = frozenset(
    {"architecture", "code_sha256", "handler", "image", "layers", "source_kms_key"}
)
"""Properties that only a build knows, and those that can't be set without code."""


def _properties(wanted: Wanted, function: Function, artifact: Artifact | None) -> dict[str, Any]:
    naming = wanted.naming
    image = function.code.kind in ("image", "dockerfile")
    logging = function.logging
    json_format = logging.format == "json"
    found: dict[str, Any] = {
        "package": "image" if image else "zip",
        **_code(function, artifact),
        "runtime": function.runtime,
        "handler": (artifact.handler if artifact else None) or function.handler,
        "architecture": function.architecture,
        "memory_mb": function.memory_mb,
        "timeout_s": function.timeout_s,
        "ephemeral_storage_mb": function.ephemeral_storage_mb,
        "description": function.description or "",
        "environment": dict(function.environment),
        "role": naming.role_arn(function.name),
        "layers": _layers(wanted, artifact.layers if artifact else function.layers),
        "tracing": function.tracing,
        "logging": {
            "format": logging.format,
            "application_level": logging.application_level if json_format else None,
            "system_level": logging.system_level if json_format else None,
            "group": naming.log_group(function.name),
        },
        "vpc": _vpc(function),
        "filesystem": _filesystem(function),
        "dead_letter": naming.arn_of(function.dead_letter) if function.dead_letter else None,
        "kms_key": function.kms_key,
        "source_kms_key": function.code.kms_key,
        "snap_start": "published_versions" if function.snap_start else None,
        "tenancy": function.tenancy,
        **_durable(function),
        **_capacity(function),
        "reserved_concurrency": function.concurrency.reserved,
        "code_signing": function.code_signing,
        "recursion": function.recursion,
        "tags": dict(function.tags),
        # What is not so is done again, or anew.
        "creation_failed": None,
        "update_pending": None,
    }
    if image:
        code = function.code
        found["image_config"] = {
            "entrypoint": list(code.entrypoint),
            "command": list(code.command),
            "working_directory": code.working_directory,
        }
    else:
        management = function.runtime_management
        found["runtime_management"] = {"update": management.update, "version": management.version}
        custom = function.custom_runtime
        found["custom_runtime"] = (
            {"arn": custom.arn, "alias": custom.alias} if custom is not None else None
        )
    if artifact is None and not code_upload.is_there(function):
        # Another function that is deployed refers to this one, and it was not built: of what is
        # there its code stays.
        return {name: value for name, value in found.items() if name not in _OF_ARTIFACT}
    return found


def _code(function: Function, artifact: Artifact | None) -> dict[str, Any]:
    """What the code is: by the hash of what is uploaded, else by where it comes from."""
    if code_upload.is_there(function):
        return {function.code.kind: code_upload.source(function.code)}
    if function.code.kind in ("image", "dockerfile"):
        # Its id.
        return {"image": artifact.sha256 if artifact else None}
    return {"code_sha256": artifact.sha256 if artifact else None}


def _layers(wanted: Wanted, names: Iterable[str]) -> list[str | Ref]:
    return [
        name if name.startswith("arn:") else Ref(f"layer:{layer_name(wanted.naming, name)}", "arn")
        for name in names
    ]


def _vpc(function: Function) -> dict[str, Any] | None:
    vpc = function.vpc
    if vpc is None or not vpc.subnets:
        return None
    return {
        "subnets": sorted(vpc.subnets),
        "security_groups": sorted(vpc.security_groups),
        "ipv6": vpc.ipv6,
    }


def _filesystem(function: Function) -> dict[str, Any] | None:
    given = function.filesystem
    if given is None:
        return None
    return {"arn": given.arn, "path": given.path, "direct_s3_read": given.direct_s3_read}


def _durable(function: Function) -> dict[str, Any]:
    given = function.durable
    if given is None:
        return {"durable": None, "durable_config": None}
    config = {
        "execution_timeout_s": given.execution_timeout_s,
        "retention_days": given.retention_days or _DURABLE_RETENTION_DAYS,
        "kms_key": given.kms_key,
    }
    return {"durable": True, "durable_config": config}


def _capacity(function: Function) -> dict[str, Any]:
    """What Lambda chooses itself where the manifest says nothing is none of our business."""
    given = function.capacity_provider
    found: dict[str, Any] = {
        "managed_instances": True if given is not None else None,
        "accelerator_memory_gb": function.accelerator_memory_gb,
    }
    if given is None:
        return found
    found["capacity_provider"] = given.arn
    if given.max_concurrency is not None:
        found["capacity_concurrency"] = given.max_concurrency
    if given.memory_gib_per_vcpu is not None:
        found["capacity_memory_gib_per_vcpu"] = given.memory_gib_per_vcpu
    return found


def _needs(wanted: Wanted, function: Function, artifact: Artifact | None) -> tuple[str, ...]:
    naming = wanted.naming
    # Lambda makes the log group itself with the first invocation, without a retention.
    found = [f"log_group:{naming.log_group(function.name)}"]
    if function.role is None or function.role.arn is None:
        found.append(f"role:{naming.role(function.name)}")
    found += _destination(wanted, function.dead_letter)
    if artifact is not None and code_upload.is_pushed(artifact):
        found.append(f"repository:{code_upload.repository(naming, function.name)}")
    if artifact is not None and code_upload.goes_through_s3(artifact):
        found.append(f"code_bucket:{code_upload.bucket(naming)}")
    return tuple(found)


def _destination(wanted: Wanted, destination: Destination | None) -> list[str]:
    if destination is None or destination.kind not in _OWNED:
        return []
    section, kind = _OWNED[destination.kind]
    if not wanted.naming.is_owned(section, destination.target):
        return []
    return [f"{kind}:{wanted.naming.owned_name(section, destination.target)}"]
