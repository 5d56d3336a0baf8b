"""Which HTTP server should carry the Runtime API? Measured on the real shape of the workload.

One process serves a front (a POST is one invocation) and one listener an environment. A runtime,
in a process of its own, long-polls ``GET /2018-06-01/runtime/invocation/next`` on its listener
and posts each answer back. ``wrk`` drives the front at 1 and 10 connections, with 1 and 4
environments. Every candidate runs the same :class:`Exchange`; only the HTTP differs. The figures
and the choice are in ``docs/decisions/0001-runtime-api-server.md``.

Run it (wrk from Debian; candidates that can't be imported are left out)::

    python -m venv /tmp/v && /tmp/v/bin/pip install uvloop httptools aiohttp uvicorn granian
    /tmp/v/bin/python tests/bench/runtime_api_servers.py --seconds 5 --rounds 3
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import itertools
import json
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

NEXT = "/2018-06-01/runtime/invocation/next"
EVENT = b'{"key": "cat.jpg", "bucket": "photos", "size": 1024}'
PREFIX = b"/2018-06-01/runtime/invocation/"
ARN = b"arn:aws:lambda:us-east-1:123456789012:function:hello"

Deliver = Callable[[bytes, bytes], None]
Reply = Callable[[bytes], None]


class Exchange:
    """Brings callers and environments together; the whole data plane without HTTP."""

    def __init__(self) -> None:
        self._idle: deque[tuple[int, Deliver]] = deque()
        self._queue: deque[tuple[bytes, Reply]] = deque()
        self._replies: dict[int, Reply] = {}
        self._ids = itertools.count()

    def call(self, body: bytes, reply: Reply) -> None:
        if self._idle:
            environment, deliver = self._idle.popleft()
            self._start(environment, deliver, body, reply)
        else:
            self._queue.append((body, reply))

    def next(self, environment: int, deliver: Deliver) -> None:
        if self._queue:
            self._start(environment, deliver, *self._queue.popleft())
        else:
            self._idle.append((environment, deliver))

    def respond(self, environment: int, body: bytes) -> None:
        self._replies.pop(environment)(body)

    def _start(self, environment: int, deliver: Deliver, body: bytes, reply: Reply) -> None:
        self._replies[environment] = reply
        deliver(b"8476a536-e9f4-11e8-9739-%012d" % next(self._ids), body)


def next_headers(request_id: bytes) -> list[tuple[bytes, bytes]]:
    deadline = b"%d" % ((time.time() + 3) * 1000)
    return [
        (b"Content-Type", b"application/json"),
        (b"Lambda-Runtime-Aws-Request-Id", request_id),
        (b"Lambda-Runtime-Deadline-Ms", deadline),
        (b"Lambda-Runtime-Invoked-Function-Arn", ARN),
        (b"Lambda-Runtime-Trace-Id", b"Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700"),
    ]


# --- raw asyncio protocols ------------------------------------------------------------------


class Raw(asyncio.Protocol):
    """One connection. ``environment`` is None on the front. A subclass parses."""

    def __init__(self, exchange: Exchange, environment: int | None) -> None:
        self.exchange = exchange
        self.environment = environment

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    def request(self, path: bytes, body: bytes) -> None:
        if self.environment is None:
            self.exchange.call(body, self.reply)
        elif path.endswith(b"/next"):
            self.exchange.next(self.environment, self.deliver)
        elif path.startswith(PREFIX) and path.endswith(b"/response"):
            self.exchange.respond(self.environment, body)
            self.transport.write(
                b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\n"
                b'Content-Length: 16\r\n\r\n{"status":"OK"}\n'
            )
        else:
            self.transport.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    def reply(self, body: bytes) -> None:
        if self.transport.is_closing():
            return
        self.transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            % (len(body), body)
        )

    def deliver(self, request_id: bytes, body: bytes) -> None:
        head = b"".join(b"%b: %b\r\n" % pair for pair in next_headers(request_id))
        self.transport.write(
            b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)
        )


class WithHttptools(Raw):
    """httptools (llhttp in C) parses; the callbacks collect, headers too."""

    def __init__(self, exchange: Exchange, environment: int | None) -> None:
        super().__init__(exchange, environment)
        import httptools

        self.parser = httptools.HttpRequestParser(self)
        self.data_received = self.parser.feed_data

    def on_message_begin(self) -> None:
        self.url = b""
        self.body: list[bytes] = []
        self.headers: dict[bytes, bytes] = {}

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self.body.append(body)

    def on_message_complete(self) -> None:
        self.request(self.url, self.body[0] if len(self.body) == 1 else b"".join(self.body))


class HandWritten(Raw):
    """The least a parser can do in Python: Content-Length bodies only, no chunked coding, no
    limits, no validation. A floor for the cost of a sound one."""

    def __init__(self, exchange: Exchange, environment: int | None) -> None:
        super().__init__(exchange, environment)
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            first, *lines = self.buffer[:end].split(b"\r\n")
            headers = {}
            for line in lines:
                name, _, value = line.partition(b":")
                headers[name.lower()] = value.strip()
            stop = end + 4 + int(headers.get(b"content-length", 0))
            if len(self.buffer) < stop:
                return
            body = self.buffer[end + 4 : stop]
            self.buffer = self.buffer[stop:]
            self.request(first.split(b" ", 2)[1], body)


def raw(protocol: type[Raw]) -> Callable[[Sequence[int]], Awaitable[None]]:
    async def serve(ports: Sequence[int]) -> None:
        loop, exchange = asyncio.get_running_loop(), Exchange()
        for index, port in enumerate(ports):
            environment = None if index == 0 else index
            await loop.create_server(
                lambda environment=environment: protocol(exchange, environment), "127.0.0.1", port
            )

    return serve


# --- servers with a framework of their own ---------------------------------------------------


def asgi(ports: Sequence[int]) -> Callable[..., Awaitable[None]]:
    exchange = Exchange()
    environments = {port: index or None for index, port in enumerate(ports)}

    async def app(scope: dict, receive: Callable, send: Callable) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        environment = environments[int(scope["server"][1])]
        future: asyncio.Future = asyncio.get_running_loop().create_future()
        status, headers = 200, [(b"Content-Type", b"application/json")]
        if environment is None:
            exchange.call(body, future.set_result)
            body = await future
        elif scope["path"].endswith("/next"):
            exchange.next(environment, lambda *pair: future.set_result(pair))
            request_id, body = await future
            headers = next_headers(request_id)
        else:
            exchange.respond(environment, body)
            status, body = 202, b'{"status":"OK"}\n'
        headers.append((b"Content-Length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


async def serve_uvicorn(ports: Sequence[int]) -> None:
    import uvicorn

    config = uvicorn.Config(
        asgi(ports),
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
        ws="none",
        server_header=False,
        date_header=False,
    )
    sockets = [socket.create_server(("127.0.0.1", port)) for port in ports]
    serve_uvicorn.task = asyncio.create_task(uvicorn.Server(config).serve(sockets))  # type: ignore[attr-defined]
    await asyncio.sleep(0.3)


async def serve_granian(ports: Sequence[int]) -> None:
    from granian.constants import Interfaces
    from granian.server.embed import Server

    app = asgi(ports)
    servers = [
        Server(app, port=port, interface=Interfaces.ASGINL, log_enabled=False, websockets=False)
        for port in ports
    ]
    serve_granian.tasks = [asyncio.create_task(server.serve()) for server in servers]  # type: ignore[attr-defined]
    await asyncio.sleep(0.5)


async def serve_aiohttp(ports: Sequence[int]) -> None:
    from aiohttp import web

    loop, exchange = asyncio.get_running_loop(), Exchange()

    def handler(environment: int | None) -> Callable[[web.BaseRequest], Awaitable[web.Response]]:
        async def handle(request: web.BaseRequest) -> web.Response:
            body = await request.read()
            future: asyncio.Future = loop.create_future()
            if environment is None:
                exchange.call(body, future.set_result)
                return web.Response(body=await future, content_type="application/json")
            if request.path.endswith("/next"):
                exchange.next(environment, lambda *pair: future.set_result(pair))
                request_id, event = await future
                headers = {k.decode(): v.decode() for k, v in next_headers(request_id)}
                return web.Response(body=event, headers=headers)
            exchange.respond(environment, body)
            return web.Response(
                status=202, body=b'{"status":"OK"}\n', content_type="application/json"
            )

        return handle

    for index, port in enumerate(ports):
        server = web.Server(handler(index or None), access_log=None)
        await loop.create_server(server, "127.0.0.1", port)


Candidate = tuple[str, tuple[str, ...], Callable[[Sequence[int]], Awaitable[None]]]
CANDIDATES: dict[str, Candidate] = {
    "a httptools, uvloop": ("uvloop", ("httptools",), raw(WithHttptools)),
    "b uvicorn ASGI, uvloop": ("uvloop", ("uvicorn", "httptools"), serve_uvicorn),
    "c aiohttp web.Server, uvloop": ("uvloop", ("aiohttp",), serve_aiohttp),
    "d granian embedded ASGI, uvloop": ("uvloop", ("granian",), serve_granian),
    "e hand-written parser, uvloop": ("uvloop", (), raw(HandWritten)),
    "f httptools, asyncio": ("asyncio", ("httptools",), raw(WithHttptools)),
    "g hand-written parser, asyncio": ("asyncio", (), raw(HandWritten)),
}


def serve(name: str, ports: Sequence[int]) -> None:
    loop_kind, _, start = CANDIDATES[name]
    factory = importlib.import_module("uvloop").new_event_loop if loop_kind == "uvloop" else None

    async def forever() -> None:
        await start(ports)
        print(f"ready {_rss_mb():.1f}", flush=True)
        await asyncio.Event().wait()

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(forever())


def runtime(port: int) -> None:
    """A lean runtime: one keep-alive socket, the event parsed and the answer serialised."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    ask = f"GET {NEXT} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    answer = b"POST %b%b/response HTTP/1.1\r\nHost: l\r\nContent-Length: %d\r\n\r\n%b"

    def exchange(request: bytes) -> tuple[bytes, bytes]:
        connection.sendall(request)
        data = b""
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += connection.recv(65536) or sys.exit(0)
        head = data[:end].lower()
        size = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(data) < end + 4 + size:
            data += connection.recv(65536) or sys.exit(0)
        return head, data[end + 4 :]

    while True:
        head, body = exchange(ask)
        request_id = head.partition(b"request-id: ")[2].partition(b"\r\n")[0]
        result = json.dumps({"seen": json.loads(body)["key"]}).encode()
        exchange(answer % (PREFIX, request_id, len(result), result))


# --- measuring --------------------------------------------------------------------------------


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [s.getsockname()[1] for s in sockets]


def _wrk(port: int, connections: int, seconds: int, script: Path) -> dict[str, float]:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script)]
    output = subprocess.run(
        [*command, f"http://127.0.0.1:{port}/"], capture_output=True, text=True, check=True
    ).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(output)
    unit = {"us": 1e-3, "ms": 1.0, "s": 1e3}

    def percentile(rank: str) -> float:
        number, name = re.search(rf"{rank}%\s+([\d.]+)(us|ms|s)", output).groups()
        return float(number) * unit[name]

    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])
    return {"rate": rate, "p50": percentile("50"), "p99": percentile("99")}


def measure(
    name: str, environments: int, connections: Sequence[int], seconds: int, script: Path
) -> tuple[float, dict[int, dict[str, float]]]:
    """Memory (MB) of the idle server, and the figures at each number of connections."""
    me = [sys.executable, str(Path(__file__).resolve())]
    ports = _free_ports(environments + 1)
    children = [
        subprocess.Popen([*me, "serve", name, *map(str, ports)], stdout=subprocess.PIPE, text=True)
    ]
    try:
        line = children[0].stdout.readline()
        if not line.startswith("ready"):
            raise RuntimeError(f"{name} did not start")
        children += [subprocess.Popen([*me, "runtime", str(port)]) for port in ports[1:]]
        time.sleep(0.5)
        _wrk(ports[0], 1, 1, script)
        return float(line.split()[1]), {
            count: _wrk(ports[0], count, seconds, script) for count in connections
        }
    finally:
        for child in reversed(children):  # the server last: a runtime that loses it complains
            child.send_signal(signal.SIGKILL)
            child.wait()


def _importable(modules: Sequence[str]) -> bool:
    try:
        for module in modules:
            importlib.import_module(module)
    except ImportError:
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3, help="the median of each figure is shown")
    parser.add_argument("--environments", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 10])
    parser.add_argument("--only", nargs="+", default=list(CANDIDATES), metavar="NAME")
    options = parser.parse_args()
    names = [name for name in CANDIDATES if any(name.startswith(o) for o in options.only)]
    names = [n for n in names if _importable((CANDIDATES[n][0], *CANDIDATES[n][1]))]
    figures: dict[tuple[str, int, int], list[dict[str, float]]] = {}
    memory: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "post.lua"
        script.write_text(f"wrk.method = 'POST'\nwrk.body = '{EVENT.decode()}'\n")
        # Rounds go around all candidates, so that a slow minute of the machine hits each alike.
        for _ in range(options.rounds):
            for name, count in itertools.product(names, options.environments):
                memory[name], results = measure(
                    name, count, options.connections, options.seconds, script
                )
                for connections, result in results.items():
                    figures.setdefault((name, count, connections), []).append(result)
                    print(name, count, connections, result, file=sys.stderr, flush=True)
    for count, connections in itertools.product(options.environments, options.connections):
        print(f"\n{connections} connection(s), {count} environment(s)\n")
        print("| server | requests/s | of a | p50 ms | p99 ms | idle MB |")
        print("| --- | ---: | ---: | ---: | ---: | ---: |")
        base = None
        for name in names:
            runs = figures[name, count, connections]
            rate, p50, p99 = (
                statistics.median(run[key] for run in runs) for key in ("rate", "p50", "p99")
            )
            base = base or rate
            print(
                f"| {name} | {rate:,.0f} | {rate / base:.2f} | {p50:.2f} | {p99:.2f} "
                f"| {memory[name]:.0f} |"
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2], [int(port) for port in sys.argv[3:]])
    elif sys.argv[1:2] == ["runtime"]:
        runtime(int(sys.argv[2]))
    else:
        main()
