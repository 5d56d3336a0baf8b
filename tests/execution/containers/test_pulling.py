"""What an engine says while it pulls, as engines say it that are not here: newer ones, ones that
lose their registry's trust, ones that go away."""

from __future__ import annotations

import base64
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from lambdactl.errors import EngineError
from lambdactl.execution.containers import pulling, runs
from lambdactl.execution.containers.engine import Engine, close, connect
from lambdactl.execution.containers.settings import ContainerSettings
from tests.execution.containers.engines import INFO, VERSION
from tests.execution.containers.registries import Seen

AWS = "public.ecr.aws/lambda/python:3.13"
LOCAL = {"Id": "sha256:1", "Architecture": "amd64", "RepoDigests": ["x@sha256:" + "1" * 64]}
EXPIRED = "denied: Your authorization token has expired. Reauthenticate and try again."


class Scripted:
    """An engine of the API's version ``api`` that has no image until one was pulled.

    :ivar pulls: for each pull what is said, line by line; None: the engine goes away.
    :ivar logins: what each pull was given as a login.
    :ivar platforms: of each inspection.
    """

    def __init__(self, api: str) -> None:
        self.api = api
        self.pulls: list[list[dict[str, Any] | None]] = []
        self.logins: list[Any] = []
        self.platforms: list[Any] = []
        self.has: Callable[[Any], bool] = lambda platform: False

    def handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        script = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                if parts.path.endswith("/version"):
                    self.answer(200, {**VERSION, "ApiVersion": script.api})
                elif parts.path.endswith("/info"):
                    self.answer(200, INFO)
                else:
                    given = parse_qs(parts.query).get("platform")
                    platform = json.loads(given[0]) if given else None
                    script.platforms.append(platform)
                    here = script.has(platform)
                    self.answer(200 if here else 404, LOCAL if here else {"message": "no"})

            def do_POST(self) -> None:
                login = self.headers.get("X-Registry-Auth")
                script.logins.append(login and json.loads(base64.urlsafe_b64decode(login)))
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for said in script.pulls.pop(0):
                    if said is None:
                        self.close_connection = True
                        return
                    line = json.dumps(said).encode() + b"\r\n"
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                script.has = lambda platform: True
                self.wfile.write(b"0\r\n\r\n")

            def answer(self, status: int, document: object) -> None:
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's Docker settings."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path / "config.json"


@pytest.fixture(params=["1.41", "1.49"])
def script(request: pytest.FixtureRequest) -> Scripted:
    return Scripted(request.param)


@pytest.fixture
def engine(script: Scripted, config: Path) -> Iterator[Engine]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), script.handler())
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    found = connect({"DOCKER_HOST": f"tcp://127.0.0.1:{server.server_address[1]}"})
    yield found
    close(found)
    server.shutdown()
    server.server_close()
    thread.join()


class Asked:
    def __init__(self, engine: Engine, **settings: Any) -> None:
        self.told: list[str] = []
        self.seen = Seen()
        self.wanted = pulling.Wanted(
            engine, ContainerSettings(**settings), runs.Run(), self.told.append, self.seen
        )

    def have(self, reference: str = AWS) -> Any:
        return pulling.have(self.wanted, reference, "x86_64")


def layer(status: str, **detail: int) -> dict[str, Any]:
    return {"status": status, "id": "abc", "progressDetail": detail}


def test_the_progress_of_a_layer(engine: Engine, script: Scripted) -> None:
    script.pulls = [
        [
            {"status": "Pulling from lambda/python", "id": "3.13"},
            layer("Pulling fs layer"),
            layer("Downloading", current=10, total=100),
            layer("Downloading", current=90, total=100),
            layer("Verifying Checksum"),
            layer("Download complete"),
            layer("Extracting", current=5, total=100),
            layer("Pull complete"),
            {"status": "Digest: sha256:0"},
            {"status": f"Status: Downloaded newer image for {AWS}"},
        ]
    ]
    asked = Asked(engine)
    assert asked.have()["Id"] == "sha256:1"
    assert asked.seen.layers == [
        (AWS, "abc", done, total)
        for done, total in [(0, 0), (10, 100), (90, 100), (100, 100), (100, 100)]
    ]
    assert asked.seen.images == [AWS]
    assert not asked.told


def test_a_registry_that_does_not_say_how_much_it_sends(engine: Engine, script: Scripted) -> None:
    script.pulls = [[layer("Downloading", current=10, total=-1), layer("Downloading", current=11)]]
    asked = Asked(engine)
    asked.have()
    assert asked.seen.layers == [(AWS, "abc", 10, 0), (AWS, "abc", 11, 0)]


def test_newer_engines_are_asked_for_the_architecture(engine: Engine, script: Scripted) -> None:
    script.pulls = [[]]
    Asked(engine).have()
    wanted = {"os": "linux", "architecture": "amd64"}
    # What they don't have for it they may have for another.
    first = [wanted, None] if script.api == "1.49" else [None]
    assert script.platforms == [*first, first[0]]


def test_another_architecture_of_an_image_is_found_too(engine: Engine, script: Scripted) -> None:
    script.has = lambda platform: platform is None
    assert pulling.inspect(engine, AWS, "arm64") is not None


def test_an_expired_login_is_not_needed_for_public_images(
    engine: Engine, script: Scripted, config: Path
) -> None:
    login = base64.b64encode(b"AWS:old").decode()
    config.write_text(json.dumps({"auths": {"public.ecr.aws": {"auth": login}}}))
    script.pulls = [[{"error": EXPIRED, "errorDetail": {"message": EXPIRED}}], []]
    asked = Asked(engine)
    asked.have()
    assert script.logins[0]["username"] == "AWS"
    assert script.logins[1] == {}
    assert asked.told == ["the login at public.ecr.aws has expired; asking without a login"]
    assert asked.seen.images == [AWS]
    assert not asked.seen.given


def test_a_login_that_can_not_be_read(engine: Engine, script: Scripted, config: Path) -> None:
    config.write_text(json.dumps({"credsStore": "that-nobody-has"}))
    script.pulls = [[]]
    asked = Asked(engine)
    asked.have()
    assert script.logins == [{}]
    assert len(asked.told) == 1
    assert "the login for public.ecr.aws can't be read" in asked.told[0]


def test_an_engine_that_goes_away(engine: Engine, script: Scripted) -> None:
    script.pulls = [[layer("Downloading", current=1, total=2), None]]
    asked = Asked(engine)
    with pytest.raises(EngineError, match=f"can't pull {AWS}: the container engine is gone"):
        asked.have()
    assert asked.seen.given == [AWS]


def test_two_threads_pull_once(engine: Engine, script: Scripted) -> None:
    script.pulls = [[layer("Downloading", current=1, total=2)]]
    asked = Asked(engine, pull="always")
    threads = [threading.Thread(target=asked.have) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asked.seen.images == [AWS]
