"""Lambda as its documentation has it, before moto's, which forgets most of a function.

Kept here: what ``GetFunction`` tells and moto does not
(https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html), the states of
functions, and recursion, runtime management and code signing. Everything else is moto's.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.deploy.front import Wire, forward, front

KEPT = (
    "AcceleratorConfig",
    "CapacityProviderConfig",
    "DeadLetterConfig",
    "DurableConfig",
    "EphemeralStorage",
    "FileSystemConfigs",
    "KMSKeyArn",
    "LoggingConfig",
    "RuntimeConfig",
    "SnapStart",
    "TenancyConfig",
    "TracingConfig",
)
_FUNCTION = re.compile(r"/[\d-]+/functions/([^/?]+)(?:/([\w-]+))?/?$")
_ECR = re.compile(rb"\d{12}\.dkr\.ecr\.[\w.-]+\.amazonaws\.com")


@dataclass
class Service:
    """:ivar kept: by function, what moto forgets of it.
    :ivar states: answers of the next ``GetFunction``, each with the fields of a state.
    :ivar refused: operations (``PUT code``) that fail once, with a code and a message.
    :ivar denied: what ``GetFunction`` says in place of tags.
    :ivar registry: host and port of what stands for the registry of ECR.
    :ivar asked: requests to Lambda, as ``GET hello/recursion-config``.
    """

    url: str = ""
    kept: dict[str, dict[str, Any]] = field(default_factory=dict)
    states: list[dict[str, str]] = field(default_factory=list)
    refused: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    denied: str | None = None
    registry: str | None = None
    asked: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def writes(self) -> list[str]:
        return [one for one in self.asked if not one.startswith("GET")]


@contextlib.contextmanager
def service(upstream: str) -> Iterator[Service]:
    """AWS with such a Lambda; ``upstream`` is a moto server."""
    found = Service()
    with front(lambda request, body: _answer(found, upstream, request, body)) as found.url:
        yield found


def _answer(found: Service, upstream: str, request: BaseHTTPRequestHandler, body: bytes) -> Wire:
    path = urllib.parse.urlsplit(request.path).path
    match = _FUNCTION.match(path)
    # Of another service a path can look like this too: only Lambda's calls are signed for it.
    is_lambda = "/lambda/aws4_request" in request.headers.get("Authorization", "")
    if not is_lambda or not (match or path.rstrip("/").endswith("/functions")):
        status, headers, answer = forward(
            upstream, request.command, request.path, dict(request.headers), body
        )
        if found.registry and "/ecr/aws4_request" in request.headers.get("Authorization", ""):
            answer = _ECR.sub(found.registry.encode(), answer)
        return status, headers, answer
    name = urllib.parse.unquote(match[1]).split(":")[-1] if match else ""
    part = (match[2] if match else None) or ""
    with found.lock:
        found.asked.append(f"{request.command} {f'{name}/{part}' if part else name}".strip())
        refused = found.refused.pop(f"{request.command} {part}".strip(), None)
        if refused is not None:
            return _error(*refused)
        kept = found.kept.get(name)
        if kept is not None and part.endswith("-config") and part != "event-invoke-config":
            query = urllib.parse.urlsplit(request.path).query
            return _beside(kept, request.command, part, query, body)
        given = json.loads(body) if body and request.command in ("POST", "PUT") else {}
        status, headers, answer = forward(
            upstream, request.command, request.path, dict(request.headers), body
        )
        if status >= 300:
            return status, headers, answer
        if request.command == "POST" and not match:
            name = given["FunctionName"]
            kept = found.kept[name] = {"code-signing-config": given.get("CodeSigningConfigArn")}
        if kept is None:
            return status, headers, answer
        if request.command == "DELETE" and not part:
            del found.kept[name]
            return status, headers, answer
        return status, headers, _told(found, name, kept, request.command, part, given, answer)


def _told(
    found: Service,
    name: str,
    kept: dict[str, Any],
    command: str,
    part: str,
    given: dict[str, Any],
    answer: bytes,
) -> bytes:
    if command == "POST" or part in ("configuration", "code"):
        kept.update({key: value for key, value in given.items() if key in KEPT})
        if "ImageConfig" in given:
            kept["ImageConfigResponse"] = {"ImageConfig": given["ImageConfig"]}
        if "Architectures" in given:
            kept["Architectures"] = given["Architectures"]
        for code in (given.get("Code") or {}, given):
            if "SourceKMSKeyArn" in code:
                kept["SourceKMSKeyArn"] = code["SourceKMSKeyArn"]
    if part == "concurrency":
        # Moto takes a function that may never run for one without a limit.
        kept["Concurrency"] = given if command == "PUT" else None
    said = json.loads(answer or b"{}")
    if "FunctionName" not in said and "Configuration" not in said:
        return answer
    configuration = said.get("Configuration", said)
    for key in (*KEPT, "Architectures", "ImageConfigResponse"):
        if key in kept:
            configuration[key] = kept[key]
    logging = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"}
    configuration["LoggingConfig"] = {**logging, **kept.get("LoggingConfig", {})}
    for key, empty in (("DeadLetterConfig", {"TargetArn": ""}), ("KMSKeyArn", "")):
        if configuration.get(key) == empty:
            del configuration[key]
    if found.states:
        configuration.update(found.states.pop(0))
    if kept.get("Concurrency") and "Configuration" in said:
        said["Concurrency"] = kept["Concurrency"]
    if found.denied and "Configuration" in said:
        del said["Tags"]
        said["TagsError"] = {"ErrorCode": "AccessDeniedException", "Message": found.denied}
    if kept.get("SourceKMSKeyArn") and "Configuration" in said:
        said.setdefault("Code", {})["SourceKMSKeyArn"] = kept["SourceKMSKeyArn"]
    return json.dumps(said).encode()


def _beside(kept: dict[str, Any], command: str, part: str, query: str, body: bytes) -> Wire:
    """What moto does not know at all."""
    defaults = {
        "recursion-config": {"RecursiveLoop": "Terminate"},
        "runtime-management-config": {"UpdateRuntimeOn": "Auto"},
    }
    if command == "PUT":
        given = json.loads(body or b"{}")
        # What is set of one version is not set of another.
        kept[part + query] = (
            given.get("CodeSigningConfigArn") if part == "code-signing-config" else given
        )
    elif command == "DELETE":
        kept[part] = None
        return 204, [], b""
    if part == "code-signing-config":
        if kept[part] is None:
            return 200, [], b"{}"
        answer = {"CodeSigningConfigArn": kept[part], "FunctionName": "it"}
    else:
        answer = kept.get(part + query, defaults.get(part, {}))
    if part == "function-scaling-config" and command == "GET":
        answer = {"RequestedFunctionScalingConfig": answer.get("FunctionScalingConfig")}
        answer = {key: value for key, value in answer.items() if value}
    return 200, [("Content-Type", "application/json")], json.dumps(answer).encode()


def _error(status: int, code: str, message: str) -> Wire:
    headers = [("x-amzn-ErrorType", code), ("Content-Type", "application/json")]
    return status, headers, json.dumps({"Type": "User", "Message": message}).encode()
