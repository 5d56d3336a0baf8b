"""`--container` and how containers are made: what the commands' options come to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from lambdactl.cli import params
from lambdactl.errors import UserError
from lambdactl.execution.containers.settings import ContainerSettings
from lambdactl.local import overridden
from lambdactl.manifest import App, Code, Function

ROOT = Path("/project")


def chosen(*words: str) -> params.ContainerOptions:
    """What a command gets for ``words``."""
    got: list[params.ContainerOptions] = []

    @click.command()
    @click.argument("name", required=False)
    @params.container_options
    @click.option("--other", is_flag=True)
    def command(containers: params.ContainerOptions, **rest: Any) -> None:
        assert set(rest) == {"name", "other"}
        got.append(containers)

    result = CliRunner().invoke(command, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return got[0]


def made(*words: str) -> ContainerSettings:
    return params.containers(chosen(*words), ROOT)


def test_nothing_is_asked_for() -> None:
    assert chosen() == params.ContainerOptions()
    assert chosen().runner is None
    assert made() == ContainerSettings()


@pytest.mark.parametrize(
    ("words", "runner"), [(["--container"], "container"), (["--no-container"], "process")]
)
def test_the_runner(words: list[str], runner: str) -> None:
    assert chosen(*words).runner == runner


def test_everything_is_asked_for() -> None:
    settings = made(
        *("--pull", "always", "--lock-images", "--network", "shop_default"),
        *("--add-host", "db:10.0.0.7", "--add-host", "me:host-gateway"),
        *("--docker-arg", "-v /a:/b", "--docker-arg", "--cap-add=SYS_PTRACE"),
        *("--container-host", "172.17.0.1"),
    )
    assert settings == ContainerSettings(
        pull="always",
        lock=ROOT / "lambdactl-images.lock",
        network="shop_default",
        add_hosts=(("db", "10.0.0.7"), ("me", "host-gateway")),
        docker_args=("-v", "/a:/b", "--cap-add=SYS_PTRACE"),
        host="172.17.0.1",
    )


def test_a_flag_of_docker_may_be_a_word_of_its_own() -> None:
    settings = made("--docker-arg", "-v", "--docker-arg", "/a b:/c")
    assert settings.docker_args == ("-v", "/a b:/c")


def test_sam_s_word_for_the_network() -> None:
    assert made("--docker-network", "shop").network == "shop"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--add-host", "db"], "is not NAME:ADDRESS"),
        (["--docker-arg", "--volum=/a:/b"], "did you mean `--volume`?"),
        (["--docker-arg", "--network host"], "lambdactl has an option of its own"),
        (["--docker-arg", "-v 'a"], "no closing quotation"),
        (["--network", ""], "--network is empty"),
        (["--container-host", " "], "--container-host is empty"),
    ],
)
def test_mistakes_are_told_at_once(words: list[str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        made(*words)
    assert message in str(caught.value)


def functions(**runners: Any) -> App:
    code, runtime = Code("folder", ROOT), "python3.13"
    made = {
        name: Function(name=name, code=code, runtime=runtime, runner=runner)
        for name, runner in runners.items()
    }
    return App(service="shop", root=ROOT, functions=made)


def test_options_for_containers_where_there_is_none() -> None:
    told: list[str] = []
    asked = chosen("--pull", "never", "--lock-images")
    app = functions(a=None, b="process")
    params.check_containers(asked, app.functions.values(), told.append)
    assert told == [
        "--pull, --lock-images are for containers, and nothing runs in one without --container"
    ]
    params.check_containers(chosen("--no-container"), app.functions.values(), told.append)
    contained = overridden(app, env={}, runner="container")
    params.check_containers(asked, contained.functions.values(), told.append)
    assert len(told) == 1


def test_a_runner_for_all() -> None:
    app = functions(a=None, b="process", c="container")
    assert overridden(app, env={}) is app

    def runners(**settings: Any) -> list[str | None]:
        return [one.runner for one in overridden(app, **settings).functions.values()]

    assert runners(env={"A": "b"}) == [None, "process", "container"]
    assert runners(env={}, runner="container") == ["container"] * 3
    assert runners(env={}, runner="process") == ["process"] * 3


def test_where_functions_run() -> None:
    app = functions(a=None, b="process", c="container")
    assert [one.runs_as for one in app.functions.values()] == ["process", "process", "container"]
    for kind, runtime in (("image", None), ("dockerfile", None), ("folder", "java21")):
        function = Function(name="a", code=Code(kind, ROOT), runtime=runtime)  # type: ignore[arg-type]
        assert function.runs_as == "container"


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lambdactl", *words],
        cwd=folder,
        env={**os.environ, "DOCKER_HOST": "unix:///nowhere/docker.sock"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_an_engine_one_line_says_so(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("def handler(event, context):\n    return event\n")
    done = run(tmp_path, "invoke", "app.py", "--container", "--event-json", "{}")
    assert done.returncode == 3, done.stderr
    assert done.stdout == ""
    assert "/nowhere/docker.sock" in done.stderr
    assert "Traceback" not in done.stderr
    plain = run(tmp_path, "invoke", "app.py", "--no-container", "--event-json", "[1]")
    assert plain.stdout == "[1]\n", plain.stderr


@pytest.mark.parametrize("command", [["invoke"], ["local", "start-api"]])
def test_a_mistake_in_docker_s_words_is_told_before_anything_runs(
    tmp_path: Path, command: list[str]
) -> None:
    (tmp_path / "app.py").write_text("def handler(event, context):\n    return event\n")
    (tmp_path / "lambdactl.yaml").write_text(
        "functions:\n"
        "  a: {runtime: python3.13, handler: app.handler, triggers: [{http: {path: /}}]}\n"
    )
    done = run(tmp_path, *command, "--container", "--docker-arg", "--memory=1g")
    assert done.returncode == 2
    assert "`memory` in the manifest" in done.stderr
