"""A function's streamed response on its way to the client.

A stream of the type ``application/vnd.awslambda.http-integration-response`` begins with a prelude,
JSON with ``statusCode``, ``headers`` and ``cookies``, and eight zero bytes; the body follows
(https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming,
https://github.com/awslabs/aws-lambda-rust-runtime, lambda-runtime/src/layers/api_response.rs). Any
other stream is a body, of the type that the function gave it.
"""

from __future__ import annotations

from collections.abc import Callable

import orjson

from lambdactl.triggers.http.calls import Refusal
from lambdactl.triggers.http.exchange import Body, Headers, Request, Response
from lambdactl.triggers.http.http_api.response import add_header, malformed, status_of

INTEGRATION_TYPE = "application/vnd.awslambda.http-integration-response"
BINARY = "application/octet-stream"
SEPARATOR = b"\0" * 8
MAX_PRELUDE_BYTES = 1024 * 1024


def split_prelude(data: bytes) -> Response:
    """The answer in ``data``, which has a whole prelude and perhaps a body.

    :raises Refusal: INTEGRATION_FAILURE: the prelude is not of the format.
    """
    prelude, separator, body = data.partition(SEPARATOR)
    if not separator:
        raise malformed("ends before the eight zero bytes that end its prelude")
    try:
        head = orjson.loads(prelude)
    except orjson.JSONDecodeError as error:
        raise malformed(f"has a prelude that is not JSON ({error})") from None
    if type(head) is not dict:
        raise malformed("has a prelude that is not an object")
    given, cookies = head.get("headers") or {}, head.get("cookies") or []
    if type(given) is not dict or type(cookies) is not list:
        raise malformed("has a prelude whose headers or cookies are of the wrong kind")
    headers: Headers = []
    for name, value in given.items():
        add_header(headers, name, value)
    for cookie in cookies:
        add_header(headers, "Set-Cookie", cookie)
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", BINARY))
    return Response(status_of(head.get("statusCode", 200)), headers, body)


class Stream:
    """Takes the pieces of a response and passes them on as soon as the head is known.

    :param finish: completes the headers of the answer.
    """

    def __init__(self, request: Request, finish: Callable[[Response], Response]) -> None:
        self._request = request
        self._finish = finish
        self._body: Body | None = None
        self._begun = False
        self._kept = b""
        self._problem: Refusal | None = None

    def write(self, content_type: str, data: bytes) -> None:
        """A piece of the response; does not raise."""
        if self._begun:
            if self._body is not None:
                self._body.write(data)
        elif self._problem is None:
            if content_type == INTEGRATION_TYPE:
                self._collect(data)
            else:
                self._begin(Response(200, [("Content-Type", content_type or BINARY)], data))

    def close(self, content_type: str) -> Response | None:
        """The response is complete; returns an answer where none has begun.

        :raises Refusal: INTEGRATION_FAILURE: it was none.
        """
        if self._problem is not None:
            raise self._problem
        if self._begun:
            if self._body is not None:
                self._body.close()
            return None
        if content_type == INTEGRATION_TYPE:
            return self._finish(split_prelude(self._kept))
        return self._finish(Response(200, [("Content-Type", content_type or BINARY)]))

    def abort(self) -> bool:
        """The function failed. True when the answer had begun, and is cut off now."""
        if self._body is not None:
            self._body.abort()
        return self._begun

    def _collect(self, data: bytes) -> None:
        # The separator may come in two pieces: look again at the end of what was there.
        start = max(len(self._kept) - len(SEPARATOR) + 1, 0)
        self._kept += data
        if self._kept.find(SEPARATOR, start) < 0:
            if len(self._kept) > MAX_PRELUDE_BYTES:
                self._problem = malformed("has no end of its prelude within 1 MB")
                self._kept = b""
            return
        try:
            response = split_prelude(self._kept)
        except Refusal as refusal:
            self._problem = refusal
        else:
            self._begin(response)
        self._kept = b""

    def _begin(self, response: Response) -> None:
        self._begun = True
        self._body = self._request.stream(self._finish(response))
