"""`invoke` and `local start-api` with a real engine, as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lambdactl import Local
from lambdactl.execution.containers import configuration
from lambdactl.execution.containers.settings import ContainerSettings
from tests.start_api import Served, start_api

pytestmark = [pytest.mark.container, pytest.mark.slow]

APP = """
import os, resource, one, two

def handler(event, context):
    return {
        "word": "first",
        "layers": [one.NAME, two.NAME],
        "mounted": os.path.exists("/more/file.txt"),
        "hosts": open("/etc/hosts").read().split(),
        "name": os.uname().nodename,
        "colour": os.environ.get("COLOUR"),
        "task": os.environ["LAMBDA_TASK_ROOT"],
        "files": resource.getrlimit(resource.RLIMIT_NOFILE),
    }
"""
DOCKERFILE = """
FROM public.ecr.aws/lambda/python:3.11 AS code
ARG WORD=none
ENV WORD=${WORD}
COPY app.py ./
CMD ["app.handler"]
FROM scratch AS other
"""
MANIFEST = """
service: shop
functions:
  layered:
    {runtime: python3.11, handler: app.handler, code: src, layers: [one, two], timeout: 20,
     triggers: [{http: {path: /layered}}]}
  built:
    {code: {dockerfile: image/Dockerfile, target: code, args: {WORD: said}}, timeout: 20,
     triggers: [{http: {path: /built}}]}
layers: {one: {path: layers/one}, two: {path: layers/two}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files = {
        "src/app.py": APP,
        "image/app.py": "import os\ndef handler(event, context):\n    return os.environ['WORD']\n",
        "image/Dockerfile": DOCKERFILE,
        "layers/one/python/one.py": "NAME = 'one'\n",
        "layers/two/python/two.py": "NAME = 'two'\n",
        "more/file.txt": "",
        "lambdactl.yaml": MANIFEST,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def network() -> Iterator[str]:
    name = f"lambdactl-test-{time.monotonic_ns()}"
    subprocess.run(["docker", "network", "create", name], check=True, capture_output=True)
    yield name
    subprocess.run(["docker", "network", "rm", name], check=True, capture_output=True)


def invoke(folder: Path, *words: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "lambdactl", "invoke", *words, "--event-json", "{}"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_container_as_the_options_say(project: Path, network: str) -> None:
    got = invoke(
        project,
        *("layered", "--container", "--docker-network", network),
        *("--add-host", "db.local:10.0.0.7"),
        *("--docker-arg", "-v ./more:/more:ro", "--docker-arg", "-e", "--docker-arg", "COLOUR=red"),
        *("--docker-arg", "--hostname=box --ulimit nofile=2048:4096"),
    )
    assert got["files"] == [2048, 4096]
    assert (got["layers"], got["task"]) == (["one", "two"], "/var/task")
    assert (got["mounted"], got["name"], got["colour"]) == (True, "box", "red")
    assert got["hosts"][got["hosts"].index("db.local") - 1] == "10.0.0.7"
    assert "host.docker.internal" in got["hosts"]


def test_a_limit_of_the_cpu_takes_the_place_of_the_function_s_own(project: Path) -> None:
    def quota(wanted: str, *words: str) -> str:
        """Of the container, once it is ``wanted`` or has had the time to become so."""
        settings = ContainerSettings(docker_args=words)
        manifest = project / "lambdactl.yaml"
        manifest.write_text(MANIFEST.replace("built:", "throttled:"))
        with Local(project, runner="container", containers=settings) as fn:
            for _ in range(2):
                fn.invoke("throttled", {})
            ours = "label=lambdactl.function=throttled"
            listed = ["docker", "ps", "-q", "--filter", ours]
            name = subprocess.check_output(listed, text=True).strip()
            asked = ["docker", "inspect", "-f", "{{.HostConfig.CpuQuota}}", name]
            deadline = time.monotonic() + (20 if not words else 1)
            while True:
                found = subprocess.check_output(asked, text=True).strip()
                if (found == wanted and not words) or time.monotonic() > deadline:
                    return found
                time.sleep(0.1)

    usual = str(configuration.processor_quota(128))
    assert quota(usual) == usual
    # No limit.
    assert quota("-1", "--cpu-quota=-1") == "-1"


def becomes(served: Served, path: str, expected: str) -> None:
    deadline = time.monotonic() + 30
    body = ""
    while time.monotonic() < deadline:
        body = served.ask(path).body.decode()
        if expected in body:
            return
        time.sleep(0.1)
    raise AssertionError(f"{path} is still {body!r}:\n{served.told()}")


def test_everything_is_served_in_containers_and_follows_saves(project: Path) -> None:
    with start_api(project, "--container", "--watch") as served:
        assert served.ask("/built").body == b"said"
        answer = served.ask("/layered").json()
        assert (answer["layers"], answer["task"]) == (["one", "two"], "/var/task")

        (project / "src" / "app.py").write_text(APP.replace("first", "second"))
        becomes(served, "/layered", '"second"')

        app = project / "image" / "app.py"
        app.write_text(app.read_text().replace("os.environ['WORD']", "'rebuilt'"))
        becomes(served, "/built", "rebuilt")
        lines = [one for one in served.documents if one["event"] == "build_output"]
        assert any("COPY app.py" in json.dumps(line) for line in lines)


CALLER = """
import os, ssl, urllib.request

def handler(event, context):
    if event["rawPath"] == "/answer":
        return "here"
    assert ssl.create_default_context().get_ca_certs()
    url = f"https://host.docker.internal:{event['queryStringParameters']['port']}/answer"
    return urllib.request.urlopen(url, timeout=10).read().decode()
"""
WITH_AUTHORITY = """
service: shop
runner: container
functions:
  caller:
    {runtime: python3.11, handler: app.handler, code: src, timeout: 20,
     triggers: [{http: {path: /call}}, {http: {path: /answer}}, {websocket: {route: $default}}]}
"""


def test_a_function_in_a_container_calls_our_own_https(project: Path) -> None:
    """As one of a WebSocket API does, to push."""
    (project / "src" / "app.py").write_text(CALLER)
    (project / "lambdactl.yaml").write_text(WITH_AUTHORITY)
    cache = {"XDG_CACHE_HOME": str(project / "cache")}
    with start_api(project, "--host", "0.0.0.0", environ=cache) as served:
        answer = served.ask(f"/call?port={served.port()}")
        assert answer.body == b"here", served.told()


def test_a_runner_that_is_saved_is_where_the_function_runs_next(project: Path) -> None:
    manifest = project / "lambdactl.yaml"
    with start_api(project, "--watch") as served:
        assert str(project) in served.ask("/layered").json()["task"]
        manifest.write_text("runner: container\n" + MANIFEST)
        becomes(served, "/layered", '"/var/task"')
        manifest.write_text(MANIFEST)
        becomes(served, "/layered", f'"{project}')
