"""Images that are here, pulled, locked or out of reach, on a real engine with a real registry."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lambdactl.errors import EngineError, EnvironmentStartError, UserError
from lambdactl.execution.containers import images, platforms
from lambdactl.execution.containers.engine import Engine, close, connect
from lambdactl.execution.containers.images import Image
from lambdactl.execution.containers.settings import ContainerSettings
from lambdactl.manifest.model import Function
from lambdactl.manifest.settings import Code
from tests.execution.containers.registries import Registry, Seen, make, remove, unique

pytestmark = pytest.mark.container
FOREIGN = {"x86_64": ("arm64", "arm64"), "arm64": ("x86_64", "amd64")}
"""For the engine's architecture another one, as Lambda and as engines call it."""


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    found = connect(os.environ)
    yield found
    close(found)


@pytest.fixture(scope="module")
def registry(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    running = Registry(tmp_path_factory.mktemp("registry"), engine)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def name(engine: Engine) -> Iterator[str]:
    with unique(engine) as made:
        yield made


class Finder:
    """``find`` with one run and what it tells."""

    def __init__(self, engine: Engine, owner: Path) -> None:
        self.engine = engine
        self.owner = owner
        self.told: list[str] = []
        self.seen = Seen()

    def __call__(self, function: Function | str, **settings: object) -> Image:
        if isinstance(function, str):
            function = Function(
                "resize", Code("image", image=function), architecture=self.engine.architecture
            )
        return images.find(
            self.engine,
            function,
            root=self.owner,
            settings=ContainerSettings(**settings),  # type: ignore[arg-type]
            tell=self.told.append,
            progress=self.seen,
            owner=self.owner,
        )


Run = Callable[[], Finder]


@pytest.fixture
def run(engine: Engine, tmp_path: Path) -> Run:
    """Begins a new run."""
    number = iter(range(100))

    def begin() -> Finder:
        owner = tmp_path / f"run{next(number)}"
        owner.mkdir()
        return Finder(engine, owner)

    return begin


def oci(engine: Engine) -> str:
    return platforms.oci(engine.architecture).removeprefix("linux/")


# what an image says


def test_a_runtime_runs_in_its_base_image(run: Run) -> None:
    find = run()
    code = Code("folder", path=find.owner)
    function = Function(
        "resize",
        code,
        runtime="python3.11",
        handler="app.handler",
        architecture=find.engine.architecture,
    )
    found = find(function, pull="never")
    assert found.reference == "public.ecr.aws/lambda/python:3.11"
    assert found.entrypoint == ("/lambda-entrypoint.sh",)
    assert found.command == ("app.handler",)
    assert found.working_directory == "/var/task"
    assert found.variables["LAMBDA_RUNTIME_DIR"] == "/var/runtime"
    assert found.architecture == find.engine.architecture
    assert found.id == find.engine.client.inspect_image(found.reference)["Id"]
    assert not find.told
    assert not find.seen.images


def test_what_the_manifest_says_replaces_what_the_image_says(run: Run, name: str) -> None:
    find = run()
    config = (
        'ENTRYPOINT ["/boot", "-x"]',
        'CMD ["a.b"]',
        "WORKDIR /work",
        "USER 7:8",
        "ENV A=1 B==2",
    )
    make(find.engine, name, config=config, architecture=oci(find.engine))
    found = find(name)
    assert (found.entrypoint, found.command) == (("/boot", "-x"), ("a.b",))
    assert (found.working_directory, found.user) == ("/work", "7:8")
    assert {key: found.variables[key] for key in "AB"} == {"A": "1", "B": "=2"}
    one = Function(
        "f", Code("image", image=name, command=("c.d",)), architecture=find.engine.architecture
    )
    assert (find(one).entrypoint, find(one).command) == (("/boot", "-x"), ("c.d",))
    code = Code("image", image=name, entrypoint=("/other",), working_directory="/there")
    other = find(dataclasses.replace(one, code=code))
    assert (other.entrypoint, other.command) == (("/other",), ("a.b",))
    assert other.working_directory == "/there"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ((), "neither ENTRYPOINT nor CMD"),
        (('CMD ["python3"]',), "starts `python3` and nothing else"),
        (('ENTRYPOINT ["docker-entrypoint.sh"]', 'CMD ["node"]'), "starts `node`"),
        (('CMD ["/bin/bash"]',), "starts `bash`"),
        (('ENTRYPOINT ["/lambda-entrypoint.sh"]',), "which handler to call"),
    ],
)
def test_an_image_that_can_not_run_a_function_is_told_at_once(
    run: Run, name: str, config: tuple[str, ...], words: str
) -> None:
    find = run()
    make(find.engine, name, config=config, architecture=oci(find.engine))
    with pytest.raises(EnvironmentStartError, match=words) as caught:
        find(name)
    assert name in caught.value.message
    assert caught.value.hint


def test_commands_with_arguments_may_well_run_one(run: Run, name: str) -> None:
    find = run()
    config = ('ENTRYPOINT ["/usr/bin/python3", "-m", "awslambdaric"]', 'CMD ["app.handler"]')
    make(find.engine, name, config=config, architecture=oci(find.engine))
    assert find(name).command == ("app.handler",)


# pulling


def test_missing_is_pulled_once_with_its_progress(
    run: Run, registry: Registry, name: str, engine: Engine
) -> None:
    reference = registry.push(f"{name}:1", name * 500, architecture=oci(engine))
    find = run()
    assert find(reference).reference == reference
    assert find.seen.images == [reference]
    image, layer, done, total = find.seen.layers[-1]
    assert (image, done) == (reference, total)
    assert layer
    find(reference)
    other = run()
    other(reference)
    assert find.seen.images == [reference]
    assert not other.seen.images


def test_always_asks_once_a_run_and_gets_what_is_new(
    run: Run, registry: Registry, name: str, engine: Engine
) -> None:
    reference = registry.push(f"{name}:1", "old", architecture=oci(engine))
    find = run()
    old = find(reference, pull="always").id
    registry.push(f"{name}:1", "new", architecture=oci(engine))
    remove(engine, old)
    # What is gone from the engine is had again, whatever the run has asked.
    new = run()(reference, pull="always").id
    assert new != old
    assert find(reference, pull="always").id == new
    assert find.seen.images == [reference]
    another = run()
    another(reference, pull="always")
    assert another.seen.images == [reference]


def test_missing_does_not_ask_for_what_is_here(
    run: Run, registry: Registry, name: str, engine: Engine
) -> None:
    reference = registry.push(f"{name}:1", "old", architecture=oci(engine))
    old = run()(reference).id
    engine.client.tag(old, f"{registry.host}/{name}", "kept")
    make(engine, f"{registry.host}/{name}:2", "new", architecture=oci(engine))
    assert run()(reference).id == run()(f"{registry.host}/{name}:kept").id == old


def test_never_asks_nobody(run: Run, registry: Registry, name: str, engine: Engine) -> None:
    reference = registry.push(f"{name}:1", architecture=oci(engine))
    find = run()
    with pytest.raises(EngineError, match="`--pull never`") as caught:
        find(reference, pull="never")
    assert f"docker pull --platform linux/{oci(engine)} {reference}" in str(caught.value.hint)
    assert not find.seen.images
    find(reference)
    assert find(reference, pull="never").id


def test_without_its_registry_the_image_that_is_here_is_used(
    run: Run, name: str, engine: Engine, tmp_path: Path
) -> None:
    registry = Registry(tmp_path, engine)
    registry.start()
    reference = registry.push(f"{name}:1", architecture=oci(engine))
    before = run()(reference)
    registry.stop()
    find = run()
    assert find(reference, pull="always") == before
    assert find(reference, pull="always") == before
    assert len(find.told) == 1
    assert f"{reference} can't be pulled: {registry.host} can't be reached" in find.told[0]
    assert "the one that is here is used" in find.told[0]
    assert find.seen.given == [reference]
    missing = f"{registry.host}/{name}:2"
    with pytest.raises(EngineError, match="can't be reached") as caught:
        find(missing)
    assert caught.value.exit_code == 3
    assert missing in caught.value.message
    assert caught.value.hint


def test_an_image_that_nobody_has(run: Run, registry: Registry, name: str) -> None:
    reference = f"{registry.host}/{name}:nothing"
    find = run()
    with pytest.raises(EngineError, match="has no image of that name and tag"):
        find(reference)
    assert find.seen.given == [reference]


def test_an_image_that_was_made_here_is_not_asked_for(run: Run, name: str, engine: Engine) -> None:
    made = make(engine, name, architecture=oci(engine))
    if engine.client.inspect_image(name)["RepoDigests"]:
        pytest.skip("this engine gives digests to what it has made itself")
    find = run()
    assert find(name, pull="always").id == made
    assert not find.told
    assert not find.seen.given


def test_a_name_that_is_none(run: Run) -> None:
    with pytest.raises(EngineError) as caught:
        run()("Not/A:name:at all")
    assert "Not/A:name:at all" in caught.value.message


# the lock file


def test_the_lock_file_says_which_image_it_is(
    run: Run, registry: Registry, name: str, engine: Engine, tmp_path: Path
) -> None:
    lock = tmp_path / "deep" / "images.lock"
    reference = registry.push(f"{name}:1", "old", architecture=oci(engine))
    old = run()(reference, lock=lock).id
    images_ = json.loads(lock.read_text())["images"]
    assert list(images_) == [reference]
    assert images_[reference].startswith("sha256:")
    registry.push(f"{name}:1", "new", architecture=oci(engine))
    remove(engine, old)
    find = run()
    assert find(reference, lock=lock, pull="always").id == old
    assert find.seen.images == [f"{registry.host}/{name}@{images_[reference]}"]
    assert run()(reference, lock=lock, pull="always").id == old
    assert run()(reference, pull="always").id != old
    assert json.loads(lock.read_text())["images"] == images_
    lock.unlink()
    run()(reference, lock=lock)
    assert json.loads(lock.read_text())["images"] != images_


def test_a_locked_image_that_is_gone(
    run: Run, registry: Registry, name: str, engine: Engine, tmp_path: Path
) -> None:
    lock = tmp_path / "images.lock"
    reference = registry.push(f"{name}:1", "old", architecture=oci(engine))
    digest = "sha256:" + "0" * 64
    lock.write_text(json.dumps({"version": 1, "images": {reference: digest}}))
    with pytest.raises(EngineError, match=digest):
        run()(reference, lock=lock)
    with pytest.raises(EngineError, match="never"):
        run()(reference, lock=lock, pull="never")


def test_what_has_no_digest_can_not_be_locked(
    run: Run, name: str, engine: Engine, tmp_path: Path
) -> None:
    make(engine, name, architecture=oci(engine))
    if engine.client.inspect_image(name)["RepoDigests"]:
        pytest.skip("this engine gives digests to what it has made itself")
    find = run()
    find(name, lock=tmp_path / "lock")
    find(name, lock=tmp_path / "lock")
    assert len(find.told) == 1
    assert "never was in a registry" in find.told[0]
    assert not (tmp_path / "lock").exists()


def test_a_broken_lock_file_is_the_users_mistake(run: Run, name: str, tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.write_text("{\n  oops\n")
    with pytest.raises(UserError) as caught:
        run()(name, lock=lock)
    assert caught.value.where is not None
    assert caught.value.where.line == 2


# architectures


def test_an_image_for_another_architecture(
    run: Run, name: str, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign, machine = FOREIGN[engine.architecture]
    make(engine, name, architecture=machine)
    function = Function("resize", Code("image", image=name), architecture=foreign)
    find = run()
    find.engine = dataclasses.replace(engine, product="docker-desktop")
    assert find(function).architecture == foreign
    assert len(find.told) == 1
    assert "runs in an emulator" in find.told[0]
    monkeypatch.setattr(platforms, "_BINFMT", tmp_path)
    (tmp_path / "status").write_text("enabled\n")
    find = run()
    find.engine = dataclasses.replace(engine, product="docker", shares_kernel=True)
    with pytest.raises(EnvironmentStartError, match="without an emulator") as caught:
        find(function)
    assert "tonistiigi/binfmt" in str(caught.value.hint)
    for emulator in ("qemu-aarch64", "qemu-x86_64"):
        (tmp_path / emulator).write_text("enabled\n")
    assert find(function).architecture == foreign


def test_an_image_that_runs_here_and_would_not_on_lambda(
    run: Run, name: str, engine: Engine
) -> None:
    foreign, _ = FOREIGN[engine.architecture]
    make(engine, name, architecture=oci(engine))
    find = run()
    find.engine = dataclasses.replace(engine, product="docker-desktop")
    function = Function("resize", Code("image", image=name), architecture=foreign)
    assert find(function).architecture == engine.architecture
    assert any(f"is for {engine.architecture}" in told for told in find.told)


def test_a_runtime_for_another_architecture(
    run: Run, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign, _ = FOREIGN[engine.architecture]
    monkeypatch.setattr(platforms, "_BINFMT", tmp_path)
    (tmp_path / "status").write_text("enabled\n")
    function = Function(
        "resize",
        Code("folder", path=tmp_path),
        runtime="python3.11",
        handler="a.b",
        architecture=foreign,
    )
    find = run()
    find.engine = dataclasses.replace(engine, product="docker", shares_kernel=True)
    assert find(function, pull="never").architecture == engine.architecture
    assert find(function, pull="never").architecture == engine.architecture
    assert len(find.told) == 1
    assert f"is for {foreign} and this engine is {engine.architecture}" in find.told[0]
    # What the engine has for its own architecture must stay under the tag that all share.
    find.engine = dataclasses.replace(engine, product="colima")
    with pytest.raises(EngineError, match=f"python:3.11-{foreign}"):
        find(function, pull="never")


def test_a_runtime_without_an_image(run: Run, tmp_path: Path) -> None:
    function = Function(
        "old", Code("folder", path=tmp_path), runtime="nodejs8.10", handler="index.handler"
    )
    with pytest.raises(EngineError, match=r"no base image for nodejs8\.10"):
        run()(function)


# an end before the first call


def image(*words: str, entrypoint: tuple[str, ...] = ()) -> Image:
    return Image("r:1", "sha256:0", entrypoint, words, "", "", {}, "x86_64")


@pytest.mark.parametrize(
    ("started", "code", "output", "words"),
    [
        (image("/app"), 0, b"", "`/app` ended with status 0 and never asked"),
        (image("/app"), None, b"hello", "`/app` ended and never asked"),
        (image("/app"), 1, b"exec /app: exec format error", "another architecture than x86_64"),
        (image("/app"), 127, b"", "there is no such program in r:1"),
        (image("/app"), 126, b"", "not executable in r:1"),
        (image(entrypoint=("/lambda-entrypoint.sh",)), 142, b"", "wants one argument"),
    ],
)
def test_why_an_entrypoint_may_have_ended(
    started: Image, code: int | None, output: bytes, words: str
) -> None:
    assert words in images.explain_silent_exit(started, code=code, output=output)
