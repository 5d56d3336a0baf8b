"""HTTP to elsewhere: what HTTP integrations call.

urllib3 in threads of its own: it is there anyway (botocore stands on it), it leaves headers and
paths as they are, and a backend that takes half a minute blocks nobody but its thread.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from lambdactl.execution.handoff import in_task
from lambdactl.triggers.http.calls import Refusal
from lambdactl.triggers.http.exchange import Headers
from lambdactl.triggers.http.threads import Workers

if TYPE_CHECKING:
    from urllib3 import PoolManager

MAX_CALLS = 64
"""How many calls are under way at once; more wait for their turn, within their time."""

MAX_BODY_BYTES = 10 * 1024 * 1024
"""The largest payload of a REST or HTTP API
(https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html)."""

_NETWORK = "Network error communicating with endpoint"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered; redirects are answers like any other."""

    status: int
    headers: Headers
    body: bytes


async def send(
    method: str,
    url: str,
    headers: Headers,
    body: bytes,
    timeout_s: float,
    *,
    decode: bool = False,
) -> Reply:
    """Call ``url`` with just these headers (and ``Host`` and ``Content-Length``).

    :param decode: undo the response's ``Content-Encoding``; the header is taken out then.
    :raises Refusal: ``INTEGRATION_TIMEOUT``; ``INTEGRATION_FAILURE`` where the server can't be
        reached or breaks off; ``API_CONFIGURATION_ERROR`` for a URL that leads to no host. The
        reasons are in words.
    """
    await in_task()
    try:
        return await asyncio.wait_for(
            _workers.do(lambda: _send(method, url, headers, body, timeout_s, decode)), timeout_s
        )
    except TimeoutError:
        raise Refusal(
            "INTEGRATION_TIMEOUT", reason=f"{method} {url}: no answer within {timeout_s:g} s"
        ) from None


_workers = Workers("http-integration", MAX_CALLS)


@cache
def _pool() -> PoolManager:
    from urllib3 import PoolManager

    return PoolManager(num_pools=32, maxsize=MAX_CALLS, retries=False)


def _send(
    method: str, url: str, headers: Headers, body: bytes, timeout_s: float, decode: bool
) -> Reply:
    from urllib3 import HTTPHeaderDict, Timeout, exceptions
    from urllib3.util import SKIP_HEADER

    sent = HTTPHeaderDict()
    for name, value in headers:
        sent.add(name, value)
    for usual in ("User-Agent", "Accept-Encoding"):
        if usual not in sent:
            sent[usual] = SKIP_HEADER
    where = f"{method} {url}"
    if not url.lower().startswith(("http://", "https://")):
        raise Refusal("API_CONFIGURATION_ERROR", reason=f"{where}: this is no URL of a server")
    try:
        response = _pool().request(
            method,
            url,
            headers=sent,
            body=body or None,
            redirect=False,
            preload_content=False,
            decode_content=decode,
            timeout=Timeout(total=timeout_s),
        )
        try:
            content = response.read(MAX_BODY_BYTES + 1, decode_content=decode)
            # One more look tells a body that is complete from one that was cut off.
            whole = len(content) <= MAX_BODY_BYTES and not response.read(1)
            if whole:
                response.release_conn()
        finally:
            response.close()
    except (exceptions.LocationValueError, exceptions.NameResolutionError, UnicodeError) as error:
        # "... including when an invalid endpoint address is submitted"
        # (https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html).
        raise Refusal("API_CONFIGURATION_ERROR", reason=f"{where}: {error}") from error
    except exceptions.NewConnectionError as error:
        # To urllib3 a refused connection is one that timed out.
        raise Refusal("INTEGRATION_FAILURE", _NETWORK, reason=f"{where}: {error}") from error
    except exceptions.TimeoutError as error:
        raise Refusal("INTEGRATION_TIMEOUT", reason=f"{where}: {error}") from error
    except (exceptions.HTTPError, OSError, ValueError) as error:
        raise Refusal("INTEGRATION_FAILURE", _NETWORK, reason=f"{where}: {error}") from error
    if not whole:
        raise Refusal(
            "INTEGRATION_FAILURE",
            reason=f"{where}: the answer is larger than {MAX_BODY_BYTES} bytes",
        )
    found = [
        (name, value)
        for name, value in response.headers.items()
        if not (decode and name.lower() == "content-encoding")
    ]
    return Reply(response.status, found, content)
