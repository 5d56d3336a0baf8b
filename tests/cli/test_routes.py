"""``lambdactl local routes``: the table, what shadows what, JSON and OpenAPI."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openapi_spec_validator
import pytest
from click.testing import CliRunner, Result

from lambdactl.cli.routes import routes
from lambdactl.errors import ManifestError, UserError

MANIFEST = """\
service: photos
defaults: {runtime: python3.13, code: src}
functions:
  pets:
    handler: app.handler
    url: {auth: iam}
    triggers:
      - http: {path: "/pets/{id}", method: GET}
      - http: {path: /pets/mine, method: GET}
      - http: {path: "/{proxy+}"}
      - rest: {path: /admin, method: POST, authorizer: iam, api_key: true}
      - websocket: {route: $connect}
      - alb: {path: /*, host: a.b, priority: 7}
      - alb: {path: /x}
      - http: {path: /off, enabled: false}
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lambdactl.yaml").write_text(MANIFEST)


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(routes, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result


def document(*arguments: str) -> Any:
    return json.loads(run(*arguments).stdout)


def test_keys_of_apis_are_shown(tmp_path: Path) -> None:
    (tmp_path / "lambdactl.yaml").write_text(
        MANIFEST
        + """
apis:
  partners:
    rest:
      api_keys: {mine: {value: 0123456789abcdefghij}}
"""
    )
    lines = [" ".join(line.split()) for line in run().stdout.splitlines()]
    assert lines[lines.index("API keys") + 2] == "partners mine 0123456789abcdefghij"


def test_the_table_in_a_pipe() -> None:
    lines = [" ".join(line.split()) for line in run().stdout.splitlines()]
    assert lines[1:-1] == [
        "API KIND METHOD PATH LEADS TO AUTHORIZER WHERE",
        "http HTTP GET /pets/{id} pets - lambdactl.yaml:8",
        "http HTTP GET /pets/mine pets - lambdactl.yaml:9",
        "http HTTP ANY /{proxy+} pets - lambdactl.yaml:10",
        "rest REST POST /admin pets iam, API key lambdactl.yaml:11",
        "websocket WebSocket - $connect pets - lambdactl.yaml:12",
        "alb ALB priority 7 /* host=a.b pets - lambdactl.yaml:13",
        "alb ALB - /x pets - lambdactl.yaml:14",
        "pets-url URL ANY $default pets iam lambdactl.yaml:4",
        "",
        "Shadows",
        "API ROUTE BY",
        "http GET /pets/{id} gives way to GET /pets/mine",
        "http ANY /{proxy+} gives way to GET /pets/{id}, GET /pets/mine",
        "alb /x gives way to /* host=a.b",
    ]


def test_what_never_gets_a_request_is_said() -> None:
    Path("lambdactl.yaml").write_text(
        MANIFEST.replace("/pets/mine", "/pets/{name}").replace("path: /x", "path: /x, host: a.b")
    )
    words = " ".join(run().stdout.split())
    assert "GET /pets/{name} is never reached; its requests go to GET /pets/{id}" in words
    assert "/x host=a.b is never reached; its requests go to /* host=a.b" in words


def test_json() -> None:
    value = document("--output", "json")
    assert [api["name"] for api in value["apis"]] == [
        "http",
        "rest",
        "websocket",
        "alb",
        "pets-url",
    ]
    first, second, *_ = value["routes"]
    assert (first["api"], first["method"], first["path"]) == ("http", "GET", "/pets/{id}")
    assert first["function"] == "pets"
    assert first["where"] == "lambdactl.yaml:8:9"
    assert first["shadowed_by"] == [
        {"route": "GET /pets/mine", "where": "lambdactl.yaml:9:9", "effect": "some"}
    ]
    assert second["shadowed_by"] == []


def test_one_api_only() -> None:
    assert {row["api"] for row in document("--api", "rest", "--output", "json")["routes"]} == {
        "rest"
    }
    with pytest.raises(UserError, match="there is no API 'htp'") as caught:
        run("--api", "htp")
    assert caught.value.hint == "did you mean `http`?"
    with pytest.raises(UserError) as caught:
        run("--api", "zzz")
    assert caught.value.hint == "there is: http, rest, websocket, alb, pets-url"


def test_openapi() -> None:
    result = run("--openapi")
    value = json.loads(result.stdout)
    openapi_spec_validator.validate(value)
    assert value["info"]["title"] == "photos"
    assert set(value["paths"]) == {"/pets/{id}", "/pets/mine", "/{proxy+}", "/admin"}
    assert "`websocket` is a WebSocket API" in result.stderr
    one = document("--openapi", "--api", "rest")
    assert one["servers"] == [{"url": "/prod"}]
    assert one["info"]["title"] == "rest"


def test_a_manifest_without_routes() -> None:
    Path("lambdactl.yaml").write_text("functions: {}\n")
    result = run()
    assert result.stdout == ""
    assert "no HTTP triggers" in result.stderr
    assert document("--output", "json") == {"apis": [], "routes": []}
    assert document("--openapi")["paths"] == {}


def test_a_broken_manifest_is_an_error() -> None:
    Path("lambdactl.yaml").write_text("functions: {a: {triggers: [{http: {}}]}}\n")
    with pytest.raises(ManifestError):
        run()


def test_it_is_a_command_of_local() -> None:
    from lambdactl.cli import cli

    result = CliRunner().invoke(cli, ["local", "routes", "--help"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "--openapi" in result.output
