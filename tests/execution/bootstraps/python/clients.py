"""The two runtime interface clients, run on the same function with the same events.

What a client does is recorded as a :class:`Transcript`, in a form in which two runs can be
compared: moments and addresses in memory are made the same, and AWS's own frames are taken out of
stack traces, where ours never show any.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import awslambdaric

from tests.execution.bootstraps.scripted_api import ACCEPTED, Frame, Request, run

HERE = Path(__file__).parent
BOOTSTRAP = HERE.parents[3] / "lambdactl/execution/bootstraps/python/bootstrap.py"
REFERENCE_FRAME = "/awslambdaric/"
"""In the file names of AWS's own frames."""

_CLIENT_FILES = (
    r"[^\"]*/awslambdaric/|[^\"]*/lambdactl_runtime/|[^\"]*/bootstraps/python/bootstrap\.py"
    r"|<frozen runpy>|[^\"]*/runpy\.py"
)
_LONG_STACK = 100
"""Frames of a recursion without end: how many there are depends on what is above them."""


@dataclass(frozen=True)
class Client:
    """A client under an interpreter. ``minor`` is the interpreter's ``3.11``."""

    name: str
    python: str
    minor: str
    variables: Mapping[str, str]

    def command(self, handler: str) -> list[str]:
        if self.name == "lambdactl":
            return [self.python, str(BOOTSTRAP)]
        return [self.python, "-m", "awslambdaric", handler]


@dataclass
class Post:
    """What a client told the Runtime API."""

    path: str
    headers: dict[str, Any]
    body: Any


@dataclass
class Transcript:
    """``posts`` and ``output`` by the label of the event; ``exit_code`` where the client ended."""

    posts: dict[str, Post] = field(default_factory=dict)
    output: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    exit_code: int | None = None


def lambdactl(python: str, minor: str) -> Client:
    return Client("lambdactl", python, minor, {})


def reference(python: str, minor: str, scratch: Path) -> Client:
    """AWS's client; under another interpreter than ours without its compiled parts."""
    # Or it would take the bytecode of one test's file for that of the next in the same second.
    keeps_no_bytecode = {"PYTHONDONTWRITEBYTECODE": "1"}
    if python == sys.executable:
        return Client("awslambdaric", python, minor, keeps_no_bytecode)
    site = scratch / "site"
    if not site.exists():
        shutil.copytree(HERE / "reference", site)
        packages = Path(awslambdaric.__file__).parent.parent
        for name in ("awslambdaric", "simplejson", "snapshot_restore_py.py"):
            (site / name).symlink_to(packages / name)
    variables = {"PYTHONPATH": str(site), **keeps_no_bytecode}
    return Client("awslambdaric", python, minor, variables)


@dataclass
class Event:
    """An event and the headers it comes with. ``label`` names it in the transcript."""

    label: str
    payload: Any
    headers: Mapping[str, str | None] = field(default_factory=dict)
    raw: bytes | None = None
    """The body, where it isn't the payload as JSON."""


def serve(
    client: Client,
    root: Path,
    events: Sequence[Event],
    *,
    handler: str = "app.handler",
    env: Mapping[str, str] | None = None,
    telemetry: bool = True,
) -> Transcript:
    """Run ``handler`` on each event and record what comes of it."""
    transcript = Transcript()
    variables = {
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{client.minor}",
        **client.variables,
        **(env or {}),
    }
    with run(client.command(handler), root, handler, variables, telemetry=telemetry) as session:
        for event in events:
            headers = {"Lambda-Runtime-Deadline-Ms": "1999999999999", **event.headers}
            if event.raw is None:
                session.give({**event.payload, "label": event.label}, headers)
            else:
                give_raw(session, event.raw, headers)
            transcript.posts[event.label] = recorded(session.result(), client)
        session.next()
        session.process.kill()
        session.process.wait()
        session.output.join()
        transcript.output = by_label(session.frames())
    return transcript


def end(
    client: Client,
    root: Path,
    event: Event | None = None,
    *,
    handler: str = "app.handler",
    env: Mapping[str, str] | None = None,
    telemetry: bool = True,
) -> Transcript:
    """Run a client that ends by itself: during init, or on its one event."""
    transcript = Transcript()
    variables = {
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{client.minor}",
        **client.variables,
        **(env or {}),
    }
    with run(client.command(handler), root, handler, variables, telemetry=telemetry) as session:
        if event is not None:
            session.give({**event.payload, "label": event.label}, event.headers)
        transcript.exit_code = None
        while transcript.exit_code is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                transcript.exit_code = session.process.wait(0.01)
            while not session.api.requests.empty():
                request = session.api.requests.get()
                if request.method == "POST":
                    request.answer(ACCEPTED)
                    transcript.posts[request.path] = recorded(request, client)
        session.output.join()
        transcript.output = {"all": lines(session.frames())}
    return transcript


def give_raw(session: Any, body: bytes, headers: Mapping[str, str | None]) -> None:
    from tests.execution.bootstraps.scripted_api import event_answer

    poll = session.next()
    session.pending = None
    poll.answer(event_answer(body, headers))


# what is compared


def recorded(request: Request, client: Client) -> Post:
    headers: dict[str, Any] = {
        name: value
        for name, value in request.headers
        if name.startswith("lambda-runtime-")
        # AWS's client sends no type with an error of init.
        or (name == "content-type" and "/invocation/" in request.path)
    }
    cause = headers.get("lambda-runtime-function-xray-error-cause")
    if cause is not None:
        cause = json.loads(cause)
        for exception in cause["exceptions"]:
            exception["stack"] = [
                frame for frame in exception["stack"] if REFERENCE_FRAME not in frame["path"]
            ][:_LONG_STACK]
        cause["paths"] = sorted(path for path in cause["paths"] if REFERENCE_FRAME not in path)
        headers["lambda-runtime-function-xray-error-cause"] = cause
    body: Any = request.body
    if request.path.endswith("/error"):
        try:
            body = json.loads(body)
        except UnicodeDecodeError:
            # AWS's client lets http.client encode an init error: Latin-1.
            assert client.name == "awslambdaric"
            body = json.loads(body.decode("latin-1"))
        body["stackTrace"] = [
            settled(entry) for entry in body["stackTrace"] if REFERENCE_FRAME not in entry
        ][:_LONG_STACK]
        body["keys"] = list(body)
        body["ascii"] = request.body.isascii()
    return Post(request.path, headers, body)


def by_label(frames: list[Frame]) -> dict[str, list[tuple[int, str]]]:
    """The output by the event that it came from. What an event gives before its handler is called
    counts to the one before it."""
    found: dict[str, list[tuple[int, str]]] = {}
    label = "init"
    for kind, text in lines(frames):
        if text.startswith("=== "):
            label = text.removeprefix("=== ")
        else:
            found.setdefault(label, []).append((kind, text))
    return found


def lines(frames: list[Frame]) -> list[tuple[int, str]]:
    """Frames and lines, comparable. Empty lines don't count: the marks make some."""
    found: list[tuple[int, str]] = []
    of_client = False
    for frame in frames:
        text = settled(frame.text)
        # The line of a client's code under its frame or under a warning that falls on it.
        if of_client and not frame.type and text.startswith("  "):
            text = ""
        of_client = text.startswith("<client>") or bool(frame.text and not text)
        if text:
            found.append((frame.type, text))
    return found


def settled(text: str) -> str:
    """What differs from run to run, made the same."""
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", r"<time>", text)
    text = re.sub(r"\b0x[0-9a-f]{6,}", "<address>", text)
    text = re.sub(r"Previous line repeated \d+ more", "Previous line repeated <n> more", text)
    # A warning that falls on the client.
    text = re.sub(r"^/\S+/(awslambdaric|lambdactl_runtime)/\w+\.py:\d+: ", "<client>: ", text)
    # Frames of the clients, as JSON and as text.
    text = re.sub(rf'(, )?"  File \\"(?:{_CLIENT_FILES})(?:[^"\\]|\\.)*"', "", text)
    text = re.sub(rf'[ \u00a0]*File "(?:{_CLIENT_FILES}).*(?:\n[ \u00a0]+.*)?[\n\r]?', "", text)
    return text.rstrip("\r\n")


def function_folder(scratch: Path) -> Path:
    """The suite's function in a folder of its own."""
    root = scratch / "function"
    shutil.copytree(HERE / "function", root, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "broken_syntax.py").write_text("def broken(:\n")
    return root
