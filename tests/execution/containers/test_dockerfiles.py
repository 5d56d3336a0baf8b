"""Dockerfiles that become images, on a real engine."""

from __future__ import annotations

import dataclasses
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from lambdactl.errors import BuildError, EngineError, EnvironmentStoppedError
from lambdactl.execution.containers import dockerfiles, images, platforms
from lambdactl.execution.containers.engine import Engine, close, connect
from lambdactl.execution.containers.images import Image
from lambdactl.execution.containers.settings import ContainerSettings
from lambdactl.manifest.model import Function
from lambdactl.manifest.settings import Code
from tests.execution.containers.registries import Registry, Seen, remove, unique

pytestmark = pytest.mark.container
BASE = "public.ecr.aws/lambda/python:3.11"


class Project:
    """A function with a Dockerfile."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.root = folder
        self.seen = Seen()
        self.told: list[str] = []
        self.function = Function(
            "Resize It",
            Code("dockerfile", dockerfile=folder / "Dockerfile", context=folder),
            architecture=engine.architecture,
        )

    def code(self, **fields: object) -> None:
        code = dataclasses.replace(self.function.code, **fields)  # type: ignore[arg-type]
        self.function = dataclasses.replace(self.function, code=code)

    def write(self, *lines: str, name: str = "Dockerfile") -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")

    def find(self, **settings: object) -> Image:
        return images.find(
            self.engine,
            self.function,
            root=self.root,
            settings=ContainerSettings(**settings),  # type: ignore[arg-type]
            tell=self.told.append,
            progress=self.seen,
            owner=self.root,
        )

    def files(self, image: Image, folder: str) -> list[str]:
        """What the image has in a folder, as its own shell says."""
        client = self.engine.client
        container = client.create_container(image.id, entrypoint=["/bin/ls", "-A", folder])
        try:
            client.start(container)
            client.wait(container)
            return client.logs(container).decode().split()
        finally:
            client.remove_container(container, force=True)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    engine = connect(os.environ)
    made = Project(engine, tmp_path)
    yield made
    images.stop(tmp_path)
    remove(engine, dockerfiles.tag(made.function, tmp_path))
    close(engine)


def test_a_build_shows_what_it_prints(project: Project) -> None:
    project.write(
        f"FROM {BASE} AS one",
        "ARG GREETING=none",
        r"RUN printf '\033[31mgreeting %s\033[0m\n' $GREETING",
        'CMD ["app.handler"]',
        "FROM one AS two",
        'CMD ["other.handler"]',
    )
    project.code(args={"GREETING": "hello"}, target="one", command=("mine.handler",))
    found = project.find()
    assert "greeting hello" in project.seen.lines
    assert f"Step 1/5 : FROM {BASE} AS one" in project.seen.lines
    assert found.entrypoint == ("/lambda-entrypoint.sh",)
    assert found.command == ("mine.handler",)
    assert found.reference.startswith("lambdactl/resize-it:")
    label = project.engine.client.inspect_image(found.id)["Config"]["Labels"]
    assert label[dockerfiles.BUILT] == found.reference
    project.code(target="two", command=())
    assert project.find().command == ("other.handler",)
    project.code(target=None)
    assert project.find().command == ("other.handler",)


def test_a_change_makes_another_image_and_nothing_else_does(project: Project) -> None:
    project.write(f"FROM {BASE}", "COPY app.py /var/task/", 'CMD ["app.handler"]')
    project.write("one", name="app.py")
    first = project.find()
    project.seen.lines.clear()
    assert project.find().id == first.id
    # What does nothing says nothing.
    assert not project.seen.lines
    project.write("two", name="app.py")
    second = project.find()
    assert second.id != first.id
    assert "Step 2/4 : COPY app.py /var/task/" in project.seen.lines
    assert second.reference == first.reference
    assert project.engine.client.images(filters={"label": f"{dockerfiles.BUILT}={first.reference}"})
    found = {image["Id"] for image in project.engine.client.images(all=True)}
    assert second.id in found
    assert first.id not in found


def test_an_image_in_use_stays_until_nobody_uses_it(project: Project) -> None:
    client = project.engine.client
    project.write(f"FROM {BASE}", "COPY app.py /", 'CMD ["app.handler"]')
    project.write("one", name="app.py")
    first = project.find()
    container = client.create_container(first.id)
    project.write("two", name="app.py")
    project.find()
    assert client.inspect_image(first.id)["Id"] == first.id
    client.remove_container(container)
    project.find()
    assert first.id not in {image["Id"] for image in client.images(all=True)}


@pytest.mark.parametrize("ignore", [".dockerignore", "Dockerfile.dockerignore"])
def test_what_is_ignored_is_not_copied(project: Project, ignore: str) -> None:
    project.write("# not these", "", "secret*", "!secret-not", name=ignore)
    project.write("everything", "*" if ignore != ".dockerignore" else "", name="elsewhere")
    for name in ("secret", "secret-not", "app.py"):
        project.write(name, name=name)
    project.write(f"FROM {BASE}", "COPY . /copied/", 'CMD ["app.handler"]')
    files = project.files(project.find(), "/copied")
    assert {"app.py", "secret-not"} <= set(files)
    assert "secret" not in files


def test_a_dockerfile_outside_of_what_it_copies(project: Project) -> None:
    project.write("app", name="src/app.py")
    project.write(f"FROM {BASE}", "COPY . /copied/", 'CMD ["app.handler"]', name="build/My.file")
    project.code(dockerfile=project.root / "build" / "My.file", context=project.root / "src")
    found = project.find()
    assert project.files(found, "/copied") == ["app.py"]
    assert project.find().id == found.id


def test_a_build_that_fails_shows_its_end(project: Project) -> None:
    project.write(f"FROM {BASE}", "RUN seq 1 200; sleep 0.5; echo the reason >&2; exit 3")
    with pytest.raises(BuildError, match="Resize It can't be built") as caught:
        project.find()
    assert "returned a non-zero code: 3" in caught.value.message
    lines = caught.value.output.decode().splitlines()
    assert "the reason" in lines
    assert "1" not in lines
    assert "200" in lines
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("lines", "words", "hint"),
    [
        ((f"FROM {BASE}", "RNU true"), "unknown instruction: RNU", None),
        ((f"FROM {BASE}", "COPY nothing /"), "nothing", None),
        ((f"FROM {BASE}", "RUN --mount=type=cache,target=/x true"), "BuildKit", "buildx"),
        (("FROM nowhere.invalid/base:1",), "its base image nowhere.invalid/base:1", "network"),
    ],
)
def test_what_is_wrong_with_a_dockerfile_is_said(
    project: Project, lines: tuple[str, ...], words: str, hint: str | None
) -> None:
    project.write(*lines)
    with pytest.raises(BuildError) as caught:
        project.find()
    assert words in caught.value.message
    assert hint is None or hint in str(caught.value.hint)


def test_a_dockerfile_that_is_not_there(project: Project) -> None:
    with pytest.raises(BuildError, match=r"there is no .*Dockerfile"):
        project.find()


def test_a_link_is_taken_along_as_one(project: Project) -> None:
    project.write(f"FROM {BASE}", "COPY . /copied/", 'CMD ["app.handler"]')
    (project.root / "loop").symlink_to("loop")
    assert "loop" in project.files(project.find(), "/copied")


def test_a_stage_that_is_not_there(project: Project) -> None:
    project.write(f"FROM {BASE}")
    project.code(target="nowhere")
    with pytest.raises(BuildError, match="nowhere"):
        project.find()


def test_a_file_that_can_not_be_read(project: Project) -> None:
    project.write(f"FROM {BASE}", "COPY . /copied/", 'CMD ["app.handler"]')
    # A file of another process's memory is one that root can't read either.
    (project.root / ".dockerignore").symlink_to("/proc/self/mem")
    with pytest.raises(BuildError, match=r"Resize It can't be built: .*error"):
        project.find()


def test_always_falls_back_on_the_base_image_that_is_here(project: Project) -> None:
    mine = f"127.0.0.1:1/{project.root.name}:1"
    project.engine.client.tag(BASE, mine.rpartition(":")[0], "1")
    try:
        project.write(f"FROM {mine}", 'CMD ["app.handler"]')
        first = project.find(pull="always")
        assert project.find(pull="always") == first
        assert len(project.told) == 1
        assert "127.0.0.1:1 can't be reached" in project.told[0]
    finally:
        project.engine.client.remove_image(mine)


def test_a_base_image_is_pulled_with_its_progress(project: Project, tmp_path: Path) -> None:
    (tmp_path / "registry").mkdir()
    registry = Registry(tmp_path / "registry", project.engine)
    registry.start()
    try:
        with unique(project.engine) as name:
            architecture = platforms.oci(project.engine.architecture).removeprefix("linux/")
            base = registry.push(f"{name}:1", name * 500, architecture=architecture)
            project.write(f"FROM {base}", 'CMD ["mine.handler"]', name="src/Dockerfile")
            folder = tmp_path / "src"
            project.code(dockerfile=folder / "Dockerfile", context=folder)
            assert project.find().command == ("mine.handler",)
            assert project.seen.images == [base]
            assert {image for image, *_ in project.seen.layers} == {base}
            project.write(f"FROM {base}2", name="src/Dockerfile")
            with pytest.raises(BuildError, match=f"its base image {base}2"):
                project.find()
            remove(project.engine, dockerfiles.tag(project.function, tmp_path))
    finally:
        registry.stop()


def test_never_pulls_no_base_image(project: Project) -> None:
    project.write(
        "ARG TAG=1",
        f"FROM {BASE} AS first",
        "FROM --platform=linux/amd64 nowhere.invalid/base:$TAG AS second",
        "FROM first",
        'CMD ["app.handler"]',
    )
    project.code(args={"TAG": "7"})
    with pytest.raises(EngineError, match=r"nowhere\.invalid/base:7, which") as caught:
        project.find(pull="never")
    assert "--pull never" in caught.value.message
    project.write(f"FROM {BASE} AS first", "FROM FIRST", 'CMD ["app.handler"]')
    assert project.find(pull="never").command == ("app.handler",)


def test_the_end_of_a_run_waits_for_no_build(project: Project) -> None:
    # Nowhere in the engine's cache: it goes on with a build that was given up.
    project.write(f"FROM {BASE}", f"RUN echo begun; sleep 4; : {uuid4()}", 'CMD ["app.handler"]')

    def stop_soon() -> None:
        while "begun" not in project.seen.lines:
            time.sleep(0.02)
        images.stop(project.root)

    stopping = threading.Thread(target=stop_soon)
    stopping.start()
    begun = time.monotonic()
    with pytest.raises(EnvironmentStoppedError):
        project.find()
    assert time.monotonic() - begun < 3.5
    stopping.join()
