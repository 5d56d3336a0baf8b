"""``lambdactl list``: tables on a terminal and in a pipe, and JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from lambdactl.cli.list_ import _SUMMARIES, list_
from lambdactl.errors import ManifestError
from lambdactl.manifest import checker

LONG = "a-function-with-a-name-that-is-quite-long-" + "x" * 20
MANIFEST = f"""\
service: photos
functions:
  resize:
    runtime: python3.13
    handler: app.handler
    code: src
    layers: [imaging]
    url: {{auth: none}}
    triggers:
      - s3: {{bucket: photos, suffix: .jpg}}
      - http: {{path: /photos, method: GET}}
      - kinesis: {{stream: clicks, starting_position: latest, on_failure: {{queue: failed}}}}
      - eventbridge: {{pattern: {{source: [shop]}}}}
  {LONG}:
    code: {{image: "photos:1"}}
layers:
  imaging: {{path: layers/imaging}}
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lambdactl.yaml").write_text(MANIFEST)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(list_, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_tables_in_a_pipe_cut_nothing_off() -> None:
    lines = [line.split() for line in run().splitlines()]
    assert ["resize", "python3.13", "app.handler", "128", "MB", "3", "s", "process", "src"] in lines
    assert [LONG, "image", "-", "128", "MB", "3", "s", "container", "photos:1"] in lines
    assert ["resize", "s3", "photos", "s3:ObjectCreated:*", ".jpg"] in lines
    assert ["resize", "http", "GET", "/photos"] in lines
    assert ["resize", "eventbridge", "default", '{"source":["shop"]}'] in lines
    assert ["resize", "url", "auth", "none"] in lines
    assert ["imaging", "layers/imaging", "any", "resize"] in lines


def test_json() -> None:
    document = json.loads(run("--output", "json"))
    assert document["service"] == "photos"
    assert [function["name"] for function in document["functions"]] == ["resize", LONG]
    assert [one["runner"] for one in document["functions"]] == ["process", "container"]
    assert [trigger["kind"] for trigger in document["triggers"]] == [
        *["s3", "http", "kinesis", "eventbridge"]
    ]
    kinesis = document["triggers"][2]["settings"]
    assert (kinesis["batch_size"], kinesis["window_s"]) == (100, 0)
    assert kinesis["on_failure"] == {"kind": "sqs", "target": "failed"}
    assert document["layers"][0]["used_by"] == ["resize"]


def test_every_kind_of_trigger_has_a_summary() -> None:
    kinds = checker.schema()["$defs"]["trigger"]["properties"]
    assert set(_SUMMARIES) == set(kinds)
    for kind, fields in _SUMMARIES.items():
        part = checker.schema()["$defs"][kind]
        properties = part.get("properties") or part["anyOf"][1]["properties"]
        assert set(fields) <= set(properties), kind


def test_a_broken_manifest_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "lambdactl.yaml").write_text("functions: 5\n")
    with pytest.raises(ManifestError, match="must be a mapping"):
        run()


def test_a_manifest_without_functions_prints_nothing(tmp_path: Path) -> None:
    (tmp_path / "lambdactl.yaml").write_text("functions: {}\n")
    assert run() == ""
