"""A Lambda proxy integration that streams (``responseTransferMode: STREAM``): metadata in JSON,
eight NUL bytes, and the body as the function writes it
(https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html).
"""

from __future__ import annotations

from collections.abc import Callable

import orjson

from lambdactl.triggers.http.calls import Call, Refusal, invoke
from lambdactl.triggers.http.exchange import Body
from lambdactl.triggers.http.faults import failure
from lambdactl.triggers.http.rest.event import event
from lambdactl.triggers.http.rest.response import DELIMITER, streamed_head

_METADATA_MOST = 16 * 1024
"""Bytes of the stream, within which the delimiter has to end."""


async def stream(call: Call, refuse: Callable[[Refusal], None]) -> None:
    """Invoke the route's function and pass its answer on as it comes.

    :param refuse: takes what is wrong with the answer as soon as that is known (the function may go
        on writing for minutes).
    :raises Refusal: the function failed, or was not run, before anything was sent.
    """
    answer = _Answer(call, refuse)
    result = await invoke(call, orjson.dumps(event(call)), on_chunk=answer.take)
    if result.function_error is not None:
        if answer.fail():
            return
        raise Refusal("INTEGRATION_FAILURE", reason=failure(call, result.payload))
    if result.payload:
        # A function that does not stream comes in one piece.
        answer.take(result.content_type, result.payload)
    answer.end()


class _Answer:
    """What has come of an answer so far."""

    def __init__(self, call: Call, refuse: Callable[[Refusal], None]) -> None:
        self._call = call
        self._refuse = refuse
        self._waiting = bytearray()
        self._body: Body | None = None
        self._over = False
        self._left: int | None = None
        """Bytes that the function still owes, if it has said how many there will be."""

    def take(self, content_type: str, data: bytes) -> None:
        if self._over:
            return
        if self._body is not None:
            self._write(data)
            return
        self._waiting += data
        at = self._waiting.find(DELIMITER)
        if 0 <= at <= _METADATA_MOST - len(DELIMITER):
            self._begin(at)
        elif len(self._waiting) >= _METADATA_MOST:
            self._malformed("no eight NUL bytes within the first 16 KB of its stream")

    def end(self) -> None:
        """The function has returned."""
        if self._body is None and not self._over:
            self._malformed("a stream without eight NUL bytes behind its metadata")
        elif self._body is not None and self._left:
            self._body.abort()
        elif self._body is not None:
            self._body.close()

    def fail(self) -> bool:
        """The function has failed. Whether the client has been answered already."""
        if self._body is not None:
            self._body.abort()
        return self._body is not None or self._over

    def _begin(self, at: int) -> None:
        try:
            head = streamed_head(self._call, bytes(self._waiting[:at]))
        except Refusal as refusal:
            # "API Gateway ... return[s] a 500 error response", which a proxy integration that is
            # not streamed does not.
            self._over = True
            self._refuse(Refusal("API_CONFIGURATION_ERROR", reason=refusal.reason))
            return
        length = dict(head.headers).get("Content-Length")
        if length is not None and self._call.request.method != "HEAD":
            self._left = int(length)
        rest = bytes(self._waiting[at + len(DELIMITER) :])
        self._waiting.clear()
        self._body = self._call.request.stream(head)
        if self._body is None:
            self._over = True
        elif rest:
            self._write(rest)

    def _write(self, data: bytes) -> None:
        if self._body is not None:
            if self._left is not None:
                data = data[: self._left]
                self._left -= len(data)
            self._body.write(data)

    def _malformed(self, what: str) -> None:
        self._over = True
        reason = f"the function's answer is not one for a REST API that streams: it is {what}"
        self._refuse(Refusal("API_CONFIGURATION_ERROR", reason=reason))
