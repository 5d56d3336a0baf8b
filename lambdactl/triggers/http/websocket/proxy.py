"""What a function behind a WebSocket API returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from lambdactl.triggers.http.calls import Refusal


@dataclass(frozen=True, slots=True)
class ProxyResponse:
    """A proxy response that is as API Gateway wants it."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""


def proxy_response(payload: bytes) -> ProxyResponse:
    """The proxy response in ``payload``.

    The format is that of a REST API's Lambda proxy integration:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html#api-gateway-simple-proxy-for-lambda-output-format.

    :raises Refusal: it is none; ``reason`` says why.
    """
    try:
        found = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise _malformed(f"it is not JSON ({error})") from None
    if not isinstance(found, dict):
        raise _malformed(f"it is {_kind(found)}, not an object with a statusCode")
    if "statusCode" not in found:
        raise _malformed("it has no statusCode")
    status = found["statusCode"]
    if isinstance(status, str) and status.isascii() and status.isdigit():
        status = int(status)
    if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status <= 599:
        raise _malformed(f"its statusCode is {orjson.dumps(status).decode()}")
    body = found.get("body")
    if body is None:
        body = ""
    if not isinstance(body, str):
        raise _malformed(f"its body is {_kind(body)}, not a string")
    return ProxyResponse(status, tuple(_headers(found)), body)


def _headers(found: dict[str, Any]) -> list[tuple[str, str]]:
    single, multi = found.get("headers") or {}, found.get("multiValueHeaders") or {}
    if not isinstance(single, dict) or not isinstance(multi, dict):
        raise _malformed("its headers are not an object")
    headers: list[tuple[str, str]] = []
    for name, values in multi.items():
        if not isinstance(values, list):
            raise _malformed(f"multiValueHeaders has {_kind(values)} for {name}, not an array")
        headers.extend((name, _header(name, value)) for value in values)
    given = {name.lower() for name in multi}
    headers.extend(
        (name, _header(name, value)) for name, value in single.items() if name.lower() not in given
    )
    return headers


def _header(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, int, float)):
        return orjson.dumps(value).decode()
    raise _malformed(f"the header {name} is {_kind(value)}")


def _kind(value: object) -> str:
    if value is None:
        return "null"
    kinds = {dict: "an object", list: "an array", str: "a string", bool: "a boolean"}
    return kinds.get(type(value), "a number")


def _malformed(why: str) -> Refusal:
    return Refusal("INTEGRATION_FAILURE", reason=f"malformed Lambda proxy response: {why}")
