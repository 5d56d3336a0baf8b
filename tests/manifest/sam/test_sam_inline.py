"""The modules that CloudFormation adds to inline code answer as they do there."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from lambdactl.local import Local
from tests.manifest.sam.conftest import Folder

PYTHON = """
import cfnresponse
def handler(event, context):
    cfnresponse.send(event, context, cfnresponse.SUCCESS, {"Answer": 42}, "id-1")
"""
NODE = """
const response = require("cfn-response");
exports.handler = async (event, context) => {
  await response.send(event, context, response.FAILED, { Answer: 42 }, "id-1");
};
"""
REQUEST = {"StackId": "stack", "RequestId": "request", "LogicalResourceId": "Thing"}


@pytest.fixture
def answers() -> Iterator[tuple[str, list[Any]]]:
    """An address for responses, and those that came."""
    found: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.append((self.headers.get("Content-Type"), json.loads(body)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/answer?signature=a%2Fb", found
        server.shutdown()
        thread.join()


def run(folder: Folder, runtime: str, code: str, address: str) -> None:
    text = json.dumps(code)
    app = folder.load(
        f"""
        Resources:
          Fn: {{Type: AWS::Lambda::Function, Properties: {{Runtime: {runtime},
            Handler: index.handler, Code: {{ZipFile: {text}}}}}}}
        """
    )
    with Local(app, credentials=False) as local:
        result = local.invoke("Fn", {**REQUEST, "ResponseURL": address})
    assert result.function_error is None, result.payload


@pytest.mark.parametrize(
    ("runtime", "code", "status"),
    [
        ("python3.13", PYTHON, "SUCCESS"),
        pytest.param("nodejs22.x", NODE, "FAILED", marks=pytest.mark.node),
    ],
)
def test_a_custom_resource_answers(
    folder: Folder, answers: tuple[str, list[Any]], runtime: str, code: str, status: str
) -> None:
    address, found = answers
    run(folder, runtime, code, address)
    ((content_type, body),) = found
    assert content_type in ("", None)
    reason = body.pop("Reason")
    assert reason.startswith("See the log stream ")
    assert body == {
        **REQUEST,
        "Status": status,
        "PhysicalResourceId": "id-1",
        "NoEcho": False,
        "Data": {"Answer": 42},
    }


@pytest.mark.parametrize(
    ("runtime", "code"),
    [("python3.13", PYTHON), pytest.param("nodejs22.x", NODE, marks=pytest.mark.node)],
)
def test_an_address_that_does_not_answer_is_only_logged(
    folder: Folder, runtime: str, code: str
) -> None:
    run(folder, runtime, code, "http://127.0.0.1:9/")
