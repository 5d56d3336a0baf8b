"""What a Lambda authorizer returned, read: :class:`Answer`.

Formats: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
(REST and WebSocket APIs) and
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html#http-api-lambda-authorizer.payload-format-response
(HTTP APIs).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from lambdactl.manifest.apis import ApiKind, Authorizer
from lambdactl.triggers.http.authorizers.policy import Policy, PolicyError, read

UNAUTHORIZED = "Unauthorized"
"""The one error of an authorizer that means 401; any other is a failure, 500."""


class MalformedError(ValueError):
    """The authorizer's answer is not of AWS's format. The message says why, in words."""


@dataclass(frozen=True, slots=True)
class Answer:
    """:ivar policy: None for a simple response, where ``authorized`` says it all.
    :ivar context: as it is shown later: as returned (HTTP API), or every value as text.
    :ivar took_ms: how long the authorizer took.
    """

    policy: Policy | None
    authorized: bool
    context: Mapping[str, Any] | None
    principal_id: str | None = None
    usage_key: str | None = None
    took_ms: int = 0


def answer(payload: bytes, authorizer: Authorizer, kind: ApiKind, took_ms: int) -> Answer:
    """Read what the authorizer returned.

    :raises MalformedError: it is not what AWS takes.
    """
    try:
        returned = orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise MalformedError("it did not return JSON") from None
    if not isinstance(returned, dict):
        raise MalformedError(f"it returned {_words(returned)}, not an object")
    if kind == "http":
        return _http(returned, authorizer, took_ms)
    principal = returned.get("principalId")
    if not isinstance(principal, str):
        raise MalformedError("it returned no principalId" + _not_a("string", principal))
    return Answer(
        policy=_policy(returned),
        authorized=False,
        context=_texts(returned.get("context")),
        principal_id=principal,
        usage_key=_usage_key(returned),
        took_ms=took_ms,
    )


def _http(returned: Mapping[str, Any], authorizer: Authorizer, took_ms: int) -> Answer:
    context = returned.get("context")
    if context is not None and not isinstance(context, dict):
        raise MalformedError("its context is not an object")
    simple = authorizer.simple and authorizer.payload == "v2"
    if simple and "policyDocument" not in returned:
        authorized = returned.get("isAuthorized")
        if not isinstance(authorized, bool):
            raise MalformedError("it returned no isAuthorized" + _not_a("boolean", authorized))
        return Answer(None, authorized, context, took_ms=took_ms)
    if "policyDocument" not in returned and "isAuthorized" in returned:
        raise MalformedError(
            "it returned isAuthorized, which needs payload format 2.0 with simple responses"
        )
    principal = returned.get("principalId")
    return Answer(
        policy=_policy(returned),
        authorized=False,
        context=context,
        principal_id=principal if isinstance(principal, str) else None,
        took_ms=took_ms,
    )


def _policy(returned: Mapping[str, Any]) -> Policy:
    if "policyDocument" not in returned:
        raise MalformedError("it returned no policyDocument")
    try:
        return read(returned["policyDocument"])
    except PolicyError as error:
        raise MalformedError(f"it returned a policy that is none: {error}") from error


def _texts(context: Any) -> dict[str, str] | None:
    """The context of a REST API's authorizer: "the returned values are all stringified", and an
    object or array is no valid value."""
    if context is None:
        return None
    if not isinstance(context, dict):
        raise MalformedError("its context is not an object")
    texts = {}
    for key, value in context.items():
        if isinstance(value, bool):
            texts[key] = "true" if value else "false"
        elif isinstance(value, (str, int, float)):
            texts[key] = str(value)
        else:
            raise MalformedError(
                f"the value of {key} in its context is {_words(value)}; "
                "only strings, numbers and booleans are allowed"
            )
    return texts


def _usage_key(returned: Mapping[str, Any]) -> str | None:
    key = returned.get("usageIdentifierKey")
    return key if isinstance(key, str) else None


_KINDS = {type(None): "null", list: "an array", dict: "an object", bool: "a boolean", str: "text"}


def _words(value: Any) -> str:
    return _KINDS.get(type(value), "a number")


def _not_a(wanted: str, value: Any) -> str:
    return "" if value is None else f" that is a {wanted} (it is {_words(value)})"
