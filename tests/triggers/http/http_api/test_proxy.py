"""HTTP proxy integrations, against a real server:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-http.html"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from lambdactl.manifest.apis import Api, Integration, Route
from lambdactl.triggers.http.doors import door
from lambdactl.triggers.http.exchange import Request, Response
from tests.aio import run
from tests.triggers.http.parts import FakeWire, request, setting


class Backend(BaseHTTPRequestHandler):
    """Answers with what it was asked."""

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        asked = {
            "method": self.command,
            "target": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": self.rfile.read(length).decode(),
        }
        if "slow" in self.path:
            time.sleep(0.5)
        data = json.dumps(asked).encode()
        self.send_response(404 if "missing" in self.path else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Set-Cookie", "a=1")
        self.send_header("Set-Cookie", "b=2")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = _answer

    def log_message(self, format: str, *args: Any) -> None:
        """Not into the output of the tests."""


class Quiet(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that does not wait for a slow answer is no error of this test."""


@pytest.fixture(scope="module")
def backend() -> Iterator[str]:
    server = Quiet(("127.0.0.1", 0), Backend)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def answered(
    came: Request,
    uri: str,
    *,
    route: str = "/api/{proxy+}",
    told: list[str] | None = None,
    **more: Any,
) -> Response:
    async def work() -> Response:
        given = setting()
        target = Route(route, Integration("http_proxy", uri=uri, **more))
        api = Api("shop", "http", (target,), variables={"where": "blue"})
        front = door(api, given)
        answer = await front.handle(came)
        if answer is None:
            assert isinstance(came.wire, FakeWire)
            (answer,) = came.wire.sent
        if told is not None:
            told.extend(given.kept["told"])
        return answer

    return run(work())


def test_the_whole_request_goes_and_the_whole_answer_comes(backend: str) -> None:
    came = request(
        "/api/a%20b/c?x=1&y=%20",
        "POST",
        {"Host": "api.example", "X-A": "1", "Connection": "keep-alive", "Content-Length": "2"},
        b"{}",
    )
    answer = answered(came, f"{backend}/v1/{{proxy}}?z=0")
    asked = json.loads(answer.body)
    assert answer.status == 200
    assert (asked["method"], asked["target"]) == ("POST", "/v1/a%20b/c?z=0&x=1&y=%20")
    assert asked["body"] == "{}"
    headers = asked["headers"]
    assert headers["host"] == backend.removeprefix("http://")
    assert headers["x-a"] == "1"
    assert headers["forwarded"] == "for=203.0.113.7;host=api.example;proto=http"
    assert headers["via"] == "HTTP/1.1 AmazonAPIGateway"
    assert headers["x-amzn-trace-id"].startswith("Root=1-")
    assert [value for name, value in answer.headers if name == "Set-Cookie"] == ["a=1", "b=2"]
    names = [name.lower() for name, _ in answer.headers]
    assert "apigw-requestid" in names
    assert not {"content-length", "date"} & set(names)


def test_the_method_may_be_fixed_and_the_url_is_taken_as_it_is(backend: str) -> None:
    answer = answered(request("/any/where"), f"{backend}/fixed", route="$default", method="DELETE")
    asked = json.loads(answer.body)
    assert (asked["method"], asked["target"]) == ("DELETE", "/fixed")


def test_mappings_and_stage_variables(backend: str) -> None:
    answer = answered(
        request("/api/missing"),
        f"{backend}/${{stageVariables.where}}/{{proxy}}",
        request_parameters={"append:header.X-B": "$request.path.proxy"},
        response_parameters={"404": {"overwrite:statuscode": "410"}},
    )
    asked = json.loads(answer.body)
    assert (answer.status, asked["target"]) == (410, "/blue/missing")
    assert asked["headers"]["x-b"] == "missing"
    mapped = {"overwrite:path": "/animals${request.path}"}
    answer = answered(request("/api/x"), f"{backend}/ignored", request_parameters=mapped)
    assert json.loads(answer.body)["target"] == "/animals/api/x"


def test_a_backend_that_is_slow(backend: str) -> None:
    told: list[str] = []
    answer = answered(request("/api/slow"), f"{backend}/{{proxy}}", timeout_s=0.05, told=told)
    assert (answer.status, answer.body) == (504, b'{"message":"Gateway Timeout"}')
    assert len(told) == 1


def test_a_backend_that_is_not_there() -> None:
    told: list[str] = []
    answer = answered(request("/api/x"), "http://127.0.0.1:1/", told=told)
    assert (answer.status, answer.body) == (500, b'{"message":"Internal Server Error"}')
    assert "127.0.0.1:1" in told[0]
