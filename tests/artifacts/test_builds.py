"""Builds of small projects, as the commands ask for them."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from lambdactl.artifacts import builds
from lambdactl.artifacts.bill import bill
from lambdactl.artifacts.contained import BuiltImage, ContainerBuilds
from lambdactl.errors import BuildError, UserError
from lambdactl.local import Local
from lambdactl.manifest.model import Code
from tests import aio
from tests.artifacts.dependencies import wheels
from tests.artifacts.projects import HANDLER, WITH_WHEEL, Heard, Project, inside
from tests.parts import need


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path / "project")
    wheels.wheel(project.wheels, "one")
    return project.put({"src/app.py": HANDLER})


def invoke(project: Project, built: builds.Built, name: str = "hello") -> object:
    async def scene() -> object:
        async with Local(builds.built_app(project.app(), built)) as local:
            return (await local.invoke(name)).json()

    return aio.run(scene())


# What an artifact finds


def test_an_artifact_finds_no_package_of_this_machine(project: Project) -> None:
    project.put({"src/app.py": "import click\ndef handler(event, context):\n    return 1\n"})
    built = project.manifest({"hello": {}}).build()
    answer = invoke(project, built)
    assert isinstance(answer, dict)
    assert answer["errorMessage"] == "Unable to import module 'app': No module named 'click'"


def test_an_artifact_finds_what_the_runtime_brings(project: Project) -> None:
    code = "import boto3, sqlite3\ndef handler(event, context):\n    return boto3.__name__\n"
    project.put({"src/app.py": code})
    assert invoke(project, project.manifest({"hello": {}}).build()) == "boto3"


# What is made of what


def test_a_folder(project: Project) -> None:
    built = project.manifest({"hello": {}}).build()
    artifact = built.of("hello")
    assert inside(artifact) == ["app.py"]
    assert artifact.path == project.folder / "build/functions/hello.zip"
    assert (artifact.size, artifact.unzipped) == (artifact.path.stat().st_size, len(HANDLER))
    assert invoke(project, built) == "hello"


def test_a_folder_with_dependencies(project: Project) -> None:
    project.put({"src/app.py": WITH_WHEEL, "src/requirements.txt": "one\n"})
    built = project.manifest({"hello": {}}).build()
    assert "one/__init__.py" in inside(built.of("hello"))
    assert [(one.name, one.direct) for one in built.of("hello").packages] == [("one", True)]
    assert invoke(project, built) == "1.0"
    again = project.build().of("hello")
    assert again == dataclasses.replace(built.of("hello"), cached=True)


def test_an_archive(project: Project) -> None:
    with zipfile.ZipFile(project.root / "hello.zip", "w") as archive:
        archive.writestr("app.py", HANDLER)
    project.manifest({"hello": {"code": "hello.zip"}})
    built = project.build()
    artifact = built.of("hello")
    assert artifact.path is not None
    assert artifact.path.read_bytes() == (project.root / "hello.zip").read_bytes()
    assert (artifact.size, artifact.unzipped) == (artifact.path.stat().st_size, len(HANDLER))
    assert invoke(project, built) == "hello"
    assert project.cached() == {"hello": True}
    with zipfile.ZipFile(project.root / "hello.zip", "a") as archive:
        archive.writestr("more.py", "")
    assert project.cached() == {"hello": False}


@pytest.mark.parametrize("content", ["no zip", "../evil"])
def test_an_archive_that_lambda_would_refuse(project: Project, content: str) -> None:
    path = project.root / "hello.zip"
    if content == "no zip":
        path.write_text(content)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(content, "")
    with pytest.raises(UserError):
        project.manifest({"hello": {"code": "hello.zip"}}).build()
    assert not (project.folder / "build/functions/hello.zip").exists()


def test_an_archive_in_s3_is_not_built(project: Project) -> None:
    app = project.manifest({"hello": {}}).app()
    s3 = Code("s3", bucket="bucket", key="key")
    function = dataclasses.replace(app.functions["hello"], code=s3)
    app = dataclasses.replace(app, functions={"hello": function})
    with pytest.raises(UserError, match="the code of hello is an archive in S3"):
        aio.run(builds.build(app, folder=project.folder))


def test_layers(project: Project) -> None:
    with zipfile.ZipFile(project.root / "zipped.zip", "w") as archive:
        archive.writestr("python/zipped.py", "NAME = 'zipped'\n")
    project.put(
        {
            "folder/python/folder.py": "NAME = 'folder'\n",
            "source/source.py": "NAME = 'source'\n",
            "source/requirements.txt": "one\n",
            "src/app.py": "import folder, one, source, zipped\n"
            "def handler(event, context):\n"
            "    return [folder.NAME, zipped.NAME, source.NAME, one.VERSION]\n",
        }
    )
    layers = {
        "folder": {"path": "folder"},
        "zipped": {"path": "zipped.zip"},
        "source": {"path": "source", "build": {"runtime": "python3.13"}},
        "unused": {"path": "folder"},
    }
    project.manifest({"hello": {"layers": ["folder", "zipped", "source"]}}, layers=layers)
    built = project.build()
    assert [one.name for one in built.artifacts] == ["hello", *layers]
    assert built.of("hello").layers == ("folder", "zipped", "source")
    assert "python/one/__init__.py" in inside(built.of("source", layer=True))
    assert invoke(project, built) == ["folder", "zipped", "source", "1.0"]
    assert all(project.cached().values())
    assert [one.name for one in project.build("hello").artifacts] == ["hello", *layers][:4]
    assert [one.name for one in project.build("unused").artifacts] == ["unused"]
    shutil.rmtree(project.root / "folder")
    with pytest.raises(UserError, match=r"the layer .*folder does not exist"):
        project.build("unused")


def test_commands(project: Project) -> None:
    build = {"command": "mkdir -p out; sed s/hello/$WHAT/ src/app.py > out/app.py", "output": "out"}
    function = {"code": "out", "build": {**build, "environment": {"WHAT": "made"}}}
    built = project.manifest({"hello": function}).build()
    assert invoke(project, built) == "made"
    assert project.cached() == {"hello": True}
    project.put({"src/app.py": HANDLER + "# changed\n"})
    assert project.cached() == {"hello": False}
    function["build"]["environment"] = {"WHAT": "other"}  # type: ignore[index]
    assert project.manifest({"hello": function}).cached() == {"hello": False}


def test_compiled_code_is_known_by_its_handler_and_its_variables(project: Project) -> None:
    need("go")
    main = 'package main\n\nfunc main() { println("hello") }\n'
    project.put({"go/go.mod": "module example.com/hello\n\ngo 1.18\n", "go/main.go": main})
    function = {"runtime": "provided.al2023", "code": "go", "handler": "bootstrap"}
    shell = {**os.environ, "GOFLAGS": "-mod=mod"}
    built = project.manifest({"hello": function}).build(shell=shell)
    assert inside(built.of("hello")) == ["bootstrap"]
    assert project.cached(shell=shell) == {"hello": True}
    project.manifest({"hello": {**function, "handler": "other"}})
    assert project.cached(shell=shell) == {"hello": False}


class OneImage(ContainerBuilds):
    """An engine that has one image."""

    def __init__(self) -> None:
        self.closed = 0

    def image(self, function: object) -> BuiltImage:
        return BuiltImage("hello:latest", "sha256:1", 1000, "x86_64")

    def run(self, *arguments: object, **options: object) -> int:
        raise AssertionError(arguments)

    def close(self) -> None:
        self.closed += 1


def test_an_image(project: Project) -> None:
    project.put({"Dockerfile": "FROM scratch\n"})
    project.manifest({})
    document = '{"functions": {"hello": {"code": {"dockerfile": "Dockerfile"}}}}'
    engine = OneImage()
    built = project.put({"lambdactl.yaml": document}).build(engine=lambda: engine)
    artifact = built.of("hello")
    assert (artifact.kind, artifact.image, artifact.path) == ("image", "hello:latest", None)
    assert builds.built_app(project.app(), built).functions["hello"].code.image == "hello:latest"
    assert bill(built)["functions"]["hello"]["image"] == "hello:latest"
    assert engine.closed == 0


def test_the_project_itself_is_the_code(project: Project) -> None:
    project.put({"app.py": HANDLER})
    for function in ({}, {"build": {"command": "true", "folder": "."}}):
        project.manifest({"hello": {"code": ".", **function}})
        for _ in range(2):
            names = inside(project.build().of("hello"))
            assert not any(name.startswith(".lambdactl") for name in names)
            assert "app.py" in names
        assert project.cached() == {"hello": True}


# What is said


def test_names_that_nobody_knows(project: Project) -> None:
    with pytest.raises(UserError, match="there is no function and no layer 'helo'") as caught:
        project.manifest({"hello": {}}).build("helo")
    assert caught.value.hint == "did you mean `hello`?"


def test_what_fails_stops_nothing_else_and_all_is_told(project: Project) -> None:
    functions = {
        "a": {"build": "exit 3"},
        "b": {},
        "c": {"code": "missing"},
        "d": {"build": "exit 4"},
        "e": {},
    }
    heard = Heard()
    with pytest.raises(BuildError, match="`exit 3` ended with 3"):
        project.manifest(functions).build(jobs=2, report=heard)
    told = {what: {name for kind, name in heard.events if kind == what} for what, _ in heard.events}
    assert told == {"started": set("abcde"), "finished": set("be"), "failed": set("acd")}
    assert project.cached("b", "e") == {"b": True, "e": True}
    assert project.left() == []


def test_not_more_at_a_time_than_was_said(project: Project) -> None:
    script = "echo $$ > running-$$; ls running-* | wc -l >> counts; sleep 0.05; rm running-$$"
    # Each another one: what several functions have in common is run once.
    functions = {f"f{number}": {"build": f"{script} # {number}"} for number in range(6)}
    project.manifest(functions).build(jobs=2)
    counts = [int(line) for line in (project.root / "counts").read_text().split()]
    assert len(counts) == 6
    assert max(counts) <= 2


@pytest.mark.parametrize("way", ["file", "locked"])
def test_a_project_that_can_not_be_written(project: Project, way: str) -> None:
    project.manifest({"hello": {}})
    if way == "file":
        project.folder.write_text("")
        with pytest.raises(UserError, match=r"can't build in \S+: \S+: (file exists|not a dir)"):
            project.build()
        return
    setpriv = need("setpriv")
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    for path in (project.root, *project.root.parents):
        if path.stat().st_uid == 0 and path.is_relative_to("/tmp/pytest-of-root"):
            path.chmod(0o755)
    words = [setpriv, "--reuid=65534", "--clear-groups", *_script(project)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=60)
    if "No module named" in ended.stderr or "Permission denied" in ended.stderr:
        pytest.skip("others may not run this Python")
    assert ended.stdout.startswith("UserError: can't build in")
    assert "permission denied" in ended.stdout


def _script(project: Project, body: str = "await project.start()") -> list[str]:
    """A process that builds."""
    script = f"""
import asyncio, sys
from pathlib import Path
from lambdactl.cli import building
from tests.artifacts.projects import Project
project = Project(Path({str(project.root)!r}))
async def main():
    {body}
try:
    building.run(main())
except Exception as error:
    print(f"{{type(error).__name__}}: {{error}}")
"""
    return [sys.executable, "-c", script]


def test_a_full_disk(project: Project) -> None:
    project.manifest({"hello": {}})
    (project.root / "src" / "large.bin").write_bytes(os.urandom(300_000))

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    ended = subprocess.run(
        _script(project), capture_output=True, text=True, timeout=60, preexec_fn=full
    )
    assert ended.stdout.count("\n") == 1, ended
    assert ended.stdout.startswith("UserError: ")
    assert "file too large" in ended.stdout.lower()
    assert ended.stderr == ""
    assert project.left() == []
    assert list((project.folder / "build").rglob("*.zip")) == []
    assert project.cached() == {"hello": False}


# Builds that are ended, and builds beside each other


def _children(folder: Path) -> list[psutil.Process]:
    """Processes that work for the project in ``folder``."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != "zombie" and process.environ().get("BUILD_OF") == str(folder):
                found.append(process)
        except psutil.Error:
            continue
    return found


STUBBORN = """#!/bin/sh
[ "$1" = version ] && echo go version go1.22.0 linux/amd64 && exit 0
trap '' TERM
sleep 60 & wait
sleep 60
"""


@pytest.fixture(params=["command", "uv", "npm", "go"])
def endless(request: pytest.FixtureRequest, project: Project, monkeypatch: pytest.MonkeyPatch):
    """A project whose build waits for a tool that never ends, and takes no hint; gives what says
    that it runs."""
    tool = str(request.param)
    programs = project.root.parent / "programs"
    programs.mkdir()
    name = {"command": "tool", "uv": "python3"}.get(tool, tool)
    (programs / name).write_text(STUBBORN)
    (programs / name).chmod(0o755)
    functions = {
        "command": {"build": f"{programs}/tool"},
        "uv": {},
        "npm": {"runtime": "nodejs20.x"},
        "go": {"runtime": "provided.al2023", "handler": "bootstrap"},
    }
    if tool == "uv":
        # A package of the project, whose build never ends.
        project.put(
            {
                "src/requirements.txt": "./lib\n",
                "src/lib/pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "back"\n'
                'backend-path = ["."]\n[project]\nname = "lib"\nversion = "1"\n',
                "src/lib/back.py": "def build_wheel(*_):\n    import subprocess\n"
                f"    subprocess.run(['{programs}/python3'])\n",
            }
        )
    elif tool == "npm":
        need("npm")
        need("node")
        project.put({"src/package.json": '{"dependencies": {"one": "1"}}'})
    elif tool == "go":
        project.put({"src/go.mod": "module a\n", "src/main.go": "package main\n"})
    project.manifest({"hello": functions[tool], "other": {"code": "plain"}})
    project.put({"plain/app.py": HANDLER})
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("BUILD_OF", str(project.root))
    yield project
    for process in _children(project.root):
        if process.pid != os.getpid():
            process.kill()


def _runs(project: Project) -> bool:
    """Whether the tool has come to its long sleep."""
    time.sleep(0.02)
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.name() == "sleep" and process in _children(project.root):
                return True
    return False


def _none_is_left(project: Project) -> None:
    end = time.monotonic() + 5
    while left := [one for one in _children(project.root) if one.pid != os.getpid()]:
        assert time.monotonic() < end, left
        time.sleep(0.02)


def test_cancelled_it_leaves_no_process_and_nothing_half(endless: Project) -> None:
    shell = {**endless.shell(), **{name: os.environ[name] for name in ("PATH", "BUILD_OF")}}

    async def scene() -> float:
        task = asyncio.create_task(endless.start(shell=shell))
        await aio.until(lambda: _runs(endless), timeout_s=15)
        await asyncio.sleep(0.05)
        begun = time.monotonic()
        task.cancel()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        return time.monotonic() - begun

    assert aio.run(scene(), timeout_s=30) < 3
    _none_is_left(endless)
    assert endless.left() == []
    assert not (endless.folder / "build/functions/hello.zip").exists()
    assert endless.cached("other") == {"other": True}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything(project: Project, number: int, monkeypatch) -> None:
    monkeypatch.setenv("BUILD_OF", str(project.root))
    project.manifest({"hello": {"build": "sleep 60"}})
    with subprocess.Popen(
        _script(project, "await project.start(shell=__import__('os').environ)"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        _until(lambda: _runs(project))
        process.send_signal(number)
        process.communicate(timeout=10)
    assert process.returncode not in (0, None)
    _none_is_left(project)
    assert project.left() == []


def _until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_killed_in_the_midst_it_leaves_nothing_half(project: Project, monkeypatch) -> None:
    monkeypatch.setenv("BUILD_OF", str(project.root))
    before = project.manifest({"hello": {}}).build().of("hello")
    data = os.urandom(1_000_000)
    for number in range(30):
        (project.root / "src" / f"{number}.bin").write_bytes(data)
    for wait in (0.0, 0.05, 0.1):
        with subprocess.Popen(_script(project), stdout=subprocess.PIPE) as process:
            _until(lambda: project.left() or process.poll() is not None)
            time.sleep(wait)
            process.kill()
        path = project.folder / "build/functions/hello.zip"
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            assert len(archive.namelist()) in (1, 31)
    after = project.build().of("hello")
    assert len(inside(after)) == 31
    assert after.sha256 != before.sha256
    assert project.left() == []


def test_two_builds_at_once_do_not_spoil_each_other(project: Project) -> None:
    functions = {f"f{number}": {"code": f"f{number}"} for number in range(6)}
    for name in functions:
        project.put({f"{name}/app.py": WITH_WHEEL, f"{name}/requirements.txt": "one\n"})
        (project.root / name / "data.bin").write_bytes(os.urandom(200_000))
    project.manifest({**functions, "split": {"code": "f0", "dependencies": "layer"}})
    bodies = ["await project.start()", "await project.start(use_cache=False)"] * 2
    running = [
        subprocess.Popen(_script(project, body), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for body in bodies
    ]
    for process in running:
        assert process.communicate(timeout=60) == (b"", b"")
    built = project.build()
    for artifact in built.artifacts:
        inside(artifact)
    assert project.left() == []
    assert all(project.cached().values())
    fresh = Project(project.root.parent / "fresh")
    shutil.copytree(project.root, fresh.root, ignore=shutil.ignore_patterns(".lambdactl"))
    assert {one.name: one.sha256 for one in fresh.build().artifacts} == {
        one.name: one.sha256 for one in built.artifacts
    }


def test_of_two_builds_with_other_sources_none_is_taken_for_the_other(project: Project) -> None:
    """The later zip with the earlier record would be found again for the earlier sources."""
    from lambdactl.artifacts import cache
    from lambdactl.artifacts.model import Artifact

    shelf = cache.Shelf(project.root)
    blank = Artifact("hello", "function", "", 0, 0)
    halves = [project.root / name for name in ("one", "two")]
    for half in halves:
        half.write_text("same size")
    shelf.put(halves[0], blank, "one")
    record = project.root / "functions/.hello.json"
    first = record.read_bytes()
    shelf.put(halves[1], blank, "two")
    record.write_bytes(first)
    assert shelf.find(blank, "one") is None


class Waiting(OneImage):
    """An engine in whose container something runs until it is closed."""

    def run(self, *arguments: object, **options: object) -> int:
        while not self.closed:
            time.sleep(0.01)
        return 137


def test_what_runs_in_a_container_is_given_up(project: Project) -> None:
    project.manifest({"hello": {"build": {"command": "sleep 60", "container": True}}})
    engine = Waiting()

    async def scene() -> None:
        task = asyncio.create_task(project.start(engine=lambda: engine))
        await aio.until(lambda: list(project.folder.glob("scratch/*/source-*")))
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    aio.run(scene())
    assert project.left() == []


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    import threading

    yield
    assert not [one.name for one in threading.enumerate() if one.name.startswith("lambdactl-build")]
