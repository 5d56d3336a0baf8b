"""Nested applications and stacks whose template is a file."""

from __future__ import annotations

import pytest

from lambdactl import manifest
from tests.manifest.sam.conftest import FUNCTION, HEAD, Folder

CHILD = HEAD + "Parameters: {Name: {Type: String, Default: none}}\nResources:\n" + FUNCTION
PARAMETERS = "Parameters: {Name: x}"
STACKS = [
    f"{{Type: AWS::Serverless::Application, Properties: {{Location: child.yaml, {PARAMETERS}}}}}",
    f"{{Type: AWS::CloudFormation::Stack, Properties: {{TemplateURL: child.yaml, {PARAMETERS}}}}}",
]


@pytest.mark.parametrize("stack", STACKS)
def test_functions_of_a_nested_stack(folder: Folder, stack: str) -> None:
    folder.write(CHILD + "      Description: !Ref Name\n", "child.yaml")
    app = folder.app("", f"Child: {stack}")
    assert list(app.functions) == ["Fn", "Child-Fn"]
    assert app.function("Child-Fn").description == "x"
    where = app.function("Child-Fn").where
    assert where is not None
    assert where.file == "child.yaml"


def test_layers_and_folders_of_a_nested_stack(folder: Folder) -> None:
    child = CHILD + "      Layers: [!Ref Shared]\n"
    child += "  Shared: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layer}}\n"
    folder.write(child, "inner/template.yaml")
    stack = "{Type: AWS::Serverless::Application, Properties: {Location: inner}}"
    app = folder.app("", f"Child: {stack}")
    assert app.function("Child-Fn").code.path == folder.root / "inner/src"
    assert app.function("Child-Fn").layers == ("Child-Shared",)
    assert app.layers["Child-Shared"].path == folder.root / "inner/layer"


def test_faults_of_a_nested_template_are_named_in_it(folder: Folder) -> None:
    folder.write(CHILD + "      Timeout: 0\n", "child.yaml")
    (problem,) = folder.problems(folder.text("", f"Child: {STACKS[0]}"))
    assert (problem.where.file, problem.where.source) == ("child.yaml", "      Timeout: 0")


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("nowhere.yaml", "file-not-found"),
        ("template.yaml", "circular"),
        ("s3://bucket/template.yaml", "not-supported"),
        ("https://example.com/template.yaml", "not-supported"),
        ("{ApplicationId: a, SemanticVersion: 1.0.0}", "not-supported"),
        ("!ImportValue x", "unresolved"),
    ],
)
def test_stacks_that_can_t_be_read(folder: Folder, location: str, code: str) -> None:
    stack = f"{{Type: AWS::Serverless::Application, Properties: {{Location: {location}}}}}"
    problems = folder.problems(folder.text("", f"Child: {stack}"))
    assert code in {problem.code for problem in problems}


def test_an_output_that_is_not_there(folder: Folder) -> None:
    folder.write(CHILD, "child.yaml")
    resources = f"Child: {STACKS[0]}"
    value = folder.value("!GetAtt Child.Outputs.Url", resources)
    assert value == "Child.Url"
    folder.write(CHILD + "Outputs: {Url: {Value: !Sub 'https://${Fn}'}}\n", "child.yaml")
    assert folder.value("!GetAtt Child.Outputs.Url", resources) == "https://Child-Fn"


def test_overrides_are_for_the_outer_template(folder: Folder) -> None:
    folder.write(CHILD, "child.yaml")
    path = folder.write(folder.text("", f"Child: {STACKS[0]}"))
    assert manifest.examine(path, env={}).valid
