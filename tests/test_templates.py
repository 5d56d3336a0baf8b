"""Each template as a newcomer meets it: `init`, then what `init` and the README say to do next."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lambdactl import Local, manifest, scaffold
from lambdactl.cli import main
from lambdactl.manifest.routes import apis_of

NEEDS = {
    "python": [],
    "nodejs": [pytest.mark.node],
    "ruby": [pytest.mark.ruby],
    "provided": [pytest.mark.curl],
}
HELLO = '"hello, in/my cat.jpg"'
RESPONSES = {
    "python-hello": HELLO,
    "node-hello": HELLO,
    "ruby-hello": HELLO,
    "provided-hello": '"hello, in/my+cat.jpg"',
    "python-s3-thumbnail": '{"thumbnails": ["in/sample.png"]}',
    "python-http-crud": '"statusCode": 201',
    "node-http": r"\"time\":\"2025-04-27 23:53:55\"",
    "python-sqs-worker": '{"batchItemFailures": []}',
    "python-kinesis": '{"batchItemFailures": []}',
    "python-schedule": '{"day": "2026-03-01", "due": [{',
    "layer-shared": '{"A-1": 900}',
}
"""What stands in the response to a template's own event."""

IN_IMAGES = {"python": "python3.11", "ruby": "ruby3.3"}
"""What tests/images has of these runtimes, whatever this machine has."""
MAKES_EVENT = re.compile(r"lambdactl generate-event (.+) > (events/\S+\.json)")
COUNTS = re.compile(r"(\d+) passed|\S pass (\d+)|(\d+) runs, ")

every_template = pytest.mark.parametrize(
    "template", scaffold.templates(), ids=lambda template: template.name
)
every_runnable_template = pytest.mark.parametrize(
    "template",
    [
        pytest.param(template, id=template.name, marks=[*NEEDS[template.family], pytest.mark.slow])
        for template in scaffold.templates()
    ],
)


@pytest.fixture
def project(template: scaffold.Template, tmp_path: Path) -> Path:
    return scaffold.create(tmp_path / "hello", template).directory


def lambdactl(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return int(end.value.code or 0), capfd.readouterr().out


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    # lambdactl and pytest of this venv, as in a shell where it is active.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )


@every_template
def test_the_manifest_is_valid_and_its_triggers_known(
    template: scaffold.Template,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(project)
    code, out = lambdactl(capfd, "validate", "--output", "json")
    assert code == 0, out
    code, out = lambdactl(capfd, "list", "--output", "json")
    assert code == 0
    listed = json.loads(out)
    names = {function["name"] for function in listed["functions"]}
    assert names == {trigger["function"] for trigger in listed["triggers"]} != set()


@every_template
def test_the_readme_gives_the_command_that_made_each_event(
    template: scaffold.Template,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(project)
    made = {}
    for arguments, name in MAKES_EVENT.findall((project / "README.md").read_text()):
        code, made[name] = lambdactl(capfd, "generate-event", *shlex.split(arguments))
        assert code == 0
    events = {path.relative_to(project).as_posix() for path in project.glob("events/*")}
    assert made.keys() == events
    for name, text in made.items():
        assert (project / name).read_text() == text, f"make {name} anew"


@every_template
def test_the_readme_is_short_and_names_every_first_step(template: scaffold.Template) -> None:
    readme = (template.path / "README.md").read_text()
    assert len(readme.splitlines()) <= 14
    for command in (
        *template.first_steps,
        template.serve or "",
        template.test,
        template.test_needs or "",
    ):
        assert command in readme


@every_runnable_template
def test_the_first_steps_end_with_a_response(template: scaffold.Template, project: Path) -> None:
    own, made_to_order = (shell(command, project) for command in template.first_steps)
    assert own.returncode == 0, own.stderr
    assert RESPONSES[template.name] in own.stdout
    assert made_to_order.returncode == 0, made_to_order.stderr
    assert json.loads(made_to_order.stdout)


@pytest.mark.parametrize(
    ("template", "runner"),
    [
        pytest.param(
            template,
            runner,
            id=f"{template.name}-{runner}",
            marks=[
                pytest.mark.slow,
                *(NEEDS[template.family] if runner == "process" else [pytest.mark.container]),
            ],
        )
        for template in scaffold.templates()
        for runner in ("process", "container")
    ],
)
def test_what_is_built_answers_as_its_source(
    template: scaffold.Template, runner: str, tmp_path: Path
) -> None:
    runtime = IN_IMAGES.get(template.family) if runner == "container" else None
    project = scaffold.create(tmp_path / "hello", template, runtime=runtime).directory
    built = shell("lambdactl package --output json", project)
    assert built.returncode == 0, built.stderr
    bill = json.loads(built.stdout)
    assert bill["functions"]
    for entry in [*bill["functions"].values(), *bill["layers"].values()]:
        names = zipfile.ZipFile(project / entry["file"]).namelist()
        assert names
        assert not [name for name in names if "test" in name or name.endswith(".md")]
    options = "--built --container" if runner == "container" else "--built --no-container"
    own = shell(
        template.first_steps[0].replace("lambdactl invoke", f"lambdactl invoke {options}"), project
    )
    assert own.returncode == 0, own.stderr
    assert RESPONSES[template.name] in own.stdout
    again = shell("lambdactl build", project)
    assert all("unchanged" in line for line in again.stdout.splitlines()), again.stdout


@every_runnable_template
def test_the_tests_of_a_new_project_pass(template: scaffold.Template, project: Path) -> None:
    process = shell(template.test, project)
    output = process.stdout + process.stderr
    assert process.returncode == 0, output
    counts = [int(number) for found in COUNTS.findall(output) for number in found if number]
    assert max([*counts, len(re.findall(r"^ok ", output, re.MULTILINE))]) >= 3, output


@pytest.mark.slow
def test_the_thumbnail_template_goes_to_s3_for_other_buckets_than_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = scaffold.create(tmp_path / "hello", scaffold.find("python-s3-thumbnail")).directory
    objects = {
        "/uploads/in/sample.png": (project / "src/buckets/photos/in/sample.png").read_bytes()
    }
    types = {}

    class Bucket(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(objects[self.path])

        def do_PUT(self) -> None:
            objects[self.path] = self.rfile.read(int(self.headers["content-length"]))
            types[self.path] = self.headers["content-type"]
            self._answer(b"")

        def _answer(self, content: bytes) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with ThreadingHTTPServer(("127.0.0.1", 0), Bucket) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        env = {"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{server.server_port}"}
        with Local(project / "lambdactl.yaml", env=env) as fn:
            thumbnails = fn.app.functions["thumbnail"].environment["THUMBNAILS"]
            event = (project / "events" / "upload.json").read_bytes()
            event = event.replace(b'"name": "photos"', b'"name": "uploads"')
            result = fn.invoke("thumbnail", payload=event)
        server.shutdown()
    assert result.function_error is None, result.log
    assert objects[f"/{thumbnails}/in/sample.png"].startswith(b"\x89PNG")
    assert types[f"/{thumbnails}/in/sample.png"] == "image/png"


@every_template
def test_buckets_of_a_project_have_names_of_their_own(
    template: scaffold.Template, project: Path, tmp_path: Path
) -> None:
    again = scaffold.create(tmp_path / "again", template).directory
    first, second = (
        {bucket.aws_name for bucket in manifest.load(folder).resources.buckets.values()}
        for folder in (project, again)
    )
    assert None not in first
    assert not first & second


@every_template
def test_a_project_owns_what_its_triggers_and_destinations_name(
    template: scaffold.Template, project: Path
) -> None:
    """So that it deploys into an account with nothing in it."""
    app = manifest.load(project)
    owned = {
        "s3": ("bucket", app.resources.buckets),
        "sqs": ("queue", app.resources.queues),
        "sns": ("topic", app.resources.topics),
        "kinesis": ("stream", app.resources.streams),
        "dynamodb": ("table", app.resources.tables),
    }
    for function in app.functions.values():
        for trigger in function.triggers:
            if trigger.kind in owned:
                field, section = owned[trigger.kind]
                assert trigger.settings[field] in section
            failed = trigger.settings.get("on_failure")
            assert failed is None or failed.target in app.resources.queues
        failed = function.async_.on_failure
        assert failed is None or failed.target in app.resources.queues


@every_template
def test_a_project_with_http_triggers_says_how_to_serve_them(
    template: scaffold.Template, project: Path
) -> None:
    assert bool(template.serve) == bool(apis_of(manifest.load(project)))
