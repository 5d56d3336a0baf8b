"""A template is read for the Region that its functions run in."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambdactl.execution import credentials
from lambdactl.manifest.sam.region import region

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
    "env",
    [
        {},
        {"AWS_REGION": "us-west-2"},
        {"AWS_DEFAULT_REGION": "us-west-1", "AWS_REGION": ""},
        {"AWS_PROFILE": "other"},
        {"AWS_DEFAULT_PROFILE": "two words"},
        {"AWS_PROFILE": "bare"},
        {"AWS_PROFILE": "plain"},
        {"AWS_PROFILE": "nobody"},
    ],
)
def test_it_is_that_of_the_functions(
    tmp_path: Path, config: str | None, env: dict[str, str]
) -> None:
    if config is not None:
        (tmp_path / ".aws").mkdir()
        (tmp_path / ".aws/config").write_text(config)
    env = {"HOME": str(tmp_path), **env}
    assert region(env) == credentials.region(env)


def test_another_file_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(CONFIG)
    env = {"AWS_CONFIG_FILE": str(tmp_path / "config")}
    assert region(env) == "eu-west-1"
    assert region({}) == "us-east-1"
