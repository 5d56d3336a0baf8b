"""Which file is read: our own manifest before a template, and a template by what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambdactl import manifest
from lambdactl.manifest import source
from tests.manifest.sam.conftest import Folder

OURS = "functions: {own: {runtime: python3.13, handler: app.handler, code: src}}\n"


@pytest.mark.parametrize("name", ["template.yaml", "template.yml", "template.json"])
def test_a_template_is_found_by_itself(folder: Folder, name: str) -> None:
    text = folder.text()
    if name.endswith("json"):
        text = '{"Resources": {"Fn": {"Type": "AWS::Lambda::Function", "Properties": {"Runtime": '
        text += '"python3.13", "Handler": "app.handler", "Code": "src"}}}}'
    path = folder.write(text, name)
    assert manifest.find(start=folder.root / "src") == path
    app = manifest.load(start=folder.root / "src")
    assert (app.source, app.root, list(app.functions)) == (path, folder.root, ["Fn"])


def test_our_own_manifest_comes_first(folder: Folder) -> None:
    folder.write(folder.text())
    folder.write(OURS, "lambdactl.yaml")
    assert list(manifest.load(start=folder.root).functions) == ["own"]


def test_the_nearest_file_comes_first(folder: Folder) -> None:
    folder.write(OURS, "lambdactl.yaml")
    near = folder.write(folder.text(), "src/template.yaml")
    assert manifest.find(start=folder.root / "src") == near


def test_a_built_template_leads_to_what_was_built(folder: Folder) -> None:
    text = (
        folder.text()
        .replace("src/", "Fn")
        .replace("    Prop", "    Metadata: {SamResourceId: Fn}\n    Prop")
    )
    path = folder.write(text, ".aws-sam/build/template.yaml")
    assert manifest.load(path).function().code.path == path.parent / "Fn"


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("Resources: {}\n", True),
        ("AWSTemplateFormatVersion: '2010-09-09'\n", True),
        ("'Transform' : AWS::Serverless-2016-10-31\n", True),
        ('{"Description": "a", "Resources": {}}', True),
        ('\n {"Transform":"x"}', True),
        ("{Description: a, Resources: {}}", True),
        ("{'Resources' : {}}", True),
        ("# Of\n\n  Description: a\n  Resources: {}\n", True),
        ("%YAML 1.1\n---\n  Resources: {}\n", True),
        ("{functions: {a: {environment: {Transform: x, Resources: y}}}}", False),
        ('{"functions": {"a": {"description": "{Resources: "}}}', False),
        ("  functions:\n    a:\n      Resources: [a]\n", False),
        (OURS, False),
        ("functions: {a: {triggers: [{eventbridge: {pattern: {Resources: [a]}}}]}}\n", False),
        ("functions:\n  a:\n    x:\n      Resources: [a]\n", False),
        ("", False),
    ],
)
def test_what_a_template_is(text: str, template: bool) -> None:
    assert source.is_template(text) is template


def test_yaml_that_is_none_is_mended_as_in_a_manifest(folder: Folder) -> None:
    text = folder.text("Timeout: 0\nDescription: 'never closed\nMemorySize: 1")
    problems = folder.problems(text)
    assert "yaml-syntax" in {problem.code for problem in problems}
    text = folder.text("Timeout: 0").replace("      Timeout", "\t\t\tTimeout")
    codes = {problem.code for problem in folder.problems(text)}
    assert "tab-indentation" in codes


def test_an_empty_template(folder: Folder) -> None:
    (problem,) = folder.problems("Transform: AWS::Serverless-2016-10-31\n")
    assert problem.message == "the template has no `Resources`"


def test_reading_a_template_imports_no_more_than_it_needs(folder: Folder) -> None:
    import subprocess
    import sys

    folder.write(folder.text("Environment: {Variables: {VALUE: !Ref AWS::Region}}"))
    code = "from lambdactl.manifest import load; import sys; load(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder.root
    )
    loaded = set(done.stdout.split())
    assert "lambdactl.manifest.sam.reading" in loaded
    assert not {"samtranslator", "cfn_flip", "boto3", "botocore", "jsonschema"} & loaded
    rare = ("links", "routes", "rare", "lists", "policies", "parameters", "convert", "inline")
    assert not {f"lambdactl.manifest.sam.{name}" for name in rare} & loaded


def test_the_tables_are_of_their_form() -> None:
    from lambdactl.manifest.sam import attributes, policies

    for kind, entry in attributes.table().items():
        assert kind.count("::") == 2
        assert set(entry) <= {"name", "lower", "least", "default", "ref", "attributes"}
        texts = [
            entry.get("ref", ""),
            entry.get("default", ""),
            *entry.get("attributes", {}).values(),
        ]
        for text in texts:
            values = dict.fromkeys(("name", "id", "region", "account", "partition", "suffix"), "x")
            assert "${" not in attributes.filled(text, values)
    assert len(policies.table()) > 75
    for name, entry in policies.table().items():
        assert name.endswith("Policy") or name == "VPCAccessPolicy" or "Policy" in name
        assert entry["statements"]
        for statement in entry["statements"]:
            assert statement["Effect"] == "Allow"
    assert Path(attributes.TABLE).is_file()


def test_every_code_is_documented() -> None:
    import re

    import lambdactl

    root = Path(lambdactl.__file__).parent
    code = re.compile(
        r'^\s+"([a-z]+(?:-[a-z]+)+)",$|(?:add|warn|fault)\(\s*"([a-z-]+)"', re.MULTILINE
    )
    used: set[str] = set()
    for path in (root / "manifest/sam").glob("*.py"):
        used |= {one or other for one, other in code.findall(path.read_text(encoding="utf-8"))}
    used |= {"lost", "circular", "unresolved"}
    docs = "".join(
        (root.parent / "docs" / name).read_text(encoding="utf-8")
        for name in ("sam.md", "manifest.md")
    )
    assert {word for word in used if f"`{word}`" not in docs} == set()
