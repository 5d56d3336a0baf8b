"""What hangs on functions, as Lambda's documentation has it.

moto 5 keeps one policy, one asynchronous configuration and one URL of a function whatever the
qualifier, numbers versions by how many there are, knows three kinds of event sources and no
provisioned concurrency. Here each operation of that is answered as its page describes it
(https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html); :mod:`beyond_moto` serves it.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Input = Mapping[str, Any]
Answer = tuple[int, dict[str, Any]]
Key = tuple[str, str | None]

ACCOUNT = "123456789012"
REGION = "eu-west-1"


class Refusal(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass
class Parts:
    """What there is of all functions, by function and qualifier.

    :ivar states: of event source mappings and provisioned concurrency: what the next readings of
        one answer, before it has settled.
    :ivar asked: operations, in order.
    :ivar refused: operations that fail, once each, with a status, a code and a message.
    :ivar passing: how often each of those is answered before.
    """

    url: str = ""
    policies: dict[Key, list[dict[str, Any]]] = field(default_factory=dict)
    async_: dict[Key, dict[str, Any]] = field(default_factory=dict)
    urls: dict[Key, dict[str, Any]] = field(default_factory=dict)
    provisioned: dict[Key, dict[str, Any]] = field(default_factory=dict)
    aliases: dict[Key, dict[str, Any]] = field(default_factory=dict)
    versions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    published: dict[str, int] = field(default_factory=dict)
    mappings: dict[str, dict[str, Any]] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    settling: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    refused: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    passing: dict[str, int] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    function: Callable[[str], dict[str, Any] | None] = lambda name: None
    """The configuration of a function's ``$LATEST``."""

    def writes(self) -> list[str]:
        """Operations that changed something, since the last call."""
        found = [one for one in self.asked if not one.startswith(("Get", "List"))]
        self.asked.clear()
        return found


def key_of(parts: Parts, given: Input) -> Key:
    """:raises Refusal: there is no such function, alias or version."""
    function, _, qualifier = given["FunctionName"].split(":function:")[-1].partition(":")
    found = given.get("Qualifier") or qualifier or None
    found = None if found == "$LATEST" else found
    if parts.function(function) is None or not _is(parts, function, found):
        arn = arn_of(function, found)
        raise Refusal(404, "ResourceNotFoundException", f"Function not found: {arn}")
    return function, found


def _is(parts: Parts, function: str, qualifier: str | None) -> bool:
    if qualifier is None or (function, qualifier) in parts.aliases:
        return True
    return any(one["Version"] == qualifier for one in parts.versions.get(function, ()))


def arn_of(function: str, qualifier: str | None = None) -> str:
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"
    return f"{arn}:{qualifier}" if qualifier else arn


def had(found: Any, words: str, code: str = "ResourceNotFoundException") -> Any:
    if found is None:
        raise Refusal(404, code, words)
    return found


# Policies.


def _add_permission(parts: Parts, given: Input) -> Answer:
    key = key_of(parts, given)
    statements = parts.policies.setdefault(key, [])
    sid = given["StatementId"]
    if any(one["Sid"] == sid for one in statements):
        raise Refusal(
            409,
            "ResourceConflictException",
            f"The statement id ({sid}) provided already exists. Please provide a new statement id, "
            "or remove the existing statement.",
        )
    principal: Any = given["Principal"]
    if re.fullmatch(r"\d{12}", principal):
        principal = {"AWS": f"arn:aws:iam::{principal}:root"}
    elif principal != "*":
        principal = {"Service" if principal.endswith(".com") else "AWS": principal}
    equals = {
        word: given[name]
        for word, name in (
            ("AWS:SourceAccount", "SourceAccount"),
            ("aws:PrincipalOrgID", "PrincipalOrgID"),
            ("lambda:EventSourceToken", "EventSourceToken"),
            ("lambda:FunctionUrlAuthType", "FunctionUrlAuthType"),
        )
        if name in given
    }
    condition: dict[str, Any] = {}
    if equals:
        condition["StringEquals"] = equals
    if "SourceArn" in given:
        condition["ArnLike"] = {"AWS:SourceArn": given["SourceArn"]}
    if given.get("InvokedViaFunctionUrl"):
        condition["Bool"] = {"lambda:InvokedViaFunctionUrl": "true"}
    statement = {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": principal,
        "Action": given["Action"],
        "Resource": arn_of(*key),
        **({"Condition": condition} if condition else {}),
    }
    statements.append(statement)
    return 201, {"Statement": json.dumps(statement)}


def _get_policy(parts: Parts, given: Input) -> Answer:
    statements = parts.policies.get(key_of(parts, given))
    if not statements:
        raise Refusal(
            404, "ResourceNotFoundException", "The resource you requested does not exist."
        )
    document = {"Version": "2012-10-17", "Id": "default", "Statement": statements}
    return 200, {"Policy": json.dumps(document), "RevisionId": "1"}


def _remove_permission(parts: Parts, given: Input) -> Answer:
    statements = parts.policies.get(key_of(parts, given), [])
    left = [one for one in statements if one["Sid"] != given["StatementId"]]
    if len(left) == len(statements):
        raise Refusal(
            404, "ResourceNotFoundException", "Statement is not found in resource policy."
        )
    statements[:] = left
    return 204, {}


# Settings by qualifier.


def _put_async(parts: Parts, given: Input) -> Answer:
    key = key_of(parts, given)
    config = {
        name: given[name]
        for name in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
        if name in given
    }
    parts.async_[key] = {"FunctionArn": arn_of(key[0], key[1] or "$LATEST"), **config}
    return 200, parts.async_[key]


def _get_async(parts: Parts, given: Input) -> Answer:
    key = key_of(parts, given)
    words = f"The function {arn_of(*key)} doesn't have an EventInvokeConfig"
    return 200, had(parts.async_.get(key), words)


def _delete_async(parts: Parts, given: Input) -> Answer:
    had(parts.async_.pop(key_of(parts, given), None), "no EventInvokeConfig")
    return 204, {}


def _create_url(parts: Parts, given: Input) -> Answer:
    key = key_of(parts, given)
    if key in parts.urls:
        words = f"Failed to create function url config for [functionArn = {arn_of(*key)}]. Error "
        raise Refusal(409, "ResourceConflictException", words + "message: FunctionUrlConfig exists")
    parts.urls[key] = {
        "FunctionUrl": f"https://{uuid.uuid4().hex}.lambda-url.{REGION}.on.aws/",
        "FunctionArn": arn_of(*key),
        "CreationTime": "2026-01-01T00:00:00.000Z",
        "InvokeMode": "BUFFERED",
    }
    return 201, _changed_url(parts, key, given)


def _changed_url(parts: Parts, key: Key, given: Input) -> dict[str, Any]:
    found = parts.urls[key]
    for name in ("AuthType", "InvokeMode"):
        found[name] = given.get(name, found.get(name))
    if "Cors" in given:
        found["Cors"] = given["Cors"]
        if not found["Cors"]:
            del found["Cors"]
    return found


def _update_url(parts: Parts, given: Input) -> Answer:
    key = key_of(parts, given)
    had(parts.urls.get(key), "The resource you requested does not exist.")
    return 200, _changed_url(parts, key, given)


def _get_url(parts: Parts, given: Input) -> Answer:
    words = "The resource you requested does not exist."
    return 200, had(parts.urls.get(key_of(parts, given)), words)


def _delete_url(parts: Parts, given: Input) -> Answer:
    had(parts.urls.pop(key_of(parts, given), None), "The resource you requested does not exist.")
    return 204, {}


def _put_provisioned(parts: Parts, given: Input) -> Answer:
    key = key_of(parts, given)
    if key[1] is None or parts.aliases.get(key, {}).get("FunctionVersion") == "$LATEST":
        words = (
            "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
        )
        raise Refusal(400, "InvalidParameterValueException", words)
    parts.provisioned[key] = {
        "RequestedProvisionedConcurrentExecutions": given["ProvisionedConcurrentExecutions"],
        "Status": "IN_PROGRESS",
    }
    return 202, parts.provisioned[key]


def _get_provisioned(parts: Parts, given: Input) -> Answer:
    words = "No Provisioned Concurrency Config found for this function"
    code = "ProvisionedConcurrencyConfigNotFoundException"
    found = had(parts.provisioned.get(key_of(parts, given)), words, code)
    found["Status"] = parts.settling.pop(0) if parts.settling else "READY"
    return 200, found


def _delete_provisioned(parts: Parts, given: Input) -> Answer:
    parts.provisioned.pop(key_of(parts, given), None)
    return 204, {}


# Versions and aliases.

_OF_THE_MOMENT = ("Version", "FunctionArn", "LastModified", "RevisionId", "Description")


def _publish(parts: Parts, given: Input) -> Answer:
    function, _ = key_of(parts, given)
    latest = parts.function(function)
    assert latest is not None
    versions = parts.versions.setdefault(function, [])
    newest = versions[-1] if versions else None
    if newest is not None and _content(newest) == _content(latest):
        return 201, newest
    parts.published[function] = number = parts.published.get(function, 0) + 1
    found = {**latest, "Version": str(number), "FunctionArn": arn_of(function, str(number))}
    found["Description"] = given.get("Description") or latest.get("Description", "")
    if parts.settling:
        found["State"] = "Pending"
    versions.append(found)
    return 201, found


def _content(version: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in version.items()
        if key not in _OF_THE_MOMENT and "State" not in key and "Status" not in key
    }


def _list_versions(parts: Parts, given: Input) -> Answer:
    function, _ = key_of(parts, given)
    latest = parts.function(function) or {}
    found = [{**latest, "Version": "$LATEST"}, *parts.versions.get(function, ())]
    return 200, page(found, given, "Versions")


def page(items: list[dict[str, Any]], given: Input, name: str, size: int = 2) -> dict[str, Any]:
    """Small pages, so that whoever does not turn them is found out."""
    start = int(given.get("Marker") or 0)
    page: dict[str, Any] = {name: items[start : start + size]}
    if start + size < len(items):
        page["NextMarker"] = str(start + size)
    return page


def _configuration(parts: Parts, given: Input) -> Answer | None:
    function, qualifier = key_of(parts, given)
    if qualifier is None:
        return None
    number = parts.aliases.get((function, qualifier), {}).get("FunctionVersion", qualifier)
    found = next(one for one in parts.versions[function] if one["Version"] == number)
    found["State"] = parts.settling.pop(0) if parts.settling else "Active"
    return 200, found


def _delete_function(parts: Parts, given: Input) -> Answer | None:
    function, qualifier = key_of(parts, given)
    if qualifier is None:
        for kept in (parts.policies, parts.async_, parts.urls, parts.provisioned, parts.aliases):
            for key in [key for key in kept if key[0] == function]:
                del kept[key]
        parts.versions.pop(function, None)
        return None
    for (name, alias), one in parts.aliases.items():
        weights = (one.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        if name == function and qualifier in (one["FunctionVersion"], *weights):
            words = f"The following aliases reference this version: [{alias}]"
            raise Refusal(409, "ResourceConflictException", words)
    kept_versions = parts.versions[function]
    kept_versions[:] = [one for one in kept_versions if one["Version"] != qualifier]
    return 204, {}


def _create_alias(parts: Parts, given: Input) -> Answer:
    function, _ = key_of(parts, {"FunctionName": given["FunctionName"]})
    key = (function, given["Name"])
    if key in parts.aliases:
        words = f"Alias already exists: {arn_of(*key)}"
        raise Refusal(409, "ResourceConflictException", words)
    parts.aliases[key] = {"AliasArn": arn_of(*key), "Name": given["Name"], "Description": ""}
    try:
        return 201, _changed_alias(parts, key, given)
    except Refusal:
        del parts.aliases[key]
        raise


def _update_alias(parts: Parts, given: Input) -> Answer:
    key = (given["FunctionName"], given["Name"])
    had(parts.aliases.get(key), f"Cannot find alias arn: {arn_of(*key)}")
    return 200, _changed_alias(parts, key, given)


def _changed_alias(parts: Parts, key: Key, given: Input) -> dict[str, Any]:
    found = parts.aliases[key]
    number = given.get("FunctionVersion")
    routing = given.get("RoutingConfig", found.get("RoutingConfig") or {})
    for one in (number, *(routing.get("AdditionalVersionWeights") or {})):
        if one not in (None, "$LATEST") and not _is(parts, key[0], one):
            words = f"Function not found: {arn_of(key[0], one)}"
            raise Refusal(404, "ResourceNotFoundException", words)
    found.update(
        {name: given[name] for name in ("FunctionVersion", "Description") if name in given}
    )
    found["RoutingConfig"] = routing
    found["RevisionId"] = str(uuid.uuid4())
    if not (routing.get("AdditionalVersionWeights") or {}):
        del found["RoutingConfig"]
    return found


def _get_alias(parts: Parts, given: Input) -> Answer:
    key = (given["FunctionName"], given["Name"])
    return 200, had(parts.aliases.get(key), f"Cannot find alias arn: {arn_of(*key)}")


def _list_aliases(parts: Parts, given: Input) -> Answer:
    function, _ = key_of(parts, given)
    found = [one for (name, _), one in parts.aliases.items() if name == function]
    return 200, page(found, given, "Aliases")


def _delete_alias(parts: Parts, given: Input) -> Answer:
    key = (given["FunctionName"], given["Name"])
    parts.aliases.pop(key, None)
    for kept in (parts.policies, parts.async_, parts.urls, parts.provisioned):
        kept.pop(key, None)
    return 204, {}


OPERATIONS: Mapping[str, Callable[[Parts, Input], Answer | None]] = {
    "AddPermission": _add_permission,
    "GetPolicy": _get_policy,
    "RemovePermission": _remove_permission,
    "PutFunctionEventInvokeConfig": _put_async,
    "GetFunctionEventInvokeConfig": _get_async,
    "DeleteFunctionEventInvokeConfig": _delete_async,
    "CreateFunctionUrlConfig": _create_url,
    "UpdateFunctionUrlConfig": _update_url,
    "GetFunctionUrlConfig": _get_url,
    "DeleteFunctionUrlConfig": _delete_url,
    "PutProvisionedConcurrencyConfig": _put_provisioned,
    "GetProvisionedConcurrencyConfig": _get_provisioned,
    "DeleteProvisionedConcurrencyConfig": _delete_provisioned,
    "PublishVersion": _publish,
    "ListVersionsByFunction": _list_versions,
    "GetFunctionConfiguration": _configuration,
    "DeleteFunction": _delete_function,
    "CreateAlias": _create_alias,
    "UpdateAlias": _update_alias,
    "GetAlias": _get_alias,
    "ListAliases": _list_aliases,
    "DeleteAlias": _delete_alias,
}
