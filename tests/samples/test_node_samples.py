"""Sample applications in JavaScript, run from their SAM templates as they are."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

import pytest

from tests.parts import need
from tests.samples.chatting import TABLE, chat
from tests.samples.conftest import Tables
from tests.start_api import start_api

pytestmark = [pytest.mark.slow, pytest.mark.node]

FOLDER = Path(__file__).parent / "node"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(autouse=True)
def _modules() -> None:
    need("npm_samples")


def test_rest_api_crud(tables: Tables) -> None:
    tables.make("Notes", "id")
    with start_api(FOLDER, *tables.arguments, manifest="crud.yaml") as served:
        made = served.ask("/notes", method="POST", body='{"text": "milk"}', headers=JSON)
        assert made.status == 201, served.told()
        note = made.json()
        assert note["text"] == "milk"
        path = f"/notes/{note['id']}"
        assert served.ask(path).json() == note
        changed = served.ask(path, method="PUT", body='{"text": "bread"}', headers=JSON)
        assert (changed.status, changed.json()["text"]) == (200, "bread")
        assert served.ask("/notes").json() == [changed.json()]
        gone = served.ask(path, method="DELETE")
        assert (gone.status, gone.body) == (204, b"")
        assert served.ask(path).status == 404
        assert served.ask(path, method="PATCH").json() == {
            "message": "Missing Authentication Token"
        }
        assert served.ask("/notes").json() == []


def test_websocket_chat(tables: Tables) -> None:
    tables.make(TABLE, "connectionId")
    with start_api(FOLDER, *tables.arguments, manifest="chat.yaml") as served:
        chat(served, tables)


def test_express_through_serverless_http() -> None:
    with start_api(FOLDER, manifest="express.yaml") as served:
        assert served.ask().body == b"root", served.told()
        got = served.ask("/users/a%20b?x=1&x=2&y=%26", headers={"Cookie": "c=1; d=2"})
        assert got.json() == {
            "id": "a b",
            "query": {"x": ["1", "2"], "y": "&"},
            "ip": "127.0.0.1",
            "cookie": "c=1; d=2",
        }
        made = served.ask("/users", method="POST", body='{"name": "Zoë"}', headers=JSON)
        assert (made.status, made.json()) == (201, {"name": "Zoë"})
        assert made.cookies == ("first=1; Path=/", "second=2; Path=/")
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert served.ask("/form", method="PUT", body="a=1&b=%C3%A9", headers=form).json() == {
            "a": "1",
            "b": "é",
        }
        pixel = served.ask("/pixel.png")
        assert (pixel.headers["content-type"], pixel.body) == ("image/png", b"\x89PNG\x00\xff")
        moved = served.ask("/moved")
        assert (moved.status, moved.headers["location"]) == (302, "/users/1")
        etag = served.ask("/").headers["etag"]
        assert served.ask("/", headers={"If-None-Match": etag}).status == 304
        head = served.ask("/", method="HEAD")
        assert (head.status, head.body) == (200, b"")
        assert served.ask("/broken").status == 500
        assert served.ask("/nowhere").status == 404
        body = json.dumps({"text": "x" * 90_000})
        assert (
            served.ask("/users", method="POST", body=body, headers=JSON).body
            == body.replace(": ", ":").encode()
        )


def test_streaming_function_url() -> None:
    with start_api(FOLDER, "--warm", manifest="stream.yaml") as served:
        begun = time.monotonic()
        arrived: list[float] = []
        answer = b""
        with socket.create_connection(("127.0.0.1", served.port()), timeout=30) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            while data := client.recv(65536):
                answer += data
                arrived.append(time.monotonic() - begun)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n"), served.told()
        assert b"\r\nX-Custom-Header: Example\r\n" in head + b"\r\n"
        assert b"Transfer-Encoding: chunked" in head
        assert [part for part in body.split(b"\r\n") if part.startswith(b"<")] == [
            b"<h1>one</h1>",
            b"<h2>two</h2>",
            b"<h3>three</h3>",
        ]
        # Three parts, 0.4 s apart, and the end 0.4 s later.
        assert arrived[-1] - arrived[0] > 1.0
        assert len(arrived) >= 3
