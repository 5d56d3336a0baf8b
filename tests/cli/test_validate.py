"""``lambdactl validate`` and ``lambdactl schema`` as processes: streams, JSON and exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.manifest.test_manifest_ten_faults import TEN, TEN_LINES

SOUND = """\
functions:
  resize:
    runtime: python3.13
    handler: app.handler
    code: src
    environment: {BUCKET: "${env:BUCKET}"}
    layers: [imaging]
    triggers:
      - s3: {bucket: photos}
      - schedule: rate(1 day)
layers:
  imaging: {path: layers/imaging}
stages:
  prod: {defaults: {memory: 512}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "layers/imaging").mkdir(parents=True)
    (tmp_path / "src/app.py").write_text("def handler(event, context): ...\n")
    (tmp_path / "lambdactl.yaml").write_text(SOUND)
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lambdactl", *arguments],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "BUCKET": "photos"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_sound_manifest(folder: Path) -> None:
    done = run(folder, "validate")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "lambdactl.yaml is valid: 1 function, 2 triggers, 1 layer\n"


def test_a_sound_manifest_as_json(folder: Path) -> None:
    done = run(folder, "validate", "--output", "json", "--stage", "prod")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"valid": True, "problems": []}


def test_ten_faults(folder: Path) -> None:
    (folder / "lambdactl.yaml").write_text(TEN)
    done = run(folder, "validate")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("error: ") == 10
    assert done.stderr.endswith("10 errors\n")
    assert "Traceback" not in done.stderr
    first = done.stderr.split("\n")[:3]
    assert first[0] == "lambdactl.yaml:4:11: error: `memory` must be from 128 to 10240, not 64"
    assert first[1].startswith("      memory: 64")
    assert first[2] == "    " + " " * 10 + "^"
    assert "hint: did you mean `handler`?" in done.stderr


def test_ten_faults_as_json(folder: Path) -> None:
    (folder / "lambdactl.yaml").write_text(TEN)
    done = run(folder, "validate", "--output", "json")
    document = json.loads(done.stdout)
    assert (done.returncode, done.stderr, document["valid"]) == (2, "", False)
    assert [problem["line"] for problem in document["problems"]] == TEN_LINES
    assert document["problems"][1] == {
        "severity": "error",
        "code": "unknown-field",
        "message": "`functions.upload` has no field `handlr`",
        "file": "lambdactl.yaml",
        "line": 7,
        "column": 5,
        "source": "    handlr: app.handler                   # 2: a misspelt field",
        "hint": "did you mean `handler`?",
    }


def test_a_warning_does_not_fail(folder: Path) -> None:
    (folder / "lambdactl.yaml").write_text(SOUND.replace("python3.13", "python3.8"))
    done = run(folder, "validate")
    assert done.returncode == 0
    assert "warning: AWS ended support of python3.8" in done.stderr
    assert done.stdout.startswith("lambdactl.yaml is valid")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-f", "other.yaml"], "there is no file other.yaml"),
        (["--stage", "prdo"], "there is no stage `prdo`"),
        (["--env-file", "nothing.env"], "there is no env file nothing.env"),
    ],
)
def test_mistakes_in_the_options(folder: Path, arguments: list[str], message: str) -> None:
    done = run(folder, "validate", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    done = run(folder, "validate", "--output", "json", *arguments)
    document = json.loads(done.stdout)
    assert (done.returncode, done.stderr, document["valid"]) == (2, "", False)
    assert [problem["message"] for problem in document["problems"]] == [message]


def test_no_manifest(tmp_path: Path) -> None:
    done = run(tmp_path, "validate")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no lambdactl.yaml" in done.stderr
    assert "lambdactl init" in done.stderr


def test_an_env_file(folder: Path) -> None:
    (folder / "lambdactl.yaml").write_text(SOUND.replace("${env:BUCKET}", "${env:FROM_A_FILE}"))
    assert run(folder, "validate").returncode == 2
    (folder / "my.env").write_text("FROM_A_FILE=1\n")
    assert run(folder, "validate", "--env-file", "my.env").returncode == 0


def test_long_lines_and_control_characters_are_shown_safely(folder: Path) -> None:
    padding = "#" + "x" * 5000
    text = SOUND.replace(
        "code: src", f"code: src\n    memory: 1 {padding}\n    tags: {{a: \x1b[31m}}"
    )
    (folder / "lambdactl.yaml").write_text(text)
    done = run(folder, "validate")
    assert done.returncode == 2
    assert "\x1b" not in done.stderr
    assert max(map(len, done.stderr.split("\n"))) < 300


def test_schema() -> None:
    done = run(Path(__file__).parent, "schema")
    assert done.returncode == 0
    assert json.loads(done.stdout)["title"] == "lambdactl.yaml"
    markdown = run(Path(__file__).parent, "schema", "--output", "markdown").stdout
    assert "| `service` |" in markdown
