"""The functions of CloudFormation: what they give, what they can't, and what is wrong."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambdactl import manifest
from lambdactl.errors import ManifestError
from tests.manifest.sam.conftest import FUNCTION, HEAD, Folder

ACCOUNT = "123456789012"
SECTIONS = """
Parameters:
  Stage: {Type: String, Default: dev}
  Zones: {Type: CommaDelimitedList, Default: 'a, b,c'}
  Count: {Type: Number, Default: 3}
Mappings:
  Sizes:
    dev: {memory: 128, zones: [x, y]}
    prod: {memory: 1024}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  IsDev: !Not [!Condition IsProd]
  Both: !And [!Condition IsProd, !Condition IsDev]
  Either: !Or [!Condition IsProd, Condition: IsDev]
"""
RESOURCES = """
Jobs: {Type: AWS::SQS::Queue}
Fifo: {Type: AWS::SQS::Queue, Properties: {FifoQueue: true}}
Named: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub '${Stage}-jobs'}}
Photos: {Type: AWS::S3::Bucket}
Table: {Type: AWS::Serverless::SimpleTable}
Uploads: {Type: AWS::SNS::Topic}
Role: {Type: AWS::IAM::Role}
Other: {Type: AWS::Acme::Thing}
"""
VALUES = [
    ("!Ref Stage", "dev"),
    ("{Ref: Stage}", "dev"),
    ("!Ref Count", "3"),
    ("!Ref AWS::Region", "us-east-1"),
    ("!Ref AWS::AccountId", ACCOUNT),
    ("!Ref AWS::Partition", "aws"),
    ("!Ref AWS::StackName", "local"),
    ("!Ref AWS::URLSuffix", "amazonaws.com"),
    ("!Ref Jobs", f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/Jobs"),
    ("!GetAtt Jobs.Arn", f"arn:aws:sqs:us-east-1:{ACCOUNT}:Jobs"),
    ("!GetAtt [Jobs, Arn]", f"arn:aws:sqs:us-east-1:{ACCOUNT}:Jobs"),
    ("{Fn::GetAtt: [Jobs, QueueName]}", "Jobs"),
    ("!GetAtt Fifo.QueueName", "Fifo.fifo"),
    ("!GetAtt Named.QueueName", "dev-jobs"),
    ("!Ref Photos", "photos"),
    ("!GetAtt Photos.Arn", "arn:aws:s3:::photos"),
    ("!Ref Table", "Table"),
    ("!Ref Uploads", f"arn:aws:sns:us-east-1:{ACCOUNT}:Uploads"),
    ("!GetAtt Role.Arn", f"arn:aws:iam::{ACCOUNT}:role/Role"),
    ("!GetAtt FnRole.Arn", f"arn:aws:iam::{ACCOUNT}:role/FnRole"),
    ("!Ref Other", "Other"),
    ("!Ref ServerlessRestApi", "ServerlessRestApi"),
    ("!Sub '${Stage}-${Jobs.QueueName}-${AWS::Region}'", "dev-Jobs-us-east-1"),
    ("!Sub 'literal ${!Stage} and $Stage'", "literal ${Stage} and $Stage"),
    ("!Sub ['${own}/${Stage}', {own: !Ref Count}]", "3/dev"),
    ("!Sub '${Stage}'", "dev"),
    ("!Join ['-', [a, !Ref Stage, !Ref Count]]", "a-dev-3"),
    ("!Join [',', !Ref Zones]", "a,b,c"),
    ("!Join ['', []]", ""),
    ("!Select [1, !Ref Zones]", "b"),
    ("!Select ['0', [x, y]]", "x"),
    ("!Select [1, !Split ['/', a/b/c]]", "b"),
    ("!Base64 hello", "aGVsbG8="),
    ("{Fn::Base64: !Sub '${Stage}'}", "ZGV2"),
    ("!FindInMap [Sizes, !Ref Stage, memory]", "128"),
    ("!FindInMap [Sizes, qa, memory, {DefaultValue: 7}]", "7"),
    ("!Select [1, !FindInMap [Sizes, dev, zones]]", "y"),
    ("!If [IsProd, big, small]", "small"),
    ("!If [IsDev, !If [Either, both, one], none]", "both"),
    ("!If [Both, 1, 2]", "2"),
    ("!Length [a, b]", "2"),
    ("{Fn::Length: !Ref Zones}", "3"),
    ("!ToJsonString {a: !Ref Count, b: [!Ref Stage]}", '{"a":3,"b":["dev"]}'),
    ("!Select [2, !Cidr [10.0.0.0/16, 4, 8]]", "10.0.2.0/24"),
    ("!Select [0, !GetAZs '']", "us-east-1a"),
    ("!Select [1, !GetAZs eu-west-1]", "eu-west-1b"),
    ("2012-10-17", "2012-10-17"),
    ("true", "true"),
    ("'010'", "010"),
]


@pytest.mark.parametrize(("expression", "value"), VALUES, ids=[case for case, _ in VALUES])
def test_values(folder: Folder, expression: str, value: str) -> None:
    properties = f"Environment:\n  Variables:\n    VALUE: {expression}\n"
    app = folder.app(properties, RESOURCES, SECTIONS)
    assert app.function("Fn").environment["VALUE"] == value
    assert app.warnings == ()


def test_conditions_follow_overrides(folder: Folder) -> None:
    expression = "!If [IsProd, big, !Ref AWS::NoValue]"
    assert folder.value(expression, RESOURCES, SECTIONS, Stage="prod") == "big"
    with pytest.raises(KeyError):
        folder.value(expression, RESOURCES, SECTIONS)


def test_the_region_is_that_of_the_shell(folder: Folder) -> None:
    text = folder.text(
        "Environment: {Variables: {VALUE: !GetAtt Q.Arn}}", "Q: {Type: AWS::SQS::Queue}"
    )
    path = folder.write(text)
    app = manifest.load(path, env={"AWS_REGION": "cn-north-1"})
    assert app.function().environment["VALUE"] == f"arn:aws-cn:sqs:cn-north-1:{ACCOUNT}:Q"


UNKNOWN = [
    ("!ImportValue shared-table", "the export `shared-table`", "shared-table"),
    ("!ImportValue {Fn::Sub: '${Stage}-table'}", "the export `dev-table`", "dev-table"),
    ("!GetAtt Other.Secret", "the attribute `Secret` of `Other`", "Other.Secret"),
    ("!GetAtt Jobs.Colour", "the attribute `Colour` of `Jobs`", "Jobs.Colour"),
    ("!Sub 'x-${Other.Secret}'", "the attribute `Secret`", "x-Other.Secret"),
    ("!Join ['/', [a, !ImportValue b]]", "the export `b`", "a/b"),
    ("!Select [0, !Split [',', !ImportValue list]]", "the export `list`", "list"),
    ("'{{resolve:ssm:/a:1}}'", "`{{resolve:ssm:/a:1}}` is not looked up", "{{resolve:ssm:/a:1}}"),
    ("!Sub '{{resolve:ssm:/${Stage}}}'", "`{{resolve:ssm:/dev}}`", "{{resolve:ssm:/dev}}"),
]


@pytest.mark.parametrize(
    ("expression", "message", "value"), UNKNOWN, ids=[case for case, *_ in UNKNOWN]
)
def test_what_can_t_be_known_is_said_and_stands_for_itself(
    folder: Folder, expression: str, message: str, value: str
) -> None:
    properties = f"Environment:\n  Variables:\n    VALUE: {expression}\n"
    app = folder.app(properties, RESOURCES, SECTIONS)
    (warning,) = app.warnings
    assert message in warning.message
    assert (warning.code, warning.severity) == ("unresolved", "warning")
    assert app.function("Fn").environment["VALUE"] == value


def test_rules_do_not_judge_what_is_not_known(folder: Folder) -> None:
    function = folder.function(
        """
        Role: !ImportValue role
        KmsKeyArn: !ImportValue key
        MemorySize: !ImportValue memory
        Layers: [!ImportValue layer]
        VpcConfig: {SubnetIds: !ImportValue subnets, SecurityGroupIds: [!ImportValue group]}
        """
    )
    assert (function.role, function.kms_key, function.memory_mb) == (None, None, 128)
    assert function.layers == ()


FAULTS = [
    ("!Ref Stagee", "unknown-reference", "did you mean `Stage`?"),
    ("!GetAtt Jobz.Arn", "unknown-reference", "did you mean `Jobs`?"),
    ("!Sub '${Nope}'", "unknown-reference", None),
    ("!GetAtt Jobs", "malformed-function", None),
    ("!Join [a]", "malformed-function", None),
    ("!Join ['-', text]", "malformed-function", None),
    ("!Select [7, [a]]", "malformed-function", None),
    ("!Split ['', a]", "malformed-function", None),
    ("!Sub [a, b]", "malformed-function", None),
    ("!Sub '${Zones}'", "malformed-function", None),
    ("!Base64 [a]", "malformed-function", None),
    ("!If [IsProd, a]", "malformed-function", None),
    ("!If [IsPro, a, b]", "unknown-condition", "did you mean `IsProd`?"),
    ("!FindInMap [Sizes, prd, memory]", "unknown-map-key", "did you mean `prod`?"),
    ("!FindInMap [Size, dev, memory]", "unknown-map-key", "did you mean `Sizes`?"),
    ("{Fn::Subb: a}", "unknown-function", "did you mean `Fn::Sub`?"),
    ("!Length a", "malformed-function", None),
    ("!ToJsonString a", "malformed-function", None),
    ("!Cidr [a, b, c]", "malformed-function", None),
    ("!Foo a", "unknown-tag", None),
    ("!Reff Jobs", "unknown-tag", "did you mean `!Ref`?"),
    ("!GetAttr Jobs.Arn", "unknown-tag", "did you mean `!GetAtt`?"),
]


@pytest.mark.parametrize(("expression", "code", "hint"), FAULTS, ids=[case for case, *_ in FAULTS])
def test_faults(folder: Folder, expression: str, code: str, hint: str | None) -> None:
    properties = f"Environment:\n  Variables:\n    VALUE: {expression}\n"
    (problem,) = folder.problems(folder.text(properties, RESOURCES, SECTIONS))
    assert (problem.code, problem.severity) == (code, "error")
    assert "VALUE" in str(problem.where.source)
    if hint:
        assert problem.hint == hint


def test_a_condition_that_needs_itself_ends(folder: Folder) -> None:
    sections = "Conditions: {A: !Not [!Condition B], B: !Not [!Condition A]}"
    problems = folder.problems(folder.text("Description: !If [A, x, y]", "", sections))
    assert {problem.code for problem in problems} == {"circular"}


def test_a_resource_whose_condition_fails_is_not_there(folder: Folder) -> None:
    resources = "Gone: {Type: AWS::Serverless::Function, Condition: IsProd, Properties: {}}"
    assert set(folder.app("", resources, SECTIONS).functions) == {"Fn"}
    kept = resources.replace("{}", "{Runtime: python3.13, Handler: app.handler, CodeUri: src}")
    assert set(folder.app("", kept, SECTIONS, Stage="prod").functions) == {"Fn", "Gone"}


@pytest.mark.parametrize("expression", ["!Ref Gone", "!GetAtt Gone.Arn", "!Sub 'a/${Gone.Arn}'"])
def test_what_a_condition_leaves_out_is_named(folder: Folder, expression: str) -> None:
    resources = "Gone: {Type: AWS::SQS::Queue, Condition: IsProd}"
    text = folder.text(f"Environment: {{Variables: {{URL: {expression}}}}}", resources, SECTIONS)
    (problem,) = folder.problems(text)
    assert problem.message == "`Gone` is not made, because its condition `IsProd` is false"
    assert (problem.severity, str(problem.where.source).strip()[:3]) == ("warning", "Env")
    assert not folder.problems(text, Stage="prod")
    guarded = text.replace(expression, f"!If [IsProd, {expression}, none]")
    assert not folder.problems(guarded)


def test_a_macro_is_named(folder: Folder) -> None:
    text = folder.text("Fn::Transform: {Name: AWS::Include, Parameters: {Location: s3://a/b}}")
    text = text.replace(HEAD, "Transform: [AWS::Serverless-2016-10-31, Acme]\n")
    problems = folder.problems(text)
    assert [problem.code for problem in problems if problem.severity == "warning"] == [
        "not-supported"
    ] * 2


def test_loops(folder: Folder) -> None:
    app = folder.load(
        """
        Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]
        Parameters: {Names: {Type: CommaDelimitedList, Default: 'One,Two'}}
        Resources:
          Fn::ForEach::Functions:
            - Name
            - !Ref Names
            - ${Name}Function:
                Type: AWS::Serverless::Function
                Properties:
                  Runtime: python3.13
                  Handler: app.handler
                  CodeUri: src
                  Description: !Sub 'the ${Name}'
                  Environment: {Variables: {NAME: !Ref Name}}
                  Events:
                    Fn::ForEach::Paths:
                      - Path
                      - [/a.b, /c]
                      - Get&{Path}:
                          Type: Api
                          Properties: {Path: '/${Name}${Path}', Method: get}
        """,
        Names="One,Three",
    )
    assert list(app.functions) == ["OneFunction", "ThreeFunction"]
    three = app.function("ThreeFunction")
    assert (three.description, three.environment) == ("the Three", {"NAME": "Three"})
    assert [trigger.settings["path"] for trigger in three.triggers] == ["/Three/a.b", "/Three/c"]


def test_a_loop_that_is_malformed(folder: Folder) -> None:
    text = folder.text("", "Fn::ForEach::Bad: [Name, [a]]\nFn::ForEach::Odd: [N, text, {a: b}]")
    codes = [problem.code for problem in folder.problems(text)]
    assert codes == ["malformed-function", "malformed-function"]


words = st.text(
    st.characters(max_codepoint=0xFFFF, exclude_categories=["C"], exclude_characters="|{}"),
    max_size=12,
)
quick = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def as_json(value: Any) -> str:
    """JSON is YAML, so any text can stand in a template this way."""
    return json.dumps(value)


@quick
@given(st.lists(words, min_size=1, max_size=5))
def test_join_and_split_are_inverse(folder: Folder, parts: list[str]) -> None:
    call = {"Fn::Join": ["|", {"Fn::Split": ["|", {"Fn::Join": ["|", parts]}]}]}
    assert folder.value(as_json(call)) == "|".join(parts)


@quick
@given(words)
def test_base64_is_that_of_utf_8(folder: Folder, text: str) -> None:
    value = folder.value(as_json({"Fn::Base64": text}))
    assert base64.b64decode(value).decode() == text


@quick
@given(st.lists(words, min_size=1, max_size=5), st.data())
def test_select_is_indexing(folder: Folder, parts: list[str], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(parts) - 1))
    assert folder.value(as_json({"Fn::Select": [index, parts]})) == parts[index]


@quick
@given(st.dictionaries(st.from_regex("[A-Za-z]{1,8}", fullmatch=True), words, min_size=1))
def test_sub_puts_each_value_in_its_place(folder: Folder, values: dict[str, str]) -> None:
    text = "-".join(f"${{{name}}}" for name in values)
    assert folder.value(as_json({"Fn::Sub": [text, values]})) == "-".join(values.values())


trees = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | words | st.sampled_from(["Fn", "Jobs.Arn"]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["Ref", "Fn::Sub", "Fn::Join", "Fn::If", "Fn::Select", "Fn::GetAtt", "Fn::FindInMap",
             "Fn::ForEach::X", "Fn::Split", "Fn::And", "Fn::Transform", "Type", "Properties",
             "Events", "Runtime", "Policies", "Statement", "Environment", "Variables", "Layers",
             "VpcConfig", "CodeUri", "Condition", "DefinitionBody", "paths", "Metadata"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=15,
)  # fmt: skip


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    trees,
    st.sampled_from(["Properties", "Resources", "Parameters", "Globals", "Conditions", "Events"]),
)
def test_no_template_is_a_traceback(folder: Folder, tree: Any, where: str) -> None:
    document: dict[str, Any] = {"Resources": {"Fn": {"Type": "AWS::Serverless::Function"}}}
    if where == "Properties":
        document["Resources"]["Fn"]["Properties"] = tree
    elif where == "Events":
        document["Resources"]["Fn"]["Properties"] = {"Events": {"A": tree}}
    else:
        document[where] = tree
    path = folder.write(json.dumps({"Transform": "AWS::Serverless-2016-10-31", **document}))
    with contextlib.suppress(ManifestError):
        manifest.load(path, env={})


def test_aliases_of_yaml_work_with_tags(folder: Folder) -> None:
    text = HEAD + "Resources:\n" + FUNCTION.replace("src/", "src/\n      Description: &d !Sub 'x'")
    text += "  Two:\n    Type: AWS::Serverless::Function\n    Properties:\n      Description: *d\n"
    text += "      Runtime: python3.13\n      Handler: app.handler\n"
    app = folder.load(text)
    assert [function.description for function in app.functions.values()] == ["x", "x"]


def test_json_is_read_with_tabs_and_escapes_of_its_own(folder: Folder) -> None:
    text = (
        '{\n\t"Resources": {\n\t\t"Fn": {"Type": "AWS::Lambda::Function", "Properties": {\n'
        '\t\t\t"Runtime": "python3.13", "Handler": "app.handler", "Code": "src",\n'
        '\t\t\t"Description": "\\ud83d\\ude00 \\u00e9 \\/", "Timeout": 0}}}\n}\n'
    )
    path = folder.write(text, "template.json")
    report = manifest.examine(path, env={})
    (problem,) = report.problems
    assert report.app is not None
    assert report.app.function("Fn").description == "😀 é /"
    assert (problem.message, problem.where.line) == ("`Timeout` must be from 1 to 900 s, not 0", 5)
