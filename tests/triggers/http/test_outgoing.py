"""The HTTP client of integrations, against a real server."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from lambdactl.triggers.http.calls import Refusal
from lambdactl.triggers.http.exchange import Headers
from lambdactl.triggers.http.outgoing import MAX_CALLS, Reply, send
from tests.triggers.http.backend import Backend, backend


@pytest.fixture(scope="module")
def server() -> Iterator[Backend]:
    with backend() as found:
        yield found


def call(
    url: str,
    method: str = "GET",
    headers: Headers | None = None,
    body: bytes = b"",
    timeout_s: float = 5,
    decode: bool = False,
) -> Reply:
    return asyncio.run(send(method, url, headers or [], body, timeout_s, decode=decode))


def test_sends_just_what_it_is_given(server: Backend) -> None:
    headers = [("X-One", "1"), ("X-Two", "a"), ("X-Two", "b"), ("Content-Type", "text/plain")]
    reply = call(f"{server.url}/a%20b/c?q=1&q=%26", "PUT", headers, "é".encode())
    assert reply.status == 200
    seen = server.seen[-1]
    assert (seen["method"], seen["path"], seen["body"]) == ("PUT", "/a%20b/c?q=1&q=%26", "é")
    names = sorted(name for name, _ in seen["headers"])
    assert names == ["Content-Length", "Content-Type", "Host", "X-One", "X-Two", "X-Two"]


def test_headers_come_back_one_by_one(server: Backend) -> None:
    reply = call(server.url)
    cookies = [value for name, value in reply.headers if name.lower() == "set-cookie"]
    assert cookies == ["a=1", "b=2"]


def test_an_encoding_is_undone_only_where_that_is_wanted(server: Backend) -> None:
    url = f"{server.url}/gzip"
    undone = call(url, decode=True)
    assert undone.body == b'{"zipped": true}'
    assert "content-encoding" not in {name.lower() for name, _ in undone.headers}
    assert call(url).body[:2] == b"\x1f\x8b"


def test_a_redirect_is_an_answer(server: Backend) -> None:
    reply = call(f"{server.url}/redirect")
    assert reply.status == 302
    assert ("Location", "/elsewhere") in reply.headers


def test_an_answer_to_head_has_no_body(server: Backend) -> None:
    reply = call(server.url, "HEAD")
    assert (reply.status, reply.body) == (200, b"")


def test_a_server_that_takes_too_long(server: Backend) -> None:
    started = time.monotonic()
    with pytest.raises(Refusal) as caught:
        call(f"{server.url}/slow", timeout_s=0.1)
    assert caught.value.type == "INTEGRATION_TIMEOUT"
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("url", "type"),
    [
        ("http://127.0.0.1:{free}/", "INTEGRATION_FAILURE"),
        ("{url}/cut", "INTEGRATION_FAILURE"),
        ("{url}/large", "INTEGRATION_FAILURE"),
        ("https{url_rest}/", "INTEGRATION_FAILURE"),
        ("http://no-such-host.invalid/", "API_CONFIGURATION_ERROR"),
        ("nonsense", "API_CONFIGURATION_ERROR"),
        ("ftp://127.0.0.1/", "API_CONFIGURATION_ERROR"),
        ("http://[::1", "API_CONFIGURATION_ERROR"),
    ],
)
def test_what_can_go_wrong(server: Backend, url: str, type: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        target = url.format(url=server.url, url_rest=server.url[4:], free=free.getsockname()[1])
        with pytest.raises(Refusal) as caught:
            call(target)
    assert caught.value.type == type
    assert caught.value.reason


def test_many_calls_wait_side_by_side(server: Backend) -> None:
    async def all_at_once() -> list[Reply]:
        calls = (send("GET", f"{server.url}/slow", [], b"", 10) for _ in range(20))
        return await asyncio.gather(*calls)

    started = time.monotonic()
    assert [reply.status for reply in asyncio.run(all_at_once())] == [200] * 20
    assert time.monotonic() - started < 5


def test_the_process_ends_while_a_backend_is_asked(server: Backend) -> None:
    program = """
import asyncio, sys
from lambdactl.triggers.http.outgoing import send
async def main():
    task = asyncio.create_task(send("GET", sys.argv[1], [], b"", 30))
    await asyncio.sleep(0.2)
    task.cancel()
asyncio.run(main())
"""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        done = subprocess.run([sys.executable, "-c", program, url], timeout=10)
    assert done.returncode == 0


def test_more_calls_than_threads(server: Backend) -> None:
    async def all_at_once() -> list[Reply]:
        calls = (send("GET", server.url, [], b"", 20) for _ in range(MAX_CALLS * 2))
        return await asyncio.gather(*calls)

    assert [reply.status for reply in asyncio.run(all_at_once())] == [200] * MAX_CALLS * 2
    mine = [each for each in threading.enumerate() if each.name == "http-integration"]
    assert 0 < len(mine) <= MAX_CALLS
