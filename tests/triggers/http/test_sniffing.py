"""TLS and plain HTTP on one port, with clients that are not ours."""

from __future__ import annotations

import asyncio
import http.client
import os
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import connect

from lambdactl.errors import UserError
from lambdactl.triggers.http import sniffing, tls
from lambdactl.triggers.http.exchange import Request, Response
from lambdactl.triggers.http.limits import Limits
from lambdactl.triggers.http.listener import Listener
from lambdactl.triggers.http.wire import Connection
from tests.aio import run, until
from tests.parts import need
from tests.triggers.http.websocket.parts import OK, Functions, api, serving
from tests.triggers.http.websocket.test_management import management, threaded


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """Certificates of this module's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        for variable in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
            patch.delenv(variable, raising=False)
        tls._folder.cache_clear()
        tls.local_context.cache_clear()
        yield
        tls._folder.cache_clear()
        tls.local_context.cache_clear()


def client_context() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(tls.authority()))


async def echo(request: Request) -> Response:
    return Response(200, [("X-Scheme", request.scheme)], request.method.encode() + request.body)


@asynccontextmanager
async def both(
    handle: Callable[[Request], Any] = echo,
    context: Callable[[], ssl.SSLContext] = tls.local_context,
    limits: Limits | None = None,
) -> AsyncIterator[tuple[int, Listener]]:
    """A port that speaks both."""
    listener = Listener(handle, refuse=lambda request: None, limits=limits)
    loop = asyncio.get_running_loop()
    factory = sniffing.sniffing(lambda: Connection(listener), context)
    server = await loop.create_server(factory, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], listener
    finally:
        server.close()
        for connection in tuple(listener.connections):
            connection.abort()


def ask(port: int, secure: bool, bodies: list[bytes]) -> list[tuple[str | None, bytes]]:
    """One connection, a request for each body; scheme and answer of each."""
    client = (
        http.client.HTTPSConnection("localhost", port, context=client_context(), timeout=10)
        if secure
        else http.client.HTTPConnection("localhost", port, timeout=10)
    )
    found = []
    for body in bodies:
        client.request("POST", "/", body)
        answer = client.getresponse()
        found.append((answer.getheader("X-Scheme"), answer.read()))
    client.close()
    return found


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_requests_of_any_size_on_one_connection(secure):
    bodies = [b"", b"a", os.urandom(17_000), os.urandom(5_000_000), b"z"]

    async def main():
        async with both() as (port, listener):
            scheme = "https" if secure else "http"
            found = await asyncio.to_thread(ask, port, secure, bodies)
            assert found == [(scheme, b"POST" + body) for body in bodies]
            await until(lambda: not listener.connections)

    run(main())


def test_many_at_once_of_either_kind():
    async def main():
        async with both() as (port, listener):
            asked = [
                asyncio.to_thread(ask, port, number % 2 == 0, [b"%d" % number] * 5)
                for number in range(12)
            ]
            for number, found in enumerate(await asyncio.gather(*asked)):
                assert [body for _, body in found] == [b"POST%d" % number] * 5
            await until(lambda: not listener.connections)

    run(main())


def test_a_plain_connection_has_its_own_transport_after_the_first_byte():
    """Nothing of ours stays in between."""

    async def main():
        async with both() as (port, listener):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\n")
            await until(lambda: listener.connections)
            [connection] = listener.connections
            assert connection._transport.get_protocol() is connection
            assert not isinstance(connection._transport, sniffing._Transport)
            writer.write(b"Host: x\r\n\r\n")
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
            writer.close()

    run(main())


def test_a_handshake_that_comes_byte_by_byte_and_records_that_are_split():
    async def main():
        async with both() as (port, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            inbound, outbound = ssl.MemoryBIO(), ssl.MemoryBIO()
            client = client_context().wrap_bio(inbound, outbound, server_hostname="localhost")

            async def dribble():
                for byte in outbound.read():
                    writer.write(bytes([byte]))
                    await asyncio.sleep(0)

            async def until_done(step):
                while True:
                    try:
                        done = step()
                    except ssl.SSLWantReadError:
                        await dribble()
                        inbound.write(await reader.read(4096))
                    else:
                        await dribble()
                        return done

            await until_done(client.do_handshake)
            client.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await dribble()
            assert (await until_done(lambda: client.read(4096))).startswith(b"HTTP/1.1 200")
            assert client.selected_alpn_protocol() is None
            writer.close()

    run(main())


def test_the_first_request_may_come_with_the_end_of_the_handshake():
    """TLS 1.3 lets a client send at once; a session that goes on is given no trouble."""

    def twice(port):
        context = client_context()
        answers = []
        session = None
        for _ in range(2):
            with (
                socket.create_connection(("127.0.0.1", port), timeout=10) as raw,
                context.wrap_socket(raw, server_hostname="localhost", session=session) as secure,
            ):
                secure.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                answer = b""
                while part := secure.recv(4096):
                    answer += part
                answers.append(answer)
                session = secure.session
        return answers

    async def main():
        async with both() as (port, _):
            for answer in await asyncio.to_thread(twice, port):
                assert answer.startswith(b"HTTP/1.1 200")
                # The connection was closed properly: recv() would have raised otherwise.
                assert answer.endswith(b"GET")

    run(main())


def test_openssl_speaks_with_it():
    def speak(port):
        return subprocess.run(
            [
                *(need("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", "-quiet"),
                *("-tls1_2", "-verify_return_error", "-CAfile", str(tls.authority())),
            ],
            input=b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            capture_output=True,
            timeout=10,
            check=False,
        )

    async def main():
        async with both() as (port, _):
            done = await asyncio.to_thread(speak, port)
            assert done.stdout.startswith(b"HTTP/1.1 200"), done.stderr

    run(main())


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x00\x05nonsense that is no hello",
        b"\x16" * 3000,
        b"\x16\x03\x01\x02\x00\x01",
    ],
)
def test_what_only_looks_like_tls_is_cut_off(sent, monkeypatch):
    monkeypatch.setattr(sniffing, "HANDSHAKE_S", 0.05)

    async def main():
        async with both() as (port, listener):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            try:
                answer = await reader.read()
            except ConnectionResetError:
                answer = b""
            # At most an alert.
            assert answer[:1] in (b"", b"\x15")
            assert not listener.connections
            writer.close()

    run(main())


def test_a_client_that_does_not_trust_us_is_no_trouble():
    def distrust(port):
        with (
            socket.create_connection(("127.0.0.1", port)) as raw,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            ssl.create_default_context().wrap_socket(raw, server_hostname="localhost")

    async def main():
        async with both() as (port, listener):
            await asyncio.to_thread(distrust, port)
            assert not listener.connections
            assert await asyncio.to_thread(ask, port, True, [b"x"]) == [("https", b"POSTx")]

    run(main())


def test_a_client_that_never_speaks_is_cut_off(monkeypatch):
    monkeypatch.setattr(sniffing, "FIRST_BYTE_S", 0.02)

    async def main():
        async with both() as (port, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert await reader.read() == b""
            writer.close()
            # One that goes by itself is no trouble either.
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            await asyncio.sleep(0.03)

    run(main())


def test_without_a_certificate_plain_connections_go_on():
    def none():
        raise UserError("no place for it")

    async def main():
        async with both(context=none) as (port, _):
            assert await asyncio.to_thread(ask, port, False, [b"x"]) == [("http", b"POSTx")]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"\x16\x03\x01")
            assert await reader.read() == b""
            writer.close()

    run(main())


def test_a_client_that_vanishes_leaves_nothing_behind():
    async def slow(request):
        await asyncio.sleep(0.02)
        return Response(200, [], b"x" * 1_000_000)

    def vanish(port):
        raw = socket.create_connection(("127.0.0.1", port))
        secure = client_context().wrap_socket(raw, server_hostname="localhost")
        secure.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        secure.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        secure.close()

    async def main():
        async with both(slow) as (port, listener):
            for _ in range(5):
                await asyncio.to_thread(vanish, port)
            await until(lambda: not listener.connections)
            await until(lambda: not listener.tasks)

    run(main())


def test_pipelined_requests_pause_and_go_on():
    """More than the server takes at a time: reading stops meanwhile and nothing gets lost."""

    def pipeline(port):
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as raw,
            client_context().wrap_socket(raw, server_hostname="localhost") as secure,
        ):
            secure.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 300)
            answer = b""
            while answer.count(b"HTTP/1.1 200") < 300 or not answer.endswith(b"GET"):
                answer += secure.recv(65536)
            return answer.count(b"HTTP/1.1 200")

    async def main():
        async with both() as (port, _):
            assert await asyncio.to_thread(pipeline, port) == 300

    run(main())


def test_a_chat_as_the_samples_are_written():
    """The client speaks ``ws://`` on the same port on which its function posts to ``https://``."""

    async def send(event):
        context = event["requestContext"]
        endpoint = f"https://{context['domainName']}/{context['stage']}"
        boto = management(endpoint, verify=tls.trust_variables()["AWS_CA_BUNDLE"])
        id = context["connectionId"]
        await threaded(boto.post_to_connection, ConnectionId=id, Data=b"over https")
        return OK

    async def main():
        def factory(made):
            return sniffing.sniffing(made, tls.local_context)

        async with serving(api("send"), Functions(send=send), factory=factory) as served:
            async with connect(served.url) as plain:
                await plain.send('{"action": "send"}')
                assert await plain.recv() == "over https"
            secure_url = served.url.replace("ws:", "wss:")
            async with connect(secure_url, ssl=client_context()) as secure:
                await secure.send('{"action": "send"}')
                assert await secure.recv() == "over https"
            events = served.setting.invoker.events
            assert len(events) == 2
            await until(lambda: not served.listener.connections)

    run(main())
