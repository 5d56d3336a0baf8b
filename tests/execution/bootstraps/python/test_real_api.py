"""Both clients against lambdactl's own Runtime API, which knows the states of Lambda."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lambdactl.execution.invocation import MAX_PAYLOAD_BYTES
from lambdactl.execution.messages import Answer, Event
from lambdactl.execution.runtime_api import RuntimeApi
from tests.execution.bootstraps.python.clients import (
    Client,
    function_folder,
    lambdactl,
    reference,
)

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
PATIENCE_S = 20


class Listener:
    """Hears what a runtime says."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[Answer | str] = asyncio.Queue()

    def on_runtime_ready(self) -> None:
        self.heard.put_nowait("ready")

    def on_init_error(self, answer: Answer) -> None:
        self.heard.put_nowait(answer)

    def on_answer(self, answer: Answer) -> None:
        self.heard.put_nowait(answer)

    def stream(self, content_type: str) -> Callable[[bytes], None] | None:
        return None

    async def next(self) -> Answer | str:
        return await asyncio.wait_for(self.heard.get(), PATIENCE_S)


async def serve(client: Client, root: Path, payloads: list[Any]) -> list[Answer | str]:
    """What the Runtime API hears of a client that is given these events, one after the other."""
    listener = Listener()
    api = RuntimeApi(listener)
    address = await api.open()
    env = {
        "PATH": os.environ["PATH"],
        "_HANDLER": "app.handler",
        "LAMBDA_TASK_ROOT": str(root),
        "AWS_LAMBDA_RUNTIME_API": address,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{MINOR}",
        **client.variables,
    }
    process = await asyncio.create_subprocess_exec(
        *client.command("app.handler"),
        cwd=root,
        env=env,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        heard = [await listener.next()]
        for number, payload in enumerate(payloads):
            api.dispatch(
                Event(
                    request_id=f"request-{number}",
                    invocation_id=str(uuid.uuid4()),
                    payload=json.dumps({"label": "case", **payload}).encode(),
                    arn="arn:aws:lambda:eu-west-1:123456789012:function:f",
                    deadline_ms=1999999999999,
                    trace_id="Root=1-2-3",
                )
            )
            heard += [await listener.next(), await listener.next()]
        return heard
    finally:
        process.kill()
        await process.wait()
        await api.close()


def value(name: str) -> dict[str, str]:
    return {"of": "returns", "case": "value", "name": name}


CASES = [
    value("http_response"),
    value("bytes"),
    value("unicode"),
    value("decimals"),
    value("large"),
    value("set"),
    {"of": "failures", "case": "unicode_message"},
    {"of": "failures", "case": "long_message"},
    {"of": "failures", "case": "elsewhere"},
    {"of": "around", "case": "fork"},
    value("none"),
]


def test_the_same_is_heard_of_both_clients(tmp_path: Path) -> None:
    root = function_folder(tmp_path)
    clients = [lambdactl(sys.executable, MINOR), reference(sys.executable, MINOR, tmp_path)]
    ours, theirs = (asyncio.run(serve(client, root, CASES)) for client in clients)
    assert ours == theirs
    # Ready, then an answer and ready again for each.
    assert ours[::2] == ["ready"] * (len(CASES) + 1)


@pytest.mark.parametrize("kind", ["'x' * %d", "b'x' * %d"])
def test_after_a_response_that_is_too_large_the_next_event_is_served(
    tmp_path: Path, kind: str
) -> None:
    """AWS's client ends itself when a response is refused; ours goes on, as those of the other
    languages do, and saves the next invocation an init."""
    size = MAX_PAYLOAD_BYTES + 1
    (tmp_path / "app.py").write_text(
        f"def handler(event, context):\n    return {kind % size} if event['big'] else 'small'\n"
    )
    client = lambdactl(sys.executable, MINOR)
    heard = asyncio.run(serve(client, tmp_path, [{"big": True}, {"big": False}]))
    refused, served = heard[1], heard[3]
    assert isinstance(refused, Answer)
    assert refused.error_type == "Function.ResponseSizeTooLarge"
    assert isinstance(served, Answer)
    assert served.payload == b'"small"'


def test_the_largest_response_passes(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        f"def handler(event, context):\n    return b'x' * {MAX_PAYLOAD_BYTES}\n"
    )
    client = lambdactl(sys.executable, MINOR)
    answer = asyncio.run(serve(client, tmp_path, [{}]))[1]
    assert isinstance(answer, Answer)
    assert len(answer.payload) == MAX_PAYLOAD_BYTES
