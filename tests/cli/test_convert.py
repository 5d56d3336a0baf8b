"""``lambdactl convert``, and templates in the other commands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lambdactl import manifest
from lambdactl.cli import cli
from lambdactl.errors import ManifestError, UserError

TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: {Type: String, Default: dev, AllowedValues: [dev, prod]}
  Greeting: {Type: String, Default: hello}
Globals:
  Function: {Runtime: python3.13, Timeout: '7'}
Resources:
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src/
      Handler: app.handler
      DeploymentPreference: {Type: Canary10Percent5Minutes}
      Description: "yes"
      Environment:
        Variables: {STAGE: !Ref Stage, GREETING: !Ref Greeting, PORT: 8080, OCTAL: '0o17'}
      Policies:
        - Statement:
            {Effect: Allow, Action: 's3:*', Resource: !Sub 'arn:aws:s3:::a/${!aws:username}'}
      Events:
        Get: {Type: HttpApi, Properties: {Path: '/a/{id}', Method: get}}
        Tick: {Type: Schedule, Properties: {Schedule: rate(1 hour), Input: '{"n": "1e3"}'}}
  Inline:
    Type: AWS::Serverless::Function
    Properties:
      Handler: index.handler
      InlineCode: |
        import os
        def handler(event, context):
            return os.environ["AWS_LAMBDA_FUNCTION_NAME"]
"""
CODE = """\
import os
def handler(event, context):
    return [os.environ["STAGE"], os.environ["GREETING"]]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    (tmp_path / "src").mkdir()
    (tmp_path / "src/app.py").write_text(CODE)
    return tmp_path


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(cli, arguments, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result


def process(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lambdactl", *arguments], capture_output=True, text=True, check=False
    )


def test_it_writes_a_manifest_beside_the_template(folder: Path) -> None:
    template = manifest.load()
    result = run("convert")
    assert result.stdout.splitlines() == ["wrote lambdactl.yaml", "wrote inline/Inline/index.py"]
    assert "`Fn` needs `AutoPublishAlias` for its `DeploymentPreference`" in result.stderr
    app = manifest.load()
    assert app.source == folder / "lambdactl.yaml"
    assert app.service == template.service
    old, new = template.function("Fn"), app.function("Fn")
    assert new.environment == {"STAGE": "dev", "GREETING": "hello", "PORT": "8080", "OCTAL": "0o17"}
    assert (new.timeout_s, new.description, new.role) == (7, "yes", old.role)
    assert new.role is not None
    assert new.role.statements[0]["Resource"] == "arn:aws:s3:::a/${aws:username}"
    assert new.triggers[1].settings["input"] == {"n": "1e3"}
    assert [trigger.settings for trigger in new.triggers] == [t.settings for t in old.triggers]
    assert process("invoke", "Inline").stdout == '"Inline"\n'


def test_it_writes_over_nothing_unless_told(folder: Path) -> None:
    run("convert")
    run("convert")  # The same again changes nothing.
    (folder / "lambdactl.yaml").write_text("# mine\n")
    with pytest.raises(UserError, match=r"lambdactl\.yaml is there already"):
        run("convert")
    run("convert", "--force")
    assert manifest.load().source == folder / "lambdactl.yaml"


def test_it_prints_the_manifest(folder: Path) -> None:
    result = run("convert", "-o", "-", "--parameter-overrides", "Stage=prod", "Greeting=good day")
    assert result.stdout.startswith("# yaml-language-server: $schema=https://")
    assert '{STAGE: prod, GREETING: good day, PORT: "8080", OCTAL: "0o17"}' in result.stdout
    assert "it needs inline/Inline/index.py" in result.stderr
    assert not (folder / "lambdactl.yaml").exists()


def test_it_writes_into_another_folder(folder: Path) -> None:
    result = run("convert", "-f", "template.yaml", "-o", "out/manifest.yaml", "--output", "json")
    document = json.loads(result.stdout)
    assert document["manifest"] == "out/manifest.yaml"
    assert document["files"] == [str(folder / "out/inline/Inline/index.py")]
    assert document["lost"] == [
        "template.yaml:13:29: `Fn` needs `AutoPublishAlias` for its `DeploymentPreference`"
    ]
    app = manifest.load(Path("out/manifest.yaml"))
    assert app.function("Fn").code.path == folder / "src"


def test_what_can_t_be_converted(folder: Path) -> None:
    (folder / "template.yaml").write_text(TEMPLATE.replace("'7'", "0"))
    with pytest.raises(ManifestError, match="`Timeout` must be from 1 to 900 s"):
        run("convert")
    (folder / "own.yaml").write_text("functions: {}\n")
    with pytest.raises(UserError, match=r"own\.yaml is not a SAM or CloudFormation template"):
        run("convert", "-f", "own.yaml")
    (folder / "template.yaml").unlink()
    with pytest.raises(ManifestError, match=r"there is no template\.yaml"):
        run("convert")


def test_a_place_that_can_t_be_written(folder: Path) -> None:
    (folder / "file").write_text("")
    with pytest.raises(UserError, match="can't write"):
        run("convert", "-o", "file/lambdactl.yaml")


@pytest.mark.parametrize(
    "words",
    [
        ["--parameter-overrides", "Stage=prod", "Greeting=hi", "Fn"],
        ["Fn", "--parameter-overrides", "Stage=prod Greeting=hi"],
        ["Fn", "--parameter-overrides", "Stage=prod", "--parameter-overrides", "Greeting=hi"],
        [
            *["Fn", "--parameter-overrides"],
            "ParameterKey=Stage,ParameterValue=prod ParameterKey=Greeting,ParameterValue=hi",
        ],
    ],
)
def test_parameters_reach_the_function(words: list[str]) -> None:
    done = process("invoke", *words, "--no-logs")
    assert (done.returncode, json.loads(done.stdout)) == (0, ["prod", "hi"])


def test_parameters_in_list_and_validate() -> None:
    assert process("list", "--parameter-overrides", "Stage=prod").returncode == 0
    done = process("validate", "--parameter-overrides", "Stage=qa", "--output", "json")
    assert done.returncode == 2
    (problem,) = json.loads(done.stdout)["problems"]
    assert (problem["message"], problem["line"]) == ("the parameter `Stage` can't be `qa`", 3)
    done = process("validate", "--parameter-overrides", "Stge=prod")
    assert done.returncode == 2
    assert "did you mean `Stage`?" in done.stderr


def test_a_template_as_it_is() -> None:
    done = process("validate")
    assert done.stdout == "template.yaml is valid: 2 functions, 2 triggers, 0 layers\n"
    document = json.loads(process("list", "--output", "json").stdout)
    assert [trigger["kind"] for trigger in document["triggers"]] == ["http", "schedule"]
    assert document["state_machines"] == []
    event = process("generate-event", "--for", "Fn")
    assert json.loads(event.stdout)["routeKey"] == "GET /a/{id}"
