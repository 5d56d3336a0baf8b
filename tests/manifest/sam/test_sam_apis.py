"""What templates say over HTTP is served, and converted, as the manifest that says the same."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from lambdactl import manifest
from lambdactl.manifest import App
from lambdactl.manifest.apis import Api
from lambdactl.manifest.routes import apis_of
from lambdactl.manifest.sam.convert import convert
from tests.manifest.sam.conftest import Folder

ARN = "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Fn.Arn}/invocations"
INVOKE = f"!Sub '{ARN}'"
PROXY = f"x-amazon-apigateway-integration: {{type: aws_proxy, uri: {INVOKE}}}"
BESIDE = """
Check: {Type: AWS::Serverless::Function, Properties: {Runtime: python3.13, Handler: app.handler,
  CodeUri: src}}
Pool: {Type: AWS::Cognito::UserPool}
"""
CASES: list[dict[str, str]] = yaml.safe_load(
    Path(__file__).with_name("apis.yaml").read_text().replace("INVOKE", INVOKE)
)


def served(app: App) -> list[Api]:
    """The APIs of an app, without what says where they were written."""
    found = [
        replace(api, where=None, routes=tuple(replace(route, where=None) for route in api.routes))
        for api in apis_of(app)
    ]
    return sorted(found, key=lambda api: api.name)


def written(folder: Folder, case: dict[str, str]) -> list[Api]:
    """The APIs of a manifest with the same functions."""
    text = "functions:\n"
    for name in ("Check", "Fn"):
        text += f"  {name}:\n    runtime: python3.13\n    handler: app.handler\n    code: src\n"
    for field, depth in (("triggers", 4), ("apis", 0)):
        if field in case:
            inner = textwrap.indent(case[field], " " * (depth + 2))
            text += f"{' ' * depth}{field}:\n{inner}"
    folder.write("", "written/src/app.py")
    return served(manifest.load(folder.write(text, "written/lambdactl.yaml"), env={}))


def keyless(apis: list[Api]) -> list[Api]:
    """Without the values that keys get which have none."""
    return [
        replace(api, api_keys=tuple(replace(key, value="") for key in api.api_keys)) for api in apis
    ]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_template_is_served_as_the_manifest_that_says_the_same(
    folder: Folder, case: dict[str, str]
) -> None:
    text = folder.text(case.get("properties", ""), BESIDE + case.get("resources", ""))
    assert [problem.message for problem in folder.problems(text)] == []
    found = served(folder.load(text))
    assert keyless(found) == keyless(written(folder, case))
    folder.write(convert(folder.root).text, "lambdactl.yaml")
    again = manifest.load(folder.root / "lambdactl.yaml", env={})
    assert keyless(served(again)) == keyless(found)
