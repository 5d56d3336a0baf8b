"""What a Lambda proxy integration of a REST API makes of the function's answer.

Sources: "Output format of a Lambda function for proxy integration"
(https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html),
"Important notes" for headers
(https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html) and
"Content type conversions"
(https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-payload-encodings-workflow.html).
"""

from __future__ import annotations

import re
from base64 import b64decode
from typing import Any, NoReturn

import orjson

from lambdactl.triggers.http.calls import Call, Refusal
from lambdactl.triggers.http.exchange import Headers, Response
from lambdactl.triggers.http.fields import media_type
from lambdactl.triggers.http.rest.event import prepared

DELIMITER = b"\0" * 8
"""What ends the metadata of a streamed response."""

_KEYS = frozenset({"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"})
_STREAMED_KEYS = frozenset({"statusCode", "headers", "multiValueHeaders", "cookies"})

# The table of "Important notes", column Response, Lambda. Content-Length is there as passed on; the
# server sends its own, and the function's is seen as x-amzn-Remapped-Content-Length.
_REMAPPED = frozenset(
    {
        "authorization",
        "connection",
        "content-length",
        "content-md5",
        "date",
        "max-forwards",
        "server",
        "user-agent",
        "www-authenticate",
    }
)
_DROPPED = frozenset(
    {"expect", "host", "proxy-authenticate", "te", "trailer", "transfer-encoding", "upgrade", "via"}
)
_REMAPPED_LENGTH = "x-amzn-remapped-content-length"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[^\0\r\n]*")


def response(call: Call, payload: bytes) -> Response:
    """Map what the function returned.

    :raises Refusal: ``INTEGRATION_FAILURE`` for an answer that is malformed, with the reason in
        words; ``API_CONFIGURATION_ERROR`` for Base64 that is none.
    """
    try:
        answer = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        if DELIMITER in payload:
            # "API Gateway returns the HTTP headers and status code but not the response body"
            # (https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html).
            return streamed_head(call, payload[: payload.index(DELIMITER)])
        _malformed(f"it is not JSON: {error}" if payload else "it is empty")
    if type(answer) is not dict:
        _malformed(f"it is {_kind(answer)} instead of an object with a `statusCode`")
    if not answer.keys() <= _KEYS:
        _unknown(answer, _KEYS)
    headers, typed = _headers(answer)
    if not typed:
        headers.append(("Content-Type", "application/json"))
    headers.extend(own_headers(call))
    return Response(_status(answer.get("statusCode")), headers, _body(call, answer))


def streamed_head(call: Call, metadata: bytes) -> Response:
    """The head of a streamed response, of the JSON that stands before :data:`DELIMITER`
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html).
    Its ``Content-Length`` stays one: nobody else knows the length.

    :raises Refusal: as :func:`response`.
    """
    try:
        answer = orjson.loads(metadata) if metadata else {}
    except orjson.JSONDecodeError as error:
        _malformed(f"the metadata of its stream is not JSON: {error}")
    if type(answer) is not dict:
        _malformed(f"the metadata of its stream is {_kind(answer)} instead of an object")
    if not answer.keys() <= _STREAMED_KEYS:
        _unknown(answer, _STREAMED_KEYS)
    found, typed = _headers(answer)
    headers = [
        (
            "Content-Length" if name.lower() == _REMAPPED_LENGTH and _is_length(value) else name,
            value,
        )
        for name, value in found
    ]
    cookies = answer.get("cookies") or []
    if not isinstance(cookies, list):
        _malformed(f"`cookies` is {_kind(cookies)} instead of a list")
    headers.extend(("Set-Cookie", _value("cookies", cookie)) for cookie in cookies)
    if not typed:
        headers.append(("Content-Type", "application/json"))
    headers.extend(own_headers(call))
    return Response(_status(answer.get("statusCode")), headers)


def own_headers(call: Call, *, traced: bool = True) -> Headers:
    """The headers that API Gateway adds to what an integration answers.

    :param traced: not so with MOCK and HTTP proxy integrations (recorded: test_invocation_trace_id
        and test_apigateway_header_remapping_http of https://github.com/localstack/localstack,
        tests/aws/services/apigateway).
    """
    headers = [("x-amzn-RequestId", call.request_id), ("x-amz-apigw-id", call.extended_id)]
    if traced:
        headers.append(("X-Amzn-Trace-Id", call.trace_id))
    return headers


def accepts_binary(call: Call) -> bool:
    """Whether the client wants a binary answer: "API Gateway uses the first Accept header from
    clients to determine if a response should return binary media"
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-payload-encodings.html)."""
    binary = prepared(call).binary
    if binary is None:
        return False
    accept = call.request.header("accept") or ""
    return binary(media_type(accept.partition(",")[0]))


def _status(code: Any) -> int:
    if code is None:
        return 200
    try:
        status = int(code) if type(code) in (int, str, float) else 0
    except (ValueError, OverflowError):
        status = 0
    if not 100 <= status <= 599:
        _malformed(f"`statusCode` is {_shown(code)} instead of a number from 100 to 599")
    return status


def _body(call: Call, answer: dict[str, Any]) -> bytes:
    body = answer.get("body")
    if body is None:
        return b""
    if type(body) is not str:
        _malformed(
            f"`body` is {_kind(body)} instead of a string (serialise it, as JSON for example)"
        )
    encoded = answer.get("isBase64Encoded")
    if encoded is None or encoded is False or encoded == "false":
        return body.encode()
    if encoded is not True and encoded != "true":
        _malformed(f"`isBase64Encoded` is {_shown(encoded)} instead of true or false")
    if not accepts_binary(call):
        return body.encode()
    try:
        return b64decode(body, validate=True)
    except ValueError as error:
        # "When base64 decoding fails on binary data when binary support is enacted"
        # (https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html).
        raise Refusal(
            "API_CONFIGURATION_ERROR",
            reason=f"the function's answer is `isBase64Encoded`, but its body is not: {error}",
        ) from error


def _headers(answer: dict[str, Any]) -> tuple[Headers, bool]:
    """The answer's headers as they go out, and whether there is a content type among them.

    "If you specify values for both headers and multiValueHeaders, API Gateway merges them into a
    single list. If the same key-value pair is specified in both, only the values from
    multiValueHeaders will appear".
    """
    found: Headers = []
    typed = False
    several = answer.get("multiValueHeaders")
    if several is not None:
        if type(several) is not dict:
            _malformed(f"`multiValueHeaders` is {_kind(several)} instead of an object")
        for name, values in several.items():
            if type(values) is not list:
                _malformed(f"`multiValueHeaders.{name}` is {_kind(values)} instead of a list")
            out, is_type = _outgoing(name)
            if out is not None:
                typed = typed or is_type
                found.extend((out, _value(name, value)) for value in values)
    single = answer.get("headers")
    if single is not None:
        if type(single) is not dict:
            _malformed(f"`headers` is {_kind(single)} instead of an object")
        for name, value in single.items():
            out, is_type = _outgoing(name)
            if out is not None:
                typed = typed or is_type
                pair = (out, _value(name, value))
                if not several or pair not in found:
                    found.append(pair)
    return found, typed


_known: dict[str, tuple[str | None, bool]] = {}


def _outgoing(name: str) -> tuple[str | None, bool]:
    """A header's name for the client (None: it is dropped), and whether it is the content type."""
    found = _known.get(name)
    if found is None:
        lower = name.lower()
        if _TOKEN.fullmatch(name) is None:
            _malformed(f"{name!r} is no name for a header")
        if lower in _DROPPED:
            found = (None, False)
        elif lower in _REMAPPED:
            found = (f"x-amzn-Remapped-{name}", False)
        else:
            found = (name, lower == "content-type")
        if len(_known) < 1024:
            _known[name] = found
    return found


def _value(name: str, value: Any) -> str:
    if type(value) is str:
        if value.isascii() and value.isprintable():
            return value
        if _VALUE.fullmatch(value) is None:
            _malformed(f"header `{name}` has a line break in its value")
        return value.encode("utf-8", "replace").decode("latin-1")
    if type(value) is not bool:
        _malformed(f"header `{name}` is {_kind(value)} instead of a string")
    return "true" if value else "false"


def _is_length(value: str) -> bool:
    return value.isascii() and value.isdecimal()


def _unknown(answer: dict[str, Any], known: frozenset[str]) -> NoReturn:
    if "errorMessage" in answer:
        _malformed(f"it is an error object (`errorMessage`: {_shown(answer['errorMessage'])})")
    names = ", ".join(f"`{name}`" for name in sorted(answer.keys() - known))
    _malformed(f"a REST API takes no {names} (only {', '.join(sorted(known))})")


_KINDS = {dict: "an object", list: "a list", str: "a string", bool: "true or false"}


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    return _KINDS.get(type(value), "a number")


def _shown(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= 80 else text[:77] + "..."


def _malformed(reason: str) -> NoReturn:
    raise Refusal(
        "INTEGRATION_FAILURE", reason=f"the function's answer is not one for a REST API: {reason}"
    )
