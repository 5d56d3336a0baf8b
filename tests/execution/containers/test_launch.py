"""How a function is started in a container, from its code, its layers and its user."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from lambdactl.errors import EnvironmentStartError, LambdactlError
from lambdactl.execution.containers import keeper
from lambdactl.execution.containers.labels import OWNER, labels
from lambdactl.manifest.model import Code, Layer
from tests.execution.containers import native
from tests.execution.containers.running import (
    DEADLINE_S,
    containers,
    engine,
    folder,
    function,
    running,
)

pytestmark = pytest.mark.container


def test_code_of_an_archive(tmp_path: Path) -> None:
    code = folder(tmp_path / "code")
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
        archive.write(code / "app.py", "app.py")
    with running(code, code=Code("zip", tmp_path / "code.zip")) as ran:
        assert ran.call("import os; result = os.listdir('/var/task')").json() == ["app.py"]


def test_two_layers_are_merged_and_the_later_one_wins(tmp_path: Path) -> None:
    layers = []
    for number, names in enumerate((("one", "both"), ("two", "both")), 1):
        place = tmp_path / f"layer-{number}" / "python"
        place.mkdir(parents=True)
        for name in names:
            (place / f"{name}.py").write_text(f"number = {number}\n")
        layers.append(Layer(name=f"layer-{number}", path=place.parent))
    with running(tmp_path / "code", layers=tuple(layers)) as ran:
        result = ran.call("import one, two, both; result = [one.number, two.number, both.number]")
        assert result.json() == [1, 2, 2]
        assert ran.call("import both; result = both.__file__").json() == "/opt/python/both.py"
        assert ran.call("open('/opt/x', 'w')").json()["errorType"] == "OSError"


@pytest.mark.gcc
@pytest.mark.parametrize("at", ["code", "layer"])
def test_a_bootstrap_of_the_code_or_of_a_layer(at: str, tmp_path: Path) -> None:
    (tmp_path / "native").mkdir()
    program = native.compiled(tmp_path / "native")
    for name in ("code", "layer"):
        (tmp_path / name).mkdir()
    shutil.copy(program, tmp_path / at / "bootstrap")
    layer = Layer(name="layer", path=tmp_path / "layer")
    settings: dict[str, Any] = {"runtime": "provided.al2023", "handler": "any"}
    with running(tmp_path / "code", layers=(layer,), **settings) as ran:
        assert ran.call("").json()["calls"] == 1
        assert ran.printed == [b"loaded", b"call 1"]


@pytest.mark.parametrize(("mode", "words"), [(0o644, "is not executable"), (None, "no executable")])
def test_a_bootstrap_that_can_not_be_run_is_told(
    mode: int | None, words: str, tmp_path: Path
) -> None:
    (tmp_path / "code").mkdir()
    if mode is not None:
        (tmp_path / "code" / "bootstrap").write_text("#!/bin/sh\n")
        (tmp_path / "code" / "bootstrap").chmod(mode)
    with running(tmp_path / "code", runtime="provided.al2023", handler="any") as ran:
        with pytest.raises(EnvironmentStartError, match=words) as caught:
            ran.call("")
        assert str(tmp_path) in f"{caught.value} {caught.value.hint}"


def test_an_endpoint_on_the_loopback_is_warned_of(tmp_path: Path) -> None:
    endpoint = {"AWS_ENDPOINT_URL_S3": "http://localhost:4566"}
    with running(tmp_path / "code", environment=endpoint) as ran:
        ran.call("pass")
        ran.call("pass")
    assert [word for word in ran.warnings if "http://host.docker.internal:4566" in word]


def test_a_code_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with running(tmp_path / "code") as ran:
        shutil.rmtree(tmp_path / "code")
        with pytest.raises(LambdactlError, match="does not exist"):
            ran.call("")


@pytest.mark.gcc
def test_whether_an_image_has_a_shell_is_seen_without_running_it(tmp_path: Path) -> None:
    from lambdactl.execution.containers import engine as engines
    from lambdactl.execution.containers import images
    from lambdactl.execution.containers.settings import ContainerSettings

    names = {
        f"lambdactl-tests/shell-{os.getpid()}": True,
        f"lambdactl-tests/none-{os.getpid()}": False,
    }
    program = native.compiled(tmp_path)
    found = engines.connect({"DOCKER_HOST": "unix:///var/run/docker.sock"})
    owner = tmp_path / "lambdactl-owner"
    owner.mkdir()
    begun = int(time.time()) - 1
    with engine() as client:
        for name, shell in names.items():
            native.image(client, name, program, shell=shell)
            made = function(tmp_path, code=Code("image", image=f"{name}:latest"))
            image = images.find(
                found,
                made,
                root=tmp_path,
                settings=ContainerSettings(),
                tell=lambda words: None,
                progress=None,
                owner=owner,
            )
            try:
                assert keeper.fits(found, image, labels(owner, made.name)) is shell
                assert containers(made.name) == []
            finally:
                client.remove_image(f"{name}:latest", force=True)
        filters = {"label": f"{OWNER}={owner}", "event": "create"}
        made_to_look = client.events(
            since=begun, until=int(time.time()) + 1, filters=filters, decode=True
        )
        # A lambdactl that is killed as it looks leaves what others know as its own.
        assert len(list(made_to_look)) == len(names)
    images.stop(owner)


@pytest.mark.slow
def test_an_ordinary_user_with_code_that_nobody_else_may_read(tmp_path: Path) -> None:
    """Somebody of the group that may use the engine, whose home is closed to all others."""
    if os.geteuid() != 0:
        pytest.skip("who is an ordinary user already has the other tests")
    home = Path("/tmp") / f"lambdactl-test-home-{os.getpid()}"
    code = folder(home / "code")
    (code / "app.py").write_text("import os\ndef handler(event, context): return os.getuid()\n")
    made = function(code)
    manifest = {"runtime": "python3.11", "handler": "app.handler", "code": "code", "timeout": 30}
    (home / "lambdactl.yaml").write_text(json.dumps({"functions": {made.name: manifest}}))
    user = 23456
    try:
        for path in (home, *home.rglob("*")):
            os.chown(path, user, user)
            path.chmod(0o700)
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "lambdactl",
                "invoke",
                made.name,
                "--container",
                "--event-json",
                "{}",
            ],
            cwd=home,
            user=user,
            group=user,
            extra_groups=[Path("/var/run/docker.sock").stat().st_gid],
            env={"PATH": os.environ["PATH"], "HOME": str(home), "AWS_REGION": "us-east-1"},
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        )
    finally:
        shutil.rmtree(home)
    assert done.stdout.strip() == str(user), done.stderr
    assert containers(made.name) == []
