"""Parameters: how they are given, what they may be, and what is said when there is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl import manifest
from lambdactl.errors import UserError
from lambdactl.manifest.sam.parameters import parse_overrides
from tests.manifest.sam.conftest import Folder


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["Stage=prod"], {"Stage": "prod"}),
        (["Stage=prod", "Size=3"], {"Stage": "prod", "Size": "3"}),
        (["Stage=prod Size=3"], {"Stage": "prod", "Size": "3"}),
        (["Stage="], {"Stage": ""}),
        (["Url=https://a/?b=c&d=e"], {"Url": "https://a/?b=c&d=e"}),
        (["Text=two words"], {"Text": "two words"}),
        (['Text="two words" Stage=prod'], {"Text": "two words", "Stage": "prod"}),
        (['Text="say \\"hi\\" A=b"'], {"Text": 'say "hi" A=b'}),
        (["List=a,b,c"], {"List": "a,b,c"}),
        (["ParameterKey=Stage,ParameterValue=prod"], {"Stage": "prod"}),
        (
            ['ParameterKey=A,ParameterValue=1 ParameterKey=B,ParameterValue="x y"'],
            {"A": "1", "B": "x y"},
        ),
        ([], {}),
    ],
)
def test_two_spellings(words: list[str], values: dict[str, str]) -> None:
    assert parse_overrides(words) == values


@pytest.mark.parametrize("word", ["Stage", "=x", "ParameterKey=Stage", "Sta ge=x y"])
def test_other_words_are_refused(word: str) -> None:
    with pytest.raises(UserError, match="is not a parameter"):
        parse_overrides([word])


simple = st.text(st.characters(codec="utf-8", exclude_characters='\\"= '), max_size=20)


@given(st.dictionaries(st.from_regex("[A-Za-z][A-Za-z0-9]{0,8}", fullmatch=True), simple))
def test_what_is_quoted_comes_back(values: dict[str, str]) -> None:
    words = [f'{name}="{value}"' for name, value in values.items()]
    assert parse_overrides(words) == values
    assert parse_overrides([" ".join(words)]) == values
    long = [f'ParameterKey={name},ParameterValue="{value}"' for name, value in values.items()]
    assert parse_overrides(long) == values


RULES = [
    ("Type: String, AllowedValues: [dev, prod]", "dev", "qa", "`P` can't be `qa`"),
    ("Type: String, AllowedPattern: '[a-z]+'", "abc", "A1", "`P`: `A1` is malformed"),
    ("Type: String, MinLength: 2, MaxLength: 3", "abc", "a", "must have at least 2 characters"),
    ("Type: String, MinLength: 2, MaxLength: 3", "abc", "abcd", "must have at most 3 characters"),
    ("Type: Number, MinValue: 1, MaxValue: 10", "10", "0", "must be at least 1"),
    ("Type: Number, MinValue: 1, MaxValue: 10", "10", "11", "must be at most 10"),
    ("Type: Number", "1.5", "many", "must be a number, not `many`"),
    ("Type: CommaDelimitedList, AllowedValues: [a, b]", "a,b", "a,c", "can't be `a,c`"),
    ("Type: String, NoEcho: true, AllowedPattern: '[a-z]+'", "abc", "A1", "its value is malformed"),
    ("Type: String, AllowedPattern: '(?<n>a)'", "a", None, ""),
]


@pytest.mark.parametrize(
    ("rule", "good", "bad", "message"), RULES, ids=[rule for rule, *_ in RULES]
)
def test_rules(folder: Folder, rule: str, good: str, bad: str | None, message: str) -> None:
    text = folder.text("", "", f"Parameters: {{P: {{{rule}}}}}")
    assert folder.problems(text, P=good) == ()
    if bad is None:
        return
    (problem,) = folder.problems(text, P=bad)
    assert message in problem.message
    (problem,) = folder.problems(text.replace("{P: {", f"{{P: {{Default: '{bad}', "))
    assert message in problem.message


def test_a_secret_is_not_shown(folder: Folder) -> None:
    sections = "Parameters: {P: {Type: String, NoEcho: true, MinLength: 20}}"
    (problem,) = folder.problems(folder.text("", "", sections), P="hunter2")
    assert "hunter2" not in f"{problem}"


def test_the_hint_of_the_template(folder: Folder) -> None:
    sections = "Parameters: {P: {Type: Number, Default: x, ConstraintDescription: a number please}}"
    (problem,) = folder.problems(folder.text("", "", sections))
    assert problem.hint == "a number please"


def test_a_parameter_without_a_value(folder: Folder) -> None:
    app = folder.app("Description: !Ref Name", "", "Parameters: {Name: {Type: String}}")
    (warning,) = app.warnings
    assert warning.message.startswith("the value of the parameter `Name` is not known")
    assert warning.hint == "--parameter-overrides Name=... gives it one"
    assert warning.where.source == "      Description: !Ref Name"


def test_a_parameter_that_nobody_uses_needs_no_value(folder: Folder) -> None:
    assert folder.app("", "", "Parameters: {Name: {Type: String}}").warnings == ()


def test_parameter_store_is_not_asked(folder: Folder) -> None:
    sections = "Parameters: {P: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /a/b}}"
    app = folder.app("Environment: {Variables: {VALUE: !Ref P}}", "", sections)
    (warning,) = app.warnings
    assert "Parameter Store has under `/a/b`" in warning.message
    assert app.function("Fn").environment == {"VALUE": "/a/b"}


def test_an_unknown_parameter(folder: Folder) -> None:
    sections = "Parameters: {Stage: {Type: String}}"
    with pytest.raises(UserError, match=r"has no parameter 'stage' \(did you mean `Stage`"):
        folder.app("", "", sections, stage="x")
    with pytest.raises(UserError, match="it has no parameters"):
        folder.app("", stage="x")


def test_a_resource_that_is_deployed_is_called_as_it_is_told(folder: Folder) -> None:
    """As SAM's ``--parameter-overrides`` do: table, pool and all that is made of their names."""
    variables = (
        "Environment: {Variables: {T: !Ref Table, A: !GetAtt Table.Arn, C: !Ref Client, "
        "I: !Sub 'https://cognito-idp.eu-west-1.amazonaws.com/${Pool}', P: !GetAtt Pool.Arn}}"
    )
    more = """
  Table: {Type: AWS::DynamoDB::Table, Properties: {TableName: mine}}
  Pool: {Type: AWS::Cognito::UserPool}
  Client: {Type: AWS::Cognito::UserPoolClient}
"""
    given = {"Table": "shop-Table-1", "Pool": "eu-west-1_AbC", "Client": "4abc"}
    found = folder.app(variables, more, **given).function("Fn").environment
    assert (found["T"], found["C"]) == ("shop-Table-1", "4abc")
    assert found["A"].endswith(":table/shop-Table-1")
    assert found["P"].endswith(":userpool/eu-west-1_AbC")
    assert found["I"] == "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC"
    with pytest.raises(UserError, match="the template has no parameter 'Fn'"):
        folder.app("", "", Fn="another")


def test_a_manifest_of_our_own_takes_none(folder: Folder) -> None:
    path = folder.write("functions: {}\n", "lambdactl.yaml")
    with pytest.raises(UserError, match="takes no parameters"):
        manifest.load(path, parameters={"A": "b"})
