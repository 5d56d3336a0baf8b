"""The Region that functions run in, and that a template is read for."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambdactl.execution import credentials
from lambdactl.manifest.profile import region

CONFIG = """\
[default]
region = eu-west-1
[profile other]
region=ap-south-1
[profile "two words"]
region = sa-east-1
[profile bare]
output = json
[plain]
region = ca-west-1
"""


@pytest.mark.parametrize("config", [CONFIG, "", "[default\n", "region = x", None, "\x00[default]"])
@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, "eu-west-1"),
        ({"AWS_REGION": "us-west-2"}, "us-west-2"),
        ({"AWS_DEFAULT_REGION": "us-west-1", "AWS_REGION": ""}, "us-west-1"),
        ({"AWS_PROFILE": "other"}, "ap-south-1"),
        ({"AWS_DEFAULT_PROFILE": "two words"}, "sa-east-1"),
        ({"AWS_PROFILE": "bare"}, "us-east-1"),
        ({"AWS_PROFILE": "plain"}, "us-east-1"),
        ({"AWS_PROFILE": "nobody"}, "us-east-1"),
    ],
)
def test_the_environment_goes_before_the_profile(
    tmp_path: Path, config: str | None, env: dict[str, str], expected: str
) -> None:
    if config is not None:
        (tmp_path / ".aws").mkdir()
        (tmp_path / ".aws/config").write_text(config)
    in_shell = any(name.endswith("REGION") for name in env)
    env = {"HOME": str(tmp_path), **env}
    assert region(env) == (expected if in_shell or config == CONFIG else "us-east-1")
    assert region(env) == credentials.region(env)


def test_another_file_may_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "config").write_text(CONFIG)
    env = {"AWS_CONFIG_FILE": str(tmp_path / "config")}
    assert region(env) == "eu-west-1"
    assert region({}) == "us-east-1"
