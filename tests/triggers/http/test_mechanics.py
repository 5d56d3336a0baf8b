"""HTTP/1.1 as clients speak it, well and badly, over real sockets to a real function."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lambdactl import manifest
from lambdactl.errors import UserError
from lambdactl.local import new_event_loop
from lambdactl.triggers.http import tls
from lambdactl.triggers.http.limits import Limits
from lambdactl.triggers.http.serving import Serving

pytestmark = pytest.mark.slow

MANIFEST = f"""
service: wire
functions:
  app:
    runtime: python3.{sys.version_info.minor}
    handler: app.handler
    code: src
    timeout: 20
    environment: {{CALLS: FOLDER/calls}}
    triggers:
      - rest: {{path: '/{{proxy+}}'}}
      - rest: {{path: /}}
      - http: {{path: $default}}
      - alb: {{path: /*}}
    url: {{auth: none}}
"""
CODE = """
import json, os, time


def handler(event, context):
    with open(os.environ["CALLS"], "a") as file:
        file.write("begun\\n")
    path = event.get("rawPath") or event["path"]
    if path.endswith("/slow"):
        time.sleep(0.7)
    with open(os.environ["CALLS"], "a") as file:
        file.write("ended\\n")
    if path.endswith("/big"):
        return {"statusCode": 200, "body": "x" * 5_000_000}
    if path.endswith("/nothing"):
        return {"statusCode": 204}
    if path.endswith("/split"):
        return {"statusCode": 200, "headers": {"x-a": "one\\r\\nx-b: two"}, "body": ""}
    shown = {
        "method": event.get("httpMethod") or event["requestContext"]["http"]["method"],
        "path": path,
        "length": len(event.get("body") or ""),
        "body": (event.get("body") or "")[:50],
        "headers": event.get("headers"),
    }
    return {"statusCode": 200, "body": json.dumps(shown)}
"""
ENVIRONMENTS = 4
LIMITS = Limits(head=16_384, head_s=1.5, body_s=1.5, idle_s=2.0, write_s=2.0)


class Server:
    """A :class:`Serving` on a loop of its own, in a thread."""

    def __init__(self, serving: Serving, folder: Path) -> None:
        self.serving = serving
        self.folder = folder
        self.told: list[str] = []

    def port(self, name: str = "http") -> int:
        return next(mount.port for mount in self.serving.mounts if mount.api.name == name)

    def calls(self, word: str) -> int:
        path = self.folder / "calls"
        return path.read_text().split().count(word) if path.exists() else 0

    def connections(self) -> int:
        return sum(len(port.listener.connections) for port in self.serving._ports.values())

    def tasks(self) -> int:
        return sum(len(port.listener.tasks) for port in self.serving._ports.values())


@contextmanager
def serving(folder: Path, **options: Any) -> Iterator[Server]:
    (folder / "src").mkdir(exist_ok=True)
    (folder / "src" / "app.py").write_text(CODE)
    (folder / "lambdactl.yaml").write_text(MANIFEST.replace("FOLDER", str(folder)))
    app = manifest.load(folder / "lambdactl.yaml")
    told: list[str] = []
    started = threading.Event()
    found: list[Server] = []
    failed: list[BaseException] = []

    async def main() -> None:
        loop, end = asyncio.get_running_loop(), asyncio.Event()
        server = Serving(app, port=0, tell=told.append, credentials=False, **options)
        try:
            await server.start()
            found.append(Server(server, folder))
            found[0].told = told
            stops.append(lambda: loop.call_soon_threadsafe(end.set))
            started.set()
            await end.wait()
        finally:
            await server.close()

    def work() -> None:
        try:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                runner.run(main())
        except BaseException as error:
            failed.append(error)
        finally:
            started.set()

    stops: list[Any] = []
    thread = threading.Thread(target=work)
    thread.start()
    assert started.wait(30)
    try:
        if failed:
            raise failed[0]
        yield found[0]
    finally:
        for stop in stops:
            stop()
        thread.join(30)
    assert not failed, failed


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("wire")
    with serving(folder, limits=LIMITS, max_environments=ENVIRONMENTS) as found:
        exchange(found, "GET /warm HTTP/1.1")
        yield found


class Client:
    """A socket, and answers read off it one after the other."""

    def __init__(self, port: int, timeout: float = 20.0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.rest = b""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *lines: str, body: bytes = b"", host: str | None = "localhost") -> None:
        first, *others = lines
        head = [first, *([f"Host: {host}"] if host is not None else []), *others, "", ""]
        self.socket.sendall("\r\n".join(head).encode("latin-1") + body)

    def _more(self) -> bool:
        data = self.socket.recv(65536)
        self.rest += data
        return bool(data)

    def head(self) -> tuple[int, dict[str, str]]:
        while b"\r\n\r\n" not in self.rest:
            if not self._more():
                raise EOFError(self.rest)
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        return int(first.split(" ")[1]), {name.lower(): value for name, value in headers.items()}

    def answer(self, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        status, headers = self.head()
        length = 0 if method == "HEAD" or status in (204, 304) else int(headers["content-length"])
        while len(self.rest) < length:
            assert self._more()
        body, self.rest = self.rest[:length], self.rest[length:]
        return status, headers, body

    def is_closed(self) -> bool:
        """Whether the server ends the connection, within the time a client waits."""
        try:
            return not self._more()
        except ConnectionResetError:
            return True


def exchange(
    server: Server, *lines: str, body: bytes = b"", of: str = "http", **options: Any
) -> tuple[int, dict[str, str], bytes]:
    with Client(server.port(of)) as client:
        client.send(*lines, body=body, **options)
        return client.answer(lines[0].split(" ")[0])


def shown(answer: tuple[int, dict[str, str], bytes]) -> Any:
    assert answer[0] == 200, answer
    return json.loads(answer[2])


def until(condition: Any, timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def reached(server: Server, word: str, calls: int) -> bool:
    return server.calls(word) == calls


# Connections that live on


def test_a_connection_lives_on_and_ends_when_asked_to(server: Server) -> None:
    with Client(server.port()) as client:
        for number in range(5):
            client.send(f"GET /{number} HTTP/1.1")
            status, headers, body = client.answer()
            assert (status, json.loads(body)["path"]) == (200, f"/{number}")
            assert headers["connection"] == "keep-alive"
        client.send("GET / HTTP/1.1", "Connection: close")
        assert client.answer()[1]["connection"] == "close"
        assert client.is_closed()


def test_an_old_client_gets_one_answer(server: Server) -> None:
    with Client(server.port()) as client:
        client.send("GET /old HTTP/1.0")
        assert shown(client.answer())["path"] == "/old"
        assert client.is_closed()
    with Client(server.port()) as client:
        client.send("GET /old HTTP/1.0", "Connection: keep-alive")
        client.answer()
        client.send("GET /old HTTP/1.0", "Connection: keep-alive")
        client.answer()


def test_an_idle_connection_is_closed(server: Server) -> None:
    with Client(server.port()) as client:
        client.send("GET / HTTP/1.1")
        client.answer()
        begun = time.monotonic()
        assert client.is_closed()
        assert 1.5 < time.monotonic() - begun < 6


# Pipelining


def test_pipelined_requests_are_answered_in_their_order(server: Server) -> None:
    """Also where the first takes the longest."""
    with Client(server.port()) as client:
        paths = ["/slow", *(f"/{number}" for number in range(100))]
        text = "".join(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n" for path in paths)
        client.socket.sendall(text.encode())
        assert [shown(client.answer())["path"] for _ in paths] == paths


def test_pipelined_requests_before_the_end_of_the_clients_side(server: Server) -> None:
    """As ``printf ... | nc`` sends them: all are answered, then the connection ends."""
    with Client(server.port()) as client:
        for path in ("/slow", "/b", "/c"):
            client.send(f"GET {path} HTTP/1.1")
        client.socket.shutdown(socket.SHUT_WR)
        for path in ("/slow", "/b", "/c"):
            answer = client.answer()
            assert shown(answer)["path"] == path
        assert answer[1]["connection"] == "close"
        assert client.is_closed()


def test_what_is_no_http_after_good_requests(server: Server) -> None:
    with Client(server.port()) as client:
        client.send("GET /slow HTTP/1.1")
        client.send("GET /b HTTP/1.1")
        client.socket.sendall(b"\x00\x01 nonsense\r\n\r\n")
        assert shown(client.answer())["path"] == "/slow"
        assert shown(client.answer())["path"] == "/b"
        assert client.is_closed()


# Bodies


def test_chunked_bodies(server: Server) -> None:
    with Client(server.port()) as client:
        client.send(
            "POST /chunks HTTP/1.1", "Transfer-Encoding: chunked", "Content-Type: text/plain"
        )
        for chunk in (b"5\r\nhello\r\n", b"6;x=y\r\n world\r\n", b"0\r\nTrailer: t\r\n\r\n"):
            client.socket.sendall(chunk)
            time.sleep(0.05)
        assert shown(client.answer())["body"] == "hello world"
        # The connection is where it should be.
        client.send("GET /next HTTP/1.1")
        assert shown(client.answer())["path"] == "/next"


def test_large_bodies(server: Server) -> None:
    body = b"x" * 5_000_000
    sent = exchange(
        server,
        "POST / HTTP/1.1",
        f"Content-Length: {len(body)}",
        "Content-Type: text/plain",
        body=body,
    )
    assert shown(sent)["length"] == len(body)


def test_expect_100_continue(server: Server) -> None:
    with Client(server.port()) as client:
        client.send(
            "POST / HTTP/1.1", "Expect: 100-continue", "Content-Length: 4", "Content-Type: text/x"
        )
        assert client.head() == (100, {})
        client.socket.sendall(b"body")
        assert shown(client.answer())["body"] == "body"


def test_a_body_that_would_be_too_long_is_not_asked_for(server: Server) -> None:
    with Client(server.port()) as client:
        client.send("POST / HTTP/1.1", "Expect: 100-continue", f"Content-Length: {200 << 20}")
        status, headers, _ = client.answer()
        assert (status, headers["connection"]) == (413, "close")


# Methods


@pytest.mark.parametrize("door", ["http", "rest", "alb", "app-url"])
def test_head_has_no_body_and_the_connection_goes_on(server: Server, door: str) -> None:
    with Client(server.port(door)) as client:
        client.send("HEAD /thing HTTP/1.1")
        status, headers, body = client.answer("HEAD")
        assert (status, body) == (200, b"")
        assert int(headers["content-length"]) > 0
        client.send("GET /next HTTP/1.1")
        assert shown(client.answer())["path"] == "/next"


@pytest.mark.parametrize("method", ["OPTIONS", "PATCH", "DELETE", "PUT"])
def test_methods_reach_the_function(server: Server, method: str) -> None:
    assert shown(exchange(server, f"{method} /x HTTP/1.1"))["method"] == method


def test_no_content(server: Server) -> None:
    with Client(server.port()) as client:
        client.send("GET /nothing HTTP/1.1")
        status, headers, _ = client.answer()
        assert status == 204
        assert "content-length" not in headers
        client.send("GET /next HTTP/1.1")
        assert shown(client.answer())["path"] == "/next"


# Paths, byte for byte as AWS passes them: HTTP APIs decode, the others don't


@pytest.mark.parametrize(
    ("door", "expected"),
    [
        ("rest", "/a%20b/%2F/%c3%A9/+;=@:~"),
        ("alb", "/a%20b/%2F/%c3%A9/+;=@:~"),
        ("app-url", "/a%20b/%2F/%c3%A9/+;=@:~"),
        ("http", "/a b///é/+;=@:~"),
    ],
)
def test_percent_encoded_paths(server: Server, door: str, expected: str) -> None:
    asked = exchange(server, "GET /a%20b/%2F/%c3%A9/+;=@:~?q=%20+ HTTP/1.1", of=door)
    assert shown(asked)["path"] == expected


def test_an_absolute_target(server: Server) -> None:
    assert shown(exchange(server, "GET http://localhost/there?x HTTP/1.1"))["path"] == "/there"


# Headers


def test_headers_of_some_size_pass_and_huge_ones_do_not(server: Server) -> None:
    large = "x" * 8000
    told = shown(exchange(server, "GET / HTTP/1.1", f"X-Large: {large}"))
    assert told["headers"]["x-large"] == large
    for size in (17_000, 60_000, 200_000):
        status, headers, _ = exchange(server, "GET / HTTP/1.1", f"X-Large: {'x' * size}")
        assert (status, headers["connection"]) == (431, "close"), size
    calls = server.calls("begun")
    status, _, _ = exchange(server, *["GET / HTTP/1.1", *(f"X-{n}: y" for n in range(3000))])
    assert status == 431
    assert server.calls("begun") == calls


def test_a_function_cannot_end_the_head(server: Server) -> None:
    status, headers, _ = exchange(server, "GET /split HTTP/1.1", of="http")
    assert status in (200, 500)
    assert "x-b" not in headers


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nAccept: */*\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        # Two opinions on where the body ends are how requests are smuggled.
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_http_is_refused(server: Server, sent: bytes) -> None:
    calls = server.calls("begun")
    with Client(server.port()) as client:
        client.socket.sendall(sent)
        assert client.answer()[0] == 400
        assert client.is_closed()
    assert server.calls("begun") == calls


# Clients that are slow, or leave


def test_a_slow_head_is_cut_off(server: Server) -> None:
    """However regularly a byte comes."""
    with Client(server.port()) as client:
        begun = time.monotonic()
        for character in "GET / HTTP/1.1\r\nX-Slow: " + "x" * 200:
            try:
                client.socket.sendall(character.encode())
            except OSError:
                break
            time.sleep(0.05)
        else:
            pytest.fail("it was never cut off")
        assert 1.0 < time.monotonic() - begun < 6


def test_a_body_that_never_comes_is_cut_off(server: Server) -> None:
    calls = server.calls("begun")
    with Client(server.port()) as client:
        client.send("POST / HTTP/1.1", "Content-Length: 10", body=b"abc")
        assert client.answer()[0] == 408
        assert client.is_closed()
    assert server.calls("begun") == calls


def test_a_client_that_takes_nothing_is_cut_off(server: Server) -> None:
    with Client(server.port()) as client:
        for _ in range(5):
            client.send("GET /big HTTP/1.1")
        until(lambda: server.connections() == 1)
        until(lambda: server.connections() == 0)


def test_a_half_open_client_gets_its_answer(server: Server) -> None:
    with Client(server.port()) as client:
        client.send("GET /slow HTTP/1.1")
        client.socket.shutdown(socket.SHUT_WR)
        assert shown(client.answer())["path"] == "/slow"
        assert client.is_closed()


def test_a_client_that_leaves_leaks_no_invocation(server: Server) -> None:
    """The function runs to its end, as in AWS, and its environment takes the next request."""
    before = server.calls("begun")
    for turn in range(3):
        calls = before + turn * (ENVIRONMENTS + 1) + ENVIRONMENTS
        clients = [Client(server.port()) for _ in range(ENVIRONMENTS)]
        for client in clients:
            client.send("GET /slow HTTP/1.1")
        until(partial(reached, server, "begun", calls))
        for number, client in enumerate(clients):
            if number % 2:
                # With a reset, as a process that dies leaves.
                linger = (1).to_bytes(4, sys.byteorder) + bytes(4)
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            client.socket.close()
        until(partial(reached, server, "ended", calls))
        until(lambda: server.tasks() == 0)
        until(lambda: server.connections() == 0)
        assert shown(exchange(server, "GET /next HTTP/1.1"))["path"] == "/next"


def test_a_client_that_leaves_in_the_middle_calls_nothing(server: Server) -> None:
    calls = server.calls("begun")
    for part in (b"GET / HT", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nab"):
        with Client(server.port()) as client:
            client.socket.sendall(part)
    until(lambda: server.connections() == 0)
    assert server.calls("begun") == calls


# Host


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:3000", 200),
        ("LOCALHOST", 200),
        ("api.localhost", 200),
        ("127.0.0.1:80", 200),
        ("[::1]:80", 200),
        ("evil.example", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("", 403),
    ],
)
def test_hosts(server: Server, host: str, status: int) -> None:
    answer = exchange(server, "GET / HTTP/1.1", host=host)
    assert answer[0] == status, answer
    if status == 403 and host:
        assert f"--allow-host {host}" in json.loads(answer[2])["message"]


def test_allowed_hosts_prefixes_ports_and_static_files(tmp_path: Path) -> None:
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "page.html").write_text("<p>hello")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        base = probe.getsockname()[1]
    options: dict[str, Any] = {
        "prefixes": {"rest": "/v1", "alb": "/lb"},
        "ports": {"rest": base, "alb": base},
        "allow_hosts": ["shop.test", "*.wild.test"],
        "static": tmp_path / "public",
    }
    with serving(tmp_path, **options) as server:
        assert server.port("rest") == server.port("alb") == base
        assert len({mount.port for mount in server.serving.mounts}) == 3
        for host, status in (("shop.test", 200), ("a.wild.test:80", 200), ("other.test", 403)):
            assert exchange(server, "GET / HTTP/1.1", host=host)[0] == status
        assert shown(exchange(server, "GET /v1/a HTTP/1.1", of="rest"))["path"] == "/a"
        assert shown(exchange(server, "GET /lb/a HTTP/1.1", of="rest"))["path"] == "/a"
        page = exchange(server, "GET /page.html HTTP/1.1", of="rest")
        assert (page[0], page[2]) == (200, b"<p>hello")
        assert page[1]["content-type"].startswith("text/html")
        assert exchange(server, "GET /v1x HTTP/1.1", of="rest")[0] == 404

        with pytest.raises(UserError) as error, serving(tmp_path, ports={"http": base}):
            pass
        assert f"port {base} is in use by " in str(error.value)
        assert "pid" in str(error.value)
        assert error.value.hint is not None
        assert "--port" in error.value.hint


def test_https_with_a_certificate_made_here(tmp_path: Path) -> None:
    context = ssl.create_default_context(cafile=str(tls.authority()))
    with serving(tmp_path, tls=tls.local_context()) as server:
        for name in ("localhost", "127.0.0.1"):
            with (
                socket.create_connection(("127.0.0.1", server.port()), timeout=20) as plain,
                context.wrap_socket(plain, server_hostname=name) as client,
            ):
                client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                answer = b""
                while data := client.recv(65536):
                    answer += data
            head, _, body = answer.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert json.loads(body)["headers"]["x-forwarded-proto"] == "https"
        assert all(mount.url.startswith("https://") for mount in server.serving.mounts)
