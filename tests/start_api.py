"""``lambdactl local start-api`` as a process, as a user starts it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

STARTED_S = 40
ENDED_S = 10

_KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
}
ACCESS_KEY, SECRET_KEY = _KEYS["AWS_ACCESS_KEY_ID"], _KEYS["AWS_SECRET_ACCESS_KEY"]


@dataclass(frozen=True)
class Answer:
    """What a client got. Header names are lower case; ``cookies`` are all of ``Set-Cookie``."""

    status: int
    headers: dict[str, str]
    body: bytes
    cookies: tuple[str, ...] = ()

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Served:
    """A running server.

    :ivar urls: of each front door, by its name, in the manifest's order.
    :ivar documents: what it has written to stdout so far.
    """

    process: subprocess.Popen[str]
    urls: dict[str, str]
    documents: list[dict[str, Any]]
    log: Path

    @property
    def url(self) -> str:
        """Of the first front door."""
        return next(iter(self.urls.values()))

    def port(self, name: str | None = None) -> int:
        port = urlsplit(self.urls[name] if name else self.url).port
        assert port is not None
        return port

    def told(self) -> str:
        """All of stderr so far."""
        return self.log.read_text()

    def ask(
        self,
        target: str = "/",
        *,
        of: str | None = None,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request on a connection of its own."""
        where = urlsplit(self.urls[of] if of else self.url)
        assert where.port is not None
        connection = http.client.HTTPConnection("127.0.0.1", where.port, timeout=30)
        try:
            given = {"Connection": "close", **(headers or {})}
            content = body.encode() if isinstance(body, str) else body
            connection.request(method, where.path + target, body=content, headers=given)
            response = connection.getresponse()
            received = response.read()
            return Answer(
                response.status,
                {name.lower(): value for name, value in response.getheaders()},
                received,
                tuple(v for name, v in response.getheaders() if name.lower() == "set-cookie"),
            )
        finally:
            connection.close()


@contextmanager
def start_api(
    folder: Path,
    *arguments: str,
    manifest: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Iterator[Served]:
    """The server of the manifest in ``folder``, on free ports, until the block ends; then it has
    to end in good order by itself.

    Functions run with the interpreter of the tests and what is installed there.
    """
    command = [sys.executable, "-m", "lambdactl", "local", "start-api", "--port", "0"]
    command += ["--output", "json", "--no-watch", *arguments]
    if manifest is not None:
        command += ["-f", manifest]
    variables = {name: v for name, v in os.environ.items() if not name.startswith("AWS_")}
    variables |= {**_KEYS, "LAMBDACTL_PYTHON": sys.executable, **(environ or {})}
    with tempfile.TemporaryDirectory() as place:
        log = Path(place, "stderr")
        with log.open("w") as stderr:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        documents: list[dict[str, Any]] = []
        reader = threading.Thread(target=_read, args=(process, documents), daemon=True)
        reader.start()
        try:
            start = _started(process, documents, log)
            urls = {api["name"]: api["url"] for api in start["apis"]}
            yield Served(process, urls, documents, log)
            assert process.poll() is None, log.read_text()
            process.send_signal(signal.SIGINT)
            process.wait(ENDED_S)
        finally:
            process.kill()
            process.wait(ENDED_S)
            reader.join(ENDED_S)
            assert process.stdout is not None
            process.stdout.close()


def _read(process: subprocess.Popen[str], documents: list[dict[str, Any]]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        documents.append(json.loads(line))


def _started(
    process: subprocess.Popen[str], documents: list[dict[str, Any]], log: Path
) -> dict[str, Any]:
    deadline = time.monotonic() + STARTED_S
    while time.monotonic() < deadline:
        for document in documents:
            if document.get("event") == "start":
                return document
        assert process.poll() is None, log.read_text()
        time.sleep(0.02)
    raise AssertionError(f"it never started:\n{log.read_text()}")
