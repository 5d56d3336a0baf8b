"""Compression of payloads (``minimumCompressionSize``).

Sources: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-enable-compression.html,
api-gateway-make-request-with-compressed-payload.html and
api-gateway-receive-response-with-compressed-payload.html in the same guide.
"""

from __future__ import annotations

import asyncio
import zlib
from typing import Final, Literal

from lambdactl.triggers.http.calls import Refusal
from lambdactl.triggers.http.exchange import Request, Response

Coding = Literal["gzip", "deflate"]

_WINDOW: Final = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
_FOR_A_THREAD = 64 * 1024
"""Bytes from which compression would hold up other requests for long (a few milliseconds)."""


async def compress(request: Request, response: Response, least: int) -> Response:
    """``response``, compressed if the client asks for it, the body has ``least`` bytes and the
    integration has not encoded it in its own way."""
    body = response.body
    if len(body) < least or not body:
        return response
    coding = wanted(request.header("accept-encoding"))
    if coding is None or any(name.lower() == "content-encoding" for name, _ in response.headers):
        return response
    if len(body) >= _FOR_A_THREAD:
        response.body = await asyncio.to_thread(_deflate, body, coding)
    else:
        response.body = _deflate(body, coding)
    response.headers.append(("Content-Encoding", coding))
    return response


async def decompress(request: Request, least: int, most: int) -> None:
    """Decompress the body of ``request`` in its place, if it is compressed and has ``least`` bytes.

    :param most: bytes that it may have then.
    :raises Refusal: ``UNSUPPORTED_MEDIA_TYPE`` for a coding that API Gateway does not know, or a
        body that is not in it; ``REQUEST_TOO_LARGE``.
    """
    coding = (request.header("content-encoding") or "identity").strip().lower()
    if coding == "identity" or len(request.body) < least:
        return
    if coding not in _WINDOW:
        raise Refusal("UNSUPPORTED_MEDIA_TYPE", reason=f"no `Content-Encoding: {coding}` is known")
    if len(request.body) >= _FOR_A_THREAD:
        request.body = await asyncio.to_thread(_inflate, request.body, coding, most)
    else:
        request.body = _inflate(request.body, coding, most)
    request.headers = [pair for pair in request.headers if pair[0].lower() != "content-encoding"]
    request.joined.pop("content-encoding", None)


def wanted(accept: str | None) -> Coding | None:
    """The coding for a client that sends this ``Accept-Encoding``. "The highest-priority content
    encoding must be one supported by API Gateway. If it is not, compression is not applied"."""
    offers: list[tuple[float, str]] = []
    for part in (accept or "").split(","):
        name, _, parameters = part.partition(";")
        name = name.strip().lower()
        if name:
            offers.append((_quality(parameters), name))
    highest = max((quality for quality, _ in offers), default=0.0)
    for quality, name in offers:
        if quality == highest > 0:
            if name in ("gzip", "*"):
                return "gzip"
            if name == "deflate":
                return "deflate"
    return None


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def _deflate(body: bytes, coding: Coding) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, _WINDOW[coding])
    return packer.compress(body) + packer.flush()


def _inflate(body: bytes, coding: str, most: int) -> bytes:
    unpacker = zlib.decompressobj(_WINDOW[coding])
    try:
        plain = unpacker.decompress(body, most + 1)
    except zlib.error as error:
        reason = f"the body is not in the `{coding}` that `Content-Encoding` says: {error}"
        raise Refusal("UNSUPPORTED_MEDIA_TYPE", reason=reason) from error
    if len(plain) > most:
        raise Refusal("REQUEST_TOO_LARGE", reason=f"the body is larger than {most} bytes unpacked")
    if not unpacker.eof:
        reason = f"the body ends before its `{coding}` does"
        raise Refusal("UNSUPPORTED_MEDIA_TYPE", reason=reason)
    return plain
