"""A streaming function URL through real sockets, with a real Node.js function."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from lambdactl.manifest.features import Cors, FunctionUrl
from lambdactl.manifest.model import App, Code, Function
from lambdactl.triggers.http.serving import Serving
from tests.aio import run
from tests.execution.conformance.conftest import runtime_of

pytestmark = pytest.mark.node

SOURCE = """
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
exports.stream = awslambda.streamifyResponse(async (event, stream) => {
  const asked = event.queryStringParameters || {};
  if (asked.early) throw new RangeError('before the first byte');
  const head = {statusCode: 201, headers: {'Content-Type': 'text/plain'}, cookies: ['a=1', 'b=2']};
  stream = awslambda.HttpResponseStream.from(stream, head);
  stream.write('first ');
  await wait(500);
  if (asked.late) throw new RangeError('in the middle');
  stream.write('last');
  stream.end();
});
"""


def served(folder: Path, work: Callable[[int], Awaitable[None]]) -> list[str]:
    """Serve the function while ``work`` runs with its port; returns what was told."""
    (folder / "index.js").write_text(SOURCE)
    function = Function(
        name="stream",
        code=Code("folder", folder),
        runtime=runtime_of("node"),
        handler="index.stream",
        timeout_s=20,
        url=FunctionUrl("none", "response_stream", Cors(allow_origins=("*",))),
    )
    told: list[str] = []

    async def main() -> None:
        app = App("test", folder, {"stream": function})
        serving = Serving(app, port=0, tell=told.append, credentials=False)
        (mount,) = await serving.start()
        try:
            await work(mount.port)
        finally:
            await serving.close()

    run(main())
    return told


async def fetch(port: int, target: str) -> tuple[bytes, bytes, float, float]:
    """Head and body of an answer, and the seconds to the first byte of the body and to the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    begun = time.perf_counter()
    asked = f"GET {target} HTTP/1.1\r\nHost: localhost\r\nOrigin: http://a\r\nConnection: close\r\n"
    writer.write(asked.encode() + b"\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    body = await reader.read(1)
    first = time.perf_counter() - begun
    body += await reader.read(-1)
    writer.close()
    return head, body, first, time.perf_counter() - begun


def test_the_first_byte_comes_when_the_function_writes_it(tmp_path: Path) -> None:
    async def work(port: int) -> None:
        await fetch(port, "/")  # The cold start is not what is measured.
        head, body, first, last = await fetch(port, "/")
        assert head.startswith(b"HTTP/1.1 201 ")
        lines = head.decode().split("\r\n")
        assert "Content-Type: text/plain" in lines
        assert [line for line in lines if line.startswith("Set-Cookie")] == [
            "Set-Cookie: a=1",
            "Set-Cookie: b=2",
        ]
        assert "Access-Control-Allow-Origin: *" in lines
        assert body == b"6\r\nfirst \r\n4\r\nlast\r\n0\r\n\r\n"
        # The function sleeps half a second after its first bytes.
        assert last - first > 0.45

    assert served(tmp_path, work) == []


def test_errors_before_and_behind_the_first_byte(tmp_path: Path) -> None:
    async def work(port: int) -> None:
        head, body, *_ = await fetch(port, "/?early=1")
        assert head.startswith(b"HTTP/1.1 502 ")
        assert body == b"Internal Server Error"
        head, body, *_ = await fetch(port, "/?late=1")
        assert head.startswith(b"HTTP/1.1 201 ")
        # Without the last chunk a client knows that something is missing.
        assert body == b"6\r\nfirst \r\n"

    told = served(tmp_path, work)
    assert len(told) == 2
    assert "before the first byte" in told[0]
    assert "in the middle" in told[1]
    assert told[1].endswith(", in the middle of its response")


def test_the_event_reaches_the_function(tmp_path: Path) -> None:
    async def work(port: int) -> None:
        (tmp_path / "index.js").write_text(
            "exports.stream = async (event) => ({rawPath: event.rawPath, to: event.headers.host})"
        )
        head, body, *_ = await fetch(port, "/a%20b")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert json.loads(body) == {"rawPath": "/a%20b", "to": "localhost"}

    served(tmp_path, work)
