"""The HTTP under the Runtime API, as odd as clients make it: sent through real sockets."""

from __future__ import annotations

import asyncio

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.aio import run, until
from tests.execution.wire import NEXT, event, response_of, served

PING = "/2018-06-01/ping"


def test_one_connection_serves_many_requests() -> None:
    async def work() -> None:
        async with served() as api:
            client = await api.connect()
            for _ in range(50):
                assert (await client.call("GET", PING)).body == b"pong"

    run(work())


def test_the_answer_and_the_next_request_may_come_in_one_packet() -> None:
    async def work() -> None:
        async with served() as api:
            client = await api.invoked()
            await client.send(
                client.request("POST", response_of("one"), b'"done"') + client.request("GET", NEXT)
            )
            assert (await client.receive()).status == 202
            assert api.heard.heard == ["ready", "answer", "ready"]
            api.api.dispatch(event(request_id="two"))
            given_next = await client.receive()
            assert given_next.headers["lambda-runtime-aws-request-id"] == "two"

    run(work())


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(1, 500), max_size=12).map(sorted))
def test_it_does_not_matter_where_the_stream_is_cut(cuts: list[int]) -> None:
    async def work() -> None:
        async with served() as api:
            client = await api.connect()
            api.api.dispatch(event())
            whole = (
                client.request("GET", NEXT)
                + client.request("POST", response_of("one"), b'{"a": "\xc3\xbc"}')
                + client.request("GET", PING)
            )
            for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
                await client.send(whole[start:end])
                await asyncio.sleep(0)
            assert [(await client.receive()).status for _ in range(3)] == [200, 202, 200]
            assert api.heard.answers[0].payload == b'{"a": "\xc3\xbc"}'

    run(work())


def test_byte_by_byte_is_fine_too() -> None:
    async def work() -> None:
        async with served() as api:
            client = await api.invoked()
            for byte in client.request("POST", response_of("one"), b"[1, 2]"):
                await client.send(bytes([byte]))
                await asyncio.sleep(0)
            assert (await client.receive()).status == 202
            assert api.heard.answers[0].payload == b"[1, 2]"

    run(work())


def test_a_client_that_asks_first_is_told_to_continue() -> None:
    async def work() -> None:
        async with served() as api:
            client = await api.invoked()
            head = client.request("POST", response_of("one"), None, {"Expect": "100-continue"})
            await client.send(head[:-2] + b"Content-Length: 4\r\n\r\n")
            assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            await client.send(b"true")
            assert (await client.receive()).status == 202
            assert api.heard.answers[0].payload == b"true"

    run(work())


def test_chunked_bodies_are_put_together() -> None:
    async def work() -> None:
        async with served() as api:
            client = await api.invoked()
            head = client.request(
                "POST", response_of("one"), None, {"Transfer-Encoding": "chunked"}
            )
            await client.send(head + b'3\r\n{"a\r\n4\r\n": 1\r\n1\r\n}\r\n0\r\n\r\n')
            assert (await client.receive()).status == 202
            assert api.heard.answers[0].payload == b'{"a": 1}'

    run(work())


@pytest.mark.parametrize(
    "nonsense",
    [
        b"not http at all\r\n\r\n",
        b"GET / HTTP/1.1\r\nbroken header\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_malformed_http_is_refused_and_the_server_lives_on(nonsense: bytes) -> None:
    async def work() -> None:
        async with served() as api:
            client = await api.connect()
            await client.send(nonsense)
            assert (await client.receive()).status == 400
            assert await client.at_end()
            other = await api.connect()
            assert (await other.call("GET", PING)).status == 200
            assert api.heard.heard == []

    run(work())


@settings(max_examples=40, deadline=None)
@given(noise=st.binary(min_size=1, max_size=300))
def test_no_bytes_bring_the_server_down(noise: bytes) -> None:
    async def work() -> None:
        async with served() as api:
            client = await api.connect()
            await client.send(noise)
            client.writer.write_eof()
            await client.reader.read()
            other = await api.connect()
            assert (await other.call("GET", PING)).status == 200

    run(work())


@pytest.mark.parametrize(
    "head",
    [
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n",
        "GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n",
        "GET {path} HTTP/1.0\r\n\r\n",
    ],
)
@pytest.mark.parametrize("path", [PING, NEXT, "/nothing"])
def test_a_client_that_reads_to_the_end_gets_an_end(head: str, path: str) -> None:
    async def work() -> None:
        async with served() as api:
            client = await api.connect()
            await client.send(head.format(path=path, host=client.host).encode())
            if path == NEXT:
                await until(lambda: api.heard.heard == ["ready"])
                api.api.dispatch(event())
            assert (await client.receive()).status == (404 if path == "/nothing" else 200)
            assert await client.at_end()

    run(work())


def test_an_offer_to_upgrade_is_not_taken() -> None:
    """java.net.http and `curl --http2` offer HTTP/2 with their first request."""

    async def work() -> None:
        async with served() as api:
            client = await api.connect()
            offer = {
                "Connection": "Upgrade, HTTP2-Settings",
                "Upgrade": "h2c",
                "HTTP2-Settings": "AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
            }
            api.api.dispatch(event())
            assert (await client.call("GET", NEXT, None, offer)).status == 200
            reply = await client.call("POST", response_of("one"), b"{}", offer)
            assert reply.status == 202
            assert api.heard.answers[0].payload == b"{}"
            await client.send(
                client.request("GET", PING, None, offer) + client.request("GET", PING)
            )
            assert [(await client.receive()).body for _ in range(2)] == [b"pong", b"pong"]

    run(work())


def test_it_is_no_proxy() -> None:
    async def work() -> None:
        async with served() as api:
            client = await api.connect()
            await client.send(b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n")
            assert (await client.receive()).status == 403
            assert await client.at_end()

    run(work())


def test_a_fault_of_our_own_is_reported_not_blamed_on_the_client() -> None:
    reported = []

    async def work() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: reported.append(what))
        async with served() as api:
            api.heard.on_answer = lambda answer: 1 / 0  # type: ignore[assignment,return-value]
            client = await api.invoked()
            assert (await client.call("POST", response_of("one"), b"{}")).status == 500
            assert await client.at_end()

    run(work())
    (what,) = reported
    assert isinstance(what["exception"], ZeroDivisionError)


def test_no_connection_is_kept_after_its_client_has_gone() -> None:
    async def work() -> None:
        async with served() as api:
            ours = psutil.Process()
            before = ours.num_fds()
            for _ in range(20):
                client = await api.connect()
                await client.call("GET", PING)
                client.writer.close()
                await client.writer.wait_closed()
            await until(lambda: ours.num_fds() <= before)

    run(work())
