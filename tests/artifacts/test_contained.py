"""Builds inside a function's image, on a real engine."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lambdactl.artifacts import contained
from lambdactl.artifacts.model import Installed, Target, Work
from lambdactl.errors import (
    BuildError,
    EngineError,
    EnvironmentStoppedError,
    LambdactlError,
    UserError,
)
from lambdactl.execution.containers.building import Builds
from lambdactl.execution.containers.settings import ContainerSettings
from lambdactl.manifest.features import Build
from lambdactl.manifest.model import Code, Function
from tests.execution.containers.running import containers, engine, soon
from tests.images import PYTHON, nodejs

pytestmark = pytest.mark.container

IN_IMAGE = "test -f /lambda-entrypoint.sh"
BACKEND = """
import os, zipfile
def build_wheel(directory, settings=None, metadata=None):
    assert os.path.isfile("/lambda-entrypoint.sh"), "not built in the image"
    name = "mine-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        wheel.writestr("mine.py", "X = 1\\n")
        info = "mine-1.0.dist-info/"
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: mine\\nVersion: 1.0\\n")
        pure = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        wheel.writestr(info + "WHEEL", pure)
        wheel.writestr(info + "RECORD", "")
    open("written-beside-the-source", "w").close()
    return name
"""
"""Of a package that only comes as source, and needs nothing from an index to be built."""


@dataclass
class Project:
    """A manifest's folder with one function, and what its build says."""

    root: Path
    work: Work
    builds: Builds
    function: Function
    lines: list[str] = field(default_factory=list)

    def write(self, name: str, text: str = "") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def commands(self, *commands: str, folder: str = "app", **settings: object) -> Path:
        build = Build(commands, self.root / folder, **settings)  # type: ignore[arg-type]
        return contained.run_commands(
            build, self.function, root=self.root, work=self.work, builds=self.builds
        )

    def installed(self, name: str, runtime: str) -> Installed:
        into = self.root.parent / "into"
        into.mkdir()
        found, target = self.root / name, Target(runtime, self.function.architecture)
        return contained.dependencies(
            self.function, found, target, self.root, self.builds, into, self.work
        )


def python(root: Path, name: str = "hello") -> Function:
    code = Code("folder", path=root / "app")
    machine = {"aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    return Function(name, code, runtime="python3.11", handler="app.handler", architecture=machine)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    root = tmp_path / "project"
    (root / "app").mkdir(parents=True)
    (root / "app" / "app.py").write_text("X = 1\n")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    shell = {name: value for name, value in os.environ.items() if name != "PIP_CONFIG_FILE"}
    lines: list[str] = []
    work = Work(tmp_path / "cache", scratch, shell, lines.append)
    builds = Builds(ContainerSettings(), root=root, shell=shell, tell=lines.append)
    # Several tests at once: each its own function, whose containers can be told apart.
    function = python(root, f"hello-{tmp_path.parent.name}-{tmp_path.name}")
    try:
        yield Project(root, work, builds, function, lines)
    finally:
        builds.close()
        assert containers(function.name) == [], "a build leaves nothing in the engine"


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_commands_run_in_the_image_and_leave_the_source_alone(project: Project) -> None:
    project.write("shared/common.txt", "shared")
    project.write(".git/config", "")
    written = project.commands(
        f"{IN_IMAGE} && echo $LAMBDA_TASK_ROOT $STAGE",
        "mkdir dist && cat app.py ../shared/common.txt > dist/app.py && rm app.py",
        output=project.root / "app" / "dist",
        environment={"STAGE": "test"},
    )
    assert (written / "app.py").read_text() == "X = 1\nshared"
    assert project.lines == ["/var/task test"]
    assert names(project.root / "app") == ["app.py"]
    assert written.is_relative_to(project.work.scratch)


def test_a_build_in_the_code_folder_itself(project: Project) -> None:
    written = project.commands("echo made > made.txt")
    assert names(written) == ["app.py", "made.txt"]
    assert names(project.root / "app") == ["app.py"]


def test_what_is_written_beside_the_folder(project: Project) -> None:
    project.write("ui/page.ts", "page")
    output = project.root / "app" / "static"
    written = project.commands("cp page.ts ../app/static/page.js", folder="ui", output=output)
    assert names(written) == ["page.js"]
    assert names(project.root / "ui") == ["page.ts"]
    assert not any(output.iterdir())
    with pytest.raises(BuildError) as error:
        project.commands("echo no > ../app/app.py", folder="ui", output=output)
    assert b"Read-only file system" in error.value.output


def test_a_project_with_the_builds_own_folder_in_it(project: Project) -> None:
    inside = project.root / ".lambdactl" / "scratch"
    inside.mkdir(parents=True)
    project.work = Work(inside.parent / "cache", inside, project.work.shell)
    assert names(project.commands("touch made", folder=".")) == ["app.py"]


def test_what_fails_says_which_command_and_why(project: Project) -> None:
    with pytest.raises(BuildError, match="failed: `echo so; exit 3` ended with 3") as error:
        project.commands("echo so; exit 3")
    assert error.value.output == b"so\n`echo so; exit 3` ended with 3"
    with pytest.raises(BuildError, match="one of its commands ended with 127") as error:
        project.commands("true", "gcc -c a.c", "echo never")
    assert b"never" not in error.value.output
    assert f"{PYTHON} has no `gcc`: write a Dockerfile" in str(error.value.hint)
    with pytest.raises(BuildError, match="made no"):
        project.commands("true", output=project.root / "app" / "dist")


def test_what_is_made_belongs_to_the_user(project: Project) -> None:
    written = project.commands("id -u; mkdir ~/.cache; touch made")
    assert project.lines == [str(os.geteuid())]
    assert (written / "made").stat().st_uid == os.geteuid()


def test_python_packages_that_come_as_source(project: Project) -> None:
    project.write(
        "libs/mine/pyproject.toml",
        '[project]\nname = "mine"\nversion = "1.0"\n'
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
    )
    project.write("libs/mine/backend.py", BACKEND)
    project.write("app/requirements.txt", "../libs/mine\n")
    made = project.installed("app/requirements.txt", "python3.11")
    assert [(one.name, one.version, one.direct) for one in made.packages] == [("mine", "1.0", True)]
    assert (made.folder / "mine.py").read_text() == "X = 1\n"
    assert not any("INSTALLER" in name or "direct_url" in name for name in names(made.folder))
    assert not (project.root / "libs" / "mine" / "written-beside-the-source").exists()


@pytest.mark.slow
def test_node_packages_whose_scripts_build_them(project: Project) -> None:
    version = os.popen("node --version").read()
    runtime = nodejs(version).replace("public.ecr.aws/lambda/nodejs:", "nodejs") + ".x"
    project.function = Function(
        project.function.name,
        project.function.code,
        runtime=runtime,
        handler="index.handler",
        architecture=project.function.architecture,
    )
    script = "node -e \"fs.writeFileSync('built', String(fs.existsSync('/lambda-entrypoint.sh')))\""
    native = {"name": "native", "version": "2.0.0", "scripts": {"install": script}}
    project.write("native/package.json", json.dumps(native))
    project.write("native/index.js", "exports.x = 1")
    project.write(
        "app/package.json",
        json.dumps({"name": "app", "dependencies": {"native": "file:../native"}}),
    )
    made = project.installed("app/package.json", runtime)
    assert [(one.name, one.version, one.direct) for one in made.packages] == [
        ("native", "2.0.0", True)
    ]
    assert (made.folder / "node_modules" / "native" / "built").read_text() == "true"
    assert names(project.root / "native") == ["index.js", "package.json"]
    assert names(project.root / "app") == ["app.py", "package.json"]


def test_languages_that_nothing_is_installed_for(project: Project) -> None:
    project.write("app/pom.xml")
    with pytest.raises(UserError, match="not installed in a container") as error:
        project.installed("app/pom.xml", "java21")
    assert "command" in str(error.value.hint)


def test_the_users_registries_are_known_inside(project: Project, tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("certificates")
    home = tmp_path / "home"
    home.mkdir()
    (home / ".npmrc").write_text("registry=https://npm.example\n")
    shell = {
        "HOME": str(home),
        "PATH": "/usr/bin",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "PIP_INDEX_URL": "https://pypi.example/simple",
        "PIP_TARGET": "elsewhere",
        "NODE_EXTRA_CA_CERTS": str(bundle),
        "HTTPS_PROXY": "http://proxy.example:3128",
    }
    project.work = Work(project.work.cache, project.work.scratch, shell, project.lines.append)
    project.commands(
        "echo $PIP_INDEX_URL $HTTPS_PROXY $AWS_SECRET_ACCESS_KEY $PIP_TARGET",
        'cat "$SSL_CERT_FILE" "$npm_config_userconfig"',
    )
    assert project.lines == [
        "https://pypi.example/simple http://proxy.example:3128",
        "certificatesregistry=https://npm.example",
    ]


def test_an_image_is_an_artifact(project: Project) -> None:
    code = Code("image", image=PYTHON, command=("app.handler",))
    function = Function("hello", code, architecture=project.function.architecture)
    artifact = contained.image(function, project.builds)
    with engine() as client:
        known = client.inspect_image(PYTHON)
    assert (artifact.kind, artifact.image, artifact.path) == ("image", PYTHON, None)
    assert (artifact.sha256, artifact.size) == (known["Id"], known["Size"])


def test_a_dockerfile_becomes_an_artifact(project: Project) -> None:
    file = project.write("app/Dockerfile", f'FROM {PYTHON}\nCOPY app.py .\nCMD ["app.handler"]\n')
    code = Code("dockerfile", dockerfile=file, context=file.parent)
    function = Function(project.function.name, code, architecture=project.function.architecture)
    artifact = contained.image(function, project.builds)
    assert artifact.image is not None
    assert artifact.sha256.startswith("sha256:")
    assert contained.image(function, project.builds).sha256 == artifact.sha256
    with engine() as client:
        client.remove_image(artifact.image)
    file.write_text(f"FROM {PYTHON}\nRUN exit 4\n")
    with pytest.raises(BuildError, match="can't be built"):
        contained.image(function, project.builds)


def test_an_image_for_another_architecture_is_no_artifact(project: Project) -> None:
    code = Code("image", image=PYTHON, command=("app.handler",))
    other = {"x86_64": "arm64", "arm64": "x86_64"}[project.function.architecture]
    with pytest.raises(LambdactlError, match=rf"{other}"):
        contained.image(Function("hello", code, architecture=other), project.builds)


def test_the_end_of_lambdactl_ends_a_build(project: Project) -> None:
    errors: list[BaseException] = []

    def build() -> None:
        try:
            project.commands("echo begun; sleep 60")
        except LambdactlError as error:
            errors.append(error)

    thread = threading.Thread(target=build)
    thread.start()
    soon(lambda: "begun" in project.lines)
    before = time.monotonic()
    project.builds.close()
    thread.join()
    assert time.monotonic() - before < 10
    assert [type(error) for error in errors] == [EnvironmentStoppedError]
    assert containers(project.function.name) == []


def test_without_an_engine(tmp_path: Path) -> None:
    shell = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    with pytest.raises(EngineError):
        Builds(ContainerSettings(), root=tmp_path, shell=shell)
