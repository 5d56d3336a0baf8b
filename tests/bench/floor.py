"""The floor under `local start-api`: the least that HTTP in front of a function can be.

One route, one event shape, no limits, no logs, no errors: a request becomes a small payload 2.0
event for a runtime that waits on `/invocation/next`; the `body` of what comes back is the answer.

    python tests/bench/floor.py PORT ENVIRONMENTS COMMAND OF THE RUNTIME ...
"""

import asyncio
import os
import subprocess
import sys
from collections import deque

import httptools
import orjson
import uvloop

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: 1\r\n"
    b"Lambda-Runtime-Deadline-Ms: 9999999999999\r\nLambda-Runtime-Trace-Id: Root=1-0-0\r\n"
    b"Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:f\r\n"
    b"Content-Length: %d\r\n\r\n%b"
)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b"
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
idle: deque["Runtime"] = deque()
queue: deque[tuple["Client", bytes]] = deque()


class Http(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.url, self.body, self.headers = b"", b"", {}  # type: bytes, bytes, dict[str, str]

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode().lower()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self.body += body


class Client(Http):
    def on_message_complete(self) -> None:
        path, _, query = self.url.decode().partition("?")
        method = self.parser.get_method().decode()
        event = {
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": query,
            "headers": self.headers,
            "requestContext": {"http": {"method": method, "path": path}},
            "body": self.body.decode() if self.body else None,
            "isBase64Encoded": False,
        }
        queue.append((self, orjson.dumps(event)))
        if idle:
            start(idle.popleft())

    def answer(self, payload: bytes) -> None:
        body = orjson.loads(payload)["body"].encode()
        if not self.transport.is_closing():
            self.transport.write(OK % (len(body), body))


class Runtime(Http):
    def on_message_complete(self) -> None:
        if self.url.endswith(b"/next"):
            start(self) if queue else idle.append(self)
        else:
            self.client.answer(self.body)
            self.transport.write(ACCEPTED)


def start(runtime: Runtime) -> None:
    runtime.client, event = queue.popleft()
    runtime.transport.write(HEAD % (len(event), event))


async def main(port: int, environments: int, command: list[str]) -> None:
    loop = asyncio.get_running_loop()
    inner = await loop.create_server(Runtime, "127.0.0.1", 0)
    address = f"127.0.0.1:{inner.sockets[0].getsockname()[1]}"
    for _ in range(environments):
        subprocess.Popen(command, env={**os.environ, "AWS_LAMBDA_RUNTIME_API": address})
    await (await loop.create_server(Client, "127.0.0.1", port)).serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
