"""What a function returned, as the answer of an HTTP API (formats 2.0 and 1.0).

The formats are on
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html.
AWS's own emulator for .NET checks itself against the real service, and tells more
(https://github.com/aws/aws-lambda-dotnet, Tools/LambdaTestTool-v2, InvokeResponseExtensions.cs and
its tests): what is no object with a ``statusCode`` is the body, JSON or not; a string is the body
without its quotes; an answer without a type is ``text/plain; charset=utf-8``; format 1.0 joins
``headers`` and ``multiValueHeaders``, in this order.
"""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode
from typing import Any

import orjson

from lambdactl.triggers.http.calls import Refusal
from lambdactl.triggers.http.exchange import Headers, Response

PLAIN = "text/plain; charset=utf-8"
JSON = "application/json"

HOP_BY_HOP = frozenset(
    {
        *("connection", "content-length", "keep-alive", "proxy-authenticate"),
        *("proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade"),
    }
)
"""What concerns one connection, and the length, which whoever sends works out."""

# Who serves the answer sets these.
_OURS = HOP_BY_HOP | {"date"}
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_LONG_NUMBER = re.compile(rb"\d{17}")
_BREAKS = re.compile(r"[\r\n\0]")
_WITHOUT_BODY = frozenset({204, 304})


def response_v2(payload: bytes, content_type: str = PLAIN, *, of_url: bool = False) -> Response:
    """The answer for a payload in format 2.0.

    :param content_type: of an answer that has a ``statusCode`` but names no type.
    :param of_url: as a function URL does it: what has no ``statusCode`` is written anew, without
        spaces. An HTTP API takes an object with an ``errorMessage`` for an error then (recorded by
        LocalStack's test_aws_proxy_response_payload_format_validation_v2).
    :raises Refusal: INTEGRATION_FAILURE, with the reason in words.
    """
    try:
        result = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return Response(200, [("Content-Type", JSON)], payload)
    if type(result) is dict and "statusCode" in result:
        return _proper(result, content_type)
    if not of_url and type(result) is dict and "errorMessage" in result:
        raise malformed("is an error object (it has an `errorMessage` and no `statusCode`)")
    if type(result) is str:
        body = result.encode("utf-8", "replace")
    elif of_url and type(result) in (dict, list):
        body = _without_spaces(payload, result)
    else:
        body = payload
    return Response(200, [("Content-Type", JSON)], body)


def _without_spaces(payload: bytes, parsed: Any) -> bytes:
    if _LONG_NUMBER.search(payload):
        # More digits than fit in 64 bits would be lost.
        text = json.dumps(json.loads(payload), separators=(",", ":"), ensure_ascii=False)
        return text.encode("utf-8", "replace")
    return orjson.dumps(parsed)


def response_v1(payload: bytes) -> Response:
    """The answer for a payload in format 1.0.

    :raises Refusal: INTEGRATION_FAILURE, with the reason in words.
    """
    try:
        result = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise malformed(f"is not JSON ({error})") from None
    if type(result) is not dict:
        raise malformed(f"is {_kind(result)}, not an object")
    if "statusCode" not in result:
        raise malformed("has no `statusCode`")
    return _proper(result, PLAIN, multi=True)


def malformed(what: str) -> Refusal:
    """The refusal for a malformed response; ``what`` follows "the function's response"."""
    return Refusal("INTEGRATION_FAILURE", reason=f"the function's response {what}")


def _proper(result: dict[str, Any], content_type: str, *, multi: bool = False) -> Response:
    several: Headers = []
    seen: set[str] = set()
    if multi:
        _add_multi(result.get("multiValueHeaders"), several, seen)
    headers: Headers = []
    singles = result.get("headers")
    if singles:
        if type(singles) is not dict:
            raise malformed(f"has `headers` that are {_kind(singles)}, not an object")
        for name, value in singles.items():
            if (name, value) in several:
                continue
            add_header(headers, name, value)
            seen.add(name.lower())
    headers += several
    cookies = None if multi else result.get("cookies")
    if cookies:
        if type(cookies) is not list:
            raise malformed(f"has `cookies` that are {_kind(cookies)}, not a list")
        for cookie in cookies:
            add_header(headers, "Set-Cookie", cookie)
    status = status_of(result["statusCode"])
    if "content-type" not in seen and status not in _WITHOUT_BODY:
        headers.append(("Content-Type", content_type))
    return Response(status, headers, body_of(result))


def _add_multi(given: Any, headers: Headers, seen: set[str]) -> None:
    if not given:
        return
    if type(given) is not dict:
        raise malformed(f"has `multiValueHeaders` that are {_kind(given)}, not an object")
    for name, values in given.items():
        if type(values) is not list:
            raise malformed(f"has `multiValueHeaders.{name}` that is {_kind(values)}, not a list")
        for value in values:
            add_header(headers, name, value)
        seen.add(name.lower())


def status_of(given: Any) -> int:
    """A ``statusCode``: a whole number, also as text
    (https://github.com/localstack/localstack, test_lambda_url_headers_and_status, was run at AWS).

    :raises Refusal: INTEGRATION_FAILURE
    """
    status = given
    if type(status) is str and status.isascii() and status.isdigit():
        status = int(status)
    if type(status) is not int or not 200 <= status <= 599:
        raise malformed(f"has the `statusCode` {json.dumps(given)}, not a number from 200 to 599")
    return status


def add_header(headers: Headers, name: str, value: Any) -> None:
    """Append a header of a response, unless it is one that is not the function's to set.

    :raises Refusal: INTEGRATION_FAILURE
    """
    if type(value) is not str:
        if value is None:
            return
        if type(value) not in (bool, int, float):
            raise malformed(f"has the header {json.dumps(name)} that is {_kind(value)}, not text")
        value = json.dumps(value)
    if not _NAME.fullmatch(name):
        raise malformed(f"has a header with the name {json.dumps(name)}, which HTTP does not allow")
    if _BREAKS.search(value):
        raise malformed(f"has a line break in the header {json.dumps(name)}")
    if not value.isascii():
        value = value.encode("utf-8", "replace").decode("latin-1")
    if name.lower() not in _OURS:
        headers.append((name, value))


def body_of(result: dict[str, Any]) -> bytes:
    """``body``, decoded where ``isBase64Encoded`` says so.

    :raises Refusal: INTEGRATION_FAILURE
    """
    body = result.get("body")
    if body is None:
        return b""
    if type(body) is not str:
        if type(body) not in (bool, int, float):
            raise malformed(f"has a `body` that is {_kind(body)}, not text")
        return json.dumps(body).encode()
    if result.get("isBase64Encoded") in (True, "true"):
        try:
            return b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            raise malformed("is marked `isBase64Encoded`, but its `body` is not Base64") from None
    return body.encode("utf-8", "replace")


def _kind(value: Any) -> str:
    return {
        dict: "an object",
        list: "a list",
        str: "text",
        bool: "true or false",
        type(None): "null",
    }.get(type(value), "a number")
