"""Variables: what they give, what type it has, and who wins."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambdactl import manifest
from lambdactl.errors import UserError
from lambdactl.manifest import source
from tests.manifest.conftest import Project

HEAD = "functions:\n  a:\n    runtime: python3.13\n    handler: app.handler\n    code: src\n"


def value(project: Project, text: str, **options: object) -> str:
    app = project.load(f"{HEAD}    environment: {{VALUE: {text!r}}}\n", **options)
    return app.function().environment["VALUE"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${env:BUCKET}", "photos"),
        ("in-${env:BUCKET}-out", "in-photos-out"),
        ("${env:NOT:-}", ""),
        ("${env:NOT:-other}", "other"),
        ("${env:EMPTY:-other}", "other"),
        ("${env:EMPTY}", ""),
        ("${env:BUCKET:-${env:NOT}}", "photos"),
        ("${env:NOT:-${env:ALSO_NOT:-deep}}", "deep"),
        ("${env:${env:WHICH}}", "photos"),
        ("${env:NOT:-a:-b}", "a:-b"),
        ('${env:NOT:-{"a": {"b": 1}}}', '{"a": {"b": 1}}'),
        ("$${env:BUCKET}", "${env:BUCKET}"),
        ("a$${b}c${env:BUCKET}", "a${b}cphotos"),
        ("$5 and $", "$5 and $"),
        ("${file:version.txt}", "1.2.3"),
        ("v${file:version.txt}!", "v1.2.3!"),
        ("${file:data.json:name}", "photos"),
        ("${file:data.json:memory}", "512"),
        ("${file:data.json:list.1}", "2"),
        ("${file:data.json:list[0]}", "1"),
        ("${file:data.yaml:variables.AA}", "one"),
        ("${file:nothing.txt:-none}", "none"),
        ("${file:data.json:nothing:-none}", "none"),
        ("${self:functions.a.runtime}", "python3.13"),
        ("${self:x.nothing:-none}", "none"),
        ("${stage:-dev}", "dev"),
        ("${ env:BUCKET }", "photos"),
    ],
)
def test_what_a_variable_gives(project: Project, text: str, expected: str) -> None:
    env = {"BUCKET": "photos", "EMPTY": "", "WHICH": "BUCKET"}
    assert value(project, text, env=env) == expected


def test_a_variable_alone_has_the_type_of_its_field(project: Project) -> None:
    app = project.load(
        "x: &x {memory: 1}\n".replace("x:", "x-sizes:")
        + HEAD
        + "    timeout: ${env:TIMEOUT:-5}\n"
        + "    memory: ${file:data.json:memory}\n"
        + "    ephemeral_storage: ${self:x-storage}\n"
        + "    versions: {publish: '${env:PUBLISH}'}\n"
        + "    environment: ${file:data.yaml:variables}\n"
        + "    description: ${env:NUMBER}\n"
        + "x-storage: 600\n",
        env={"PUBLISH": "true", "NUMBER": "42"},
    )
    function = app.function()
    assert (function.timeout_s, function.memory_mb, function.ephemeral_storage_mb) == (5, 512, 600)
    assert function.versions.publish is True
    assert function.environment == {"AA": "one", "BB": "two"}
    assert function.description == "42"


def test_a_mapping_copied_from_elsewhere(project: Project) -> None:
    app = project.load(
        "x-tags: {team: imaging, cost: '${env:COST}'}\n" + HEAD + "    tags: ${self:x-tags}\n",
        env={"COST": "12"},
    )
    assert app.function().tags == {"team": "imaging", "cost": "12"}


def test_what_nobody_uses_is_not_replaced(project: Project) -> None:
    app = project.load(HEAD + "x-unused: ${env:NOT_SET}\n")
    assert app.warnings == ()


def test_an_undefined_variable_is_reported_where_it_stands_and_only_there(project: Project) -> None:
    problems = project.check(
        HEAD
        + "    environment:\n"
        + "      ONE: ${env:NOT_SET}\n"
        + "      TWO: ${self:functions.a.environment.ONE}\n"
        + "      THREE: a ${self:functions.a.environment.TWO}\n"
    )
    assert [(p.where.line, p.code) for p in problems] == [(7, "undefined-variable")]


def test_a_circle_names_its_chain_once(project: Project) -> None:
    (problem,) = project.check(
        "service: ${self:x-one}\n" + HEAD + "x-one: ${self:x-two}\nx-two: a${self:x-one}\n"
    )
    assert problem.message.endswith("x-one -> x-two -> x-one")


def test_doubling_texts_and_copied_mappings_are_bounded(project: Project) -> None:
    names = [f"x-{n}" for n in range(40)]
    texts = "x-0: 0123456789\n" + "".join(
        f"{name}: ${{self:{before}}}${{self:{before}}}\n" for before, name in pairwise(names)
    )
    assert [p.code for p in project.check(f"service: ${{self:x-39}}\n{HEAD}{texts}")] == [
        "too-large"
    ]
    lists = "x-0: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\n" + "".join(
        f"{name}: ['${{self:{before}}}', '${{self:{before}}}']\n"
        for before, name in pairwise(names)
    )
    assert "too-large" in [
        p.code for p in project.check(f"{HEAD}    tags: ${{self:x-39}}\n{lists}")
    ]


def test_a_long_chain_ends_in_a_problem(project: Project) -> None:
    chain = "".join(f"x-{n}: ${{self:x-{n + 1}}}\n" for n in range(200)) + "x-200: end\n"
    assert [p.code for p in project.check(f"service: ${{self:x-0}}\n{HEAD}{chain}")] == ["too-deep"]


@pytest.mark.parametrize("closed", ["", "}"])
def test_deep_nesting_ends_in_a_problem(project: Project, closed: str) -> None:
    text = "${env:A:-" * 5000 + closed * 5000
    (problem,) = project.check(f"{HEAD}    description: '{text}'\n")
    assert problem.code == ("too-deep" if closed else "malformed-variable")


def test_the_environment_wins_over_env_files_and_the_last_file_over_the_first(
    project: Project,
) -> None:
    one, two = project.root / "one.env", project.root / "two.env"
    one.write_text("A_ONE=1\nA_TWO=1\nA_THREE=1\n")
    two.write_text("A_TWO=2\nA_THREE=2\n")
    text = "${env:A_ONE}${env:A_TWO}${env:A_THREE}"
    assert value(project, text, env={"A_THREE": "3"}, env_files=[one, two]) == "123"


def test_env_files_next_to_the_manifest_are_not_read_by_themselves(project: Project) -> None:
    (project.root / ".env").write_text("BUCKET=secret\n")
    assert value(project, "${env:BUCKET:-photos}") == "photos"


def test_a_missing_env_file(project: Project) -> None:
    project.write(HEAD)
    with pytest.raises(UserError, match=r"there is no env file nothing\.env"):
        manifest.load(env_files=[Path("nothing.env")])


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(alphabet=st.sampled_from("${}:-ab envselfil.[]0'"), max_size=40))
def test_any_text_gives_text_or_problems(project: Project, text: str) -> None:
    quoted = text.replace("'", "''")
    problems = project.check(f"{HEAD}    environment: {{VALUE: '{quoted}'}}\n", env={"a": "1"})
    if "${" not in text:
        assert problems == ()


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=40))
def test_what_is_escaped_comes_out_as_it_was(project: Project, text: str) -> None:
    quoted = text.replace("${", "$${").replace("'", "''")
    if "\ufffe" in text or "\uffff" in text or "\u2028" in text or "\u2029" in text:
        return
    if "$$" in text:
        return
    app = project.load(f"{HEAD}    environment: {{VALUE: '{quoted}'}}\n")
    assert app.function().environment["VALUE"] == text


@pytest.mark.parametrize(
    ("env", "values"),
    [
        ({"AWS_REGION": "eu-west-1"}, ("123456789012", "eu-west-1", "aws")),
        (
            {"AWS_REGION": "cn-north-1", "AWS_ACCOUNT_ID": "1" * 12},
            ("1" * 12, "cn-north-1", "aws-cn"),
        ),
    ],
)
def test_a_manifest_may_say_where_it_is_deployed(
    project: Project, env: dict[str, str], values: tuple[str, ...]
) -> None:
    text = """\
service: shop
functions:
  a:
    {runtime: python3.13, handler: app.handler, code: src, timeout: "3",
     environment: {AA: "${account}", BB: "x-${region}", CC: "${ partition }", DD: "$${account}"}}
resources: {buckets: {photos: {name: "photos-${account}"}}}
"""
    app = project.load(text, env=env)
    account, region, partition = values
    assert app.functions["a"].environment == {
        "AA": account,
        "BB": f"x-{region}",
        "CC": partition,
        "DD": "${account}",
    }
    assert app.resources.buckets["photos"].aws_name == f"photos-{account}"
    assert source.depends_on_place(text)
    assert not source.depends_on_place("functions: {}\n")
