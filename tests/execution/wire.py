"""A runtime's end of the Runtime API, byte by byte: a client on a raw socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from lambdactl.execution.messages import Answer, Event
from lambdactl.execution.runtime_api import RuntimeApi

PREFIX = "/2018-06-01/runtime"
NEXT = f"{PREFIX}/invocation/next"
INIT_ERROR = f"{PREFIX}/init/error"


def response_of(request_id: str) -> str:
    return f"{PREFIX}/invocation/{request_id}/response"


def error_of(request_id: str) -> str:
    return f"{PREFIX}/invocation/{request_id}/error"


@dataclass(frozen=True)
class Reply:
    """What the server answered; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> tuple[int, str, str]:
        """Status, error type and message of a refusal."""
        told = self.json()
        assert set(told) == {"errorType", "errorMessage"}
        return self.status, told["errorType"], told["errorMessage"]


class Client:
    """One connection. ``host`` goes into every request."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str
    ) -> None:
        self.reader, self.writer, self.host = reader, writer, host

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """A request in wire form."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def receive(self) -> Reply:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:-2])
        headers = {name.lower(): value for name, value in headers.items()}
        body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return Reply(int(head[0].split(" ")[1]), headers, body)

    async def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        await self.send(self.request(method, path, body, headers))
        return await self.receive()

    async def at_end(self) -> bool:
        """Whether the server has closed the connection."""
        return await self.reader.read(1) == b""


@dataclass
class Recorder:
    """A listener that keeps all it hears, in order."""

    heard: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)
    streams: bool = False
    stream_types: list[str] = field(default_factory=list)

    def on_runtime_ready(self) -> None:
        self.heard.append("ready")

    def on_init_error(self, answer: Answer) -> None:
        self.heard.append("init error")
        self.answers.append(answer)

    def on_answer(self, answer: Answer) -> None:
        self.heard.append("answer")
        self.answers.append(answer)

    def stream(self, content_type: str) -> Callable[[bytes], None] | None:
        self.stream_types.append(content_type)
        return self.pieces.append if self.streams else None


@dataclass
class Served:
    """A Runtime API that listens, who hears of it, and ways to reach it."""

    api: RuntimeApi
    heard: Recorder
    clients: list[Client] = field(default_factory=list)

    async def connect(self, host: str | None = None) -> Client:
        address, port = self.api.address.split(":")
        reader, writer = await asyncio.open_connection(address, int(port))
        client = Client(reader, writer, host or self.api.address)
        self.clients.append(client)
        return client

    async def invoked(self, **fields: Any) -> Client:
        """A client that has just been given an event."""
        client = await self.connect()
        self.api.dispatch(event(**fields))
        assert (await client.call("GET", NEXT)).status == 200
        return client


@asynccontextmanager
async def served(*, streams: bool = False) -> AsyncIterator[Served]:
    heard = Recorder(streams=streams)
    api = RuntimeApi(heard)
    await api.open()
    all_of_it = Served(api, heard)
    try:
        yield all_of_it
    finally:
        await api.close()
        for client in all_of_it.clients:
            client.writer.close()


def event(**fields: Any) -> Event:
    """An event of the request ``one``, attempt ``attempt-1``."""
    defaults: dict[str, Any] = {
        "request_id": "one",
        "invocation_id": "attempt-1",
        "payload": b'{"key": "cat.jpg"}',
        "arn": "arn:aws:lambda:us-east-1:123456789012:function:resize",
        "deadline_ms": 1_700_000_003_000,
        "trace_id": "Root=1-65000000-0123456789abcdef01234567;Sampled=0",
    }
    return Event(**{**defaults, **fields})
